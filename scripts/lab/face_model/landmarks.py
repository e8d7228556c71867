"""Ties MediaPipe's 478 points to the head by looking: render many random people, detect, cast rays, take robust means.

Nothing is picked by hand, except two facts that a render cannot show: the iris points lie on the eyeballs, and the
inner lip points belong to the upper or to the lower lip even where closed lips touch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.path import Path

from face3d.arkit import ARKIT_INDEX
from face3d.camera import head_to_camera
from face3d.model.landmark_sets import (
    FACE_OVAL,
    LEFT_IRIS,
    LOWER_INNER_LIP,
    LOWER_LIP_RINGS,
    OUTER_LIPS,
    RIGHT_IRIS,
    UPPER_INNER_LIP,
    UPPER_LIP_RINGS,
)
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from scripts.lab.face_model.canonical import mirror_twins
from scripts.lab.face_model.lips import LipRims, rim_points

# rasterize(vertices [V, 3] (x px, y px, z mm), triangles [F, 3], height, width) -> face index [H, W] (-1: none),
# barycentric coordinates [H, W, 3]
Rasterize = Callable[[np.ndarray, np.ndarray, int, int], tuple[np.ndarray, np.ndarray]]
# detect(picture [H, W, 3] uint8) -> points [478, 2] px or None
Detect = Callable[[np.ndarray], "np.ndarray | None"]

# The outline of the face slides over the head as it turns: only nearly frontal renders count for it.
_SLIDING = (*FACE_OVAL, 34, 227, 137, 177, 264, 447, 366, 401, 215, 435, 139, 368, 143, 372)
BROW_LINES = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55, 336, 296, 334, 293, 300, 285, 295, 282, 283, 276)
# The rings of both irises start at the subject's left and go up (0, pi/2, pi, -pi/2).
_IRIS_ANGLES = (0.0, np.pi / 2, np.pi, -np.pi / 2)
IRIS_RADIUS_MM = 5.85  # half of the human iris, 11.7 mm, which hardly varies between people
_SIZE = 512
_SKIN, _LIP, _BROW = (0.78, 0.60, 0.50), (0.66, 0.34, 0.32), (0.30, 0.22, 0.17)
_PART_COLOURS = {
    Part.SKIN: _SKIN,
    Part.LIPS: _LIP,
    Part.INNER_MOUTH: (0.30, 0.12, 0.11),
    Part.UPPER_TEETH: (0.90, 0.88, 0.82),
    Part.LOWER_TEETH: (0.86, 0.84, 0.78),
    Part.TONGUE: (0.65, 0.30, 0.30),
    Part.LEFT_EYEBALL: (0.92, 0.92, 0.92),
    Part.RIGHT_EYEBALL: (0.92, 0.92, 0.92),
    Part.LASHES: (0.15, 0.10, 0.08),
    Part.EYE_SOCKET: (0.70, 0.48, 0.42),
    Part.NECK: _SKIN,
}


@dataclass(frozen=True)
class Embedding:
    """triangle [L] index, barycentric [L, 3], spread_mm [L]: median distance of single observations to the point."""

    triangle: np.ndarray
    barycentric: np.ndarray
    spread_mm: np.ndarray

    def points(self, model: MorphableModel) -> np.ndarray:  # [L, 3] mm
        """Where the points lie on the mean face."""
        corners = model.mean.numpy()[model.triangles.numpy()[self.triangle]]
        return (corners * self.barycentric[..., None]).sum(1)


def closest_on_triangles(points: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest triangle of each point: index [P], barycentric [P, 3]; `corners` is [F, 3, 3].

    Projection to the plane, else to the nearest edge (Ericson, Real-Time Collision Detection, 5.1.5).
    """
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    normal = np.cross(b - a, c - a)
    area = (normal**2).sum(1) + 1e-18
    best, weights = np.zeros(len(points), int), np.zeros((len(points), 3))
    for i, p in enumerate(points):
        w0 = (np.cross(c - b, p - b) * normal).sum(1) / area
        w1 = (np.cross(a - c, p - c) * normal).sum(1) / area
        inside = np.stack([w0, w1, 1 - w0 - w1], 1)
        candidates = [np.where((inside >= 0).all(1, keepdims=True), inside, np.nan)]
        for start, end in ((0, 1), (1, 2), (2, 0)):
            edge = corners[:, end] - corners[:, start]
            t = np.clip(((p - corners[:, start]) * edge).sum(1) / ((edge**2).sum(1) + 1e-18), 0, 1)
            w = np.zeros_like(inside)
            w[:, start], w[:, end] = 1 - t, t
            candidates.append(w)
        stacked = np.stack(candidates)  # [4, F, 3]
        distance = np.linalg.norm((stacked[..., None] * corners).sum(2) - p, axis=2)
        distance[np.isnan(distance)] = np.inf
        kind, face = np.unravel_index(distance.argmin(), distance.shape)
        best[i], weights[i] = face, stacked[kind, face]
    return best, weights


