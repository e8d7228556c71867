"""The photo's own open mouth: what it shows of teeth, tongue and cavity, kept wherever those come to lie."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from renderers.mouth.kernels import LOWER_TEETH, UPPER_TEETH, Canvas, OwnMouth
from renderers.mouth.scene import MouthScene
from renderers.mouth.window import CELLS_PER_MM, warp_matrix
from renderers.photo_layers import continue_from, luminance

FloatArray = NDArray[np.float32]

# Lips must stand this far apart for their inside to be worth keeping, mm.
_LEAST_GAP_MM = 2.0
# The rim's own shadow and blur: pixels nearer to it than this are not used, mm.
_RIM_MM = 0.5
# Teeth are continued this far under the lips, and may be this much longer than the mesh's, mm.
_TEETH_REACH_MM = 3.0
# Share of the teeth's brightness that tells enamel from what lies beside it.
_ENAMEL = 0.62
# Red over green, from which on something dark is lip rather than a tooth in the shade.
_LIP_REDNESS = 1.45


def no_own_mouth() -> OwnMouth:
    """For photos with closed lips."""
    return OwnMouth(*(np.zeros(shape, np.float32) for shape in ((3, 1, 1), (4, 1, 1), (1, 1))))


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
    enamel = safe & (luminance(_blurred(picture, 0.3 * per_mm)) > _ENAMEL * luminance(teeth))
    red, green, _ = np.moveaxis(_blurred(picture, 0.3 * per_mm), 2, 0)
    lip_coloured = red > _LIP_REDNESS * green
    result = picture
    shown = np.zeros((4, height, width), np.float32)
    taken = np.zeros((height, width), bool)
    for material in range(4):
        part = canvas.material == material
        if material in (UPPER_TEETH, LOWER_TEETH):
            reach = _TEETH_REACH_MM * per_mm
            row = (_near(part, reach) if material == UPPER_TEETH else part) & enamel & ~taken
            if row.sum() < max(30.0, 6 * per_mm**2):
                continue
            taken |= row
            # Where no tooth is bright any more, towards the corners, the photo's own shadow lies on them.
            columns = np.nonzero(row.any(0))[0]
            beyond = np.ones(width, bool)
            beyond[columns[0] : columns[-1] + 1] = False
            row |= part & safe & beyond & _near(row, reach) & ~lip_coloured
            beside = _near(row, reach) & (~safe | part) & ~row
            result = np.where(beside[..., None], continue_from(picture, row, beside, 0.3 * per_mm), result)
            part = row | beside
        else:
            part = part & safe & ~enamel
        shown[material] = cv2.GaussianBlur(part.astype(np.float32), (0, 0), 0.35 * per_mm)
    light = cv2.GaussianBlur(canvas.light, (0, 0), 0.5 * per_mm)
    weight = cv2.GaussianBlur((canvas.material >= 0).astype(np.float32), (0, 0), 0.5 * per_mm)
    light = np.where(weight > 0.05, light / np.maximum(weight, 0.05), 1)
    planes = np.ascontiguousarray(result.transpose(2, 0, 1).astype(np.float32))
    return OwnMouth(planes, shown, np.asarray(light, np.float32))


def _near(mask: NDArray[np.bool_], distance: float) -> NDArray[np.bool_]:
    return np.asarray(cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5) < distance)


def _shrunk(cover: FloatArray, by: float) -> NDArray[np.bool_]:
    inside = (cover > 0.5).astype(np.uint8)
    return np.asarray(cv2.distanceTransform(np.pad(inside, 1), cv2.DIST_L2, 5)[1:-1, 1:-1] > by)


def _blurred(image: NDArray[np.uint8], size: float) -> FloatArray:
    return cv2.GaussianBlur(image, (0, 0), max(0.5, size)).astype(np.float32)
