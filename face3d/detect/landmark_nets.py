"""The landmark and expression nets of MediaPipe's Face Landmarker, run directly on a crop of a face."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES
from face3d.litert import Net
from face3d.resources import asset_path

LANDMARK_COUNT = 478
CROP_PX = 256
# The expression net's outputs: `_neutral`, then the ARKit names in alphabetical order without `tongueOut`.
_SCORE_INDICES = [ARKIT_INDEX[name] for name in sorted(ARKIT_NAMES) if name != "tongueOut"]
# What the expression net reads (face_landmarker/face_blendshapes_graph.cc in MediaPipe's sources): lips, eyes, irises,
# brows, the nose's ridge and the face's outline.
_SCORED_LANDMARKS = np.array(
    [
        *(0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78),
        *(
            80,
            81,
            82,
            84,
            87,
            88,
            91,
            93,
            95,
            103,
            105,
            107,
            109,
            127,
            132,
            133,
            136,
            144,
            145,
            146,
            148,
            149,
            150,
            152,
        ),
        *(153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246),
        *(249, 251, 263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312),
        *(314, 317, 318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381),
        *(382, 384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, *range(468, 478)),
    ]
)


@dataclass(frozen=True, eq=False)
class NetFace:
    """What the nets see in one crop.

    Attributes:
        landmarks: [478, 3] float32; x, y and z (smaller is nearer) in pixels of the crop.
        presence: log-odds that the crop shows a face; 10 to 22 for a clear one that fills it as it should.
    """

    landmarks: NDArray[np.float32]
    presence: float


class LandmarkNets:
    """Both nets, loaded; any number of threads may use them.

    Args:
        threads: how many a call may use.
    """

    def __init__(self, threads: int = 1) -> None:
        with zipfile.ZipFile(asset_path("face_landmarker.task")) as task:
            self._landmark_net = Net(task.read("face_landmarks_detector.tflite"), threads)
            self._score_net = Net(task.read("face_blendshapes.tflite"))
        shapes = self._landmark_net.output_shapes
        (self._points,) = (i for i, shape in enumerate(shapes) if shape[-1] == 3 * LANDMARK_COUNT)
        (self._presence,) = (i for i, shape in enumerate(shapes) if len(shape) == 4 and shape[-1] == 1)

    def run(self, crop: NDArray[np.uint8]) -> NetFace:  # crop [256, 256, 3] RGB
        """The face in a crop that it fills as :func:`face3d.detect.face_tracker.crop_of` says, without its scores."""
        outputs = self._landmark_net.run(np.multiply(crop, np.float32(1 / 255), dtype=np.float32)[None])
        return NetFace(outputs[self._points].reshape(LANDMARK_COUNT, 3), float(outputs[self._presence].item()))

    def score(self, points: NDArray[np.float32]) -> NDArray[np.float32]:  # [478, 2] -> [52]
        """The expression scores of landmarks, in the order of `face3d.arkit.ARKIT_NAMES`, each in 0..1.

        Scale and origin do not matter. The net knows upright faces.
        """
        (seen,) = self._score_net.run(points[None, _SCORED_LANDMARKS])
        scores = np.zeros(len(ARKIT_NAMES), np.float32)
        scores[_SCORE_INDICES] = seen[1:]
        return scores