class _Painter:
    """Pictures of the head with coloured parts, irises and simple light, good enough for a face detector."""

    def __init__(self, model: MorphableModel, parts: np.ndarray, brows: np.ndarray | None) -> None:
        self._parts = parts
        self._triangles = model.triangles.numpy()
        self._mean = model.mean.numpy()
        self._colours = np.array([_PART_COLOURS[Part(p)] for p in range(len(Part))])
        self._eyes = model.eye_centers(model.mean).numpy()
        self._brows = brows

    def paint(self, vertices: np.ndarray, face: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """[H, W, 3] uint8 of vertices in the head frame (the light turns with the head)."""
        corners = vertices[self._triangles]
        normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        smooth = np.zeros_like(vertices)
        for k in range(3):
            np.add.at(smooth, self._triangles[:, k], normals)
        smooth /= np.linalg.norm(smooth, axis=1, keepdims=True) + 1e-9
        hit = face >= 0
        index, w = self._triangles[face[hit]], weights[hit][..., None]
        normal, rest = (smooth[index] * w).sum(1), (self._mean[index] * w).sum(1)
        colour = self._albedo(rest, self._parts[face[hit]])
        light = 0.55 + 0.45 * np.clip(normal @ (np.array([0.25, 0.45, 0.85]) / 0.994), 0, 1)
        picture = np.full((*face.shape, 3), 0.55)
        picture[hit] = colour * light[:, None]
        return (picture.clip(0, 1) * 255).astype(np.uint8)

    def _albedo(self, rest: np.ndarray, part: np.ndarray) -> np.ndarray:
        colour = self._colours[part]
        for side, eye in ((0, Part.LEFT_EYEBALL), (1, Part.RIGHT_EYEBALL)):
            radius = np.hypot(*(rest - self._eyes[side]).T[:2])
            on_eye = part == eye
            colour[on_eye & (radius < IRIS_RADIUS_MM)] = (0.30, 0.20, 0.12)
            colour[on_eye & (radius < 2.4)] = (0.03, 0.03, 0.03)
        if self._brows is not None:
            distance = np.linalg.norm(rest[:, None, :2] - self._brows[None, :, :2], axis=2).min(1)
            colour[(part == Part.SKIN) & (distance < 3.0) & (rest[:, 2] > 0)] = _BROW
        return colour


def _sample_expression(rng: np.random.Generator, number: int) -> np.ndarray:
    """Rest, open mouths, smiles, half-open mouths in turn; opposite sides move together."""
    e = np.zeros(52)
    kind = number % 4
    if kind in (1, 3):
        e[ARKIT_INDEX["jawOpen"]] = rng.uniform(0.12, 0.5)
    if kind in (2, 3):
        for name, top in (("mouthSmile", 0.6), ("mouthUpperUp", 0.3), ("mouthLowerDown", 0.4)):
            value = rng.uniform(0, top)
            e[ARKIT_INDEX[name + "Left"]] = e[ARKIT_INDEX[name + "Right"]] = value
    return e


def _allowed(model: MorphableModel, parts: np.ndarray) -> list[np.ndarray]:
    """For each of the 468 skin points, [F] which triangles may carry it."""
    face = np.isin(parts, (Part.SKIN, Part.LIPS, Part.EYE_SOCKET))
    jaw = model.expression_basis[ARKIT_INDEX["jawOpen"]].numpy()[:, 1]
    on_triangle = jaw[model.triangles.numpy()].mean(1)
    middle = np.abs(model.mean.numpy()[model.triangles.numpy()].mean(1)[:, 0]) < 22
    allowed = [face] * 468
    mouth = np.isin(parts, (Part.SKIN, Part.LIPS))
    for ring in UPPER_LIP_RINGS:
        for i in ring:
            allowed[i] = mouth & (on_triangle > -10) | mouth & ~middle
    for ring in LOWER_LIP_RINGS:
        for i in ring:
            allowed[i] = mouth & (on_triangle < -14) | mouth & ~middle
    return allowed


def _observe(points: np.ndarray, face: np.ndarray, allowed: list[np.ndarray], reach: int = 6) -> np.ndarray:
    """[468, 2] pixel (row, column) of an allowed visible triangle nearest to each point, -1 where none is near."""
    result = np.full((468, 2), -1)
    for i in range(468):
        x, y = points[i]
        row, column = int(np.floor(y)), int(np.floor(x))
        if not (reach <= row < face.shape[0] - reach and reach <= column < face.shape[1] - reach):
            continue
        window = face[row - reach : row + reach + 1, column - reach : column + reach + 1]
        usable = (window >= 0) & allowed[i][window]
        if usable.any():
            rows, columns = np.nonzero(usable)
            nearest = ((rows - reach) ** 2 + (columns - reach) ** 2).argmin()
            result[i] = row - reach + rows[nearest], column - reach + columns[nearest]
    return result


def _geometric_median(points: np.ndarray) -> np.ndarray:
    """Weiszfeld's iteration; [N, 3] -> [3]."""
    centre = np.median(points, 0)
    for _ in range(30):
        weight = 1 / (np.linalg.norm(points - centre, axis=1) + 1e-3)
        centre = (points * weight[:, None]).sum(0) / weight.sum()
    return centre


def embed_landmarks(
    model: MorphableModel,
    parts: np.ndarray,  # [F]
    rasterize: Rasterize,
    detect: Detect,
    people: int = 160,
    seed: int = 0,
    brows: np.ndarray | None = None,  # [N, 3] mm points near the brow lines, painted dark
) -> Embedding:
    """Compute the 478-point embedding from `people` renders."""
    rng = np.random.default_rng(seed)
    painter, allowed = _Painter(model, parts, brows), _allowed(model, parts)
    triangles, mean = model.triangles.numpy(), model.mean.numpy()
    # MakeHuman's lashes are wide ribbons that hide the edge of the lid.
    drawn = np.flatnonzero(parts != Part.LASHES)
    observed: list[list[np.ndarray]] = [[] for _ in range(468)]
    lips = {i for ring in (*UPPER_LIP_RINGS, *LOWER_LIP_RINGS) for i in ring}
    for number in range(people):
        identity = torch.from_numpy(0.7 * rng.standard_normal(model.identity_size)).float()
        expression = torch.from_numpy(_sample_expression(rng, number)).float()
        vertices = model.vertices(identity, expression)
        turn = rng.normal(0, [0.08, 0.12, 0.04])
        if number % 3 == 0:
            turn[1] *= 0.1
        pose = torch.from_numpy(turn).float()
        camera = head_to_camera(vertices, pose, torch.tensor([0.0, -20.0, 900.0])).numpy()
        pixels = np.concatenate([camera[:, :2] / camera[:, 2:] * 1500 + _SIZE / 2, camera[:, 2:]], 1)
        face, weights = rasterize(pixels, triangles[drawn], _SIZE, _SIZE)
        face = np.where(face >= 0, drawn[face], -1)
        points = detect(painter.paint(vertices.numpy(), face, weights))
        if points is None:
            continue
        for i, (row, column) in enumerate(_observe(points, face, allowed)):
            # A closed mouth says nothing on where the inner lips are.
            misleading = number % 4 in (0, 2) if i in lips else i in _SLIDING and abs(turn[1]) > 0.06
            if row >= 0 and not misleading:
                observed[i].append((mean[triangles[face[row, column]]] * weights[row, column][:, None]).sum(0))
    return _embed(model, parts, observed, allowed)


def _symmetric(points: np.ndarray, twins: np.ndarray) -> np.ndarray:
    """[L, 3] each point averaged with the mirror image of its twin [L]: mesh and landmarks are symmetric."""
    return (points + points[twins] * np.array([-1.0, 1.0, 1.0])) / 2


def _embed(
    model: MorphableModel, parts: np.ndarray, observed: list[list[np.ndarray]], allowed: list[np.ndarray]
) -> Embedding:
    corners = model.mean.numpy()[model.triangles.numpy()]
    triangle, barycentric, spread = np.zeros(478, int), np.zeros((478, 3)), np.zeros(478)
    centres = np.zeros((468, 3))
    for i in range(468):
        if len(observed[i]) < 10:
            raise RuntimeError(f"Landmark {i} was seen on {len(observed[i])} renders only.")
        samples = np.stack(observed[i])
        centres[i] = _geometric_median(samples)
        spread[i] = np.median(np.linalg.norm(samples - centres[i], axis=1))
    for i, centre in enumerate(_symmetric(centres, mirror_twins())):
        candidates = np.flatnonzero(allowed[i])
        best, weight = closest_on_triangles(centre[None], corners[candidates])
        triangle[i], barycentric[i] = candidates[best[0]], weight[0]
    centers = model.eye_centers(model.mean).numpy()
    for eye, points, part in ((0, LEFT_IRIS, Part.LEFT_EYEBALL), (1, RIGHT_IRIS, Part.RIGHT_EYEBALL)):
        candidates = np.flatnonzero(parts == part)
        radius = np.linalg.norm(corners[candidates].reshape(-1, 3) - centers[eye], axis=1).mean()
        depth = np.sqrt(radius**2 - IRIS_RADIUS_MM**2)
        ring = [(IRIS_RADIUS_MM * np.cos(a), IRIS_RADIUS_MM * np.sin(a), depth) for a in _IRIS_ANGLES]
        best, weight = closest_on_triangles(np.array([(0, 0, radius), *ring]) + centers[eye], corners[candidates])
        triangle[list(points)], barycentric[list(points)] = candidates[best], weight
    return Embedding(triangle, barycentric, spread)


def brow_points(model: MorphableModel, embedding: Embedding) -> np.ndarray:  # [N, 3] mm
    """Points along the brow lines of a first embedding, for painting brows on the renders of the second."""
    points = embedding.points(model)[list(BROW_LINES)]
    steps = np.linspace(0, 1, 4, endpoint=False)[:, None, None]
    along = (points[:-1] * (1 - steps) + points[1:] * steps).reshape(-1, 3)
    return along[np.abs(along[:, 0]) > 10]


def snap_inner_lips(model: MorphableModel, embedding: Embedding, rims: LipRims) -> Embedding:
    """The inner lip rings moved (at their x) to the rims that touch when the mouth is closed."""
    mean, triangles = model.mean.numpy(), model.triangles.numpy()
    x = embedding.points(model)[:, 0]
    triangle, barycentric = embedding.triangle.copy(), embedding.barycentric.copy()
    for ring, rim in ((UPPER_INNER_LIP, rims.upper), (LOWER_INNER_LIP, rims.lower)):
        triangle[list(ring)], barycentric[list(ring)] = rim_points(x[list(ring)], rim, triangles, mean)
    return Embedding(triangle, barycentric, embedding.spread_mm)


def label_lips(model: MorphableModel, parts: np.ndarray, embedding: Embedding) -> np.ndarray:
    """[F] parts with the red of the lips (inside the outer lip ring, seen from the front) labelled."""
    mean, triangles = model.mean.numpy(), model.triangles.numpy()
    points = embedding.points(model)
    centres = mean[triangles].mean(1)
    inside = Path(points[list(OUTER_LIPS), :2]).contains_points(centres[:, :2])
    near = centres[:, 2] > points[list(OUTER_LIPS), 2].min() - 12
    result = parts.copy()
    result[(parts == Part.SKIN) & inside & near] = Part.LIPS
    return result
