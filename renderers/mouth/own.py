"""The photo's own open mouth: what it shows of teeth, tongue and cavity, kept wherever those come to lie."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from renderers.mouth.canvas import LOWER_TEETH, UPPER_TEETH, Canvas, OwnMouth
from renderers.mouth.kernels import teeth_light
from renderers.mouth.scene import MouthScene
from renderers.mouth.window import CELLS_PER_MM, warp_matrix
from renderers.photo.layers import continue_from, luminance

FloatArray = NDArray[np.float32]

# Lips must stand this far apart for their inside to be worth keeping, mm.
_LEAST_GAP_MM = 2.0
# The rim's own shadow and blur: pixels nearer to it than this are not used, mm.
_RIM_MM = 0.5
# Teeth are continued this far under the lips, mm.
_TEETH_REACH_MM = 3.0
# Enamel no higher than one row of teeth is all upper teeth, if the mesh's end that far from it; mm.
_ROW_MM, _LONG_TEETH_MM = 11.0, 8.0
# A throat seen through less than this is mostly the teeth's shadow, mm.
_THROAT_GAP_MM = 8.0
# Less of a tongue or throat than this is what lies between teeth, mm^2.
_LEAST_THROAT_MM2 = 80.0
# Share of the teeth's brightness that tells enamel from what lies beside it.
_ENAMEL = 0.52
# Darker than this share of it, something red is no lip but the shade of the mouth's corners.
_DIM = 0.35
# Two rows of teeth are told apart by a line this dark between them, in shares of the teeth's brightness in a column,
# that shows in this share of the columns with teeth.
_ROWS_DIP, _ROWS_SHARE, _LEAST_COLUMNS = 0.75, 0.4, 12
# Share of the opening's pixels that show its deepest shade.
_DARKEST = 0.05
# Red over green, in shares of the teeth's, from which on something is lip or gum rather than a tooth.
_LIP_REDNESS = 1.22


def no_own_mouth() -> OwnMouth:
    """For photos with closed lips."""
    return OwnMouth(*(np.zeros(shape, np.float32) for shape in ((3, 1, 1), (4, 1, 1), (2, 1, 1))))


def own_mouth(photo: NDArray[np.uint8], scene: MouthScene, canvas: Canvas, teeth: FloatArray) -> OwnMouth:
    """Take the photo's mouth.

    Args:
        photo: [h, w, 3] uint8 RGB, the crop.
        scene: the undriven mouth.
        canvas: the undriven mouth as painted without the photo's help: materials and light.
        teeth: [3] 0..255 the colour of well-lit teeth.
    """
    height, width = scene.cover.shape
    per_mm = CELLS_PER_MM * scene.scale
    if scene.rim.gap.max() < _LEAST_GAP_MM * per_mm:
        return no_own_mouth()
    matrix = warp_matrix((scene.window.matrix * scene.scale).astype(np.float32))
    picture = np.asarray(
        cv2.warpAffine(photo, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )
    safe = _shrunk(scene.cover, _RIM_MM * per_mm)
    smooth = _blurred(picture, 0.3 * per_mm)
    enamel = safe & (luminance(smooth) > _ENAMEL * luminance(teeth))
    red, green, _ = np.moveaxis(smooth, 2, 0)
    lip_coloured = red * teeth[1] > _LIP_REDNESS * green * teeth[0]
    enamel &= ~lip_coloured
    brightness = luminance(smooth)
    dim = brightness < _DIM * luminance(teeth)
    dark_rgb = _darkest(picture, brightness, safe)
    upper_side = _above(_line_between_rows(brightness, enamel), height)
    result = picture
    shown = np.zeros((4, height, width), np.float32)
    first_row = enamel & upper_side
    one_row = np.quantile(first_row.sum(0)[first_row.any(0)], 0.9) < _ROW_MM * per_mm if first_row.any() else False
    upper_reach = (_LONG_TEETH_MM if one_row else _TEETH_REACH_MM) * per_mm
    taken = np.zeros((height, width), bool)
    for material in range(4):
        part = canvas.material == material
        if material in (UPPER_TEETH, LOWER_TEETH):
            upper = material == UPPER_TEETH
            row = (_near(part, upper_reach) & upper_side if upper else part) & enamel & ~taken
            if row.sum() < max(30.0, 6 * per_mm**2):
                continue
            taken |= row
            inwards = _before_edge(row, upper)
            # Under the lip teeth go on as they begin; beyond the biting edge, and in the shade of the corners, the
            # photo is right even where the mesh has longer teeth.
            hidden = _near(row, _TEETH_REACH_MM * per_mm) & (~safe | part) & inwards & ~row & ~lip_coloured
            beyond = part & safe & ~inwards
            other_row = beyond & enamel
            shade = beyond & ~enamel & (~lip_coloured | dim)
            result = np.where(hidden[..., None], continue_from(picture, row, hidden, 0.3 * per_mm), result)
            result = np.where(other_row[..., None], dark_rgb, result)
            part = row | hidden | shade | other_row
        elif scene.rim.gap.max() < _THROAT_GAP_MM * per_mm:
            continue
        else:
            part = part & safe & ~_near(enamel, _RIM_MM * per_mm)
            if part.sum() < _LEAST_THROAT_MM2 * per_mm**2:
                continue
        shown[material] = cv2.GaussianBlur(part.astype(np.float32), (0, 0), 0.35 * per_mm)
    light = cv2.GaussianBlur(canvas.light, (0, 0), 0.5 * per_mm)
    weight = cv2.GaussianBlur((canvas.material >= 0).astype(np.float32), (0, 0), 0.5 * per_mm)
    light = np.where(weight > 0.05, light / np.maximum(weight, 0.05), 1)
    planes = np.ascontiguousarray(result.transpose(2, 0, 1).astype(np.float32))
    teeth_shade = teeth_light(scene.levels, scene.cover.shape, CELLS_PER_MM, scene.scale)
    return OwnMouth(planes, shown, np.stack([teeth_shade, light]).astype(np.float32))


def _darkest(picture: NDArray[np.uint8], brightness: FloatArray, safe: NDArray[np.bool_]) -> NDArray[np.uint8]:  # [3]
    """The colour of the mouth's deepest shade."""
    inside = picture[safe]
    if not len(inside):
        return np.zeros(3, np.uint8)
    dark = brightness[safe] <= np.quantile(brightness[safe], _DARKEST)
    return np.asarray(np.median(inside[dark], axis=0), np.uint8)


