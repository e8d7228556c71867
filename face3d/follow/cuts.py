"""How much a video's picture changes from frame to frame, to find its cuts."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d.detect.view import ImageArray

_SIZE = (32, 18)  # of the thumbnails, width and height
_SAMPLES = 160  # pixels along the longer side that make a thumbnail; fewer are quicker, and enough
_MEMORY = 3  # frames
_FLAT = 3.0  # grey levels; the deviation of a black, white or faded frame


class ContentChange:
    """Compares each frame with the few before it.

    A flash or a dropped picture lasts a frame or two, so what follows still resembles what was before, and brightness
    and contrast do not count. Frames without a picture (black, white) change nothing.
    """

    def __init__(self) -> None:
        self._before: deque[NDArray[np.float32]] = deque(maxlen=_MEMORY)

    @property
    def thumbnails(self) -> NDArray[np.float32]:
        """[n, 576] what it remembers of the frames before, the oldest first."""
        return np.stack(self._before) if self._before else np.empty((0, _SIZE[0] * _SIZE[1]), np.float32)

    @classmethod
    def remembering(cls, thumbnails: NDArray[np.float32]) -> ContentChange:
        """One that goes on from what another remembered.

        Raises:
            ValueError: another shape.
        """
        if thumbnails.ndim != 2 or thumbnails.shape[1] != _SIZE[0] * _SIZE[1]:
            raise ValueError(f"thumbnails must be [n, {_SIZE[0] * _SIZE[1]}], got {list(thumbnails.shape)}")
        result = cls()
        result._before.extend(thumbnails)
        return result

    def step(self, image: ImageArray) -> float:
        """One minus the correlation with the most similar of the frames before.

        Returns:
            0 (the same) to 2; between the successive frames of one shot at most 0.05, of different ones mostly above
            0.1; 0 for the first frame.
        """
        stride = max(1, max(image.shape[:2]) // _SAMPLES)
        samples = np.ascontiguousarray(image[::stride, ::stride])
        thumbnail = cv2.resize(samples, _SIZE, interpolation=cv2.INTER_AREA).astype(np.float32).mean(2).ravel()
        thumbnail -= thumbnail.mean()
        if float(thumbnail.std()) < _FLAT:
            return 0.0
        thumbnail /= np.linalg.norm(thumbnail)
        change = min((1 - float(thumbnail @ other) for other in self._before), default=0.0)
        self._before.append(thumbnail)
        return change
