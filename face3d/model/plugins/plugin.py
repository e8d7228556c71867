"""From a model's own arrays to a :class:`MorphableModel` in our frame, with our landmarks and ARKit expressions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES
from face3d.errors import InputError
from face3d.model.landmark_sets import LEFT_IRIS, RIGHT_IRIS
from face3d.model.morphable_model import Landmarks, MorphableModel, load_default_model
from face3d.model.parts import Part
from face3d.model.plugins.surface import Array, Indices, SurfacePoints, bend, closest_points, register

# iBUG's corners of the right, then the left eye (outer, inner).
_EYE_CORNERS_68 = ((36, 39), (45, 42))
_IRISES = (*RIGHT_IRIS, *LEFT_IRIS)
_SKIN_POINTS = np.setdiff1d(np.arange(478), _IRISES)
# iBUG's points that our head has at the same places: all but the middle of the bridge of the nose, which is divided
# evenly there.
_ANCHORS = (*range(28), *range(30, 68))
# Expressions by least squares: standard deviations of a landmark, mm, and of a native coefficient.
_LANDMARK_SD, _NATIVE_SD = 0.5, 2.0
# Moves no landmark: no landmark can say how a model's own expressions do it.
UNSEEN = ("tongueOut",)
# Outer corners of the eyes of adults are 70 to 110 mm apart.
_PLAUSIBLE_EYES_MM = (50.0, 140.0)


@dataclass(frozen=True, eq=False)
class PluginModel(MorphableModel):
    """A model that a user brought.

    Attributes:
        native_expression: [52, E] each ARKit unit in the model's own expression coefficients; None where its
            expressions are ARKit's by name.
        missing: ARKit units that the model does not have; their shapes are zero.
    """

    native_expression: Tensor | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class RawModel:
    """A model's arrays in millimetres with +x to the subject's left, +y up and +z out of the face; any origin.

    Attributes:
        name: as in `face3d.parameters.KNOWN_MODELS`.
        vertices: [V, 3] the mean face; identity: [K, V, 3] per standard deviation.
        triangles: [F, 3] in either sense, all in the same; parts: [F] values of `Part`.
        landmarks68: iBUG's points, None where the model's files do not say.
        landmarks478: MediaPipe's points where they were measured; else they are carried over.
        eye_centers: [2, 3] left, right; None: the middles of the eyeballs, or from the corners of the eyes.
        named: ARKit unit -> [V, 3] displacements.
        native: [E, V, 3] displacements per standard deviation of the model's own expressions, instead of `named`.
    """

    name: str
    vertices: Array
    identity: Array
    triangles: Indices
    parts: Indices
    landmarks68: SurfacePoints | None = None
    landmarks478: SurfacePoints | None = None
    eye_centers: Array | None = None
    named: dict[str, Array] = field(default_factory=dict)
    native: Array | None = None


def vertex_points(indices: Indices, triangles: Indices) -> SurfacePoints:
    """Single vertices as points of the surface."""
    order = np.argsort(triangles.reshape(-1), kind="stable")
    first = np.searchsorted(triangles.reshape(-1)[order], indices)
    if (first >= len(order)).any() or (triangles.reshape(-1)[order[first]] != indices).any():
        raise InputError("The model's landmarks name vertices that no triangle uses: is its file complete?")
    faces = triangles[order[first] // 3]
    return SurfacePoints(faces, (faces == indices[:, None]).astype(float))


def assemble(raw: RawModel) -> PluginModel:
    """Centre the model between its eyes, find what it does not bring, and build it.

    Raises:
        InputError: it holds NaN, or its size cannot be a head's in millimetres.
    """
    for values in (raw.vertices, raw.identity, *raw.named.values(), raw.native):
        if values is not None and not np.isfinite(values).all():
            raise InputError(f"The files of {raw.name} hold NaN or infinite numbers.")
    default = load_default_model()
    triangles = _outside_in(raw.vertices, raw.triangles)
    parts = raw.parts
    vertices = raw.vertices - _between_eyes(raw, default)
    carriers = triangles[np.isin(parts, (Part.SKIN, Part.LIPS))]
    points68 = raw.landmarks68
    coarse = _default_points(default, default.landmarks68)
    if points68 is None:
        targets = register(coarse["mean"], vertices, carriers)
        points68 = closest_points(targets, vertices, carriers)
    _check_size(raw.name, points68.of(vertices))
    basis, native, missing = _expressions(raw, points68, coarse["expression"])
    points478 = raw.landmarks478
    if points478 is None:
        points478 = _carry_478(default, vertices, triangles, parts, points68, basis[ARKIT_INDEX["jawOpen"]])
    if raw.native is not None:  # again, now with all landmarks
        fine = _default_points(default, default.landmarks478)
        seen = SurfacePoints(points478.triangles[_SKIN_POINTS], points478.barycentric[_SKIN_POINTS])
        basis, native, missing = _expressions(raw, seen, fine["expression"][:, _SKIN_POINTS])
    eyeballs = np.unique(triangles[np.isin(parts, (Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL))])
    basis[:, eyeballs] = 0  # they turn by FaceParameters.eye_rotation
    return PluginModel(
        name=raw.name,
        mean=_tensor(vertices),
        identity_basis=_tensor(raw.identity),
        expression_basis=_tensor(basis),
        triangles=torch.from_numpy(triangles),
        triangle_parts=torch.from_numpy(parts.astype(np.int64)),
        uv=torch.zeros(0, 2),
        uv_triangles=torch.zeros(0, 3, dtype=torch.int64),
        # Teeth and tongue move as the model's own expressions say.
        jaw_rotation=torch.zeros(52, 3),
        jaw_translation=torch.zeros(52, 3),
        jaw_pivot=torch.zeros(3),
        landmarks478=_landmarks(points478),
        landmarks68=_landmarks(points68),
        native_expression=None if native is None else _tensor(native),
        missing=missing,
    )


def native_weights(
    native: Array,  # [E, L, 3] mm per standard deviation, at landmarks
    displacements: Array,  # [52, L, 3] mm
) -> Array:  # [52, E]
    """The model's own coefficients whose landmarks move most like each ARKit unit's: ridge regression."""
    a = native.reshape(len(native), -1) / _LANDMARK_SD
    b = displacements.reshape(len(displacements), -1) / _LANDMARK_SD
    return np.asarray(np.linalg.solve(a @ a.T + np.eye(len(a)) / _NATIVE_SD**2, a @ b.T).T, np.float64)


def _expressions(
    raw: RawModel, points: SurfacePoints, displacements: Array
) -> tuple[Array, Array | None, tuple[str, ...]]:
    """The ARKit shapes [52, V, 3], in native coefficients [52, E] where they are found, and the units without one."""
    if raw.native is None:
        shapes = [raw.named.get(name, np.zeros_like(raw.vertices)) for name in ARKIT_NAMES]
        return np.stack(shapes), None, tuple(name for name in ARKIT_NAMES if name not in raw.named)
    at_points = np.stack([points.of(shape) for shape in raw.native])
    weights = native_weights(at_points, displacements)
    weights[[ARKIT_INDEX[name] for name in UNSEEN]] = 0
    return np.tensordot(weights, raw.native, 1), weights, UNSEEN


def _default_points(default: MorphableModel, landmarks: Landmarks) -> dict[str, Array]:
    fields = {"mean": default.mean, "expression": default.expression_basis}
    return {name: landmarks.of(value).double().numpy() for name, value in fields.items()}


def _carry_478(
    default: MorphableModel,
    vertices: Array,
    triangles: Indices,
    parts: Indices,
    points68: SurfacePoints,
    jaw_open: Array,  # [V, 3]
) -> SurfacePoints:
    """MediaPipe's points: the default head's, bent so that the anchors meet and the rest comes onto the surface."""
    anchors = default.landmarks68.of(default.mean).double().numpy()[list(_ANCHORS)]
    fine = _default_points(default, default.landmarks478)
    skin = triangles[np.isin(parts, (Part.SKIN, Part.LIPS))]
    warp = bend(anchors, points68.of(vertices)[list(_ANCHORS)], fine["mean"][_SKIN_POINTS], vertices, skin)
    places, motion = warp(fine["mean"]), fine["expression"][ARKIT_INDEX["jawOpen"]]
    result = closest_points(places, vertices, skin, (motion, jaw_open))
    for iris, part in ((LEFT_IRIS, Part.LEFT_EYEBALL), (RIGHT_IRIS, Part.RIGHT_EYEBALL)):
        eyeball = triangles[parts == part]
        if len(eyeball):
            chosen = closest_points(places[list(iris)], vertices, eyeball)
            result.triangles[list(iris)], result.barycentric[list(iris)] = chosen.triangles, chosen.barycentric
    return result


def _outside_in(vertices: Array, triangles: Indices) -> Indices:
    """The triangles counter-clockwise from outside, judged by their flux from a point far behind the face."""
    a, b, c = vertices[triangles].transpose(1, 0, 2)
    behind = vertices.mean(0) - [0.0, 0.0, 10 * np.ptp(vertices[:, 2])]
    flux = (np.cross(b - a, c - a) * ((a + b + c) / 3 - behind)).sum()
    return np.ascontiguousarray(triangles if flux > 0 else triangles[:, ::-1])


def _between_eyes(raw: RawModel, default: MorphableModel) -> Array:
    """The point between the eyes' centres, our origin."""
    if raw.eye_centers is not None:
        return raw.eye_centers.mean(0)
    balls = [np.unique(raw.triangles[raw.parts == part]) for part in (Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL)]
    if all(len(ball) for ball in balls):
        return np.mean([raw.vertices[ball].mean(0) for ball in balls], 0)
    if raw.landmarks68 is None:
        raise InputError(f"The files of {raw.name} say neither where its eyes nor where its landmarks are.")
    corners = [i for pair in _EYE_CORNERS_68 for i in pair]
    ours = default.landmarks68.of(default.mean).double().numpy()[corners].mean(0)
    return raw.landmarks68.of(raw.vertices)[corners].mean(0) - ours


def _check_size(name: str, points68: Array) -> None:
    right, left = points68[_EYE_CORNERS_68[0][0]], points68[_EYE_CORNERS_68[1][0]]
    low, high = _PLAUSIBLE_EYES_MM
    if not low < left[0] - right[0] < high:
        raise InputError(
            f"In the files of {name} the outer corners of the eyes are {left[0] - right[0]:.3g} mm apart, which cannot "
            "be: are they in other units, or not this model's?"
        )


def _landmarks(points: SurfacePoints) -> Landmarks:
    return Landmarks(torch.from_numpy(points.triangles.astype(np.int64)), _tensor(points.barycentric))


def _tensor(values: Array) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
