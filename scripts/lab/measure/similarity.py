"""Two pictures of the same thing: PSNR and SSIM over a part of them."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]

# Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural similarity", 2004.
WINDOW, SIGMA = 11, 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def luma(image: Image) -> NDArray[np.float64]:  # [H, W, 3] -> [H, W]
    """BT.601 luma of RGB, 0..255, not rounded."""
    return image.astype(np.float64) @ (0.299, 0.587, 0.114)


def squared_error(a: Image, b: Image) -> NDArray[np.float64]:  # [H, W, 3] twice -> [H, W]
    """Mean over the three channels of the squared difference of two pictures, 0..255^2."""
    return np.square(a.astype(np.float64) - b).mean(-1)


def psnr_of(mean_squared_error: float) -> float:
    """Peak signal-to-noise ratio in dB of 8-bit pictures; infinite for an error of 0."""
    return 10 * math.log10(255**2 / mean_squared_error) if mean_squared_error > 0 else math.inf


def psnr(a: Image, b: Image, mask: Mask | None = None) -> float:
    """PSNR in dB over all channels of the pixels in `mask`.

    Args:
        a, b: [H, W, 3] uint8.
        mask: [H, W]; all pixels when not given. NaN when it is empty.
    """
    error = squared_error(a, b)
    chosen = error if mask is None else error[mask]
    return psnr_of(float(chosen.mean())) if chosen.size else math.nan


def ssim_map(a: Image, b: Image) -> NDArray[np.float64]:  # [H, W, 3] twice -> [H, W]
    """Structural similarity of the lumas around each pixel: -1..1, 1 where they are equal.

    The window is Gaussian, 11 pixels wide with a standard deviation of 1.5; at the picture's border it is mirrored.
    """
    x, y = luma(a), luma(b)
    mean_x, mean_y = _blur(x), _blur(y)
    variance_x = _blur(x * x) - mean_x**2
    variance_y = _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    likeness = (2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)
    return likeness / ((mean_x**2 + mean_y**2 + _C1) * (variance_x + variance_y + _C2))


def ssim(a: Image, b: Image, mask: Mask | None = None) -> float:
    """Mean of :func:`ssim_map` over `mask` [H, W], or over all pixels."""
    values = ssim_map(a, b)
    return float(values.mean() if mask is None else values[mask].mean())


def _blur(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(cv2.GaussianBlur(values, (WINDOW, WINDOW), SIGMA, borderType=cv2.BORDER_REFLECT_101), np.float64)
