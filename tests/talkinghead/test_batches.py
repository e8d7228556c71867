"""Frames made in batches: the same video, whatever makes them."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import torch

import talkinghead
from face3d.errors import InputError
from face3d.parameters import FaceParameters
from renderers.batched import reduced_avatar as torch_large_photo
from renderers.pose import Pose
from talkinghead import batches
from talkinghead.config import load_config
from talkinghead.photo.fitted import fit_photo_file

PHOTO = Path(__file__).parents[1] / "data" / "astronaut.jpg"
SETTINGS = ["photo.max_side=256", "video.preset=ultrafast", "video.crf=10"]


class Recorder:
    """An avatar that remembers how many frames it was asked for at a time."""

    def __init__(self, rows: int, columns: int) -> None:
        self.window = slice(4, 4 + rows), slice(2, 2 + columns)
        self.sizes: list[int] = []

    def render_changed(self, poses: Pose) -> torch.Tensor:
        expression = poses.expression
        self.sizes.append(len(expression))
        rows, columns = self.window
        size = rows.stop - rows.start, columns.stop - columns.start
        return expression[:, :1, None, None].to(torch.uint8).expand(-1, *size, 3)


@pytest.mark.parametrize(("pixels", "sizes"), [(32_000_000, [16, 16, 3]), (700, [10, 10, 10, 5]), (1, [1] * 35)])
def test_batches_are_full_and_in_order(pixels: int, sizes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    avatar = Recorder(7, 10)
    monkeypatch.setattr(batches, "_BATCH_PIXELS", pixels)
    poses = (Pose(torch.full((52,), float(i)), torch.zeros(3), torch.zeros(2, 2)) for i in range(35))
    changes = list(batches.batched_changes(avatar, poses))  # type: ignore[arg-type]
    assert avatar.sizes == sizes
    assert [int(change.luma[0, 0]) for change in changes] == [16 + round(i * 219 / 255) for i in range(35)]
    assert {(change.left, change.top) for change in changes} == {(2, 4)}


def test_without_a_gpu_it_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="torch sees no NVIDIA GPU"):
        batches.check_gpu()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(
        "renderers.raster.pytorch3d_rasterizer.loading_problem", lambda: "pytorch3d does not load here: no x."
    )
    with pytest.raises(InputError, match=r"no x; run scripts/install_pytorch3d.py, or use --device cpu\."):
        batches.check_gpu()
    monkeypatch.setattr("renderers.raster.pytorch3d_rasterizer.loading_problem", lambda: None)
    batches.check_gpu()


@pytest.fixture(scope="module")
def motion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five frames of the astronaut: the mouth opens, the head turns."""
    fit = fit_photo_file(PHOTO, load_config(settings=SETTINGS).photo, None, animated=True).fit.parameters
    expression = fit.expression.repeat(5, 1)
    expression[:, 17] = torch.linspace(0, 0.6, 5)
    rotation = fit.rotation.repeat(5, 1)
    rotation[:, 1] += torch.linspace(0, 0.15, 5)
    path = tmp_path_factory.mktemp("motion") / "motion.safetensors"
    FaceParameters(
        identity=fit.identity,
        expression=expression,
        rotation=rotation,
        translation=fit.translation.repeat(5, 1),
        eye_rotation=fit.eye_rotation.repeat(5, 1, 1),
        confidence=torch.ones(5),
        fps=25.0,
        camera=fit.camera,
    ).save(path)
    return path


def read(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]).astype(int)


def compare(motion: Path, folder: Path) -> None:
    for device in ("cpu", "cuda"):
        config = load_config(settings=[*SETTINGS, f"general.device={device}"])
        talkinghead.render(motion, folder / f"{device}.mp4", photo=PHOTO, config=config)
    one, other = read(folder / "cpu.mp4"), read(folder / "cuda.mp4")
    assert one.shape == other.shape
    assert np.abs(one[4] - one[0]).max() > 50
    assert np.abs(one - other).mean() < 0.5


def test_a_video_from_batches(motion: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The GPU's path, on the CPU."""
    make = torch_large_photo.make_torch_avatar
    monkeypatch.setattr(batches, "check_gpu", lambda: None)
    monkeypatch.setattr(torch_large_photo, "make_torch_avatar", lambda avatar, device: make(avatar, "cpu"))
    compare(motion, tmp_path)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
def test_a_video_from_a_gpu(motion: Path, tmp_path: Path) -> None:
    compare(motion, tmp_path)
