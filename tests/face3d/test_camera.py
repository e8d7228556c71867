"""Frames and cameras."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from scipy.spatial.transform import Rotation
from torch import Tensor

from face3d.camera import (
    Camera,
    axis_angle_to_matrix,
    head_to_camera,
    matrix_to_axis_angle,
)

CAMERA = Camera(800.0, (310.5, 250.0), (640, 480))


def vectors(low: float, high: float) -> SearchStrategy[Tensor]:
    """[3] float64."""
    return st.lists(st.floats(low, high), min_size=3, max_size=3).map(lambda v: torch.tensor(v, dtype=torch.float64))


@st.composite
def axis_angles(draw: st.DrawFn, smallest: float = 0.0, largest: float = math.pi) -> Tensor:
    """[3] float64, of any direction and of a length that is often close to 0 or to pi."""
    angle = draw(
        st.one_of(
            st.floats(smallest, largest),
            st.floats(-12, 0).map(lambda e: max(smallest, 10**e)),
            st.floats(-12, -3).map(lambda e: min(largest, math.pi - 10**e)),
        )
    )
    axis = draw(vectors(-1, 1).filter(lambda v: v.norm() > 0.1))
    return axis / axis.norm() * angle


@given(axis_angles())
@example(torch.zeros(3, dtype=torch.float64))
def test_rotation_matrices_equal_scipys(rotation: Tensor) -> None:
    expected = torch.from_numpy(Rotation.from_rotvec(rotation.numpy()).as_matrix())
    torch.testing.assert_close(axis_angle_to_matrix(rotation), expected, rtol=0, atol=1e-12)


@given(axis_angles(largest=math.pi - 1e-6))
@example(torch.zeros(3, dtype=torch.float64))
@example(torch.tensor([1e-13, 0, 0], dtype=torch.float64))
def test_axis_angle_round_trip(rotation: Tensor) -> None:
    torch.testing.assert_close(matrix_to_axis_angle(axis_angle_to_matrix(rotation)), rotation, rtol=1e-9, atol=1e-12)


@given(axis_angles(smallest=math.pi - 1e-3))
def test_matrix_round_trip_at_pi(rotation: Tensor) -> None:
    """The axis may flip there; the rotation may not change, and the angle stays within 0..pi."""
    matrix = axis_angle_to_matrix(rotation)
    back = matrix_to_axis_angle(matrix)
    assert back.norm() <= math.pi + 1e-12
    torch.testing.assert_close(axis_angle_to_matrix(back), matrix, rtol=0, atol=1e-9)


@given(axis_angles())
def test_float32_round_trip(rotation: Tensor) -> None:
    matrix = axis_angle_to_matrix(rotation.float())
    back = axis_angle_to_matrix(matrix_to_axis_angle(matrix))
    torch.testing.assert_close(back, matrix, rtol=0, atol=3e-6)


def test_rotations_in_a_batch_equal_single_ones() -> None:
    rotations = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    matrices = axis_angle_to_matrix(rotations)
    back = matrix_to_axis_angle(matrices)
    assert matrices.shape == (4, 5, 3, 3)
    for i in range(4):
        for j in range(5):
            torch.testing.assert_close(matrices[i, j], axis_angle_to_matrix(rotations[i, j]))
            torch.testing.assert_close(back[i, j], matrix_to_axis_angle(matrices[i, j]))


@pytest.mark.parametrize("length", [0.0, 1e-9, 5e-4, 9.99e-4, 1.001e-3, 0.3, 3.0])
def test_gradients_of_rotations(length: float) -> None:
    """Through zero, and on both sides of the length (1e-3) where the formula changes."""
    axis = torch.tensor([0.48, -0.6, 0.64], dtype=torch.float64)
    rotation = (axis * length).requires_grad_()
    assert torch.autograd.gradcheck(axis_angle_to_matrix, rotation)


@pytest.mark.parametrize("length", [0.01, 0.3, 3.0])
def test_gradients_of_the_inverse(length: float) -> None:
    axis = torch.tensor([0.48, -0.6, 0.64], dtype=torch.float64)
    rotation = (axis * length).requires_grad_()
    assert torch.autograd.gradcheck(lambda r: matrix_to_axis_angle(axis_angle_to_matrix(r)), rotation)


@given(vectors(-200, 200), axis_angles(largest=1.0), vectors(-100, 100))
def test_head_poses(point: Tensor, rotation: Tensor, translation: Tensor) -> None:
    turned = torch.from_numpy(Rotation.from_rotvec(rotation.numpy()).as_matrix()) @ point
    expected = torch.stack([turned[0], -turned[1], -turned[2]]) + translation
    torch.testing.assert_close(head_to_camera(point[None], rotation, translation)[0], expected, rtol=0, atol=1e-9)


def test_a_face_at_rest_looks_into_the_camera() -> None:
    """The subject's left is on the picture's right, the chin is below, the nose is nearest."""
    head = torch.tensor([[30.0, 0, 0], [0, -60, 0], [0, 0, 50], [0, 0, 0]])
    points = head_to_camera(head, torch.zeros(3), torch.tensor([0.0, 0, 900]))
    left_eye, chin, nose, middle = CAMERA.project(points)
    assert left_eye[0] > middle[0]
    assert chin[1] > middle[1]
    assert points[2, 2] == points[:, 2].min()
    torch.testing.assert_close(nose, middle)


@pytest.mark.parametrize(
    ("rotation", "moves"), [((0.2, 0, 0), (0, 1)), ((0, 0.2, 0), (1, 0))], ids=["nod down", "turn to own left"]
)
def test_signs_of_head_rotations(rotation: tuple[float, ...], moves: tuple[int, int]) -> None:
    nose = torch.tensor([[0.0, 0, 100]])
    translation = torch.tensor([0.0, 0, 900])
    before = CAMERA.project(head_to_camera(nose, torch.zeros(3), translation))
    after = CAMERA.project(head_to_camera(nose, torch.tensor(rotation), translation))
    assert torch.equal((after - before).sign()[0], torch.tensor(moves).float())


def test_poses_in_a_batch_equal_single_ones() -> None:
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(5, 7, 3, generator=generator)
    rotation, translation = torch.randn(2, 5, 3, generator=generator)
    together = head_to_camera(points, rotation, translation)
    for i in range(5):
        torch.testing.assert_close(together[i], head_to_camera(points[i], rotation[i], translation[i]))


@given(vectors(-200, 200), st.floats(0.1, 7))
def test_projecting_and_scaling_commute(offset: Tensor, factor: float) -> None:
    point = offset + torch.tensor([0, 0, 900.0], dtype=torch.float64)
    torch.testing.assert_close(CAMERA.scaled(factor).project(point), CAMERA.project(point) * factor)


@given(vectors(-200, 200), st.integers(-50, 600), st.integers(-50, 400), st.integers(1, 700), st.integers(1, 700))
def test_projecting_and_cropping_commute(offset: Tensor, left: int, top: int, width: int, height: int) -> None:
    point = offset + torch.tensor([0, 0, 900.0], dtype=torch.float64)
    camera = CAMERA.cropped(left, top, width, height)
    assert camera.image_size == (width, height)
    corner = torch.tensor([left, top], dtype=torch.float64)
    torch.testing.assert_close(camera.project(point), CAMERA.project(point) - corner)


@given(st.integers(0, 300), st.integers(0, 200), st.floats(0.1, 7))
def test_cropping_and_scaling_commute(left: int, top: int, factor: float) -> None:
    one = CAMERA.cropped(left, top, 300, 200).scaled(factor)
    other = CAMERA.scaled(factor)
    assert one.focal_px == other.focal_px
    for k, corner in enumerate((left, top)):
        assert one.principal_point_px[k] == pytest.approx(other.principal_point_px[k] - corner * factor)


def test_a_scaled_picture_keeps_at_least_one_pixel() -> None:
    assert CAMERA.scaled(1e-4).image_size == (1, 1)
    assert CAMERA.scaled(0.5).image_size == (320, 240)


def test_projection_in_pytorch3ds_coordinates() -> None:
    """pytorch3d's screen projection, px = principal - focal x / z (`PerspectiveCameras(in_ndc=False)`), agrees."""
    point = torch.tensor([25.0, -40.0, 700.0])
    x, y, z = -point[0], -point[1], point[2]  # +x left, +y up, +z forward
    principal = torch.tensor(CAMERA.principal_point_px)
    expected = principal - CAMERA.focal_px * torch.stack([x, y]) / z
    torch.testing.assert_close(CAMERA.project(point), expected)


@pytest.mark.parametrize(
    ("focal", "principal", "size"),
    [
        (0.0, (1.0, 1.0), (2, 2)),
        (-5.0, (1.0, 1.0), (2, 2)),
        (math.nan, (1.0, 1.0), (2, 2)),
        (math.inf, (1.0, 1.0), (2, 2)),
        (5.0, (math.nan, 1.0), (2, 2)),
        (5.0, (1.0, 1.0), (0, 2)),
        (5.0, (1.0, 1.0), (2, -1)),
    ],
)
def test_impossible_cameras(focal: float, principal: tuple[float, float], size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="Camera"):
        Camera(focal, principal, size)
