from __future__ import annotations

import numpy as np
import pytest
import torch

from renderers.numba_kernels import interpolate_arrays
from renderers.rasterize_numba import FragmentArrays, rasterize_arrays
from renderers.sampling import draw_textured, sample_picture

TRIANGLES = np.array([[0, 1, 2], [1, 3, 2]], np.int32)
VERTICES = np.array([[1, 1, 200], [30, 4, 300], [5, 25, 400], [28, 22, 250]], np.float32)
# Some of these lie outside the 17 x 23 picture.
SOURCE = np.array([[-3, 2], [20, -2], [4, 18.5], [27, 12]], np.float32)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (17, 23, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def fragments() -> FragmentArrays:
    return rasterize_arrays(VERTICES, TRIANGLES, 28, 33)


@pytest.mark.parametrize("kind", ["linear", "cubic"])
def test_pixel_centres_give_the_pixels(picture: np.ndarray, kind) -> None:
    values = torch.from_numpy(picture).double()
    y, x = torch.meshgrid(torch.arange(17) + 0.5, torch.arange(23) + 0.5, indexing="ij")
    assert torch.equal(sample_picture(values, torch.stack([x, y], -1).double(), kind), values)


@pytest.mark.parametrize("kind", ["linear", "cubic"])
def test_linear_ramps_are_reproduced(kind) -> None:
    y, x = torch.meshgrid(torch.arange(9.0) + 0.5, torch.arange(9.0) + 0.5, indexing="ij")
    points = 2 + 5 * torch.rand(50, 2, generator=torch.Generator().manual_seed(0))
    got = sample_picture(torch.stack([x, y], -1), points, kind)
    torch.testing.assert_close(got, points, rtol=0, atol=1e-5)


def test_linear_equals_torchs_grid_sample(picture: np.ndarray) -> None:
    values = torch.from_numpy(picture).double()
    points = torch.rand(40, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 40 - 8
    grid = points / torch.tensor([23.0, 17.0]) * 2 - 1
    want = torch.nn.functional.grid_sample(
        values.permute(2, 0, 1)[None], grid[None, None], padding_mode="border", align_corners=False
    )
    torch.testing.assert_close(sample_picture(values, points), want[0, :, 0].T)


@pytest.mark.parametrize("kind", ["linear", "cubic"])
def test_gradients(kind) -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.rand(5, 6, 2, generator=generator, dtype=torch.float64).requires_grad_()
    points = (torch.rand(7, 2, generator=generator, dtype=torch.float64) * 4 + 0.7).requires_grad_()
    assert torch.autograd.gradcheck(lambda p, x: sample_picture(p, x, kind), (values, points))


@pytest.mark.parametrize("kind", ["linear", "cubic"])
@pytest.mark.parametrize("source_dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_draw_textured_equals_the_reference(picture, fragments, kind, source_dtype, dtype) -> None:
    out = np.full((28, 33, 3), 9, dtype)
    got = draw_textured(fragments, TRIANGLES, SOURCE, picture.astype(source_dtype), out, kind)
    positions = torch.from_numpy(interpolate_arrays(fragments, TRIANGLES, SOURCE))
    want = sample_picture(torch.from_numpy(picture).float(), positions, kind).numpy()
    covered = fragments.face_index >= 0
    assert got is out
    assert (got[~covered] == 9).all()
    if dtype == np.uint8:
        want = np.clip(np.floor(want + 0.5), 0, 255)
        assert abs(got[covered] - want[covered]).max() <= 1  # float32 differs just below a half
        assert (got[covered] == want[covered]).mean() > 0.99
    else:
        np.testing.assert_allclose(got[covered], want[covered], atol=0.02)


def test_draw_textured_wrong_shape(picture: np.ndarray, fragments: FragmentArrays) -> None:
    with pytest.raises(ValueError, match="shape"):
        draw_textured(fragments, TRIANGLES, SOURCE, picture, np.zeros((28, 33, 4), np.uint8))


def test_identity_texture_reproduces_the_picture(picture: np.ndarray) -> None:
    """A flat mesh over the whole picture, textured with the picture at the same place."""
    corners = np.array([[0, 0, 10], [23, 0, 10], [0, 17, 10], [23, 17, 10]], np.float32)
    fragments = rasterize_arrays(corners, TRIANGLES, 17, 23)
    got = draw_textured(fragments, TRIANGLES, corners[:, :2].copy(), picture, np.zeros_like(picture))
    assert abs(got.astype(int) - picture).max() <= 1
