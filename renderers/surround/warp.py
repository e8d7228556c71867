"""The photo around a driven face: hair, ears and neck follow the head over a background that stands still."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d.camera import Camera
from face3d.model.landmark_sets import FACE_OVAL
from face3d.model.parts import Part
from renderers.head.driven_mesh import DrivenFrame, DrivenMesh
from renderers.head.hair_shell import head_share, shell_depth
from renderers.photo.cutout import CutOut
from renderers.photo.layers import face_height
from renderers.raster.numba_rasterizer import rasterize_arrays
from renderers.surround.grid import (
    FloatArray,
    Grid,
    HarmonicExtension,
    SurroundOptions,
    border_weight,
    expression_weight,
    inverse_flow,
    near_weight,
    unfold,
)
from renderers.surround.layer_kernels import LayerWarp

Image = NDArray[np.uint8]

# Hair around a face is nearer than the neck by this, mm; fitted to the optical flow of hair in GRID.
_HAIR_FORWARD_MM = 35.0
# Skin that lies this much behind the shell is seen at a grazing angle: it would pull its surroundings apart, mm.
_GRAZING_MM = 8.0


@dataclass(frozen=True, eq=False)
class SurroundState:
    """What is kept of the photo around a face. A grid has gh x gw nodes, N of them on the skin.

    Attributes:
        camera: the photo's.
        origin: [2] px, the crop's corner in the photo.
        grid: the nodes.
        points: [gh, gw, 3] mm, the nodes in the camera frame.
        centre: (row, column) of the node in the face's middle.
        source: [V, 2] px, the mesh's vertices in the crop.
        inside: [N] flat indices of the nodes on the skin.
        corners: [N, 3] the vertices between which each lies.
        weights: [N, 3] of these.
        extension: of the skin's motion to the other nodes.
        rim: [R] which of `inside` it goes out from.
        skin_weight: [gh, gw, 1] 0..1, how much of it counts.
        head_share: [gh, gw, 1] 0..1, how far nodes follow the head.
        body_share: [gh, gw, 1] 0..1, how far they follow the shoulders.
        shoulders: how far those follow small shifts; `SurroundOptions.body_share`.
        neck_mm: see `SurroundOptions`.
        lean_mm: see `SurroundOptions`.
    """

    camera: Camera
    origin: FloatArray
    grid: Grid
    points: FloatArray
    centre: tuple[int, int]
    source: FloatArray
    inside: NDArray[np.intp]
    corners: NDArray[np.int32]
    weights: FloatArray
    extension: HarmonicExtension
    rim: NDArray[np.intp]
    skin_weight: FloatArray
    head_share: FloatArray
    body_share: FloatArray
    shoulders: tuple[float, float, float]
    neck_mm: float
    lean_mm: tuple[float, float, float]

    @classmethod
    def of(cls, mesh: DrivenMesh, skin: NDArray[np.int32], cutout: CutOut, options: SurroundOptions) -> SurroundState:
        """Arguments as of `SurroundWarp`."""
        (height, width), landmarks, origin = cutout.photo.shape[:2], cutout.landmarks, cutout.region.origin
        face, camera, undriven = face_height(landmarks), mesh.camera, mesh.undriven()
        grid = Grid.over(width, height, face / options.nodes)
        nodes = face / grid.spacing
        source = (mesh.source - origin).astype(np.float32)
        points = _lift(mesh, undriven, grid, source, origin, nodes)
        covered, corners, weights, depth = _find_nodes(grid, source, undriven, skin)
        covered = _without_grazing(covered, depth - points[..., 2])
        inside = np.flatnonzero(covered.ravel())
        extension = HarmonicExtension.of(covered, (1 / nodes / options.expression_reach) ** 2)
        oval = landmarks[list(FACE_OVAL)]
        share = head_share(grid, oval[oval[:, 1].argmax()], face, options)
        if not cutout.outlined:
            share *= near_weight(grid, covered, face, options)
        held = _held_sides(camera, origin, width, height)
        rest = border_weight(grid, width, height, held, options.border * face)
        return cls(
            camera,
            origin,
            grid,
            points,
            grid.index(*oval.mean(0)),
            source,
            inside,
            corners.reshape(-1, 3)[inside],
            weights.reshape(-1, 3)[inside],
            extension,
            np.searchsorted(inside, extension.rim),
            expression_weight(grid, covered, face, options)[..., None],
            (share * rest)[..., None],
            ((1 - share) * rest * cutout.outlined)[..., None],
            options.body_share,
            options.neck_mm,
            options.lean_mm,
        )


class SurroundWarp:
    """The photo around the face, following the driven mesh.

    Args:
        mesh: the photo's mesh.
        skin: [F, 3] the triangles that the surround follows.
        cutout: the photo's crop.
        options: reach of the warp.

    Attributes:
        state: what moves how, here or in `renderers.batched.surround`.
        layers: draws the moved photo.
    """

    def __init__(
        self,
        mesh: DrivenMesh,
        skin: NDArray[np.int32],
        cutout: CutOut,
        options: SurroundOptions,
    ) -> None:
        self.state = SurroundState.of(mesh, skin, cutout, options)
        self.layers = LayerWarp(cutout.photo, cutout.layers, self.state.grid, cutout.reach)

    def _project(self, points: FloatArray) -> FloatArray:  # [..., 3] mm -> [..., 2] px in the crop
        camera = self.state.camera
        principal = np.array(camera.principal_point_px, np.float32)
        return points[..., :2] / points[..., 2:] * np.float32(camera.focal_px) + principal - self.state.origin

    def targets(self, frame: DrivenFrame) -> FloatArray:
        """[gh, gw, 2] px, where each node of the grid goes in this frame."""
        state = self.state
        nodes = state.grid.points()
        shift = self._calm(frame.shift)
        rigid = (self._project(frame.move(state.points) - frame.shift + shift) - nodes) * state.head_share
        if shift.any():
            body = state.points + shift * self._body_share_of(shift)
            rigid += (self._project(body) - nodes) * state.body_share
        moved = frame.pixels[:, :2] - state.origin - state.source
        skin = (moved[state.corners] * state.weights[..., None]).sum(1)
        rest = skin - rigid.reshape(-1, 2)[state.inside]
        displacement = rigid + state.extension(rest[state.rim]) * state.skin_weight
        displacement.reshape(-1, 2)[state.inside] = skin
        return unfold(nodes + displacement, state.grid, state.centre)

    def _calm(self, shift: FloatArray) -> FloatArray:
        """[3] mm, the shift that the surroundings follow: see `SurroundOptions.lean_mm`."""
        away, lean = shift**2, np.square(self.state.lean_mm, dtype=np.float32)
        return shift * away / (away + lean)

    def _body_share_of(self, shift: FloatArray) -> FloatArray:
        """[3] 0..1, how much of the shift the shoulders follow: see `SurroundOptions.body_share` and `neck_mm`."""
        little = np.array(self.state.shoulders, np.float32)
        return little + (1 - little) * shift**2 / (shift**2 + np.float32(self.state.neck_mm) ** 2)

    def __call__(self, frame: DrivenFrame) -> Image:
        """[h, w, 3] the crop, warped for this frame."""
        return self.layers(inverse_flow(self.targets(frame), self.state.grid))


def _held_sides(camera: Camera, origin: FloatArray, width: int, height: int) -> tuple[bool, bool, bool, bool]:
    """Which sides (left, top, right, bottom) of the crop lie inside the photo."""
    (photo_width, photo_height), (left, top) = camera.image_size, origin
    return left > 0, top > 0, left + width < photo_width, top + height < photo_height


def _find_nodes(
    grid: Grid, source: FloatArray, undriven: DrivenFrame, triangles: NDArray[np.int32]
) -> tuple[NDArray[np.bool_], NDArray[np.int32], FloatArray, FloatArray]:
    """Which nodes the undriven triangles cover: whether, by which corners, with which weights, at which depth."""
    # Rasterize in node units: node i sits at pixel centre i + 0.5.
    places = source / np.float32(grid.spacing) + np.float32(grid.margin)
    vertices = np.concatenate([places, undriven.pixels[:, 2:]], 1).astype(np.float32)
    fragments = rasterize_arrays(vertices, triangles, *grid.shape)
    corners = triangles[np.maximum(fragments.face_index, 0)]
    return fragments.face_index >= 0, corners, fragments.barycentric.astype(np.float32), fragments.depth


def _lift(
    mesh: DrivenMesh, undriven: DrivenFrame, grid: Grid, source: FloatArray, origin: FloatArray, nodes: float
) -> FloatArray:
    """[gh, gw, 3] nodes as points in the camera frame, mm; `nodes` per face height."""
    parts, camera = mesh.model.triangle_parts.numpy(), mesh.camera
    skull = mesh.model.triangles.numpy()[(parts == Part.SKIN) | (parts == Part.LIPS)].astype(np.int32)
    covered, _, _, depth = _find_nodes(grid, source, undriven, skull)
    plane = float(undriven.pivot[2]) - _HAIR_FORWARD_MM
    depth = shell_depth(depth, covered, plane, grid.spacing * plane / camera.focal_px, nodes)
    principal = np.array(camera.principal_point_px, np.float32)
    flat = (grid.points() + origin - principal) / np.float32(camera.focal_px) * depth[..., None]
    return np.concatenate([flat, depth[..., None]], -1).astype(np.float32)


def _without_grazing(inside: NDArray[np.bool_], behind: FloatArray) -> NDArray[np.bool_]:
    """The nodes on the skin without those that are seen at a grazing angle and single ones; `behind` the shell, mm."""
    kept = (inside & (behind < _GRAZING_MM)).astype(np.uint8)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    return np.asarray(cv2.morphologyEx(kept, cv2.MORPH_OPEN, cross)).astype(bool)
