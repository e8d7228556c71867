"""The same cases on every backend."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor

from renderers.raster.fragments import Fragments, interpolate, recompute
from renderers.raster.numba_rasterizer import NumbaRasterizer
from renderers.raster.rasterizer import get_rasterizer
from renderers.raster.reference_rasterizer import ReferenceRasterizer


def mesh(*points: tuple[float, float, float], dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.tensor([points], dtype=dtype)


def triangles(*rows: tuple[int, int, int]) -> Tensor:
    return torch.tensor(rows, dtype=torch.int64).reshape(-1, 3)


def run(backend, vertices: Tensor, faces: Tensor, size: tuple[int, int], **options: bool) -> Fragments:
    """Rasterize where the backend lives, and bring the result home."""
    fragments = backend(**options).rasterize(vertices.to(backend.device), faces.to(backend.device), size)
    return Fragments(fragments.pix_to_face.cpu(), fragments.barycentric.cpu(), fragments.depth.cpu())


def test_single_triangle_by_hand(backend) -> None:
    """x + y < 4.1 in a 4 x 5 picture."""
    got = run(backend, mesh((0, 0, 2), (4.1, 0, 2), (0, 4.1, 2)), triangles((0, 1, 2)), (4, 5))
    assert got.pix_to_face.dtype == torch.int64
    assert got.pix_to_face[0].tolist() == [
        [0, 0, 0, 0, -1],
        [0, 0, 0, -1, -1],
        [0, 0, -1, -1, -1],
        [0, -1, -1, -1, -1],
    ]
    expected = torch.tensor([1 - 2 / 4.1, 1.5 / 4.1, 0.5 / 4.1])
    torch.testing.assert_close(got.barycentric[0, 0, 1], expected)
    assert got.depth[0, 0, 1] == pytest.approx(2)
    assert (got.barycentric[0, 3, 4] == 0).all()
    assert got.depth[0, 3, 4] == 0


def test_perspective_correct_interpolation_of_a_slanted_plane(backend) -> None:
    """Depth and a linear function of space, rendered through a pinhole, equal the plane seen by each pixel's ray."""
    focal, centre = 40.0, torch.tensor([15.0, 11.0])
    corners = torch.tensor([[-300.0, -300.0], [300.0, -310.0], [320.0, 300.0], [-300.0, 310.0]])
    slope, offset = torch.tensor([0.9, -0.4]), 700.0
    depth = corners @ slope + offset
    space = torch.cat([corners, depth[:, None]], 1)
    vertices = torch.cat([corners / depth[:, None] * focal + centre, depth[:, None]], 1)[None]
    faces = triangles((0, 1, 2), (0, 2, 3))
    got = run(backend, vertices, faces, (22, 30))
    positions = interpolate(got, faces, space)[0]

    y, x = torch.meshgrid(torch.arange(22) + 0.5, torch.arange(30) + 0.5, indexing="ij")
    ray = (torch.stack([x, y], -1) - centre) / focal
    true_depth = offset / (1 - ray @ slope)
    covered = got.covered[0]
    assert covered.sum() > 400
    torch.testing.assert_close(got.depth[0][covered], true_depth[covered], rtol=1e-4, atol=0)
    torch.testing.assert_close(positions[..., 2][covered], true_depth[covered], rtol=1e-4, atol=0)
    true_points = ray * true_depth[..., None]
    torch.testing.assert_close(positions[..., :2][covered], true_points[covered], rtol=1e-3, atol=0.05)
    assert (positions[~covered] == 0).all()


def test_nearest_wins_whatever_the_order(backend) -> None:
    vertices = mesh(*[(x, y, z) for z in (5.0, 3.0, 4.0) for x, y in ((0, 0), (9, 0), (0, 9))])
    faces = triangles((0, 1, 2), (3, 4, 5), (6, 7, 8))
    for order in ([0, 1, 2], [1, 0, 2], [2, 0, 1]):
        got = run(backend, vertices, faces[order], (3, 3))
        assert (got.pix_to_face == order.index(1)).all()


