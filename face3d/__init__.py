"""Y -> Y': the morphable head, face detection, photo fitting and `FaceParameters`, the contract between all steps.

`import face3d` is cheap; the names below are loaded when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from face3d.camera import Camera as Camera
    from face3d.conversion import convert as convert
    from face3d.detection import FaceDetection as FaceDetection
    from face3d.detection import FaceDetector as FaceDetector
    from face3d.errors import InputError as InputError
    from face3d.fitting import PhotoFit as PhotoFit
    from face3d.fitting import fit_photo as fit_photo
    from face3d.models.registry import load_model as load_model
    from face3d.morphable_model import MorphableModel as MorphableModel
    from face3d.morphable_model import load_default_model as load_default_model
    from face3d.parameters import FaceParameters as FaceParameters

_HOMES = {
    "Camera": "camera",
    "FaceDetection": "detection",
    "FaceDetector": "detection",
    "FaceParameters": "parameters",
    "InputError": "errors",
    "MorphableModel": "morphable_model",
    "PhotoFit": "fitting",
    "convert": "conversion",
    "fit_photo": "fitting",
    "load_default_model": "morphable_model",
    "load_model": "models.registry",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
