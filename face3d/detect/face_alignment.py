"""The 68 iBUG landmarks by the `face-alignment` package (Bulat and Tzimiropoulos 2017), a detector independent of ours.

The package is the user's to install, without what it asks for: it would bring a second OpenCV, and two overwrite each
other's files. Its nets, 180 MB of the authors', are downloaded at first use.
"""

from __future__ import annotations

import importlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face3d.errors import InputError

INSTALL = "pip install --no-deps face-alignment==1.5.0 && pip install scikit-image"
LANDMARK_COUNT = 68
# The package would load this one as a pickle; loaded from a path it is read as tensors only. The name has the first
# digits of its SHA-256.
_FACE_NET_URL = "https://www.adrianbulat.com/downloads/python-fan/s3fd-619a316812.pth"

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Face68:
    """One face in a picture.

    Attributes:
        landmarks_px: [68, 2] float32, (x, y) in pixels, pixel centres at half-integers, in iBUG's order; those of the
            jaw line follow the visible outline.
        scores: [68] float32, the heights of the heat maps' peaks; around 1 for clear points.
        box: [4] float32, (left, top, right, bottom) of the found face in pixels.
    """

    landmarks_px: FloatArray
    scores: FloatArray
    box: FloatArray

    @property
    def size_px(self) -> float:
        """The larger side of the landmarks' box."""
        return float((self.landmarks_px.max(0) - self.landmarks_px.min(0)).max())


class FaceAlignmentDetector:
    """Finds faces and their 68 points.

    Args:
        device: for torch, such as "cpu" or "cuda".

    Raises:
        InputError: the package is not installed, or its nets cannot be downloaded.
    """

    def __init__(self, device: str = "cpu") -> None:
        package = _load_package()
        try:
            self._model: Any = package.FaceAlignment(
                package.LandmarksType.TWO_D,
                device=device,
                flip_input=False,
                compile=False,  # needs a compiler and a minute
                face_detector="sfd",
                face_detector_kwargs={"path_to_detector": str(_face_net())},
            )
        except OSError as error:
            raise InputError(
                f"face-alignment could not get its nets ({error}); it downloads them at first use, so connect to the "
                "internet once, or copy them into torch's hub folder (~/.cache/torch/hub/checkpoints)."
            ) from error

    def detect(self, image: NDArray[np.uint8]) -> list[Face68]:
        """Find the faces in one picture.

        Args:
            image: [H, W, 3] uint8, RGB.

        Returns:
            The faces, largest first; empty when there is none.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or min(image.shape) < 1:
            raise InputError(f"A picture must be [H, W, 3] uint8, got {image.dtype} {list(image.shape)}.")
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="No faces were detected")
            landmarks, scores, boxes = self._model.get_landmarks_from_image(
                image, return_bboxes=True, return_landmark_score=True
            )
        if landmarks is None:
            return []
        faces = [
            Face68(
                np.asarray(points, np.float32).reshape(LANDMARK_COUNT, 2),
                np.asarray(score, np.float32).reshape(LANDMARK_COUNT),
                np.asarray(box[:4], np.float32),
            )
            for points, score, box in zip(landmarks, scores, boxes, strict=True)
        ]
        return sorted(faces, key=lambda face: -face.size_px)


def _load_package() -> ModuleType:
    try:
        return importlib.import_module("face_alignment")
    except ModuleNotFoundError as error:
        raise InputError(
            f"The 68-point detector needs the package face-alignment, which is not complete here ({error}): {INSTALL}"
        ) from error


def _face_net() -> Path:
    """The package's face detection net, downloaded and its hash checked if it is not there yet."""
    from torch import hub

    folder = Path(hub.get_dir()) / "checkpoints"
    path = folder / _FACE_NET_URL.rsplit("/", 1)[1]
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        prefix = path.stem.rsplit("-", 1)[1]
        try:
            hub.download_url_to_file(_FACE_NET_URL, str(path), hash_prefix=prefix, progress=False)
        except RuntimeError as error:  # torch's word for a wrong hash
            raise OSError(str(error)) from error
    return path
