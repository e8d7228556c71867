"""Corrections of MakeHuman's neutral anatomy that a talking face needs: teeth that show, lids that just close."""

from __future__ import annotations

import numpy as np

from face3d.arkit import ARKIT_INDEX
from face3d.model.landmark_sets import LEFT_LOWER_LID, LEFT_UPPER_LID, RIGHT_LOWER_LID, RIGHT_UPPER_LID
from face3d.model.parts import Part
from scripts.lab.face_model.head import HeadMesh

# Upper incisors show two millimetres below the resting upper lip (Vig & Brundo 1978: 3.4 mm women, 1.9 mm men, less
# with age); lower incisors bite a little more than one behind them.
UPPER_INCISORS_BELOW_LIPS_MM = 2.2
OVERBITE_MM = 1.4


def _incisors_edge(mean: np.ndarray, index: np.ndarray, upper: bool) -> float:
    front = mean[index[np.abs(mean[index, 0]) < 5], 1]
    return float(front.min() if upper else front.max())


def place_teeth(mean: np.ndarray, head: HeadMesh, lips_y: float) -> np.ndarray:  # [V, 3] mm
    """`mean` with both rows of teeth moved up or down to where a resting mouth has them; `lips_y` is its line."""
    result = mean.copy()
    edge = lips_y - UPPER_INCISORS_BELOW_LIPS_MM
    for part, target in ((Part.UPPER_TEETH, edge), (Part.LOWER_TEETH, edge + OVERBITE_MM)):
        index = np.unique(head.triangles[head.parts == part])
        result[index, 1] += target - _incisors_edge(mean, index, part == Part.UPPER_TEETH)
    return result


def close_lids(
    units: np.ndarray,  # [52, V, 3] mm
    mean: np.ndarray,  # [V, 3] mm
    triangles: np.ndarray,  # [F, 3]
    landmark_triangle: np.ndarray,  # [478]
    landmark_barycentric: np.ndarray,  # [478, 3]
) -> np.ndarray:
    """`units` with eyeBlink scaled, column by column of the eye, so that at weight 1 the lids meet without overlap."""
    result = units.copy()

    def height(field: np.ndarray, points: tuple[int, ...]) -> np.ndarray:
        index = list(points)
        return (field[triangles[landmark_triangle[index]]][..., 1] * landmark_barycentric[index]).sum(1)

    def across(points: tuple[int, ...]) -> np.ndarray:
        index = list(points)
        return (mean[triangles[landmark_triangle[index]]][..., 0] * landmark_barycentric[index]).sum(1)

    for name, upper, lower in (
        ("eyeBlinkLeft", LEFT_UPPER_LID, LEFT_LOWER_LID),
        ("eyeBlinkRight", RIGHT_UPPER_LID, RIGHT_LOWER_LID),
    ):
        unit = units[ARKIT_INDEX[name]]
        opening = height(mean, upper) - height(mean, lower)
        closing = height(unit, lower) - height(unit, upper)
        x, factor = across(upper), opening / closing
        order = np.argsort(x)
        result[ARKIT_INDEX[name]] *= np.interp(mean[:, 0], x[order], factor[order])[:, None]
    return result