def test_interpenetrating_triangles_meet_where_their_depths_are_equal(backend) -> None:
    vertices = mesh((0, 0, 1), (20, 0, 3), (0, 20, 1), (0, 0, 3), (20, 0, 1), (0, 20, 3))
    got = run(backend, vertices, triangles((0, 1, 2), (3, 4, 5)), (1, 20))
    row = got.pix_to_face[0, 0].tolist()
    # 1 / depth is linear: it is 1 -> 1/3 for the first and 1/3 -> 1 for the second, equal at x = 10.
    assert row[:19] == [0] * 10 + [1] * 9


def test_of_equally_near_triangles_the_first_wins(exact_backend) -> None:
    vertices = mesh((0, 0, 1), (9, 0, 1), (0, 9, 1))
    got = run(exact_backend, vertices, triangles((1, 2, 0), (0, 1, 2), (2, 0, 1)), (3, 3))
    assert (got.pix_to_face == 0).all()


def test_shared_edges_are_covered_once(exact_backend) -> None:
    """A square cut along a diagonal through pixel centres, with borders on pixel centres: 4 x 4 pixels, each once."""
    square = mesh((0.5, 0.5, 1), (4.5, 0.5, 1), (4.5, 4.5, 1), (0.5, 4.5, 1))
    for faces in (triangles((0, 1, 2), (0, 2, 3)), triangles((0, 2, 1), (3, 2, 0)), triangles((0, 1, 3), (1, 2, 3))):
        each = [run(exact_backend, square, face[None], (6, 6)).covered[0].int() for face in faces]
        expected = torch.zeros(6, 6, dtype=torch.int32)
        expected[:4, :4] = 1  # the top and the left border belong to the square, the others do not
        assert torch.equal(each[0] + each[1], expected)


def test_a_fan_around_a_pixel_centre_covers_it_once(exact_backend) -> None:
    angles = torch.arange(7) * (2 * torch.pi / 7)
    ring = torch.stack([3.5 + 3 * angles.cos(), 3.5 + 3 * angles.sin(), torch.ones(7)], 1)
    vertices = torch.cat([torch.tensor([[3.5, 3.5, 1.0]]), ring])[None]
    fan = triangles(*[(0, 1 + k, 1 + (k + 1) % 7) for k in range(7)])
    counts = sum(run(exact_backend, vertices, face[None], (7, 7)).covered[0].int() for face in fan)
    assert counts[3, 3] == 1
    assert counts.max() == 1


def test_what_cannot_be_drawn_is_left_out(backend) -> None:
    vertices = mesh(
        *[(0, 0, 2), (9, 0, 2), (0, 9, 2)],
        *[(0, 0, -1), (9, 0, 1), (0, 9, 1)],  # partly behind the camera
        *[(0, 0, 1), (9, 0, 0), (0, 9, 1)],  # touches the camera's plane
        *[(0, 0, 1), (4, 4, 1), (8, 8, 1)],  # no area
        *[(float("nan"), 0, 1), (9, 0, 1), (0, 9, 1)],
        *[(float("inf"), 0, 1), (9, 0, 1), (0, 9, 1)],
        *[(0, 0, float("nan")), (9, 0, 1), (0, 9, 1)],
        *[(-90, 0, 1), (-80, 0, 1), (-90, 9, 1)],  # off the picture
        *[(0, 900, 1), (9, 900, 1), (0, 990, 1)],
    )
    faces = torch.arange(27).reshape(9, 3)
    got = run(backend, vertices, faces, (3, 3))
    assert (got.pix_to_face == 0).all()
    assert not run(backend, vertices, faces[1:], (3, 3)).covered.any()


def test_triangle_much_larger_than_the_picture(backend) -> None:
    got = run(backend, mesh((-1e4, -1e4, 1), (2e4, -1e4, 1), (-1e4, 2e4, 1)), triangles((0, 1, 2)), (5, 7))
    assert got.covered.all()


def test_no_triangles(backend) -> None:
    got = run(backend, mesh((0, 0, 1)), triangles(), (2, 3))
    assert got.pix_to_face.shape == (1, 2, 3)
    assert not got.covered.any()


def test_culling_keeps_what_runs_anticlockwise_on_the_screen(backend) -> None:
    vertices = mesh((0, 0, 1), (9, 0, 1), (0, 9, 1))
    anticlockwise, clockwise = triangles((0, 2, 1)), triangles((0, 1, 2))
    assert run(backend, vertices, anticlockwise, (3, 3), cull_backfaces=True).covered.all()
    assert not run(backend, vertices, clockwise, (3, 3), cull_backfaces=True).covered.any()
    assert run(backend, vertices, clockwise, (3, 3)).covered.all()


