"""`FaceParameters` (Y'): the only thing that passes between analysis, speech and rendering, and its file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from face3d import motion_editing
from face3d.camera import Camera
from face3d.errors import InputError
from face3d.files import atomic_file
from face3d.parameter_limits import FPS_RANGE, LARGEST, SHAPES, check_camera, check_shape

FORMAT_VERSION = 3  # 2: optional tensors; 3: landmark_shapes
# How each is loaded: `face3d.model.registry`.
KNOWN_MODELS = ("cc0-head", "ict-facekit", "bfm2009", "flame")
# Rounding in files and solvers may step over the ends of 0..1 by this much; more is an error.
RANGE_TOLERANCE = 1e-3
_FRACTIONS = ("expression", "confidence", "texture")
_PRECISIONS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_STORED_PRECISIONS = ("F16", "BF16", "F32", "F64")
_METADATA_KEY = "face_parameters"


@dataclass(frozen=True, eq=False)
class FaceParameters:
    """3D face parameters of one person over time.

    Tensors of 16 or 64 bits are brought to single precision. Numbers must be finite and within the bounds of
    `face3d.parameter_limits`.

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
        light: [9, 3] distant light of the picture in linear RGB, as `renderers.raster.shading.sh_shading` takes it,
            over normals in the camera frame. None: not known.
        landmark_shapes: [53, 468, 3] mm in the head frame at MediaPipe's points, what this person's shapes have beyond
            the model's: at rest, then each expression at weight 1 (`face3d.model.personal_shapes`). None: 0.
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
        for name in TENSOR_FIELDS:
            self._check_tensor(name)
        for name in OPTIONAL_FIELDS:
            if getattr(self, name) is not None:
                self._check_tensor(name)
        frames = len(self)
        for name in ("rotation", "translation", "eye_rotation", "confidence"):
            if getattr(self, name).shape[0] != frames:
                shape = [frames, *SHAPES[name][1:]]
                raise InputError(
                    f"FaceParameters.{name} must have shape {shape}, got {list(getattr(self, name).shape)}."
                )
        low, high = FPS_RANGE
        if not (isinstance(self.fps, int | float) and low <= self.fps <= high):
            raise InputError(f"FaceParameters.fps must be a positive number, {low:g} to {high:g}, got {self.fps!r}.")
        check_camera(self.camera)
        if self.model not in KNOWN_MODELS:
            raise InputError(
                f"FaceParameters.model {str(self.model)[:40]!r} is unknown; known models: {', '.join(KNOWN_MODELS)}."
            )

    def _check_tensor(self, name: str) -> None:
        """Check one field and bring it to single precision.

        Raises:
            InputError: no floating-point tensor, another shape, or numbers that are none or out of bounds.
        """
        value = getattr(self, name)
        if not isinstance(value, Tensor) or value.dtype not in _PRECISIONS:
            kind = value.dtype if isinstance(value, Tensor) else type(value).__name__
            raise InputError(f"FaceParameters.{name} must be a floating-point tensor of 16 to 64 bits, got {kind}.")
        check_shape(name, tuple(value.shape))
        if value.dtype != torch.float32:
            value = value.to(torch.float32)
            object.__setattr__(self, name, value)
        if not torch.isfinite(value).all():
            raise InputError(f"FaceParameters.{name} holds NaN or infinite numbers.")
        if not value.numel():
            return
        low, high = value.min().item(), value.max().item()
        if name in _FRACTIONS and (low < -RANGE_TOLERANCE or high > 1 + RANGE_TOLERANCE):
            raise InputError(f"FaceParameters.{name} must stay within 0..1, got {low:.4g}..{high:.4g}.")
        if name in LARGEST and max(-low, high) > LARGEST[name]:
            limits = f"-{LARGEST[name]:g}..{LARGEST[name]:g}"
            raise InputError(f"FaceParameters.{name} must stay within {limits}, got {low:.4g}..{high:.4g}.")

    def __eq__(self, other: object) -> bool:
        """Whether all numbers and all that describes them are equal."""
        if not isinstance(other, FaceParameters):
            return NotImplemented
        if (self.fps, self.camera, self.model) != (other.fps, other.camera, other.model):
            return False
        return all(_same(getattr(self, name), getattr(other, name)) for name in (*TENSOR_FIELDS, *OPTIONAL_FIELDS))

    __hash__ = None  # type: ignore[assignment] # it holds arrays, which can change

    def __len__(self) -> int:
        return int(self.expression.shape[0])

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self) / self.fps

    def frames(self, start: int, stop: int) -> FaceParameters:
        """The frames `start` (included) to `stop` (excluded), like a slice."""
        return self[start:stop]

    @overload
    def __getitem__(self, key: str) -> NDArray[np.float32]: ...
    @overload
    def __getitem__(self, key: int | slice) -> FaceParameters: ...
    def __getitem__(self, key: str | int | slice) -> NDArray[np.float32] | FaceParameters:
        """`motion["jawOpen"]`: weights [T] of an ARKit expression, a copy; `motion[10]`, `motion[10:20]`: frames.

        Raises:
            KeyError: there is no such expression.
            IndexError: there is no such frame.
        """
        if isinstance(key, str):
            return motion_editing.weight_of(self, key)
        if isinstance(key, int):
            if not -len(self) <= key < len(self):
                raise IndexError(f"there is no frame {key} among {len(self)}")
            key %= len(self)
            key = slice(key, key + 1)
        return dataclasses.replace(self, **{n: getattr(self, n)[key] for n in motion_editing.FRAME_FIELDS})

    def __repr__(self) -> str:
        return f"FaceParameters({len(self)} frames at {self.fps:g} frames/s, {self.model})"

    def with_weights(self, **weights: ArrayLike) -> FaceParameters:
        """Other weights: `motion.with_weights(jawOpen=0.5 * motion["jawOpen"])`; see `motion_editing.with_weights`."""
        return motion_editing.with_weights(self, weights)

    def concatenate(self, *others: FaceParameters) -> FaceParameters:
        """This motion, then the others; see `motion_editing.joined`."""
        return motion_editing.joined((self, *others))

    def resample(self, fps: float) -> FaceParameters:
        """The same motion at another frame rate; see `motion_editing.resampled`."""
        return motion_editing.resampled(self, fps)

    def columns(self) -> dict[str, NDArray[np.float32]]:
        """Columns [T] by name, for tables; see `motion_editing.columns_of`."""
        return motion_editing.columns_of(self)

    def save(self, path: str | Path) -> None:
        """Write one `.safetensors` file, complete or not at all.

        Raises:
            InputError: it cannot be written.
        """
        path = Path(path)
        header = {"version": FORMAT_VERSION, **header_of(self)}
        values = {name: getattr(self, name) for name in (*TENSOR_FIELDS, *OPTIONAL_FIELDS)}
        tensors = {
            name: value.detach().to("cpu", torch.float32).contiguous()
            for name, value in values.items()
            if value is not None
        }
        try:
            with atomic_file(path) as temporary:
                save_file(tensors, str(temporary), metadata={_METADATA_KEY: json.dumps(header)})
        except (OSError, SafetensorError) as error:
            raise InputError(f"Cannot write {path}: {getattr(error, 'strerror', None) or error}.") from error

    @classmethod
    def load(cls, path: str | Path) -> FaceParameters:
        """Read a file written by :meth:`save`.

        Raises:
            InputError: the file is missing, damaged, of a newer version or holds invalid parameters; it names the file
                and, where one is to blame, the field.
        """
        path = Path(path)
        metadata, tensors = _read(path)
        if _METADATA_KEY not in metadata:
            raise InputError(f"{path} is a .safetensors file but holds no face parameters.")
        try:
            header = json.loads(metadata[_METADATA_KEY])
            version = int(header["version"])
            # What a newer version's header holds, only a newer program knows.
            fields = fields_of(header) if version <= FORMAT_VERSION else {}
        except RecursionError as error:
            raise InputError(f"{path} has a damaged face-parameter header (nested too deeply).") from error
        except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
            raise InputError(f"{path} has a damaged face-parameter header ({_one_line(error)}).") from error
        if version > FORMAT_VERSION:
            raise InputError(
                f"{path} has format version {version}; this program reads up to {FORMAT_VERSION}: update it."
            )
        missing = [name for name in TENSOR_FIELDS if name not in tensors]
        if missing:
            raise InputError(f"{path} lacks {', '.join(missing)}.")
        try:
            values: dict[str, Any] = {**tensors, **fields}
            return cls(**values)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The metadata and the fields of a file; tensors of other names are left where they are.

    Raises:
        InputError: the file is missing, cannot be read, or a field has a kind of number that is not taken.
    """
    try:
        if not path.is_file():
            raise InputError(f"There is no face-parameter file {path}.")
        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            names = [name for name in (*TENSOR_FIELDS, *OPTIONAL_FIELDS) if name in file.keys()]  # noqa: SIM118
            for name in names:
                _check_stored(path, name, file.get_slice(name))
            return metadata, {name: file.get_tensor(name) for name in names}
    except (OSError, ValueError) as error:  # a ValueError is a name that no file can have
        if isinstance(error, InputError):
            raise
        reason = getattr(error, "strerror", None) or _one_line(error)
        raise InputError(f"{path} cannot be read: {reason}.") from error
    except SafetensorError as error:
        raise InputError(f"{path} is not a face-parameter file (.safetensors), or a damaged one.") from error


def _check_stored(path: Path, name: str, stored: Any) -> None:
    """Look at a field before it is read.

    Raises:
        InputError: see :func:`_read`.
    """
    kind = str(stored.get_dtype())
    if kind not in _STORED_PRECISIONS:
        raise InputError(f"{path}: FaceParameters.{name} must be a floating-point tensor of 16 to 64 bits, got {kind}.")
    try:
        check_shape(name, tuple(stored.get_shape()))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None:
        return one is other
    return torch.equal(one.to(other.device), other)


def _one_line(error: Exception) -> str:
    """An error's words, short and on one line."""
    return " ".join(str(error).split())[:200]


def header_of(parameters: FaceParameters) -> dict[str, Any]:
    """What of the parameters is no tensor, as plain values."""
    return {"fps": parameters.fps, "model": parameters.model, "camera": dataclasses.asdict(parameters.camera)}


def fields_of(header: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that :func:`header_of` gave.

    Raises:
        KeyError, TypeError, ValueError: it is damaged.
    """
    camera = header["camera"]
    x, y = (float(value) for value in camera["principal_point_px"])
    width, height = (int(value) for value in camera["image_size"])
    return {
        "fps": float(header["fps"]),
        "model": str(header["model"]),
        "camera": Camera(float(camera["focal_px"]), (x, y), (width, height)),
    }


TENSOR_FIELDS = ("identity", "expression", "rotation", "translation", "eye_rotation", "confidence")
# None where they are not known.
OPTIONAL_FIELDS = ("shape_residual", "texture", "light", "landmark_shapes")
