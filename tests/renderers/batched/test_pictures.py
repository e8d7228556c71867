from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from renderers.batched.pictures import (
    Windows,
    blur,
    composite,
    gaussian_weights,
    pixel_centres,
    sample,
    to_levels,
)
from renderers.head import skin_kernels as photo_kernels


def test_samples_at_pixel_centres_are_the_pixels() -> None:
    picture = torch.arange(24.0).reshape(2, 3, 4)
    places = pixel_centres(3, 4, torch.device("cpu"))[None]
    torch.testing.assert_close(sample(picture, places)[0], picture)


@pytest.mark.parametrize(("padding", "border"), [("border", cv2.BORDER_REPLICATE), ("zeros", cv2.BORDER_CONSTANT)])
def test_samples_are_opencvs(padding: str, border: int) -> None:
    rng = np.random.default_rng(0)
    picture = rng.random((9, 12), np.float32)
    x, y = rng.uniform(-5, 15, (2, 40, 40)).astype(np.float32)
    expected = cv2.remap(picture, x - 0.5, y - 0.5, cv2.INTER_LINEAR, borderMode=border)
    places = torch.from_numpy(np.stack([x, y], -1))[None]
    found = sample(torch.from_numpy(picture)[None], places, padding)[0, 0]
    # OpenCV may round places to 1/32 pixel.
    np.testing.assert_allclose(found, expected, atol=1 / 16)


def test_composition_is_the_kernels_to_the_bit() -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 256, (40, 50, 3), np.uint8)
    overlay = rng.integers(0, 256, (40, 50, 4), np.uint8)
    overlay[..., :3] = np.minimum(overlay[..., :3], overlay[..., 3:])
    overlay[:10, :, 3] = np.repeat([0, 255], 25)
    expected = base.copy()
    photo_kernels.composite(expected, overlay, 0, 0)
    first, second = (torch.from_numpy(p).permute(2, 0, 1)[None] for p in (base, overlay))
    np.testing.assert_array_equal(composite(first, second)[0].permute(1, 2, 0), expected)


def test_levels_are_rounded_half_up_within_their_range() -> None:
    assert to_levels(torch.tensor([-3.0, 0.49, 0.5, 254.4, 999.0])).tolist() == [0, 0, 1, 254, 255]


@pytest.mark.parametrize("sigma", [0.6, 1.0, 2.25, 7.5])
def test_blur_is_opencvs(sigma: float) -> None:
    picture = np.zeros((64, 80), np.float32)
    picture[30:40, 20:60] = 1
    expected = cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
    found = blur(torch.from_numpy(picture)[None, None], gaussian_weights(sigma, torch.device("cpu")))
    np.testing.assert_allclose(found[0, 0], expected, atol=1e-5)


def test_windows_cut_and_paste() -> None:
    pictures = torch.arange(2 * 6 * 8).reshape(2, 1, 6, 8)
    low, high = torch.tensor([[1.2, 2.0], [-3.0, 4.5]]), torch.tensor([[3.9, 4.0], [2.0, 99.0]])
    windows = Windows.between(low, high, 6, 8)
    assert windows is not None
    assert windows.corner.tolist() == [[1, 2], [0, 4]]
    assert windows.size.tolist() == [[3, 2], [2, 2]]
    cut = windows.read(pictures)
    np.testing.assert_array_equal(cut[0, 0], pictures[0, 0, 2:4, 1:4])
    np.testing.assert_array_equal(cut[1, 0, :, :2], pictures[1, 0, 4:6, :2])
    changed = pictures.clone()
    windows.write(changed, torch.full_like(cut, -1))
    where = torch.nonzero(changed[:, 0] < 0).tolist()
    inside = [[0, y, x] for y in (2, 3) for x in (1, 2, 3)] + [[1, y, x] for y in (4, 5) for x in (0, 1)]
    assert where == inside
    assert (windows.centres()[0, 0, 0] == torch.tensor([1.5, 2.5])).all()


def test_windows_outside_are_none_or_empty() -> None:
    outside, inside = torch.tensor([[-9.0, -9.0], [-2.0, -2.0]]), torch.tensor([[1.0, 1.0], [3.0, 3.0]])
    assert Windows.around(outside[None], 0.0, 6, 8) is None
    both = Windows.around(torch.stack([outside, inside]), 1.0, 6, 8)
    assert both is not None
    assert both.size.tolist() == [[0, 0], [4, 4]]
    assert not both.inside()[0].any()


def test_windows_refuse_pictures_that_they_could_not_change() -> None:
    windows = Windows.around(torch.tensor([[[1.0, 1.0], [3.0, 3.0]]]), 0.0, 6, 8)
    assert windows is not None
    with pytest.raises(RuntimeError, match="view"):
        windows.write(torch.zeros(1, 8, 6, 3).permute(0, 3, 2, 1), torch.zeros(1, 3, 2, 2))
