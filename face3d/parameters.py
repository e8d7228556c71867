"""`FaceParameters` (Y'): the only thing that passes between analysis, speech and rendering, and its file."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from face3d.camera import Camera
from face3d.errors import InputError

FORMAT_VERSION = 3  # 2: optional tensors; 3: landmark_shapes
# How each is loaded: `face3d.models.registry`.
KNOWN_MODELS = ("cc0-head", "ict-facekit", "bfm2009", "flame")
# Rounding in files and solvers may step over the ends of 0..1 by this much; more is an error.
RANGE_TOLERANCE = 1e-3
_METADATA_KEY = "face_parameters"


@dataclass(frozen=True)
class FaceParameters:
    """3D face parameters of one person over time.

    Attributes:
        identity: [K] identity coefficients, unit variance under the model's prior; constant over time.
        expression: [T, 52] ARKit weights in the order of `face3d.arkit.ARKIT_NAMES`, 0..1.
        rotation: [T, 3] head rotation, axis-angle in radians relative to facing the camera (see `face3d.camera`).
        translation: [T, 3] head origin in the camera frame, mm.
        eye_rotation: [T, 2, 2] (pitch, yaw) of the left, then the right eyeball in the head frame, radians;
            right-handed about +x and +y: positive pitch looks down, positive yaw to the subject's left.
        confidence: [T] 0..1; 0 marks a frame without a face.
        fps: frames per second, > 0.
        camera: the pinhole camera of the picture or video.
        model: name of the face model that the coefficients belong to.
        shape_residual: [V, 3] mm in the head frame, what the identity at rest has beyond the model's basis; None: 0.
        texture: [S, S, 3] albedo in the model's UV atlas, linear RGB, 0..1; row 0 is v = 1. None: not known.
        light: [9, 3] distant light of the picture in linear RGB, as `renderers.shading.sh_shading` takes it, over
            normals in the camera frame. None: not known.
        landmark_shapes: [53, 468, 3] mm in the head frame at MediaPipe's points, what this person's shapes have beyond
            the model's: at rest, then each expression at weight 1 (`face3d.personal_shapes`). None: 0.
    """

    identity: Tensor  # [K]
    expression: Tensor  # [T, 52]
    rotation: Tensor  # [T, 3]
    translation: Tensor  # [T, 3]
    eye_rotation: Tensor  # [T, 2, 2]
    confidence: Tensor  # [T]
    fps: float
    camera: Camera
    model: str = "cc0-head"
    shape_residual: Tensor | None = None  # [V, 3]
    texture: Tensor | None = None  # [S, S, 3]
    light: Tensor | None = None  # [9, 3]
    landmark_shapes: Tensor | None = None  # [53, 468, 3]

    def __post_init__(self) -> None:
        optional = [name for name in OPTIONAL_FIELDS if getattr(self, name) is not None]
        for name in (*TENSOR_FIELDS, *optional):
            value = getattr(self, name)
            if not isinstance(value, Tensor) or not value.is_floating_point():
                raise InputError(f"FaceParameters.{name} must be a floating-point tensor, got {type(value).__name__}.")
        frames = self.expression.shape[0] if self.expression.ndim else 0
        shapes = {
            "identity": (self.identity.numel(),),
            "expression": (frames, 52),
            "rotation": (frames, 3),
            "translation": (frames, 3),
            "eye_rotation": (frames, 2, 2),
            "confidence": (frames,),
            "shape_residual": (_size(self.shape_residual), 3),
            "texture": (_size(self.texture), _size(self.texture), 3),
            "light": (9, 3),
            "landmark_shapes": (53, 468, 3),
        }
        for name in (*TENSOR_FIELDS, *optional):
            value, shape = getattr(self, name), shapes[name]
            if tuple(value.shape) != shape:
                raise InputError(f"FaceParameters.{name} must have shape {list(shape)}, got {list(value.shape)}.")
            if not torch.isfinite(value).all():
                raise InputError(f"FaceParameters.{name} holds NaN or infinite numbers.")
        for name in ("expression", "confidence", "texture"):
            value = getattr(self, name)
            if (
                value is not None
                and value.numel()
                and (value.min() < -RANGE_TOLERANCE or value.max() > 1 + RANGE_TOLERANCE)
            ):
                low, high = value.min().item(), value.max().item()
                raise InputError(f"FaceParameters.{name} must stay within 0..1, got {low:.4g}..{high:.4g}.")
        if not (isinstance(self.fps, int | float) and math.isfinite(self.fps) and self.fps > 0):
            raise InputError(f"FaceParameters.fps must be a positive number, got {self.fps!r}.")
        if self.model not in KNOWN_MODELS:
            raise InputError(
                f"FaceParameters.model {self.model!r} is unknown; known models: {', '.join(KNOWN_MODELS)}."
            )

    def __len__(self) -> int:
        return int(self.expression.shape[0])

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self) / self.fps

    def frames(self, start: int, stop: int) -> FaceParameters:
        """The frames `start` (included) to `stop` (excluded), like a slice."""
        cut = {n: getattr(self, n)[start:stop] for n in TENSOR_FIELDS if n != "identity"}
        return dataclasses.replace(self, **cut)

    def save(self, path: str | Path) -> None:
        """Write one `.safetensors` file, complete or not at all."""
        path = Path(path)
        header = {
            "version": FORMAT_VERSION,
            "fps": self.fps,
            "model": self.model,
            "camera": dataclasses.asdict(self.camera),
        }
        values = {name: getattr(self, name) for name in (*TENSOR_FIELDS, *OPTIONAL_FIELDS)}
        tensors = {
            name: value.detach().to("cpu", torch.float32).contiguous()
            for name, value in values.items()
            if value is not None
        }
        try:
            handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        except OSError as error:
            raise InputError(f"Cannot write {path}: {error.strerror}.") from error
        os.close(handle)
        try:
            save_file(tensors, temporary, metadata={_METADATA_KEY: json.dumps(header)})
            # mkstemp makes private files; give the result the mode that any new file would have.
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(temporary, 0o666 & ~umask)
            os.replace(temporary, path)
        except (OSError, SafetensorError) as error:
            raise InputError(f"Cannot write {path}: {getattr(error, 'strerror', None) or error}.") from error
        finally:
            Path(temporary).unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | Path) -> FaceParameters:
        """Read a file written by :meth:`save`.

        Raises:
            InputError: the file is missing, damaged, of a newer version or holds invalid parameters.
        """
        path = Path(path)
        if not path.is_file():
            raise InputError(f"There is no face-parameter file {path}.")
        try:
            with safe_open(str(path), framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
        except SafetensorError as error:
            raise InputError(f"{path} is not a face-parameter file (.safetensors), or a damaged one.") from error
        if _METADATA_KEY not in metadata:
            raise InputError(f"{path} is a .safetensors file but holds no face parameters.")
        try:
            header = json.loads(metadata[_METADATA_KEY])
            version = int(header["version"])
            # What a newer version's header holds, only a newer program knows.
            fields = _header_fields(header) if version <= FORMAT_VERSION else {}
        except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
            raise InputError(f"{path} has a damaged face-parameter header ({error}).") from error
        if version > FORMAT_VERSION:
            raise InputError(
                f"{path} has format version {version}; this program reads up to {FORMAT_VERSION}: update it."
            )
        missing = [name for name in TENSOR_FIELDS if name not in tensors]
        if missing:
            raise InputError(f"{path} lacks {', '.join(missing)}.")
        known = {name: tensors[name] for name in (*TENSOR_FIELDS, *OPTIONAL_FIELDS) if name in tensors}
        return cls(**known, **fields)


def _size(value: Tensor | None) -> int:
    """The first size of a tensor; 0 where there is none."""
    return int(value.shape[0]) if value is not None and value.ndim else 0


def _header_fields(header: dict[str, Any]) -> dict[str, Any]:
    """The fields of `FaceParameters` that are no tensors."""
    camera = header["camera"]
    return {
        "fps": float(header["fps"]),
        "model": str(header["model"]),
        "camera": Camera(
            float(camera["focal_px"]),
            (float(camera["principal_point_px"][0]), float(camera["principal_point_px"][1])),
            (int(camera["image_size"][0]), int(camera["image_size"][1])),
        ),
    }


TENSOR_FIELDS = ("identity", "expression", "rotation", "translation", "eye_rotation", "confidence")
# None where they are not known.
OPTIONAL_FIELDS = ("shape_residual", "texture", "light", "landmark_shapes")
