"""The package's nets cannot be downloaded here: a stub with its signatures stands for it, and the real one if there."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from enum import IntEnum
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch

from face3d.detect import face_alignment as face_alignment_detector
from face3d.detect.face_alignment import FaceAlignmentDetector
from face3d.errors import InputError

IMAGE = np.zeros((40, 50, 3), np.uint8)


class LandmarksType(IntEnum):
    TWO_D = 1
    TWO_HALF_D = 2
    THREE_D = 3


class StubFaceAlignment:
    """`face_alignment.FaceAlignment` of 1.5.0, as far as it is used: two faces, the second one larger."""

    found = 2

    def __init__(
        self,
        landmarks_type: LandmarksType,
        network_size: int = 4,
        device: str = "cuda",
        dtype: Any = None,
        flip_input: bool = True,
        face_detector: str = "sfd",
        face_detector_kwargs: dict[str, Any] | None = None,
        verbose: bool = False,
        compile: bool = True,
        max_batch_size: int = 1,
    ) -> None:
        assert landmarks_type is LandmarksType.TWO_D, "the net for depth is loaded as a pickle"
        assert face_detector == "sfd"
        assert not compile
        assert device == "cpu"
        assert Path((face_detector_kwargs or {})["path_to_detector"]).exists()

    def get_landmarks_from_image(
        self,
        image_or_path: np.ndarray,
        detected_faces: Any = None,
        return_bboxes: bool = False,
        return_landmark_score: bool = False,
    ) -> tuple[Any, Any, Any]:
        assert return_bboxes
        assert return_landmark_score
        if not self.found:
            warnings.warn("No faces were detected.", stacklevel=2)
            return None, None, None
        points = np.random.default_rng(0).uniform(0, 20, (68, 2)).astype(np.float32)
        boxes = [np.array([0, 0, 20, 20, 0.99]), np.array([0, 0, 40, 40, 0.9])]
        return [points, 2 * points], [np.ones(68), 0.5 * np.ones(68)], boxes


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Torch's folder for downloads, empty."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    return tmp_path / "checkpoints"


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("face_alignment")
    module.FaceAlignment, module.LandmarksType = StubFaceAlignment, LandmarksType  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "face_alignment", module)
    return module


@pytest.fixture
def downloads(hub: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What would have been downloaded: (URL, wanted start of the hash)."""
    result = []

    def download(url: str, dst: str, hash_prefix: str | None = None, progress: bool = True) -> None:
        result.append((url, str(hash_prefix)))
        Path(dst).write_bytes(b"net")

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    return result


def test_faces_largest_first(package: ModuleType, downloads: list[tuple[str, str]]) -> None:
    faces = FaceAlignmentDetector().detect(IMAGE)
    assert [face.landmarks_px.shape for face in faces] == [(68, 2)] * 2
    assert faces[0].size_px == pytest.approx(2 * faces[1].size_px)
    assert faces[0].box.tolist() == [0, 0, 40, 40]
    assert faces[0].scores.tolist() == [0.5] * 68
    assert all(a.dtype == np.float32 for a in (faces[0].landmarks_px, faces[0].scores, faces[0].box))


def test_the_face_net_is_downloaded_once_and_its_hash_checked(
    package: ModuleType, downloads: list[tuple[str, str]], hub: Path
) -> None:
    for _ in range(2):
        FaceAlignmentDetector()
    ((url, prefix),) = downloads
    assert url.endswith(f"-{prefix}.pth")
    assert (hub / url.rsplit("/", 1)[1]).exists()


def test_no_face(
    package: ModuleType, downloads: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch, recwarn: Any
) -> None:
    monkeypatch.setattr(StubFaceAlignment, "found", 0)
    assert FaceAlignmentDetector().detect(IMAGE) == []
    assert len(recwarn) == 0


def test_bad_picture(package: ModuleType, downloads: list[tuple[str, str]]) -> None:
    with pytest.raises(InputError, match="uint8"):
        FaceAlignmentDetector().detect(IMAGE.astype(np.float32))


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "face_alignment", None)
    with pytest.raises(InputError, match="pip install --no-deps face-alignment"):
        FaceAlignmentDetector()


@pytest.mark.parametrize("error", [URLError("Name or service not known"), RuntimeError("invalid hash value")])
def test_without_its_nets(package: ModuleType, hub: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    with pytest.raises(InputError, match=r"could not get its nets .*(Name or service|invalid hash).* internet once"):
        FaceAlignmentDetector()


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("face_alignment") is None, reason="face-alignment is not installed")
def test_the_real_package_takes_what_the_stub_takes() -> None:
    """Without its nets, down to the download; the stub's signatures are the package's."""
    import inspect

    import face_alignment

    for name in ("__init__", "get_landmarks_from_image"):
        real = list(inspect.signature(getattr(face_alignment.FaceAlignment, name)).parameters)
        assert real == list(inspect.signature(getattr(StubFaceAlignment, name)).parameters)
    assert face_alignment_detector.LANDMARK_COUNT == 68
