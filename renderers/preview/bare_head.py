"""The bare head of a model, shaded plainly but with a face one can read: irises, thin lashes, soft lips."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from face3d.arkit import ARKIT_INDEX
from face3d.camera import Camera, head_to_camera
from face3d.model.landmark_sets import LEFT_IRIS, RIGHT_IRIS
from face3d.model.mesh_field import graph_laplacian
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from face3d.parameters import FaceParameters
from renderers.preview.shaded import SKIN, PreviewStyle, default_style, render_shaded

Image = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

# Lashes keep this share of their length.
_LASHES = 0.3
# Teeth, tongue and the mouth's lining count as this much farther away: they would poke through thin lips, mm.
_BEHIND_MM = 4.0
# The neck fades out between these heights of the head at rest, before the mesh ends in rags at the shoulders, mm.
_NECK_MM = (-142.0, -115.0)
# What is left free around the head, in its sizes.
_FREE = 0.07
# A frame's side when none is asked for, at most, px.
_SIDE_PX = 1024


class HeadPreview:
    """Draws one model's head.

    Args:
        model: whose mesh is drawn; it may lack eyeballs, lashes or teeth.
    """

    def __init__(self, model: MorphableModel) -> None:
        parts = model.triangle_parts.numpy()
        triangles = model.triangles.numpy()
        rest = model.mean.numpy()
        lower = (parts == Part.LASHES) & (rest[triangles][..., 1].mean(1) < 0)
        self._triangles, self._parts = triangles[~lower], parts[~lower]
        self._style = default_style()
        self._colours = _vertex_colours(triangles, parts, len(rest), self._style)
        self._irises = iris_offsets(model)
        self._lashes = model.part_vertices(Part.LASHES).numpy()
        skin = model.part_vertices(Part.SKIN, Part.EYE_SOCKET).numpy()
        # Lashes grow on what moves as they do when the eye shuts.
        blinks = model.expression_basis[[ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]].sum(0).numpy()
        open_and_shut = np.concatenate([rest, rest + blinks], 1)
        self._roots = _nearest(open_and_shut[self._lashes], open_and_shut[skin], skin)
        inside = model.part_vertices(Part.UPPER_TEETH, Part.LOWER_TEETH, Part.TONGUE, Part.INNER_MOUTH).numpy()
        self._behind = np.zeros(len(rest), np.float32)
        self._behind[inside] = _BEHIND_MM
        low, high = _NECK_MM
        self._solid = np.clip((rest[:, 1] - low) / (high - low), 0, 1).astype(np.float32)
        self._model = model

    def frame(self, motion: FaceParameters, size: int | None = None) -> Camera:
        """The camera of a square picture that holds the head in all frames and little else.

        Args:
            motion: what the head does, before its own camera.
            size: side of the picture, px; as long as the camera's longer side, but at most 1024, when not given.
        """
        seen = torch.from_numpy(np.unique(self._triangles[(self._solid[self._triangles] > 0.4).any(1)])[::2])
        rest = self._model.vertices(motion.identity, torch.zeros(52), torch.zeros(2, 2))[seen]
        placed = head_to_camera(rest, motion.rotation, motion.translation)
        places = motion.camera.project(placed).reshape(-1, 2)
        low, high = places.min(0).values, places.max(0).values
        side = max(1.0, float((high - low).max()) * (1 + 2 * _FREE))
        left, top = ((low + high - side) / 2).tolist()
        size = size or min(_SIDE_PX, max(motion.camera.image_size))
        factor, (x, y) = size / side, motion.camera.principal_point_px
        return Camera(motion.camera.focal_px * factor, ((x - left) * factor, (y - top) * factor), (size, size))

    def draw(self, vertices: Tensor | FloatArray, camera: Camera) -> Image:
        """The head over a plain background.

        Args:
            vertices: [V, 3] mm, as `face3d.camera.head_to_camera` gives them.
            camera: gives the picture's size too.

        Returns:
            [H, W, 3] uint8 RGB.
        """
        points = np.asarray(vertices, np.float32).copy()
        points[self._lashes] = _LASHES * points[self._lashes] + (1 - _LASHES) * points[self._roots]
        return render_shaded(
            points,
            self._triangles,
            camera,
            self._parts,
            self._style,
            colours=self._colours,
            irises=self._irises,
            behind=self._behind,
            opacities=self._solid,
        )


def iris_offsets(model: MorphableModel) -> FloatArray:  # [V, 2] mm
    """How far each vertex of the eyeballs at rest lies beside its iris' axis, mm; infinite for all others."""
    offsets = np.full((len(model.mean), 2), np.inf, np.float32)
    centers = model.landmarks478.of(model.mean)[[LEFT_IRIS[0], RIGHT_IRIS[0]]].numpy()
    for center, part in zip(centers, (Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL), strict=True):
        index = model.part_vertices(part).numpy()
        front = index[model.mean.numpy()[index, 2] > model.mean.numpy()[index, 2].mean()] if len(index) else index
        offsets[front] = model.mean.numpy()[front, :2] - center[:2]
    return offsets


def _vertex_colours(
    triangles: NDArray[np.integer], parts: NDArray[np.integer], count: int, style: PreviewStyle
) -> FloatArray:  # [V, 3]
    """The parts' colours at the vertices; where lips and skin meet, what is between."""
    colours = np.zeros((count, 3), np.float32)
    weight = np.zeros(count, np.float32)
    for k in range(3):
        np.add.at(colours, triangles[:, k], style.colours[parts].astype(np.float32))
        np.add.at(weight, triangles[:, k], 1)
    colours /= np.maximum(weight, 1)[:, None]
    colours[weight == 0] = SKIN
    skin = np.unique(triangles[np.isin(parts, (Part.SKIN, Part.LIPS))])
    smooth = colours - 0.5 * (graph_laplacian(triangles, count) @ colours)
    colours[skin] = smooth[skin]
    return colours.astype(np.float32)


def _nearest(points: FloatArray, candidates: FloatArray, index: NDArray[np.integer]) -> NDArray[np.integer]:
    """For each point [N, D] the index of the nearest candidate [M, D]."""
    from scipy.spatial import cKDTree

    if not len(points):
        return np.zeros(0, index.dtype)
    return np.asarray(index[cKDTree(candidates).query(points)[1]])