def _line_between_rows(light: FloatArray, enamel: NDArray[np.bool_]) -> NDArray[np.float64] | None:  # [W] rows
    """The dark line between two rows of teeth that show together, a parabola over the columns; None if only one shows.

    Args:
        light: [H, W] brightness.
        enamel: [H, W] teeth of both rows.
    """
    bright = np.where(enamel, light, 0)
    above = np.maximum.accumulate(bright, axis=0)
    below = np.maximum.accumulate(bright[::-1], axis=0)[::-1]
    least = np.minimum(above, below)
    dip = np.where(least > 0, light / np.maximum(least, 1), 1)
    rows = dip.argmin(0)
    columns = np.nonzero(dip.min(0) < _ROWS_DIP)[0]
    if len(columns) < _ROWS_SHARE * enamel.any(0).sum() or len(columns) < _LEAST_COLUMNS:
        return None
    line = np.full(enamel.shape[1], np.median(rows[columns]))
    for _ in range(3):
        distance = np.abs(rows[columns] - line[columns])
        close = columns[distance <= max(1.0, float(np.median(distance)))]
        curve = np.polynomial.Polynomial.fit(close, rows[close], 2)
        reach = np.clip(np.arange(len(line)), close.min(), close.max())
        line = np.asarray(curve(reach), np.float64)
    return line


def _above(line: NDArray[np.float64] | None, height: int) -> NDArray[np.bool_]:  # [H, W], or [1, 1] without a line
    """What lies above a line over the columns; everything without one."""
    if line is None:
        return np.ones((1, 1), bool)
    return np.asarray(np.arange(height)[:, None] < line)


def _near(mask: NDArray[np.bool_], distance: float) -> NDArray[np.bool_]:
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5) < distance)


def _before_edge(row: NDArray[np.bool_], upper: bool) -> NDArray[np.bool_]:
    """Where teeth are or could be: in the columns of `row` and not beyond its biting edge."""
    seen = row[::-1] if upper else row
    reached = np.maximum.accumulate(seen, axis=0)
    return np.asarray(reached[::-1] if upper else reached)


def _shrunk(cover: FloatArray, by: float) -> NDArray[np.bool_]:
    inside = (cover > 0.5).astype(np.uint8)
    return np.asarray(cv2.distanceTransform(np.pad(inside, 1), cv2.DIST_L2, 5)[1:-1, 1:-1] > by)


def _blurred(image: NDArray[np.uint8], size: float) -> FloatArray:
    return cv2.GaussianBlur(image, (0, 0), max(0.5, size)).astype(np.float32)
