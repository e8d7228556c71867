from __future__ import annotations

import numpy as np
import pytest
import torch

from renderers.raster.numba_rasterizer import FragmentArrays, NumbaRasterizer, rasterize_arrays

VERTICES = np.array([[1, 1, 2], [30, 4, 3], [5, 25, 4], [28, 22, 2.5]], np.float32)
TRIANGLES = np.array([[0, 1, 2], [1, 3, 2]], np.int32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arrays_equal_the_differentiable_path(dtype: type) -> None:
    vertices = VERTICES.astype(dtype)
    got = rasterize_arrays(vertices, TRIANGLES, 28, 33)
    want = NumbaRasterizer().rasterize(torch.from_numpy(vertices)[None], torch.from_numpy(TRIANGLES).long(), (28, 33))
    assert (got.face_index == want.pix_to_face[0].numpy()).all()
    assert {got.face_index.dtype, got.barycentric.dtype, got.depth.dtype} == {np.dtype("int32"), np.dtype("float32")}
    np.testing.assert_allclose(got.barycentric, want.barycentric[0].numpy(), atol=2e-5)
    np.testing.assert_allclose(got.depth, want.depth[0].numpy(), rtol=1e-5)


def test_buffers_are_reused_and_cleared() -> None:
    out = FragmentArrays.empty(28, 33)
    for array in (out.face_index, out.barycentric, out.depth):
        array.fill(7)
    got = rasterize_arrays(VERTICES, TRIANGLES, 28, 33, out)
    fresh = rasterize_arrays(VERTICES, TRIANGLES, 28, 33)
    assert got is out
    for name in ("face_index", "barycentric", "depth"):
        np.testing.assert_array_equal(getattr(out, name), getattr(fresh, name))


def test_wrong_buffers() -> None:
    with pytest.raises(ValueError, match="size"):
        rasterize_arrays(VERTICES, TRIANGLES, 28, 33, FragmentArrays.empty(33, 28))


def test_culling() -> None:
    back = rasterize_arrays(VERTICES, TRIANGLES, 28, 33, cull_backfaces=True)
    front = rasterize_arrays(VERTICES, TRIANGLES[:, ::-1].copy(), 28, 33, cull_backfaces=True)
    assert (back.face_index == -1).all()
    assert (front.face_index >= 0).any()
