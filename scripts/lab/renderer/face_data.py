"""Examples for the face network: a face drawn from another picture of the same person, and the picture it should be.

Clips give pairs of real pictures. A still portrait gives one by being driven there and back: the avatar of the portrait
poses for a picture, from which the portrait's own expression is drawn again. The parameters that draw are disturbed, as
those of a speech model will be (Ling et al., "StableFace", 2022), and the real picture is moved so that its landmarks
lie where the drawn ones do: the network is to learn colours, not places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import Delaunay
from torch import Tensor

from face3d.arkit import ARKIT_INDEX
from face3d.parameters import FaceParameters
from renderers.face_network.correction import soft_oval
from renderers.face_network.planes import SIZE, FaceWindow
from renderers.photo_avatar import AvatarOptions, PhotoAvatar
from renderers.pose import Pose
from renderers.raster.numba_rasterizer import rasterize_arrays
from scripts.lab.renderer.examples import ExampleFile
from talkinghead.photo.poses import poses_of, to_parameters

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

# Disturbances: of the weights, of the turn (rad), of the gaze (rad) and of the place (mm).
_NOISE = (0.02, 0.006, 0.02, 0.6)
_BLINKS = [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]
# What a portrait does for its picture: how often a weight moves, how much, and how far the head turns, rad.
_ACTIVE, _LARGEST, _TURN = 0.25, 0.6, 0.12


@dataclass(frozen=True, eq=False)
class FaceExamples(ExampleFile):
    """Examples of one person.

    Attributes:
        planes: [N, PLANES, SIZE, SIZE] float16, the network's input.
        context: [N, CONTEXT] float32.
        strength: [N] float32, how much the correction will count.
        target: [N, 3, SIZE, SIZE] float16, the real picture, 0..1.
        known: [N, SIZE, SIZE] float16 0..1, where it is known, and how much a correction counts there.
    """

    planes: NDArray[np.float16]
    context: FloatArray
    strength: FloatArray
    target: NDArray[np.float16]
    known: NDArray[np.float16]


def clip_examples(
    frames: Sequence[Image],
    parameters: FaceParameters,
    landmarks: FloatArray,  # [T, 478, 2] px, NaN where the face is lost
    sources: int,
    targets: int,
    rng: np.random.Generator,
) -> FaceExamples:
    """Frames of a fitted clip drawn from others of it.

    Args:
        frames: [H, W, 3] uint8 RGB each.
        parameters: the clip's fit.
        landmarks: the detected points.
        sources: how many frames serve as the photo.
        targets: how many are drawn from each.
        rng: chooses frames and disturbances.
    """
    count = min(len(frames), len(parameters))
    usable = np.flatnonzero(np.isfinite(landmarks[:count]).all((1, 2)))
    # Nobody animates a photo with the eyes shut: the photos are the frames with the least blinks of equal parts.
    blinks = parameters.expression[:, _BLINKS].sum(1).numpy()
    chosen = [part[blinks[part].argmin()] for part in np.array_split(usable, sources)]
    rows = []
    for source in chosen:
        base = parameters.frames(int(source), int(source) + 1)
        avatar = _plain_avatar(frames[source], base, landmarks[source])
        poses = list(poses_of(parameters, base))
        for target in rng.choice(usable, targets, replace=len(usable) < targets):
            rows.append(_example(avatar, disturbed(poses[target], rng), frames[target], landmarks[target]))
    return _joined(rows)


def photo_examples(
    image: Image, parameters: FaceParameters, landmarks: FloatArray, poses: int, rng: np.random.Generator
) -> FaceExamples:
    """A portrait that is driven away and back.

    Args:
        image: [H, W, 3] uint8 RGB.
        parameters: its fit, one frame.
        landmarks: [478, 2] px.
        poses: how many pictures the avatar poses for.
        rng: chooses what it does.
    """
    avatar = _plain_avatar(image, parameters, landmarks)
    rows = []
    for _ in range(poses):
        pose = _some_pose(parameters.expression[0], rng)
        posed = avatar.render(pose)
        points = avatar.draw(pose).points + avatar.origin
        back = to_parameters([pose], parameters, parameters.fps)
        returning = next(iter(poses_of(parameters, back)))
        other = _plain_avatar(posed, back, points)
        rows.append(_example(other, disturbed(returning, rng), image, landmarks))
    return _joined(rows)


def disturbed(pose: Pose, rng: np.random.Generator) -> Pose:
    """The pose with small errors."""
    weights, turn, gaze, shift = _NOISE

    def noise(shape: tuple[int, ...], size: float) -> Tensor:
        return torch.from_numpy(size * rng.standard_normal(shape)).float()

    active = (pose.expression > 0.01).float()
    return Pose(
        (pose.expression + active * noise((52,), weights)).clamp(0, 1),
        pose.turn + noise((3,), turn),
        pose.gaze + noise((2, 2), gaze),
        pose.shift + noise((3,), shift),
    )


def _some_pose(expression: Tensor, rng: np.random.Generator) -> Pose:
    """A random expression and a slight turn."""
    moved = rng.random(52) < _ACTIVE
    weights = np.where(moved, _LARGEST * rng.random(52), 0.5 * expression.numpy())
    return Pose(
        torch.from_numpy(weights).float(),
        torch.from_numpy(_TURN * rng.uniform(-1, 1, 3)).float(),
        torch.from_numpy(0.1 * rng.uniform(-1, 1, (1, 2)).repeat(2, 0)).float(),
    )


def _plain_avatar(image: Image, parameters: FaceParameters, landmarks: FloatArray) -> PhotoAvatar:
    return PhotoAvatar(image, parameters, landmarks, AvatarOptions(refine=False))


Row = tuple[FloatArray, FloatArray, float, FloatArray, FloatArray]


def _example(avatar: PhotoAvatar, pose: Pose, real: Image, landmarks: FloatArray) -> Row:
    drawn = avatar.draw(pose)
    window, planes = avatar.face_view.planes(drawn)
    target, known = _aligned(real, landmarks, drawn.points, window)
    inside = soft_oval(window, drawn.points)
    return planes.numpy(), drawn.context.numpy(), avatar.face_view.strength(drawn), target, known * inside


def _aligned(
    real: Image, landmarks: FloatArray, points: FloatArray, window: FaceWindow
) -> tuple[FloatArray, FloatArray]:
    """The real picture [3, SIZE, SIZE] with its `landmarks` moved to the drawn `points`, and where it is known."""
    cells = window.cells(points)
    triangles = Delaunay(cells).simplices.astype(np.int32)
    vertices = np.concatenate([cells, np.ones((len(cells), 1))], 1).astype(np.float32)
    fragments = rasterize_arrays(vertices, _anticlockwise(triangles, cells), SIZE, SIZE)
    known = fragments.face_index >= 0
    corners = _anticlockwise(triangles, cells)[np.maximum(fragments.face_index, 0)]
    at = ((landmarks[corners] * fragments.barycentric[..., None]).sum(2) - 0.5).astype(np.float32)
    # Cells are larger than pixels: blur first, as the window does with the drawn picture.
    smooth = cv2.GaussianBlur(real, (0, 0), max(0.3, 0.4 / float(window.scale.mean())))
    target = cv2.remap(smooth, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(target, np.float32).transpose(2, 0, 1) / np.float32(255), known.astype(np.float32)


def _anticlockwise(triangles: NDArray[np.int32], points: FloatArray) -> NDArray[np.int32]:
    """All triangles with the same orientation."""
    a, b, c = (points[triangles[:, k]] for k in range(3))
    first, second = b - a, c - a
    wrong = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] < 0
    return np.where(wrong[:, None], triangles[:, [0, 2, 1]], triangles).astype(np.int32)


def _joined(rows: list[Row]) -> FaceExamples:
    planes, context, strength, target, known = zip(*rows, strict=True)
    return FaceExamples(
        np.stack(planes).astype(np.float16),
        np.stack(context).astype(np.float32),
        np.array(strength, np.float32),
        np.stack(target).astype(np.float16),
        np.stack(known).astype(np.float16),
    )
