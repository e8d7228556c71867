"""The photometric term: by hand, by autograd, by finite differences; on the fast and on the reference rasterizer."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from face3d.camera import Camera, head_to_camera
from face3d.model.morphable_model import MorphableModel
from renderers.photometric import Refiner
from renderers.photometric.face_region import FaceRegion
from renderers.photometric.pixel_terms import UNKNOWNS, gather, harmonics, harmonics_scale
from renderers.raster.rasterizer import get_rasterizer
from renderers.raster.shading import sh_shading, vertex_normals
from tests.renderers.photometric.brightness import render_brightness
from tests.renderers.photometric.conftest import LIGHT

SMALL = Camera(80.0, (14.0, 15.0), (28, 30))
TONE, PIVOT = 1.5, 0.4


@pytest.fixture(scope="module")
def points(model: MorphableModel) -> Tensor:
    """[V, 3] float64, camera frame."""
    head = model.mean.double()
    return head_to_camera(head, torch.tensor([0.1, 0.3, 0.0]).double(), torch.tensor([0.0, 0.0, 600.0]).double())


@pytest.fixture(scope="module")
def albedo(model: MorphableModel) -> Tensor:
    return 0.2 * torch.sin(model.mean[:, 0].double() / 20) - 0.5


def loss(backend: str, model: MorphableModel, points: Tensor, albedo: Tensor, light: Tensor) -> Tensor:
    picture, _ = render_brightness(get_rasterizer(backend), points, model.triangles, SMALL, albedo, light, TONE, PIVOT)
    return ((picture - 0.3)[picture > 0] ** 2).sum()


def test_backends_agree_in_values_and_gradients(model: MorphableModel, points: Tensor, albedo: Tensor) -> None:
    results = []
    for backend in ("numba", "reference"):
        inputs = [x.clone().requires_grad_() for x in (points, albedo, LIGHT.double())]
        value = loss(backend, model, *inputs)
        results.append([value.detach(), *torch.autograd.grad(value, inputs)])
    for fast, slow in zip(*results, strict=True):
        torch.testing.assert_close(fast, slow)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
def test_the_gpu_agrees(model: MorphableModel, points: Tensor, albedo: Tensor) -> None:
    results = []
    for device in ("cpu", "cuda"):
        moved = model.to(device)
        inputs = [x.to(device).float().clone().requires_grad_() for x in (points, albedo, LIGHT)]
        rasterizer = get_rasterizer("auto", device)
        picture, _ = render_brightness(rasterizer, inputs[0], moved.triangles, SMALL, *inputs[1:], TONE, PIVOT)
        value = ((picture - 0.3)[picture > 0] ** 2).sum()
        results.append([value.detach().cpu(), *(g.cpu() for g in torch.autograd.grad(value, inputs))])
    torch.testing.assert_close(results[0][0], results[1][0], rtol=1e-3, atol=1e-4)
    for cpu, gpu in zip(results[0][1:], results[1][1:], strict=True):
        # A pixel on an edge may show the neighbour.
        assert (cpu - gpu).norm() < 0.05 * cpu.norm()


def test_gradients_are_the_slope_of_the_loss(model: MorphableModel, points: Tensor, albedo: Tensor) -> None:
    """Along a smooth random direction, small enough for each pixel to keep its triangle."""
    generator = torch.Generator().manual_seed(0)
    wave = torch.randn(3, 3, generator=generator).double() / 30
    directions = (torch.sin(points @ wave), torch.cos(albedo * 9), torch.randn(9, generator=generator).double())
    for index, direction in enumerate(directions):
        inputs = [points.clone(), albedo.clone(), LIGHT.double()]
        inputs[index].requires_grad_()
        (gradient,) = torch.autograd.grad(loss("numba", model, *inputs), inputs[index])
        values = []
        for step in (-1e-5, 1e-5):
            moved = [x.detach() for x in inputs]
            moved[index] = moved[index] + step * direction
            values.append(loss("numba", model, *moved))
        slope = (values[1] - values[0]) / 2e-5
        torch.testing.assert_close((gradient * direction).sum(), slope, rtol=1e-3, atol=1e-6)


def test_by_hand_equals_autograd(model: MorphableModel, refiner: Refiner, points: Tensor, albedo: Tensor) -> None:
    """`gather` on the patch against the whole head in torch: residuals and all derivatives of their sum."""
    region = refiner.region
    inputs = [x.clone().requires_grad_() for x in (points, albedo, LIGHT.double())]
    rendered, shown = render_brightness(get_rasterizer(), inputs[0], model.triangles, SMALL, *inputs[1:], TONE, PIVOT)
    local = np.full(len(model.triangles) + 1, -1)
    local[region.triangle_ids[region.seen]] = np.flatnonzero(region.seen)
    index = local[shown.numpy()]
    weight = np.random.default_rng(0).uniform(0.5, 1, index.shape)
    picture = np.full(index.shape, 0.3)
    counted = torch.from_numpy(np.where(index >= 0, weight, 0))
    expected = ((rendered - 0.3) * counted).sum()
    gradients = torch.autograd.grad(expected, inputs)

    patch_points = points[region.vertices].requires_grad_()
    pixels = torch.cat([SMALL.project(points), points[:, 2:]], 1)
    weights = get_rasterizer().rasterize(pixels[None], model.triangles, (30, 28)).barycentric[0].numpy()
    patch_normals = vertex_normals(patch_points, torch.from_numpy(region.triangles))
    rows, residual = np.zeros((len(region.triangles), UNKNOWNS)), np.zeros(len(region.triangles))
    normals = patch_normals.detach().numpy()
    gather(
        picture,
        weight,
        index,
        weights,
        region.triangles,
        patch_points.detach().numpy(),
        normals,
        albedo.numpy()[region.vertices],
        LIGHT.double().numpy(),
        TONE,
        PIVOT,
        SMALL.focal_px,
        harmonics_scale(),
        rows,
        residual,
    )
    assert (index >= 0).sum() > 100
    np.testing.assert_allclose(residual.sum(), expected.item(), rtol=1e-6)
    np.testing.assert_allclose(rows[:, 21:30].sum(0), gradients[2].numpy(), rtol=1e-5, atol=1e-6)
    by_albedo = np.zeros(len(model.mean))
    np.add.at(by_albedo, region.vertices[region.triangles], rows[:, 18:21])
    np.testing.assert_allclose(by_albedo, gradients[1].numpy(), atol=1e-6)
    # A longer lens is a wider shift of all points, as far as pixels go; normals stay.
    np.testing.assert_allclose(rows[:, 30].sum(), _zoom_slope(rows, region, patch_points.detach().numpy()), rtol=1e-6)
    # Positions act directly and through the normals.
    by_normal = np.zeros((len(region.vertices), 3))
    np.add.at(by_normal, region.triangles, rows[:, 9:18].reshape(-1, 3, 3))
    (through,) = torch.autograd.grad((patch_normals * torch.from_numpy(by_normal)).sum(), patch_points)
    by_point = np.zeros((len(model.mean), 3))
    np.add.at(by_point, region.vertices[region.triangles], rows[:, :9].reshape(-1, 3, 3))
    by_point[region.vertices] += through.numpy()
    np.testing.assert_allclose(by_point, gradients[0].numpy(), atol=1e-6)


def _zoom_slope(rows: np.ndarray, region: FaceRegion, points: np.ndarray) -> float:
    """What stretching x and y of all points does to the pixels they fall on is what a longer lens does."""
    shift = points[region.triangles] * [1.0, 1.0, 0.0]
    return float((rows[:, :9].reshape(-1, 3, 3) * shift).sum())


def test_harmonics_are_those_of_the_shading() -> None:
    normals = torch.nn.functional.normalize(torch.randn(20, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    expected = sh_shading(normals, LIGHT[:, None])[:, 0]
    np.testing.assert_allclose(harmonics(normals.numpy()) @ LIGHT.numpy(), expected.numpy(), atol=1e-6)
