"""Y -> Y': the morphable head, face detection, photo fitting and `FaceParameters`, the contract between all steps.

`import face3d` is cheap; the names below are loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from face3d.lazy_names import lazy_names

if TYPE_CHECKING:
    from face3d.camera import Camera as Camera
    from face3d.conversion import convert as convert
    from face3d.detect.detector import FaceDetector as FaceDetector
    from face3d.detect.face import FaceDetection as FaceDetection
    from face3d.errors import InputError as InputError
    from face3d.fit.photo_fit import PhotoFit as PhotoFit
    from face3d.fit.photo_fit import fit_photo as fit_photo
    from face3d.model.morphable_model import MorphableModel as MorphableModel
    from face3d.model.morphable_model import load_default_model as load_default_model
    from face3d.model.registry import load_model as load_model
    from face3d.parameters import FaceParameters as FaceParameters

_HOMES = {
    "Camera": "face3d.camera",
    "FaceDetection": "face3d.detect.face",
    "FaceDetector": "face3d.detect.detector",
    "FaceParameters": "face3d.parameters",
    "InputError": "face3d.errors",
    "MorphableModel": "face3d.model.morphable_model",
    "PhotoFit": "face3d.fit.photo_fit",
    "convert": "face3d.conversion",
    "fit_photo": "face3d.fit.photo_fit",
    "load_default_model": "face3d.model.morphable_model",
    "load_model": "face3d.model.registry",
}
__all__, __getattr__, __dir__ = lazy_names(__name__, _HOMES)
