"""Examples for the mouth's network: what is painted behind real lips, and what the picture really shows there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from face3d.model.landmark_sets import INNER_LIPS, OUTER_LIPS
from face3d.model.personal_shapes import personal_model
from face3d.parameters import FaceParameters
from renderers.head.driven_mesh import DrivenFrame, DrivenMesh
from renderers.mouth.painter import MouthPainter
from renderers.mouth.scene import MouthScene
from renderers.mouth.window import CELLS_PER_MM, HEIGHT, WIDTH, warp_matrix
from renderers.photo.layers import build_layers
from scripts.lab.renderer.examples import ExampleFile
from talkinghead.photo.poses import poses_of

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]
_Row = tuple[FloatArray, FloatArray, FloatArray, float]  # one example of `MouthExamples`

# Lips nearer than this show nothing to learn from, mm.
_LEAST_GAP_MM = 1.5


@dataclass(frozen=True, eq=False)
class MouthExamples(ExampleFile):
    """Examples of one person.

    Attributes:
        planes: [N, PLANES, HEIGHT, WIDTH] float16, what the painter painted.
        context: [N, CONTEXT] float32.
        target: [N, 3, HEIGHT, WIDTH] float16, the real picture over the teeth's brightness.
        cells_per_px: [N] float32, how far the real picture had to be enlarged; it knows nothing finer.
    """

    planes: NDArray[np.float16]
    context: FloatArray
    target: NDArray[np.float16]
    cells_per_px: FloatArray


def photo_examples(image: Image, parameters: FaceParameters, landmarks: FloatArray) -> MouthExamples | None:
    """A still portrait that shows its mouth's inside: hidden from the painter, and shown to it; None if it shows none.

    Args:
        image: [H, W, 3] uint8 RGB.
        parameters: its fit.
        landmarks: [478, 2] px.
    """
    mesh = DrivenMesh(personal_model(parameters, None), parameters, landmarks)
    rows = []
    for keep_own in (False, True):
        # Teeth's brightness must be guessed where they are hidden.
        seen = image if keep_own else _without_mouth(image, landmarks)
        painter = _painter(seen, mesh, landmarks, keep_own)
        scene = painter.view(mesh.undriven(), landmarks)
        if scene is None or not _is_open(scene):
            return None
        rows.append(_example(painter, scene, image))
    return _joined(rows)


def clip_examples(
    frames: Sequence[Image], parameters: FaceParameters, landmarks: FloatArray, sources: int, targets: int
) -> MouthExamples | None:
    """Frames of a fitted video, each painted from another one; None if the lips never open.

    Lips lie where they were detected in the real frame, so the fit's small errors are not learnt.

    Args:
        frames: [H, W, 3] uint8 RGB each.
        parameters: the fit, a frame per picture.
        landmarks: [T, 478, 2] px.
        sources: photos to make of it: the first frame, then ever more open ones.
        targets: open frames to paint.
    """
    openings = np.linalg.norm(landmarks[:, 13] - landmarks[:, 14], axis=1)
    order = np.argsort(openings)
    wanted = order[np.linspace(len(order) // 3, len(order) - 1, targets).astype(int)]
    photos = [0, *order[np.linspace(len(order) - 1, len(order) // 2, max(1, sources - 1)).astype(int)]][:sources]
    rows = []
    for source in photos:
        fit = parameters.frames(int(source), int(source) + 1)
        mesh = DrivenMesh(personal_model(fit, None), fit, landmarks[source])
        painter = _painter(frames[source], mesh, landmarks[source], True)
        poses = list(poses_of(parameters, fit))
        for index in wanted:
            if index == source:
                continue
            pose = poses[index]
            frame = _moved_onto(mesh, mesh.drive(pose.expression, pose.turn, pose.gaze, pose.shift), landmarks[index])
            scene = painter.view(frame, landmarks[index])
            if scene is not None and _is_open(scene):
                rows.append(_example(painter, scene, frames[index]))
    return _joined(rows) if rows else None


def _painter(image: Image, mesh: DrivenMesh, landmarks: FloatArray, keep_own: bool) -> MouthPainter:
    return MouthPainter(image, mesh, landmarks, np.zeros(2, np.float32), build_layers(image, landmarks), keep_own)


def _moved_onto(mesh: DrivenMesh, frame: DrivenFrame, points: FloatArray) -> DrivenFrame:
    """The frame shifted in the picture so that its lips' middle lies where it was detected."""
    lips = list(OUTER_LIPS)
    drawn = mesh.model.landmarks478.of(torch.from_numpy(frame.pixels[:, :2])).numpy()
    frame.pixels[:, :2] += points[lips].mean(0) - drawn[lips].mean(0)
    return frame


def _is_open(scene: MouthScene) -> bool:
    return float(scene.rim.gap.max()) > _LEAST_GAP_MM * CELLS_PER_MM * scene.scale


def _example(painter: MouthPainter, scene: MouthScene, image: Image) -> _Row:
    per_px = CELLS_PER_MM / scene.window.px_per_mm
    matrix = scene.window.matrix
    if per_px < 1:
        # Average what falls into one cell.
        shrunk = np.asarray(cv2.resize(image, None, fx=per_px, fy=per_px, interpolation=cv2.INTER_AREA), np.uint8)
        scale = np.array([image.shape[1] / shrunk.shape[1], image.shape[0] / shrunk.shape[0]], np.float32)
        matrix = np.concatenate([matrix[:, :2] * scale, matrix[:, 2:]], 1)
        image = shrunk
    target = cv2.warpAffine(
        image, warp_matrix(matrix), (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    context = painter.state.context
    return (
        painter.planes(scene),
        context.colours,
        np.asarray(target.transpose(2, 0, 1) / context.white, np.float32),
        max(1.0, per_px),
    )


def _joined(rows: list[_Row]) -> MouthExamples:
    planes, context, target, per_px = (np.stack([row[i] for row in rows]) for i in range(4))
    return MouthExamples(
        planes.astype(np.float16), context.astype(np.float32), target.astype(np.float16), per_px.astype(np.float32)
    )


def _without_mouth(image: Image, landmarks: FloatArray) -> Image:
    """The photo with the lips' opening filled with black: its teeth can no longer tell their colour."""
    result = image.copy()
    cv2.fillPoly(result, [np.round(landmarks[list(INNER_LIPS)]).astype(np.int32)], (0, 0, 0))
    return result