@pytest.mark.parametrize("size", [(13, 40), (40, 13), (21, 21), (1, 1)])
def test_batch_and_size_agree_with_the_reference(fast_backend, size: tuple[int, int]) -> None:
    """Random triangles; pixels whose centre is close to an edge or to another surface may differ in float32."""
    vertices, faces = random_mesh(seed=1, size=size, batch=3)
    got, want = run(fast_backend, vertices, faces, size), ReferenceRasterizer().rasterize(vertices, faces, size)
    same = got.pix_to_face == want.pix_to_face
    if fast_backend.name == "pytorch3d":
        assert same.float().mean() > 0.995
    else:
        assert same.all()
    torch.testing.assert_close(got.barycentric[same], want.barycentric[same], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(got.depth[same], want.depth[same], rtol=1e-4, atol=1e-4)


def random_mesh(seed: int, size: tuple[int, int], batch: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    scale = torch.tensor([size[1] + 6.0, size[0] + 6.0, 4.0])
    vertices = torch.rand(batch, 30, 3, generator=generator) * scale + torch.tensor([-3.0, -3.0, 1.0])
    return vertices, torch.randint(0, 30, (25, 3), generator=generator)


def test_gradients_are_those_of_the_reference(fast_backend) -> None:
    vertices, faces = random_mesh(seed=2, size=(16, 24), batch=2)
    weights = torch.randn(2, 16, 24, 4, generator=torch.Generator().manual_seed(0))
    attributes = torch.randn(30, 3, generator=torch.Generator().manual_seed(1))
    gradients = []
    for one in (run_on_cpu_reference, lambda *a: run(fast_backend, *a)):
        leaf = vertices.clone().requires_grad_()
        fragments = one(leaf, faces, (16, 24))
        picture = torch.cat([interpolate(fragments, faces, attributes), fragments.depth[..., None]], -1)
        # Triangles seen almost edge-on have huge gradients in both; compare the well-conditioned pixels.
        steady = (fragments.barycentric.detach().amax(-1) < 0.98)[..., None]
        (picture * weights * steady).sum().backward()
        gradients.append(leaf.grad)
    assert gradients[0].abs().max() > 0.01
    difference = (gradients[0] - gradients[1]).abs() / gradients[0].abs().mean()
    assert difference.median() < 1e-4


def run_on_cpu_reference(vertices: Tensor, faces: Tensor, size: tuple[int, int]) -> Fragments:
    return ReferenceRasterizer().rasterize(vertices, faces, size)


def test_gradcheck_of_weights_depth_and_interpolation() -> None:
    vertices = torch.tensor(
        [[[0.3, 0.2, 2.0], [6.1, 0.9, 3.0], [1.2, 5.7, 2.5], [7.0, 6.6, 4.0]]], dtype=torch.float64
    ).requires_grad_()
    attributes = torch.tensor([[1.0, 0], [0, 2], [3, -1], [2, 2]], dtype=torch.float64).requires_grad_()
    faces = triangles((0, 1, 2), (2, 1, 3))
    index = NumbaRasterizer().rasterize(vertices, faces, (6, 7)).pix_to_face
    assert set(index.unique().tolist()) == {-1, 0, 1}

    def picture(points: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fragments = recompute(points, faces, index)
        return fragments.barycentric, fragments.depth, interpolate(fragments, faces, values)

    assert torch.autograd.gradcheck(picture, (vertices, attributes))


def test_interpolate_per_picture_attributes() -> None:
    vertices = mesh((0, 0, 1), (9, 0, 1), (0, 9, 1)).expand(2, -1, -1)
    faces = triangles((0, 1, 2))
    fragments = NumbaRasterizer().rasterize(vertices, faces, (3, 3))
    values = torch.tensor([1.0, 5.0]).reshape(2, 1, 1).expand(2, 3, 1)
    assert torch.allclose(interpolate(fragments, faces, values)[..., 0], torch.tensor([1.0, 5.0])[:, None, None])


# Quarter pixels put many vertices and edges exactly on pixel centres.
COORDINATES = st.integers(-8, 48).map(lambda n: n / 4)


@settings(max_examples=60, deadline=None)
@given(
    xy=arrays(np.float32, (8, 2), elements=COORDINATES),
    depth=arrays(np.float32, (8,), elements=st.sampled_from([-1.0, 0.5, 1.0, 2.0, 3.0])),
    faces=arrays(np.int64, (10, 3), elements=st.integers(0, 7)),
    cull=st.booleans(),
)
def test_numba_equals_the_reference(xy: np.ndarray, depth: np.ndarray, faces: np.ndarray, cull: bool) -> None:
    vertices = torch.from_numpy(np.concatenate([xy, depth[:, None]], 1))[None]
    got = NumbaRasterizer(cull).rasterize(vertices, torch.from_numpy(faces), (9, 11))
    want = ReferenceRasterizer(cull).rasterize(vertices, torch.from_numpy(faces), (9, 11))
    assert torch.equal(got.pix_to_face, want.pix_to_face)
    torch.testing.assert_close(got.depth, want.depth)


@settings(max_examples=40, deadline=None)
@given(arrays(np.float64, (3, 3, 2), elements=st.floats(-1, 1)))
def test_a_grid_covers_every_pixel_once(jitter: np.ndarray) -> None:
    """A 5 x 5 grid of vertices with a moved interior, cut into triangles: no gap and no overlap inside."""
    rows, columns = np.meshgrid(np.arange(5.0) * 4, np.arange(5.0) * 4, indexing="ij")
    points = np.stack([columns, rows, np.ones((5, 5))], -1)
    points[1:4, 1:4, :2] += jitter
    index = np.arange(25).reshape(5, 5)
    a, b, c, d = (part.reshape(-1) for part in (index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]))
    faces = torch.from_numpy(np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)]))
    vertices = torch.from_numpy(points.reshape(1, 25, 3)).expand(len(faces), -1, -1)
    counts = sum(NumbaRasterizer().rasterize(vertices[:1], face[None], (16, 16)).covered[0].int() for face in faces)
    assert (counts == 1).all()


