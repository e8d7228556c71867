from __future__ import annotations

import numpy as np
import pytest
import torch

from renderers.fragments import interpolate
from renderers.numba_kernels import interpolate_arrays
from renderers.rasterize_numba import NumbaRasterizer, rasterize_arrays

TRIANGLES = np.array([[0, 1, 2], [1, 3, 2]], np.int32)
VERTICES = np.array([[1, 1, 200], [30, 4, 300], [5, 25, 400], [28, 22, 250]], np.float32)


@pytest.mark.parametrize("channels", [1, 2, 3, 7])
def test_equals_the_differentiable_twin(channels: int) -> None:
    attributes = np.random.default_rng(0).normal(size=(4, channels)).astype(np.float32)
    out = np.full((28, 33, channels), 7, np.float32)
    got = interpolate_arrays(rasterize_arrays(VERTICES, TRIANGLES, 28, 33), TRIANGLES, attributes, out)
    faces = torch.from_numpy(TRIANGLES).long()
    fragments = NumbaRasterizer().rasterize(torch.from_numpy(VERTICES)[None], faces, (28, 33))
    assert got is out
    np.testing.assert_allclose(got, interpolate(fragments, faces, torch.from_numpy(attributes))[0], atol=1e-4)


def test_wrong_buffer() -> None:
    with pytest.raises(ValueError, match="shape"):
        interpolate_arrays(
            rasterize_arrays(VERTICES, TRIANGLES, 28, 33), TRIANGLES, VERTICES, np.zeros((28, 33, 2), np.float32)
        )
