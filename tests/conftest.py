"""What several packages' tests share: the astronaut's photo, its stored detection, and its fit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from face3d.detection import FaceDetection
    from face3d.fitting import PhotoFit
    from face3d.morphable_model import MorphableModel

DATA = Path(__file__).parent / "data"

# The same examples on every run and machine, and no failure because a machine is slow.
settings.register_profile("fixed", derandomize=True, deadline=None, max_examples=30)
settings.load_profile("fixed")


@pytest.fixture(scope="session")
def model() -> MorphableModel:
    """The head that ships with the package."""
    from face3d.morphable_model import load_default_model

    return load_default_model()


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """[320, 320, 3] uint8 RGB, read-only: a smile with teeth, a face of 109 px."""
    import cv2

    image = np.ascontiguousarray(cv2.imread(str(DATA / "astronaut.jpg"))[..., ::-1])
    image.flags.writeable = False
    return image


@pytest.fixture(scope="session")
def astronaut_detection() -> FaceDetection:
    """What MediaPipe sees in the photo, stored so that what builds on it neither needs nor follows MediaPipe."""
    from face3d.detection import FaceDetection

    with np.load(DATA / "astronaut_detection.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    for array in arrays.values():
        array.flags.writeable = False
    return FaceDetection(**arrays, size_px=float((arrays["box"][2:] - arrays["box"][:2]).max()))


@pytest.fixture(scope="session")
def astronaut_fit(astronaut: np.ndarray, astronaut_detection: FaceDetection) -> PhotoFit:
    """The fit of the stored detection."""
    from face3d.fitting import fit_detection

    return fit_detection(astronaut_detection, (astronaut.shape[1], astronaut.shape[0]))