def test_edges_that_graze_a_pixel_centre_leave_no_hole() -> None:
    """Two triangles meet at an edge through (8.5, 8.5) as exactly as float64 allows: one of them has the pixel."""
    generator = torch.Generator().manual_seed(0)
    angle = torch.rand(500, generator=generator, dtype=torch.float64) * 2 * torch.pi
    along = torch.stack([angle.cos(), angle.sin()], -1)
    lengths = torch.rand(500, 2, 1, generator=generator, dtype=torch.float64) * 6 + 1
    across = torch.stack([-along[:, 1], along[:, 0]], -1) * 5
    points = torch.stack([lengths[:, 0] * -along, lengths[:, 1] * along, across, -across], 1) + 8.5
    vertices = torch.cat([points, torch.ones(500, 4, 1, dtype=torch.float64)], -1)
    counts = sum(
        NumbaRasterizer().rasterize(vertices, face, (17, 17)).covered[:, 8, 8].int()
        for face in (triangles((0, 1, 2)), triangles((1, 0, 3)))
    )
    assert (counts == 1).all()


def test_shape_and_index_errors(backend) -> None:
    vertices, faces = mesh((0, 0, 1), (9, 0, 1), (0, 9, 1)), triangles((0, 1, 2))
    for bad in (vertices[0], vertices[..., :2], vertices.long()):
        with pytest.raises(ValueError, match="vertices"):
            run(backend, bad, faces, (2, 2))
    for bad in (faces[0], faces.int(), faces + 1, faces - 1):
        with pytest.raises(ValueError, match="triangles"):
            run(backend, vertices, bad, (2, 2))


def test_choice_of_backend() -> None:
    assert isinstance(get_rasterizer(), NumbaRasterizer)
    assert isinstance(get_rasterizer("auto", "cpu", True), NumbaRasterizer)
    assert get_rasterizer("auto", "cpu", True).cull_backfaces
    assert isinstance(get_rasterizer("reference"), ReferenceRasterizer)
    with pytest.raises(ValueError, match="nvdiffrast"):
        get_rasterizer("nvdiffrast")
