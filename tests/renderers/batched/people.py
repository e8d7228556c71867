"""Random synthetic people, options and poses: what two renderers of one photo are compared on.

Everything follows from a seed. The fit that an avatar is given is the truth but for small errors, as a real one's.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from face3d.arkit import ARKIT_INDEX
from face3d.camera import Camera, head_to_camera
from face3d.parameters import FaceParameters
from renderers.photo.cutout import CutOut, cut_out, shrink
from renderers.photo.fill_behind import Layers, fill_behind, split_layers
from renderers.photo_avatar import AvatarOptions, PhotoAvatar
from renderers.raster.numba_rasterizer import rasterize_arrays
from renderers.reduced_avatar import ReducedAvatar
from renderers.surround.grid import SurroundOptions
from scripts.lab.face_model.expression_sampling import sample_expression
from scripts.lab.face_model.synthetic_faces import FaceSynthesizer, PhotoSkin, SynthesisOptions

if TYPE_CHECKING:
    from torch import Tensor

    from face3d.model.morphable_model import MorphableModel
    from scripts.lab.face_model.synthetic_faces import SyntheticFace

# Weights of (eyeBlinkLeft, eyeBlinkRight): around each limit of `PersonalBlinks`, and a wink.
EYES = {
    "open": (0.0, 0.0),
    "half": (0.45, 0.4),
    "nearly shut": (0.64, 0.66),
    "shut": (0.95, 0.9),
    "wink": (0.9, 0.1),
}
MOUTHS: dict[str, dict[str, float]] = {
    "shut": {},
    "open": {"jawOpen": 0.6, "mouthLowerDownLeft": 0.4, "mouthLowerDownRight": 0.4},
    "parted": {"jawOpen": 0.12},
    "smile": {
        **dict.fromkeys(("mouthSmileLeft", "mouthSmileRight"), 0.8),
        **dict.fromkeys(("mouthUpperUpLeft", "mouthUpperUpRight"), 0.6),
        "jawOpen": 0.1,
    },
    "random": {},
}
TONES = ("colours", "colours", "colours", "grey", "sepia")
PLACES = ("inside", "inside", "border")
MATTES = ("net", "none", "true", "whole")
_SEPIA = np.array([1.0, 0.86, 0.68])


@dataclass(frozen=True)
class Person:
    """One photo with its fit, and how it is animated.

    Attributes:
        kind: what was drawn, by name: eyes, mouth, tone, place, matte, factor.
        image: [H, W, 3] uint8 RGB.
        parameters: the fit, T = 1.
        landmarks_px: [478, 2] as detected.
        options: of the avatar.
        matte: [H, W] 0..1, the true outline.
    """

    kind: dict[str, Any]
    image: np.ndarray
    parameters: FaceParameters
    landmarks_px: np.ndarray
    options: AvatarOptions
    matte: np.ndarray

    def avatar(self) -> PhotoAvatar | ReducedAvatar:
        """A new one."""
        factor = self.kind["factor"]
        arguments = self.image, self.parameters, self.landmarks_px
        if factor > 1:
            small = shrink(self.image, factor), self.landmarks_px / np.float32(factor)
            matte = shrink(np.repeat(np.uint8(255 * self.matte)[..., None], 3, 2), factor)[..., 0] / np.float32(255)
            cutout = _cut_out(*small, matte, self.kind["matte"])
            return ReducedAvatar(*arguments, factor, self.options, cutout=cutout)
        cutout = _cut_out(self.image, self.landmarks_px, self.matte, self.kind["matte"])
        return PhotoAvatar(*arguments, self.options, cutout=cutout)


def draw_person(
    model: MorphableModel, seed: int, skin: PhotoSkin | None = None, size_px: int = 256, **wanted: Any
) -> Person:
    """A random person; `wanted` fixes parts of `Person.kind`, and `refine` and `supersampling` of its options."""
    rng = np.random.default_rng(seed)
    names: dict[str, Any] = {
        "eyes": list(EYES),
        "mouth": list(MOUTHS),
        "tone": TONES,
        "place": PLACES,
        "matte": MATTES,
        "factor": (1, 1, 1, 1, 2, 3),
        "refine": (False, True),
        "supersampling": (1, 1, 2, 3),
    }
    kind = {name: values[int(rng.integers(len(values)))] for name, values in names.items()} | wanted
    expression = sample_expression(rng).astype(np.float32)
    if kind["mouth"] != "random":
        expression[[i for name, i in ARKIT_INDEX.items() if name.startswith(("mouth", "jaw", "tongue"))]] = 0
        for name, weight in MOUTHS[kind["mouth"]].items():
            expression[ARKIT_INDEX[name]] = weight
    expression[[ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]] = EYES[kind["eyes"]]
    options = SynthesisOptions(size_px=size_px * kind["factor"], yaw=0.2, pitch=0.12)
    synthesizer = FaceSynthesizer(model, seed, options, () if skin is None else (skin,))
    face = synthesizer.sample(expression=expression)
    image, camera, corner = _placed(rng, face, kind["place"])
    kept = slice(corner[1], corner[1] + image.shape[0]), slice(corner[0], corner[0] + image.shape[1])
    expression = (expression + rng.normal(0, 0.02, 52) * (expression > 0)).clip(0, 1).astype(np.float32)
    noise = rng.normal(0, 0.003, (478, 2)) @ np.eye(2) * np.ptp(face.landmarks_px[:, 0])
    landmarks = face.landmarks_px - np.float32(corner) + noise.astype(np.float32)
    return Person(
        kind,
        _toned(image, kind["tone"]),
        _parameters(face, expression, camera),
        landmarks.astype(np.float32),
        AvatarOptions(kind["supersampling"], _surround(rng), kind["refine"]),
        _true_matte(model, face)[kept],
    )


def draw_poses(own: Tensor, seed: int, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Expression [B, 52], turn [B, 3] rad, gaze [B, 2, 2] rad and shift [B, 3] mm, the photo's own pose first."""
    rng = np.random.default_rng(seed)
    expressions, turns, gazes, shifts = [own.numpy()], [np.zeros(3)], [np.zeros((2, 2))], [np.zeros(3)]
    for _ in range(count - 1):
        expression = sample_expression(rng)
        if rng.random() < 0.5:  # a change of the photo's own face
            expression = np.maximum(own.numpy(), expression * rng.uniform(0.2, 1))
        if rng.random() < 0.3:
            blinks = rng.uniform(0, 1, 2) if rng.random() < 0.3 else rng.uniform(0, 1)
            expression[[ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]] = blinks
        expressions.append(expression.clip(0, 1))
        size = rng.choice([0.0, 0.5, 1.0, 2.0])
        turns.append(rng.normal(size=3) * (0.08, 0.15, 0.06) * size)
        gazes.append(np.repeat(rng.normal(size=(1, 2)) * (0.15, 0.25), 2, 0) * (rng.random() < 0.6))
        shifts.append(rng.normal(size=3) * (6, 4, 15) * rng.choice([0.0, 1.0, 3.0]))
    stacked = (torch.tensor(np.stack(values), dtype=torch.float32) for values in (expressions, turns, gazes, shifts))
    expression, turn, gaze, shift = stacked
    return expression, turn, gaze, shift


