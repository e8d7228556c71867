"""The first net of MediaPipe's Face Landmarker, BlazeFace: where in a picture there are faces.

Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs", 2019. Anchors, thresholds and the
way in which overlapping finds are joined are those of face_detector/face_detector_graph.cc in MediaPipe's sources.
"""

from __future__ import annotations

import zipfile

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d.detect.turned_box import TurnedBox
from face3d.detect.view import ImageArray
from face3d.litert import Net
from face3d.resources import asset_path

# Of 600 real faces the lowest score was 0.64 (cropped tight); a colour wheel scores 0.56.
CONFIDENCE = 0.6
NET_PX = 128
# Cells of the net's two grids per side, and anchors per cell, all as large as the picture.
_GRIDS = ((16, 2), (8, 6))
_SAME_FACE = 0.5  # boxes with a larger intersection over union are finds of one face
_MARGIN = 1.5  # side of the crop that the landmark net wants over the box's

FloatArray = NDArray[np.float64]


class FaceSearch:
    """The net, loaded; any number of threads may use it."""

    def __init__(self) -> None:
        with zipfile.ZipFile(asset_path("face_landmarker.task")) as task:
            self._net = Net(task.read("face_detector.tflite"))
        shapes = self._net.output_shapes
        (self._boxes,) = (i for i, shape in enumerate(shapes) if shape[-1] == 16)
        (self._scores,) = (i for i, shape in enumerate(shapes) if shape[-1] == 1)
        self._anchors = _anchors()

    def find(self, picture: ImageArray, most: int) -> list[TurnedBox]:
        """The crops in which to look for landmarks, the surest find first.

        Args:
            picture: [S, S, 3] uint8 RGB.
            most: how many.
        """
        side = picture.shape[0]
        whole = TurnedBox((side / 2, side / 2), (side, side))
        seen = whole.sample(picture, NET_PX, cv2.BORDER_CONSTANT)
        outputs = self._net.run(np.subtract(seen * np.float32(1 / 127.5), 1, dtype=np.float32)[None])
        logits = outputs[self._scores][0, :, 0].astype(np.float64)
        likely = logits >= np.log(CONFIDENCE / (1 - CONFIDENCE))
        points = outputs[self._boxes][0, likely].astype(np.float64).reshape(-1, 8, 2) / NET_PX
        points[:, 0] += self._anchors[likely]
        points[:, 2:] += self._anchors[likely, None]
        finds = join_finds(points, 1 / (1 + np.exp(-logits[likely])))
        return [_crop(find, side) for find in finds[:most]]


def _anchors() -> FloatArray:
    """[896, 2] the anchors' middles (x, y) in 0..1, in the net's order."""
    layers = []
    for cells, count in _GRIDS:
        middles = (np.arange(cells) + 0.5) / cells
        grid = np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2)
        layers.append(np.repeat(grid, count, axis=0))
    return np.concatenate(layers)


def join_finds(points: FloatArray, scores: FloatArray) -> list[FloatArray]:
    """Replace finds of one face by their mean, weighted with their scores.

    Args:
        points: [N, 8, 2] of each find: the middle of its box, width and height, six points of the face.
        scores: [N] in 0..1.

    Returns:
        [8, 2] as `points` for each face, the surest first.
    """
    low, high = points[:, 0] - points[:, 1] / 2, points[:, 0] + points[:, 1] / 2
    rest = np.argsort(-scores, kind="stable")
    rest = rest[(points[rest, 1] > 0).all(1)]
    joined = []
    while len(rest):
        first = rest[0]
        shared = np.maximum(np.minimum(high[rest], high[first]) - np.maximum(low[rest], low[first]), 0).prod(1)
        same = shared > _SAME_FACE * (points[rest, 1].prod(1) + points[first, 1].prod() - shared)
        joined.append(np.average(points[rest[same]], axis=0, weights=scores[rest[same]]))
        rest = rest[~same]
    return joined


def _crop(find: FloatArray, side: int) -> TurnedBox:
    """The box of a find, enlarged and turned so that the eyes are level."""
    x, y = find[0] * side
    width, height = find[1] * (_MARGIN * side)
    eyes = find[3] - find[2]
    return TurnedBox((float(x), float(y)), (float(width), float(height)), float(np.arctan2(eyes[1], eyes[0])))
