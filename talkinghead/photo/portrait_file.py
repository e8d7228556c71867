"""The file of a prepared person: photo, fit and cut-out, so that opening it needs neither search nor fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from face3d.detect.face import FaceDetection
from face3d.errors import InputError
from face3d.files import atomic_file
from face3d.fit.photo_fit import PhotoFit
from face3d.parameter_file import from_arrays, header_of, to_arrays
from renderers.photo.cutout import CutOut, cut_out_small
from renderers.photo.fill_behind import Layers
from renderers.pixels.region import Region
from talkinghead.photo.fitted import FittedPhoto

FORMAT_VERSION = 1
_METADATA_KEY = "portrait"
_DETECTION = ("landmarks_px", "landmarks_z", "scores", "head_matrix", "box")
# Pictures are kept as PNG, quickly packed: they dwarf all else.
_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1)
_MOST_SIDE = 8192
Image = NDArray[np.uint8]


def write_portrait(photo: FittedPhoto, path: str | Path) -> None:
    """Write a prepared person, complete or not at all.

    Raises:
        InputError: it cannot be written.
    """
    path = Path(path)
    detection, fit = photo.fit.detection, photo.fit
    cutout = photo.cutout or cut_out_small(photo.image, detection.landmarks_px)
    arrays: dict[str, NDArray[Any]] = {
        f"parameters.{name}": values for name, values in to_arrays(fit.parameters).items()
    }
    arrays |= {f"detection.{name}": np.asarray(getattr(detection, name), np.float32) for name in _DETECTION}
    arrays |= {
        "photo": _packed(photo.image),
        "landmarks_px": fit.landmarks_px.astype(np.float32),
        "cutout.landmarks": cutout.landmarks.astype(np.float32),
        "cutout.photo": _packed(cutout.photo),
        "cutout.background": _packed(cutout.layers.background),
        "cutout.person": _packed(cutout.layers.person),
    }
    header = {
        "version": FORMAT_VERSION,
        "parameters": header_of(fit.parameters),
        "size_px": float(detection.size_px),
        "nme": fit.nme,
        "messages": fit.messages,
        "region": {name: int(value) for name, value in vars(cutout.region).items()},
        "outlined": cutout.outlined,
        "reach": float(cutout.reach),
    }
    try:
        with atomic_file(path) as temporary:
            arrays = {name: np.ascontiguousarray(values) for name, values in arrays.items()}
            save_file(arrays, str(temporary), metadata={_METADATA_KEY: json.dumps(header)})
    except (OSError, SafetensorError) as error:
        raise InputError(f"Cannot write {path}: {getattr(error, 'strerror', None) or error}.") from error


def read_portrait(path: str | Path) -> FittedPhoto:
    """Read a person that :func:`write_portrait` wrote.

    Raises:
        InputError: the file is missing, damaged, or of a newer version.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no prepared person {path}.")
    try:
        with safe_open(str(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            if _METADATA_KEY not in metadata:
                raise InputError(f"{path} holds no prepared person (Portrait.save writes one).")
            header = json.loads(metadata[_METADATA_KEY])
            if int(header["version"]) > FORMAT_VERSION:
                raise InputError(f"{path} was prepared by a newer version of this program: update it.")
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        return _photo_of(arrays, header)
    except InputError:
        raise
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RecursionError, cv2.error) as error:
        raise InputError(f"{path} is not a prepared person, or a damaged one.") from error


def _photo_of(arrays: dict[str, NDArray[Any]], header: dict[str, Any]) -> FittedPhoto:
    """What the file says; its errors are those of damaged files."""
    image = _unpacked(arrays["photo"], 3)
    found = {name: arrays[f"detection.{name}"] for name in _DETECTION}
    shapes = {"landmarks_px": (478, 2), "landmarks_z": (478,), "scores": (52,), "head_matrix": (4, 4), "box": (4,)}
    points = {"landmarks_px": arrays["landmarks_px"], "cutout.landmarks": arrays["cutout.landmarks"]}
    for name, values in (*found.items(), *((name, values) for name, values in points.items())):
        wanted = shapes.get(name, (478, 2))
        if values.shape != wanted or values.dtype != np.float32 or not np.isfinite(values).all():
            raise ValueError(name)
    detection = FaceDetection(**found, size_px=float(header["size_px"]))
    start = "parameters."
    tensors = {name.removeprefix(start): values for name, values in arrays.items() if name.startswith(start)}
    parameters = from_arrays(tensors, header["parameters"])
    fit = PhotoFit(parameters, detection, points["landmarks_px"], float(header["nme"]), tuple(header["messages"]))
    region = Region(**{name: int(header["region"][name]) for name in ("left", "top", "width", "height")})
    crop, person = _unpacked(arrays["cutout.photo"], 3), _unpacked(arrays["cutout.person"], 4)
    layers = Layers(_unpacked(arrays["cutout.background"], 3), person)
    if {crop.shape[:2], person.shape[:2], layers.background.shape[:2]} != {(region.height, region.width)}:
        raise ValueError("cutout")
    cutout = CutOut(region, crop, points["cutout.landmarks"], layers, bool(header["outlined"]), float(header["reach"]))
    return FittedPhoto(image, fit, cutout)


def _packed(picture: Image) -> Image:  # [H, W, 3 or 4] -> [bytes]
    order = cv2.COLOR_RGB2BGR if picture.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    fine, data = cv2.imencode(".png", cv2.cvtColor(picture, order), _PNG)
    if not fine:
        raise RuntimeError("A picture could not be packed.")
    return np.asarray(data, np.uint8).ravel()


def _unpacked(data: NDArray[Any], channels: int) -> Image:  # [bytes] -> [H, W, channels]
    if data.dtype != np.uint8 or data.ndim != 1 or len(data) < 24:
        raise ValueError("picture")
    # A PNG says its size in its first bytes; what is larger than any photo we read is damaged.
    width, height = (int.from_bytes(bytes(data[start : start + 4]), "big") for start in (16, 20))
    if not (0 < width <= _MOST_SIDE and 0 < height <= _MOST_SIDE):
        raise ValueError("picture")
    picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if picture is None or picture.ndim != 3 or picture.shape[2] != channels:
        raise ValueError("picture")
    order = cv2.COLOR_BGR2RGB if channels == 3 else cv2.COLOR_BGRA2RGBA
    return np.asarray(cv2.cvtColor(picture, order), np.uint8)
