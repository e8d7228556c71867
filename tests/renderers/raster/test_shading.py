from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from renderers.raster.shading import sh_basis, sh_shading, vertex_normals, vertex_normals_arrays


@pytest.fixture
def octahedron() -> tuple[Tensor, Tensor]:
    """Anti-clockwise from outside."""
    vertices = torch.tensor([[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
    faces = [[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]]
    return vertices, torch.tensor(faces)


def random_directions(count: int) -> Tensor:
    points = torch.randn(count, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return torch.nn.functional.normalize(points, dim=-1)


def test_normals_point_outwards(octahedron: tuple[Tensor, Tensor]) -> None:
    vertices, faces = octahedron
    torch.testing.assert_close(vertex_normals(3 * vertices, faces), vertices)
    batch = vertex_normals(torch.stack([vertices, 2 * vertices]), faces)
    torch.testing.assert_close(batch, torch.stack([vertices, vertices]))


def test_normals_are_weighted_by_area() -> None:
    vertices = torch.tensor([[0.0, 0, 0], [3, 0, 0], [0, 1, 0], [0, 0, 1], [9, 9, 9]])
    normals = vertex_normals(vertices, torch.tensor([[0, 1, 2], [0, 2, 3]]))
    torch.testing.assert_close(normals[0], torch.tensor([1.0, 0, 3]) / math.sqrt(10))
    assert normals[4].tolist() == [0, 0, 0]  # used by no triangle


def test_fast_normals_equal_the_differentiable_ones() -> None:
    generator = torch.Generator().manual_seed(0)
    vertices, faces = torch.randn(50, 3, generator=generator), torch.randint(0, 45, (80, 3), generator=generator)
    got = vertex_normals_arrays(vertices.numpy(), faces.numpy().astype(np.int32))
    np.testing.assert_allclose(got, vertex_normals(vertices, faces), atol=1e-5)


def test_normals_gradient(octahedron: tuple[Tensor, Tensor]) -> None:
    vertices, faces = octahedron
    leaf = vertices.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda v: vertex_normals(v, faces), leaf)


def test_sh_basis_is_orthonormal() -> None:
    """Exact quadrature: Gauss-Legendre in z, equal steps around."""
    z, weights = np.polynomial.legendre.leggauss(6)
    around = np.arange(12) * 2 * np.pi / 12
    radius = np.sqrt(1 - z * z)[:, None]
    points = np.stack([radius * np.cos(around), radius * np.sin(around), np.repeat(z[:, None], 12, 1)], -1)
    basis = sh_basis(torch.from_numpy(points.reshape(-1, 3))).numpy()
    gram = basis.T @ (basis * np.repeat(weights * 2 * np.pi / 12, 12)[:, None])
    np.testing.assert_allclose(gram, np.eye(9), atol=1e-12)


def test_light_from_everywhere_gives_one() -> None:
    light = torch.zeros(9, 3, dtype=torch.float64)
    light[0] = math.sqrt(4 * math.pi)
    torch.testing.assert_close(sh_shading(random_directions(5), light), torch.ones(5, 3, dtype=torch.float64))


def test_sh_shading_of_a_distant_lamp_approximates_lambert() -> None:
    """Ramamoorthi and Hanrahan: nine coefficients miss at most a few percent of a lamp's clamped cosine."""
    lamp = random_directions(1)
    light = math.pi * sh_basis(lamp)[0][:, None]  # a lamp that gives a facing white surface the radiance 1
    normals = random_directions(2000)
    error = sh_shading(normals, light)[:, 0] - (normals @ lamp[0]).clamp_min(0)
    assert error.abs().max() < 0.1
    assert error.square().mean().sqrt() < 0.04
    assert error.abs().max() > 0.01  # it is an approximation, not the same formula


def test_per_vertex_light() -> None:
    normals = random_directions(4)
    light = torch.randn(4, 9, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    want = torch.stack([sh_shading(n, one) for n, one in zip(normals, light, strict=True)])
    torch.testing.assert_close(sh_shading(normals, light), want)
