"""Pictures prepared for sharp and fast sampling between their pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def half_grid(image: NDArray[np.uint8]) -> NDArray[np.uint8]:  # [h, w, 3] -> [2h - 1, 2w - 1, 3]
    """The picture with an interpolated sample between each two pixels; even samples are the pixels themselves.

    Bilinear sampling of it is nearly as sharp as cubic sampling of the picture, four times faster, and exact for whole
    pixels.
    """
    for axis in (0, 1):
        count = image.shape[axis]
        padded = np.pad(image, [(1, 1) if i == axis else (0, 0) for i in range(3)], mode="edge").astype(np.int16)
        before, here, there, after = (
            padded[tuple(slice(k, k + count - 1) if i == axis else slice(None) for i in range(3))] for k in range(4)
        )
        between = (9 * (here + there) - before - after + 8) >> 4  # Catmull-Rom at 1/2
        shape = list(image.shape)
        shape[axis] = 2 * count - 1
        result = np.empty(shape, np.uint8)
        even, odd = (tuple(slice(s, None, 2) if i == axis else slice(None) for i in range(3)) for s in (0, 1))
        result[even], result[odd] = image, np.clip(between, 0, 255)
        image = result
    return image
