"""The depth of what lies around a face, and how much of it belongs to the head: a shell of hair over the skull."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderers.surround.grid import FloatArray, Grid, SurroundOptions, harmonic_fill, smoothstep

# A shell steeper than this (depth per distance across the line of sight) would fold or tear when the head turns: of
# x' = x cos a + z sin a, the slope is cos a -+ sin a times this. Heads turn by up to 20 degrees, nod by up to 12.
_STEEPEST_ACROSS, _STEEPEST_DOWN = 1.4, 3.0
# How far the skull's depth is carried on beyond its outline, in face heights: from there on, depth is that of hair.
_SKULL_REACH = 0.12


def shell_depth(
    skull: FloatArray,
    covered: NDArray[np.bool_],
    plane: float,
    spacing_mm: float,
    nodes: float,
) -> FloatArray:
    """[gh, gw] depth of every node, mm: the head mesh's, continued towards `plane`, never too steep.

    Args:
        skull: [gh, gw] depth of the head mesh, mm.
        covered: [gh, gw] where the mesh is.
        plane: depth of hair beside and above the head, mm.
        spacing_mm: distance of two nodes at the head.
        nodes: grid nodes per face height.
    """
    if not covered.any():
        return np.full(skull.shape, plane, np.float32)
    depth = plane + harmonic_fill(np.where(covered, skull - plane, 0), covered, (1 / nodes / _SKULL_REACH) ** 2)
    return _not_steeper(depth, _STEEPEST_DOWN * spacing_mm, _STEEPEST_ACROSS * spacing_mm).astype(np.float32)


def _not_steeper(depth: NDArray[np.floating], down: float, across: float) -> NDArray[np.floating]:
    """The greatest function below `depth` that changes by at most `down` from row to row, `across` in a row."""
    rows, columns = np.indices(depth.shape)
    for _ in range(2):  # each pass is exact along its axis; together they are for steps along axes
        for axis, index, step in ((0, rows, down), (1, columns, across)):
            ramp = step * index
            forward = np.minimum.accumulate(depth - ramp, axis) + ramp
            backward = np.flip(np.minimum.accumulate(np.flip(depth + ramp, axis), axis), axis) - ramp
            depth = np.minimum(forward, backward)
    return depth


def head_share(
    grid: Grid,
    chin: FloatArray,
    face: float,
    options: SurroundOptions,
) -> FloatArray:
    """[gh, gw] 0..1: 1 where things move with the head, 0 from the shoulders on, between them along the neck.

    Args:
        grid: the nodes.
        chin: [2] px.
        face: the face's height, px.
        options: reach of the warp.
    """
    points = grid.points()
    # Shoulders rise higher beside the neck than collars below the chin, and the neck stays behind a jaw that moves.
    aside = np.abs(points[..., 0] - chin[0]) / face
    lift = options.shoulder_lift * smoothstep(np.clip((aside - 0.2) / 0.3, 0, 1))
    below = (points[..., 1] - chin[1]) / face + options.neck_start + lift
    return smoothstep(np.clip(1 - below / options.neck_reach, 0, 1))
