"""PSNR by hand, SSIM against a slow reference and against kornia."""

from __future__ import annotations

import math

import numpy as np
import pytest

from scripts.lab.measure.similarity import SIGMA, WINDOW, luma, psnr, psnr_of, squared_error, ssim, ssim_map


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    """A smooth picture and the same with noise, 40 x 50."""
    random = np.random.default_rng(3)
    y, x = np.mgrid[:40, :50]
    smooth = np.stack([128 + 90 * np.sin(x / 9), 60 + 2 * y, 3 * x], -1)
    noisy = smooth + random.normal(0, 12, smooth.shape)
    return smooth.clip(0, 255).astype(np.uint8), noisy.clip(0, 255).astype(np.uint8)


def slow_ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The paper's formulas (2004, section III-B), window by window, for pixels whose window lies in the picture."""
    reach = WINDOW // 2
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * SIGMA**2))
    weights /= weights.sum()
    x, y = luma(a), luma(b)
    height, width = x.shape
    result = np.empty((height - 2 * reach, width - 2 * reach))
    for row in range(result.shape[0]):
        for column in range(result.shape[1]):
            p = x[row : row + WINDOW, column : column + WINDOW]
            q = y[row : row + WINDOW, column : column + WINDOW]
            mean_p, mean_q = (weights * p).sum(), (weights * q).sum()
            variance_p = (weights * (p - mean_p) ** 2).sum()
            variance_q = (weights * (q - mean_q) ** 2).sum()
            covariance = (weights * (p - mean_p) * (q - mean_q)).sum()
            c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
            result[row, column] = ((2 * mean_p * mean_q + c1) * (2 * covariance + c2)) / (
                (mean_p**2 + mean_q**2 + c1) * (variance_p + variance_q + c2)
            )
    return result


def test_ssim_is_the_papers(pair: tuple[np.ndarray, np.ndarray]) -> None:
    expected = slow_ssim(*pair)
    assert 0.2 < expected.mean() < 0.95
    np.testing.assert_allclose(ssim_map(*pair)[5:-5, 5:-5], expected, atol=1e-9)


def test_ssim_agrees_with_kornia(pair: tuple[np.ndarray, np.ndarray]) -> None:
    kornia = pytest.importorskip("kornia.metrics", reason="kornia is not installed")
    import torch

    a, b = (torch.from_numpy(luma(image))[None, None] / 255 for image in pair)
    theirs = kornia.ssim(a, b, WINDOW)[0, 0].numpy()
    np.testing.assert_allclose(ssim_map(*pair)[5:-5, 5:-5], theirs[5:-5, 5:-5], atol=1e-6)


def test_equal_pictures(pair: tuple[np.ndarray, np.ndarray]) -> None:
    assert ssim(pair[0], pair[0]) == pytest.approx(1)
    assert psnr(pair[0], pair[0]) == math.inf


def test_psnr_by_hand() -> None:
    a = np.zeros((4, 5, 3), np.uint8)
    b = a.copy()
    b[1, 2] = (30, 0, 0)
    assert squared_error(a, b)[1, 2] == 300
    assert psnr(a, b) == pytest.approx(10 * math.log10(255**2 / 15))
    mask = np.zeros((4, 5), bool)
    mask[1, 2:4] = True
    assert psnr(a, b, mask) == pytest.approx(psnr_of(150))
    assert math.isnan(psnr(a, b, np.zeros((4, 5), bool)))


def test_ssim_of_a_part(pair: tuple[np.ndarray, np.ndarray]) -> None:
    mixed = pair[0].copy()
    mixed[:, 25:] = pair[1][:, 25:]
    left = np.zeros(mixed.shape[:2], bool)
    left[:, :19] = True
    assert ssim(pair[0], mixed, left) == pytest.approx(1)
    assert ssim(pair[0], mixed, ~left) < 0.95