def _placed(rng: np.random.Generator, face: SyntheticFace, place: str) -> tuple[np.ndarray, Camera, tuple[int, int]]:
    """The picture, or a part of it whose border cuts the face; its camera; and the part's corner."""
    height, width = face.image.shape[:2]
    left, top, right, bottom = 0, 0, width, height
    if place == "border":
        low, high = face.landmarks_px.min(0), face.landmarks_px.max(0)
        share = rng.uniform(-0.05, 0.25)
        x, y = low + share * (high - low), high - share * (high - low)
        left, top, right, bottom = [
            (max(0, int(x[0])), 0, width, height),
            (0, max(0, int(x[1])), width, height),
            (0, 0, min(width, int(y[0])), height),
            (0, 0, width, min(height, int(y[1]))),
        ][int(rng.integers(4))]
    image = np.ascontiguousarray(face.image[top:bottom, left:right])
    x, y = face.camera.principal_point_px
    return image, Camera(face.camera.focal_px, (x - left, y - top), (right - left, bottom - top)), (left, top)


def _parameters(face: SyntheticFace, expression: np.ndarray, camera: Camera) -> FaceParameters:
    def frames(values: np.ndarray) -> Tensor:
        return torch.tensor(values, dtype=torch.float32)[None]

    return FaceParameters(
        identity=torch.tensor(face.identity),
        expression=frames(expression),
        rotation=frames(face.rotation),
        translation=frames(face.translation),
        eye_rotation=frames(face.eye_rotation),
        confidence=torch.ones(1),
        fps=25.0,
        camera=camera,
        model="cc0-head",
    )


def _toned(image: np.ndarray, tone: str) -> np.ndarray:
    if tone == "colours":
        return image
    grey = image.mean(-1, keepdims=True) * (_SEPIA if tone == "sepia" else np.ones(3))
    return np.ascontiguousarray(grey.round().astype(np.uint8))


def _surround(rng: np.random.Generator) -> SurroundOptions:
    """The usual one, or every number within a third of it."""
    usual = SurroundOptions()
    if rng.random() < 0.5:
        return usual
    changed: dict[str, Any] = {}
    for field in dataclasses.fields(usual):
        value, factor = getattr(usual, field.name), float(rng.uniform(0.7, 1.35))
        if isinstance(value, tuple):
            changed[field.name] = tuple(v * factor for v in value)
        else:
            changed[field.name] = type(value)(value * factor)
    return SurroundOptions(**changed)


def _true_matte(model: MorphableModel, face: SyntheticFace) -> np.ndarray:  # [S, S]
    vertices = torch.tensor(face.neutral)
    placed = head_to_camera(vertices, torch.tensor(face.rotation), torch.tensor(face.translation)).numpy()
    pixels = placed.copy()
    pixels[:, :2] = placed[:, :2] / placed[:, 2:] * face.camera.focal_px + face.camera.principal_point_px
    found = rasterize_arrays(pixels, model.triangles.numpy().astype(np.int32), *face.image.shape[:2])
    return (found.face_index >= 0).astype(np.float32)


def _cut_out(image: np.ndarray, landmarks: np.ndarray, matte: np.ndarray, kind: str) -> CutOut:
    found = cut_out(image, landmarks)
    if kind == "net":
        return found
    photo = found.photo
    if kind == "none":
        layers = Layers(photo, np.concatenate([photo, np.full((*photo.shape[:2], 1), 255, np.uint8)], 2))
        return dataclasses.replace(found, layers=layers, outlined=False)
    part = np.ones(photo.shape[:2], np.float32) if kind == "whole" else matte[found.region.window]
    layers = split_layers(photo, part, fill_behind(photo, part, found.reach))
    return dataclasses.replace(found, layers=layers, outlined=True)
