"""The photo around a driven face: hair, ears and neck follow the head over a background that stands still."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

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


class SurroundWarp:
    """The photo around the face, following the driven mesh.

    Args:
        mesh: the photo's mesh.
        skin: [F, 3] the triangles that the surround follows.
        cutout: the photo's crop.
        options: reach of the warp.
    """

    def __init__(
        self,
        mesh: DrivenMesh,
        skin: NDArray[np.int32],
        cutout: CutOut,
        options: SurroundOptions,
    ) -> None:
        (height, width), landmarks, origin = cutout.photo.shape[:2], cutout.landmarks, cutout.region.origin
        face = face_height(landmarks)
        self.camera, self.origin, self.options = mesh.camera, origin, options
        self.grid = Grid.over(width, height, face / options.nodes)
        self.source = (mesh.source - origin).astype(np.float32)
        self.draw = LayerWarp(cutout.photo, cutout.layers, self.grid, cutout.reach)
        undriven = mesh.undriven()
        nodes = face / self.grid.spacing
        self.points = self._lift(mesh, undriven, nodes)
        inside, corners, weights, depth = self._find_nodes(undriven, skin)
        inside = _without_grazing(inside, depth - self.points[..., 2])
        self.inside = np.flatnonzero(inside.ravel())
        self.corners, self.weights = corners.reshape(-1, 3)[self.inside], weights.reshape(-1, 3)[self.inside]
        self.extension = HarmonicExtension(inside, (1 / nodes / options.expression_reach) ** 2)
        self.rim = np.searchsorted(self.inside, self.extension.rim)
        self.skin_weight = expression_weight(self.grid, inside, face, options)[..., None]
        oval = landmarks[list(FACE_OVAL)]
        share = head_share(self.grid, oval[oval[:, 1].argmax()], face, options)
        if not cutout.outlined:
            share *= near_weight(self.grid, inside, face, options)
        held = self._held_sides(width, height)
        rest = border_weight(self.grid, width, height, held, options.border * face)
        self.head_share = (share * rest)[..., None]
        self.body_share = ((1 - share) * rest * cutout.outlined)[..., None]
        self.centre = self.grid.index(*oval.mean(0))

    def _held_sides(self, width: int, height: int) -> tuple[bool, bool, bool, bool]:
        """Which sides (left, top, right, bottom) of the crop lie inside the photo."""
        photo_width, photo_height = self.camera.image_size
        left, top = self.origin
        return left > 0, top > 0, left + width < photo_width, top + height < photo_height

    def _find_nodes(
        self, undriven: DrivenFrame, triangles: NDArray[np.int32]
    ) -> tuple[NDArray[np.bool_], NDArray[np.int32], FloatArray, FloatArray]:
        """Which nodes the undriven triangles cover: whether, by which corners, with which weights, at which depth."""
        rows, columns = self.grid.shape
        # Rasterize in node units: node i sits at pixel centre i + 0.5.
        places = self.source / np.float32(self.grid.spacing) + np.float32(self.grid.margin)
        vertices = np.concatenate([places, undriven.pixels[:, 2:]], 1).astype(np.float32)
        fragments = rasterize_arrays(vertices, triangles, rows, columns)
        corners = triangles[np.maximum(fragments.face_index, 0)]
        return fragments.face_index >= 0, corners, fragments.barycentric.astype(np.float32), fragments.depth

    def _lift(self, mesh: DrivenMesh, undriven: DrivenFrame, nodes: float) -> FloatArray:
        """[gh, gw, 3] nodes as points in the camera frame, mm."""
        parts = mesh.model.triangle_parts.numpy()
        skull = mesh.model.triangles.numpy()[(parts == Part.SKIN) | (parts == Part.LIPS)].astype(np.int32)
        covered, _, _, depth = self._find_nodes(undriven, skull)
        plane = float(undriven.pivot[2]) - _HAIR_FORWARD_MM
        spacing_mm = self.grid.spacing * plane / self.camera.focal_px
        depth = shell_depth(depth, covered, plane, spacing_mm, nodes)
        pixels = self.grid.points() + self.origin
        principal = np.array(self.camera.principal_point_px, np.float32)
        flat = (pixels - principal) / np.float32(self.camera.focal_px) * depth[..., None]
        return np.concatenate([flat, depth[..., None]], -1).astype(np.float32)

    def _project(self, points: FloatArray) -> FloatArray:  # [..., 3] mm -> [..., 2] px in the crop
        principal = np.array(self.camera.principal_point_px, np.float32)
        return points[..., :2] / points[..., 2:] * np.float32(self.camera.focal_px) + principal - self.origin

    def targets(self, frame: DrivenFrame) -> FloatArray:
        """[gh, gw, 2] px, where each node of the grid goes in this frame."""
        nodes = self.grid.points()
        shift = self._calm(frame.shift)
        rigid = (self._project(frame.move(self.points) - frame.shift + shift) - nodes) * self.head_share
        if shift.any():
            body = self.points + shift * self._body_share_of(shift)
            rigid += (self._project(body) - nodes) * self.body_share
        moved = frame.pixels[:, :2] - self.origin - self.source
        skin = (moved[self.corners] * self.weights[..., None]).sum(1)
        rest = skin - rigid.reshape(-1, 2)[self.inside]
        displacement = rigid + self.extension(rest[self.rim]) * self.skin_weight
        displacement.reshape(-1, 2)[self.inside] = skin
        return unfold(nodes + displacement, self.grid, self.centre)

    def _calm(self, shift: FloatArray) -> FloatArray:
        """[3] mm, the shift that the surroundings follow: see `SurroundOptions.lean_mm`."""
        away, lean = shift**2, np.square(self.options.lean_mm, dtype=np.float32)
        return shift * away / (away + lean)

    def _body_share_of(self, shift: FloatArray) -> FloatArray:
        """[3] 0..1, how much of the shift the shoulders follow: see `SurroundOptions.body_share` and `neck_mm`."""
        little = np.array(self.options.body_share, np.float32)
        return little + (1 - little) * shift**2 / (shift**2 + np.float32(self.options.neck_mm) ** 2)

    def __call__(self, frame: DrivenFrame) -> Image:
        """[h, w, 3] the crop, warped for this frame."""
        return self.draw(inverse_flow(self.targets(frame), self.grid))


def _without_grazing(inside: NDArray[np.bool_], behind: FloatArray) -> NDArray[np.bool_]:
    """The nodes on the skin without those that are seen at a grazing angle and single ones; `behind` the shell, mm."""
    kept = (inside & (behind < _GRAZING_MM)).astype(np.uint8)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    return np.asarray(cv2.morphologyEx(kept, cv2.MORPH_OPEN, cross)).astype(bool)
