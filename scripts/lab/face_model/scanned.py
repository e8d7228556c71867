"""The expressions of scanned people (ICT-FaceKit, MIT) on our head's topology: what a next head will be built from.

The scanned mean face is brought near to ours by its own identity modes and a smooth warp that makes the landmarks
coincide; each triangle of ours then knows its place on the scanned surface, and deformation transfer carries the
expressions over. Behind the lips and the lids, where the two meshes differ, ours is carried along.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES
from face3d.model.landmark_sets import FACE_OVAL, LEFT_EYE, RIGHT_EYE
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from face3d.model.plugins.surface import SurfacePoints, bend, closest_points, rigid_fit
from scripts.lab.face_model.deformation_transfer import (
    Anchors,
    Array,
    DeformationTransfer,
    Indices,
    deformation_gradients,
)

_SKIN_POINTS = 468  # of the 478; the others are irises
# Detected outlines are no places of the skin: both meshes carry them wherever the outline happened to be.
_ANCHOR_POINTS = np.setdiff1d(np.arange(_SKIN_POINTS), (*FACE_OVAL, *LEFT_EYE, *RIGHT_EYE))
_EYES_68, _OUTER_CORNERS_68 = range(36, 48), (36, 45)
# Standard deviation of an identity coefficient against one of a landmark, mm.
_IDENTITY_PULL_MM = 3.0
# A squared millimetre off its scanned displacement costs a vertex as much as gradients that are wrong by as much over
# this length, mm.
_DRIFT_MM = 5.0
# Triangles farther than this from the scanned surface have no place on it, mm.
_FAR_MM = 12.0
_SURFACE = (Part.SKIN, Part.LIPS, Part.NECK)
# Behind the lips' rim the two mouths differ; so far in ours follows the scanned one, mm.
_BEHIND_LIPS_MM = 5.0
_ASYMMETRY_MM = 1.5
# What stays ours: lids that just close, a tongue.
KEPT = ("eyeBlinkLeft", "eyeBlinkRight", "tongueOut")


@dataclass(frozen=True)
class Registration:
    """Where our head lies on the scanned one.

    Attributes:
        scale: our millimetres for one of the scanned head's, by the eyes.
        turn: [3, 3] rotation from the scanned head's axes to ours.
        vertices: [V] places of our vertices; distances: [V] mm how far they are from it.
        middles: [F] places of our triangles' middles.
        placed: [F] whether a triangle has a place.
    """

    scale: float
    turn: Array
    vertices: SurfacePoints
    distances: Array
    middles: SurfacePoints
    placed: np.ndarray


def register_scan(model: MorphableModel, scan: MorphableModel) -> Registration:
    """Lay our mean head on the scanned one; both have their landmarks."""
    ours, theirs = model.mean.double().numpy(), scan.mean.double().numpy()
    own, scanned = anchor_points(model), anchor_points(scan)
    points = own.of(ours)
    turn, offset, scale = rigid_fit(scanned.of(theirs), points, with_scale=True)

    def placed(vectors: Array) -> Array:
        return scale * vectors @ turn.T

    modes = np.stack([scanned.of(mode) for mode in scan.identity_basis.double().numpy()])
    missing = (points - placed(scanned.of(theirs)) - offset).ravel()
    system = placed(modes).reshape(len(modes), -1).T
    pull = _IDENTITY_PULL_MM**2 * np.eye(len(modes))
    identity = np.linalg.solve(system.T @ system + pull, system.T @ missing)
    like_us = placed(theirs + np.tensordot(identity, scan.identity_basis.double().numpy(), 1)) + offset
    parts, triangles = scan.triangle_parts.numpy(), scan.triangles.numpy()
    carriers = triangles[np.isin(parts, (Part.SKIN, Part.LIPS))]
    surface = np.unique(model.triangles.numpy()[model.triangle_parts.numpy() == Part.SKIN])
    others = ours[surface[::12]]
    warp = bend(points, scanned.of(like_us), others, like_us, carriers)
    warped = warp(ours)  # our vertices in the scanned head's shape
    # Two sheets that touch are told apart by what they do when the jaw opens.
    mouth = ARKIT_INDEX["jawOpen"]
    own_motion = model.expression_basis[mouth].double().numpy()
    scanned_motion = placed(scan.expression_basis[mouth].double().numpy())
    carriers = triangles[np.isin(parts, (Part.SKIN, Part.LIPS, Part.INNER_MOUTH))]
    faces = model.triangles.numpy()
    vertices = closest_points(warped, like_us, carriers, (own_motion, scanned_motion))
    middles = closest_points(warped[faces].mean(1), like_us, carriers, (own_motion[faces].mean(1), scanned_motion))
    distances = np.linalg.norm(vertices.of(like_us) - warped, axis=1)
    ours_parts = model.triangle_parts.numpy()
    lips = ours[np.unique(faces[ours_parts == Part.LIPS])]
    behind = np.linalg.norm(ours[faces].mean(1)[:, None] - lips[None], axis=2).min(1) < _BEHIND_LIPS_MM
    follows = np.isin(ours_parts, _SURFACE) | ((ours_parts == Part.INNER_MOUTH) & behind)
    eyes, eyes_scanned = (
        np.linalg.norm(np.subtract(*m.landmarks68.of(m.mean).double().numpy()[list(_OUTER_CORNERS_68)]))
        for m in (model, scan)
    )
    near = distances[faces].max(1) < _FAR_MM
    return Registration(float(eyes / eyes_scanned), turn, vertices, distances, middles, follows & near)


def anchor_points(model: MorphableModel) -> SurfacePoints:
    """Points of the skin that two heads have in common: MediaPipe's away from the eyes, and iBUG's of the eyes.

    MediaPipe, shown renders of a head whose eyes have neither lashes nor irises, is wrong about its lids.
    """
    many, few = model.landmarks478, model.landmarks68
    triangles = np.concatenate([many.triangles.numpy()[_ANCHOR_POINTS], few.triangles.numpy()[list(_EYES_68)]])
    weights = np.concatenate(
        [many.barycentric.double().numpy()[_ANCHOR_POINTS], few.barycentric.double().numpy()[list(_EYES_68)]]
    )
    return SurfacePoints(triangles, weights)


def transfer(model: MorphableModel, scan: MorphableModel, registration: Registration) -> Array:  # [52, V, 3] mm
    """Every expression of the scanned head on ours; zero where the scanned one has none."""
    ours, theirs = model.mean.double().numpy(), scan.mean.double().numpy()
    faces, parts = model.triangles.numpy(), model.triangle_parts.numpy()
    deforming = np.isin(parts, (*_SURFACE, Part.INNER_MOUTH, Part.EYE_SOCKET))
    used = np.unique(faces[deforming & registration.placed])
    bottom = np.unique(faces[parts == Part.NECK])
    trust = _vertex_areas(ours, faces[deforming])[used] / _DRIFT_MM**2
    anchors = Anchors(np.concatenate([used, bottom]), np.concatenate([trust, np.full(len(bottom), 1e-3)]))
    solver = DeformationTransfer(ours, faces[deforming], anchors)
    surface = scan.triangles.numpy()[np.isin(scan.triangle_parts.numpy(), (Part.SKIN, Part.LIPS, Part.INNER_MOUTH))]
    turn, result = registration.turn, np.zeros((52, len(ours), 3))
    for index in range(52):
        motion = scan.expression_basis[index].double().numpy()
        if not motion.any():
            continue
        gradients = deformation_gradients(theirs, theirs + motion, surface)
        middles = registration.middles
        wanted = np.einsum("fkij,fk->fij", gradients[middles.triangles], middles.barycentric)
        wanted = turn @ wanted @ turn.T
        wanted[~registration.placed] = np.eye(3)
        moved = registration.scale * registration.vertices.of(motion) @ turn.T
        targets = np.concatenate([ours[used] + moved[used], ours[bottom]])
        result[index] = solver.solve(wanted[deforming], targets) - ours
    return result


def _vertex_areas(vertices: Array, triangles: Indices) -> Array:
    corners = vertices[triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 6
    result = np.zeros(len(vertices))
    for corner in range(3):
        np.add.at(result, triangles[:, corner], area)
    return result


def scanned_units(model: MorphableModel, scan: MorphableModel) -> Array:  # [52, V, 3] mm at weight 1
    """The scanned expressions as our head's: symmetric, lashes and lips in their places.

    Kept of our own: eyeBlink, whose lids meet, and tongueOut, which the scanned head lacks. mouthClose closes the lips
    that jawOpen opens, whatever the jaw does.
    """
    own = model.expression_basis.double().numpy()
    units = symmetric(transfer(model, scan, register_scan(model, scan)), mirrored_vertices(model))
    for name in KEPT:
        units[ARKIT_INDEX[name]] = own[ARKIT_INDEX[name]]
    moved_alone = ~np.isin(np.arange(len(model.mean)), _carried_vertices(model))
    units[:, moved_alone] = 0
    others = np.array([index for index, name in enumerate(ARKIT_NAMES) if name not in KEPT])
    units[np.ix_(others, lashes := model.part_vertices(Part.LASHES).numpy())] = 0
    for index in others:
        units[index, lashes] = _follow_lids(model, units[index], lashes)
    return units


def _carried_vertices(model: MorphableModel) -> Indices:
    """All that expressions move: teeth follow the jaw rigidly, eyeballs turn."""
    return model.part_vertices(*_SURFACE, Part.INNER_MOUTH, Part.EYE_SOCKET, Part.LASHES, Part.TONGUE).numpy()


def _follow_lids(model: MorphableModel, unit: Array, lashes: Indices) -> Array:  # [V, 3], [N] -> [N, 3]
    """Lashes go and turn with the place of the lid that is nearest, upper and lower told apart by how they blink."""
    ours = model.mean.double().numpy()
    skin = model.triangles.numpy()[model.triangle_parts.numpy() == Part.SKIN]
    left, right = (
        model.expression_basis[ARKIT_INDEX[f"eyeBlink{side}"]].double().numpy() for side in ("Left", "Right")
    )
    blink = left + right
    place = closest_points(ours[lashes], ours, skin, (blink[lashes], blink))
    turned = deformation_gradients(ours, ours + unit, skin)
    turn = np.einsum("nkij,nk->nij", turned[place.triangles], place.barycentric)
    offset = ours[lashes] - place.of(ours)
    return place.of(unit) + np.einsum("nij,nj->ni", turn - np.eye(3), offset)


def mirrored_vertices(model: MorphableModel) -> Indices:  # [V]
    """For each vertex of a symmetric head, the one on the other side; sheets that touch are told apart by motion."""
    blink = ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]
    basis = model.expression_basis.double().numpy()
    where = [model.mean.double().numpy(), basis[ARKIT_INDEX["jawOpen"]], basis[blink[0]] + basis[blink[1]]]
    distance, index = cKDTree(np.hstack(where)).query(np.hstack([place * (-1, 1, 1) for place in where]))
    if distance.max() > _ASYMMETRY_MM or (index[index] != np.arange(len(index))).any():
        raise RuntimeError(f"The mesh is not symmetric: {distance.max():.2f} mm.")
    return np.asarray(index, np.int64)


def symmetric(units: Array, mirror: Indices) -> Array:  # [52, V, 3]
    """`units` in which each side's unit mirrors the other's, and those of both sides mirror themselves."""

    def other(name: str) -> str:
        return name.replace("Left", "#").replace("Right", "Left").replace("#", "Right")

    reflected = units[:, mirror] * (-1, 1, 1)
    order = [ARKIT_INDEX[other(name)] for name in ARKIT_NAMES]
    return (units + reflected[order]) / 2
