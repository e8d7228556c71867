"""The morphable head: what must hold for every person and expression."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES
from face3d.model.landmark_sets import (
    IBUG_68,
    LEFT_LOWER_LID,
    LEFT_UPPER_LID,
    LOWER_INNER_LIP,
    RIGHT_LOWER_LID,
    RIGHT_UPPER_LID,
    UPPER_INNER_LIP,
)
from face3d.model.morphable_model import LANDMARKS_7, MorphableModel, model_from_arrays
from face3d.model.parts import Part
from renderers.raster.numba_rasterizer import rasterize_arrays
from scripts.lab.face_model.canonical import mirror_twins

UPPER, LOWER = 13, 14  # middle of the inner lips
JAW_UNITS = ("jawOpen", "jawForward", "jawLeft", "jawRight")


def expression(**weights: float) -> Tensor:
    """[52] with these weights."""
    result = torch.zeros(52)
    for name, weight in weights.items():
        result[ARKIT_INDEX[name]] = weight
    return result


def people(model: MorphableModel, count: int, seed: int = 0) -> Tensor:
    """[count, K] random identities under the prior."""
    return torch.randn(count, model.identity_size, generator=torch.Generator().manual_seed(seed))


def distances(points: Tensor) -> Tensor:  # [..., N, 3] -> [..., N, N]
    """Between all pairs; without the fast formula, which is off by 0.01 mm in float32."""
    return torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")


def landmarks(model: MorphableModel, identity: Tensor, weights: Tensor) -> Tensor:  # [N, 478, 3]
    return model.landmarks478.of(model.vertices(identity, weights.expand(len(identity), 52)))


@pytest.fixture(scope="module")
def crowd(model: MorphableModel) -> Tensor:
    return people(model, 20)


# --- what the file holds


def test_shapes(model: MorphableModel) -> None:
    vertices, faces = len(model.mean), len(model.triangles)
    assert model.mean.shape == (vertices, 3)
    assert model.identity_basis.shape == (80, vertices, 3)
    assert model.expression_basis.shape == (52, vertices, 3)
    assert model.triangle_parts.shape == (faces,)
    assert model.uv_triangles.shape == model.triangles.shape == (faces, 3)
    assert model.jaw_rotation.shape == model.jaw_translation.shape == (52, 3)
    for points, count in ((model.landmarks478, 478), (model.landmarks68, 68)):
        assert points.triangles.shape == points.barycentric.shape == (count, 3)
        torch.testing.assert_close(points.barycentric.sum(1), torch.ones(count))
        assert points.barycentric.min() >= 0
    assert model.triangles.unique().tolist() == list(range(vertices))
    assert model.uv_triangles.unique().tolist() == list(range(len(model.uv)))


def test_all_numbers_are_finite(model: MorphableModel) -> None:
    for name in ("mean", "identity_basis", "expression_basis", "uv", "jaw_rotation", "jaw_translation", "jaw_pivot"):
        assert torch.isfinite(getattr(model, name)).all(), name


def test_the_mean_face_is_a_human_head_in_its_frame(model: MorphableModel) -> None:
    """Origin between the eyes, left +x, up +y, out +z, millimetres."""
    centers = model.eye_centers(model.mean)
    torch.testing.assert_close(centers.mean(0), torch.zeros(3), atol=0.01, rtol=0)
    assert 57 < centers[0, 0] - centers[1, 0] < 68  # adults' pupils: 63 mm on average
    points = model.landmarks478.of(model.mean)
    assert points[152, 1] < points[17, 1] < points[4, 1] < points[10, 1]  # chin, lower lip, nose tip, forehead
    assert points[4, 2] == points[:, 2].max()
    assert points[263, 0] > 0 > points[33, 0]
    assert 100 < points[10, 1] - points[152, 1] < 190


def test_mean_and_expressions_are_symmetric(model: MorphableModel) -> None:
    mirrored = model.mean * torch.tensor([-1.0, 1, 1])
    distance, twin = torch.cdist(model.mean, mirrored).min(1)
    assert distance.max() < 0.1
    for name in ARKIT_NAMES:
        if name.endswith("Left") and name not in ("jawLeft", "mouthLeft"):
            left = model.expression_basis[ARKIT_INDEX[name]]
            right = model.expression_basis[ARKIT_INDEX[name.removesuffix("Left") + "Right"]]
            error = (left - right[twin] * torch.tensor([-1.0, 1, 1])).norm(dim=1)
            assert error.mean() < 0.02 * left.norm(dim=1).max(), name


def test_every_unit_moves_the_face(model: MorphableModel) -> None:
    """The eyeLook units move the lids, tongueOut the tongue."""
    for name, unit in zip(ARKIT_NAMES, model.expression_basis, strict=True):
        assert unit.norm(dim=1).max() > 0.5, name


def test_identity_modes_have_falling_size_and_are_plausible(model: MorphableModel, crowd: Tensor) -> None:
    size = model.identity_basis.norm(dim=(1, 2))
    assert size[0] > size[20] > size[79] > 0
    deviation = (model.neutral(crowd) - model.mean).norm(dim=2)
    skin = model.part_vertices(Part.SKIN)
    assert 3 < deviation[:, skin].mean() < 15


def test_every_part_exists_and_covers_all_triangles(model: MorphableModel) -> None:
    assert sorted(model.triangle_parts.unique().tolist()) == [int(p) for p in Part]
    union = torch.cat([model.part_vertices(part) for part in Part]).unique()
    assert union.tolist() == list(range(len(model.mean)))
    left, right = (model.part_vertices(p) for p in (Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL))
    assert (model.mean[left, 0] > 0).all()
    assert (model.mean[right, 0] < 0).all()
    both = model.part_vertices(Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL)
    assert both.tolist() == torch.cat([left, right]).unique().tolist()


def test_atlas_is_inside_the_unit_square_and_its_islands_do_not_overlap(model: MorphableModel) -> None:
    """The covered area is the sum of the triangles' areas, which an overlap would make smaller."""
    uv, faces = model.uv.double().numpy(), model.uv_triangles.numpy()
    assert uv.min() >= 0
    assert uv.max() <= 1
    a, b, c = uv[faces].transpose(1, 0, 2)
    area = ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]) / 2
    assert (area > 0).all()  # no triangle is mirrored or empty
    size = 1024
    pixels = np.concatenate([uv * size, np.ones((len(uv), 1))], 1)
    covered = rasterize_arrays(pixels, faces.astype(np.int32), size, size).face_index >= 0
    assert covered.mean() == pytest.approx(area.sum(), rel=2e-3)


@pytest.mark.parametrize("degrees", [0, 60, -60])
def test_triangles_are_counter_clockwise_from_outside(model: MorphableModel, degrees: float) -> None:
    """No skin, lip, tooth or eye that is in sight is seen from behind (the cut neck and the lashes are open)."""
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), 0, math.sin(angle)], [0, 1, 0], [-math.sin(angle), 0, math.cos(angle)]])
    open_mouth = model.vertices(torch.zeros(1), expression(jawOpen=0.7)).numpy()
    camera = open_mouth @ turn.T * [1, -1, -1]
    pixels = np.concatenate([camera[:, :2] + 180, camera[:, 2:] + 1000], 1)
    triangles = model.triangles.numpy().astype(np.int32)
    visible = rasterize_arrays(pixels, triangles, 360, 360).face_index
    culled = rasterize_arrays(pixels, triangles, 360, 360, cull_backfaces=True).face_index
    behind = visible[(visible >= 0) & (visible != culled)]
    solid = ~np.isin(model.triangle_parts.numpy(), (Part.NECK, Part.LASHES, Part.INNER_MOUTH))
    assert (visible >= 0).sum() > 25_000
    assert solid[behind].sum() == 0


def test_landmarks_lie_where_their_names_say(model: MorphableModel) -> None:
    parts = {tuple(t): int(p) for t, p in zip(model.triangles.tolist(), model.triangle_parts, strict=True)}
    carriers = [parts[tuple(t)] for t in model.landmarks478.triangles.tolist()]
    assert set(carriers[468:473]) == {Part.RIGHT_EYEBALL}
    assert set(carriers[473:478]) == {Part.LEFT_EYEBALL}
    assert not set(carriers[:468]) & {Part.LASHES, Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL, Part.UPPER_TEETH, Part.NECK}
    x = model.landmarks478.of(model.mean)[list(LANDMARKS_7), 0]
    assert x.argsort().tolist() == [0, 5, 1, 4, 2, 6, 3]  # right eye outer ... left eye outer, mouth between


def test_landmarks_are_symmetric(model: MorphableModel) -> None:
    """As MediaPipe's are: each has its twin on the other side, and points of the middle line lie on it."""
    points = model.landmarks478.of(model.mean)[:468]
    mirrored = points[mirror_twins()] * torch.tensor([-1.0, 1, 1])
    assert (points - mirrored).norm(dim=1).max() < 0.3


def test_the_68_points_are_among_the_478(model: MorphableModel) -> None:
    fine, coarse = model.landmarks478.of(model.mean), model.landmarks68.of(model.mean)
    torch.testing.assert_close(coarse, fine[list(IBUG_68)])
    brow, jaw = coarse[17:27, 1].mean(), coarse[:17, 1].min()
    assert brow > coarse[36:48, 1].mean() > coarse[48:68, 1].mean() > jaw  # brows, eyes, lips, chin


# --- mouth


def test_lips_touch_at_rest_whoever_it_is(model: MorphableModel, crowd: Tensor) -> None:
    points = landmarks(model, crowd, torch.zeros(52))
    assert (points[:, UPPER] - points[:, LOWER]).norm(dim=1).max() < 0.01
    lower = points[:, list(LOWER_INNER_LIP)]
    starts, ends = lower[:, None, :-1], lower[:, None, 1:]
    # The middle seven of the nine: at the corners the rims of the two lips end at different points.
    for i in UPPER_INNER_LIP[1:-1]:
        point = points[:, i, None, None]
        along = ((point - starts) * (ends - starts)).sum(-1) / (ends - starts).square().sum(-1)
        nearest = starts + along.clamp(0, 1)[..., None] * (ends - starts)
        gap = (nearest - point).norm(dim=-1).amin((1, 2))
        assert gap.mean() < 0.1
        assert gap.max() < 0.35


def test_the_jaw_opens_the_mouth_evenly(model: MorphableModel, crowd: Tensor) -> None:
    heights = []
    for weight in (0.0, 0.05, 0.2, 0.5, 0.8, 1.0):
        points = landmarks(model, crowd, expression(jawOpen=weight))
        heights.append((points[:, UPPER] - points[:, LOWER])[:, 1])
    assert all((after > before + 1).all() for before, after in pairwise(heights))
    assert (heights[-1] > 25).all()


@pytest.mark.parametrize("weight", [0.0, 0.05, 0.3, 0.65, 1.0])
def test_mouth_close_closes_an_open_jaw(model: MorphableModel, crowd: Tensor, weight: float) -> None:
    """ARKit: mouthClose closes the lips whatever the jaw does."""
    points = landmarks(model, crowd, expression(jawOpen=weight, mouthClose=weight))
    assert (points[:, UPPER] - points[:, LOWER]).norm(dim=1).max() < 0.01
    middle = [i for i in range(9) if 2 < i < 6]
    upper, lower = (points[:, [ring[i] for i in middle]] for ring in (UPPER_INNER_LIP, LOWER_INNER_LIP))
    assert (upper - lower)[..., 1].abs().max() < 0.3


@pytest.mark.parametrize("seed", range(5))
def test_teeth_are_rigid(model: MorphableModel, seed: int) -> None:
    """Lower teeth keep their shape under any expression; upper teeth keep their place."""
    identity = people(model, 1, seed)[0]
    weights = torch.rand(3, 52, generator=torch.Generator().manual_seed(seed))
    rest, moved = model.neutral(identity), model.vertices(identity, weights)
    upper, lower = model.part_vertices(Part.UPPER_TEETH), model.part_vertices(Part.LOWER_TEETH)
    torch.testing.assert_close(moved[:, upper], rest[upper].expand(3, -1, -1))
    torch.testing.assert_close(distances(moved[:, lower]), distances(rest[lower]).expand(3, -1, -1), rtol=0, atol=1e-3)
    assert (moved[:, lower] - rest[lower]).norm(dim=2).min() > 1


@pytest.mark.parametrize(
    ("unit", "axis", "sign"), [("jawOpen", 1, -1), ("jawForward", 2, 1), ("jawLeft", 0, 1), ("jawRight", 0, -1)]
)
def test_the_jaw_carries_teeth_and_chin_the_same_way(model: MorphableModel, unit: str, axis: int, sign: int) -> None:
    lower = model.part_vertices(Part.LOWER_TEETH)
    moved = model.vertices(torch.zeros(1), expression(**{unit: 1.0}))
    teeth = (moved - model.mean)[lower].mean(0)
    chin = (model.landmarks478.of(moved) - model.landmarks478.of(model.mean))[152]
    assert teeth[axis] * sign > 3
    assert chin[axis] * sign > 3
    assert torch.cosine_similarity(teeth, chin, dim=0) > 0.8


def test_only_jaw_units_move_the_jaw(model: MorphableModel) -> None:
    moving = (model.jaw_rotation.abs() + model.jaw_translation.abs()).sum(1) > 0
    assert {ARKIT_NAMES[i] for i in moving.nonzero()} == set(JAW_UNITS)


# --- eyes


@pytest.mark.parametrize("side", ["Left", "Right"])
def test_blink_closes_the_lids(model: MorphableModel, crowd: Tensor, side: str) -> None:
    upper, lower = {"Left": (LEFT_UPPER_LID, LEFT_LOWER_LID), "Right": (RIGHT_UPPER_LID, RIGHT_LOWER_LID)}[side]

    def opening(identity: Tensor, weights: Tensor) -> Tensor:
        points = landmarks(model, identity, weights)
        return (points[:, list(upper)] - points[:, list(lower)])[..., 1]

    mean_face = torch.zeros(1, 1)
    blink = expression(**{f"eyeBlink{side}": 1.0})
    assert opening(mean_face, torch.zeros(52)).mean() > 6
    assert opening(mean_face, blink).abs().max() < 0.35
    assert opening(crowd, torch.zeros(52)).mean(1).min() > 3
    assert opening(crowd, blink).abs().mean() < 1
    other = expression(**{f"eyeBlink{'Left' if side == 'Right' else 'Right'}": 1.0})
    torch.testing.assert_close(opening(mean_face, other), opening(mean_face, torch.zeros(52)))


def test_eyeballs_are_round_twins(model: MorphableModel, crowd: Tensor) -> None:
    left, right = model.part_vertices(Part.LEFT_EYEBALL), model.part_vertices(Part.RIGHT_EYEBALL)
    mirrored = model.mean[left] * torch.tensor([-1.0, 1, 1])
    assert torch.cdist(mirrored, model.mean[right]).min(1).values.max() < 0.05
    neutral = model.neutral(crowd)
    for side, index in enumerate((left, right)):
        radius = (neutral[:, index] - model.eye_centers(neutral)[:, side, None]).norm(dim=2)
        assert (radius.std(1) < 0.05 * radius.mean(1)).all()
        assert radius.min() > 11
        assert radius.max() < 19


@pytest.mark.parametrize(
    ("pitch", "yaw", "moves"),
    [(0.3, 0.0, (0, -1)), (-0.3, 0.0, (0, 1)), (0.0, 0.3, (1, 0)), (0.0, -0.3, (-1, 0))],
    ids=["down", "up", "to the subject's left", "to the subject's right"],
)
def test_signs_of_the_gaze(model: MorphableModel, pitch: float, yaw: float, moves: tuple[int, int]) -> None:
    """Both iris centres move in the head frame (+x: subject's left, +y: up) as the format documents."""
    eyes = torch.tensor([[pitch, yaw], [pitch, yaw]])
    at_rest = model.vertices(torch.zeros(1), torch.zeros(52))
    turned = model.vertices(torch.zeros(1), torch.zeros(52), eyes)
    for iris in (468, 473):
        shift = (model.landmarks478.of(turned) - model.landmarks478.of(at_rest))[iris, :2]
        for value, sign in zip(shift, moves, strict=True):
            assert value * sign > 2 if sign else abs(value) < 0.3


@pytest.mark.parametrize("seed", range(5))
def test_eyeballs_turn_rigidly_and_alone(model: MorphableModel, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    identity, weights = people(model, 1, seed)[0], torch.rand(52, generator=generator)
    eyes = torch.rand(2, 2, generator=generator) - 0.5
    still, turned = model.vertices(identity, weights), model.vertices(identity, weights, eyes)
    centers = model.eye_centers(model.neutral(identity))
    torch.testing.assert_close(model.eye_centers(turned), centers, atol=1e-3, rtol=0)
    for part in (Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL):
        index = model.part_vertices(part)
        torch.testing.assert_close(distances(turned[index]), distances(still[index]), atol=1e-3, rtol=0)
    rest = torch.ones(len(still), dtype=torch.bool)
    rest[model.part_vertices(Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL)] = False
    torch.testing.assert_close(turned[rest], still[rest], rtol=0, atol=1e-3)


def test_each_eye_follows_its_own_angles(model: MorphableModel) -> None:
    left_only = torch.tensor([[0.0, 0.3], [0, 0]])
    moved = model.vertices(torch.zeros(1), torch.zeros(52), left_only) - model.vertices(torch.zeros(1), torch.zeros(52))
    assert moved[model.part_vertices(Part.LEFT_EYEBALL)].norm(dim=1).max() > 3
    assert moved[model.part_vertices(Part.RIGHT_EYEBALL)].abs().max() < 1e-4


# --- as a function


def test_batches_equal_single_people(model: MorphableModel) -> None:
    generator = torch.Generator().manual_seed(0)
    identity, weights = people(model, 6).reshape(2, 3, -1), torch.rand(2, 3, 52, generator=generator)
    eyes = torch.rand(2, 3, 2, 2, generator=generator) - 0.5
    together = model.vertices(identity, weights, eyes)
    assert together.shape == (2, 3, len(model.mean), 3)
    for i in range(2):
        for j in range(3):
            alone = model.vertices(identity[i, j], weights[i, j], eyes[i, j])
            torch.testing.assert_close(together[i, j], alone, rtol=0, atol=1e-3)


def test_one_identity_serves_many_frames(model: MorphableModel) -> None:
    identity, weights = people(model, 1)[0], torch.rand(4, 52, generator=torch.Generator().manual_seed(0))
    eyes = torch.zeros(4, 2, 2)
    frames = model.vertices(identity, weights, eyes)
    torch.testing.assert_close(frames[2], model.vertices(identity, weights[2], eyes[2]), rtol=0, atol=1e-3)


def test_inputs_are_not_changed(model: MorphableModel) -> None:
    identity, weights, eyes = torch.ones(5), torch.full((52,), 0.5), torch.full((2, 2), 0.2)
    mean = model.mean.clone()
    model.vertices(identity, weights, eyes)
    assert torch.equal(model.mean, mean)
    assert (identity == 1).all()
    assert (weights == 0.5).all()
    assert (eyes == 0.2).all()


def test_fewer_identity_coefficients_leave_the_rest_at_zero(model: MorphableModel) -> None:
    few = torch.tensor([0.5, -1.0, 2.0])
    torch.testing.assert_close(model.neutral(few), model.neutral(torch.nn.functional.pad(few, (0, 77))))
    assert torch.equal(model.neutral(torch.zeros(0)), model.mean)
    with pytest.raises(ValueError, match="80 identity coefficients, got 81"):
        model.neutral(torch.zeros(81))


def tiny_arrays() -> dict[str, np.ndarray]:
    """A "head" of two eyeballs, lower teeth and a patch of skin: four tetrahedra of random shape."""
    rng = np.random.default_rng(0)
    corners = np.array([[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]])
    parts = (Part.SKIN, Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL, Part.LOWER_TEETH)
    triangles = np.concatenate([corners + 4 * i for i in range(4)])
    landmarks = {
        f"landmarks{n}_{kind}": value
        for n in (478, 68)
        for kind, value in (("triangle", np.zeros(n, np.uint16)), ("barycentric", np.full((n, 3), 1 / 3)))
    }
    return {
        "mean": 10 * rng.standard_normal((16, 3)),
        "identity_basis": rng.standard_normal((3, 16, 3)),
        "expression_basis": rng.standard_normal((52, 16, 3)),
        "triangles": triangles,
        "triangle_parts": np.repeat([int(p) for p in parts], 4),
        "uv": rng.random((16, 2)),
        "uv_triangles": triangles,
        "jaw_rotation": 0.02 * rng.standard_normal((52, 3)),
        "jaw_translation": rng.standard_normal((52, 3)),
        "jaw_pivot": rng.standard_normal(3),
        **landmarks,
    }


@pytest.mark.parametrize("at_zero", [True, False], ids=["at rest", "moved"])
def test_gradients(at_zero: bool) -> None:
    """Exact with respect to identity, expression and gaze, also at rest, where fits start."""
    tiny = model_from_arrays("tiny", tiny_arrays()).to(dtype=torch.float64)
    generator = torch.Generator().manual_seed(1)
    shapes = ((3,), (2, 52), (2, 2, 2))
    inputs = [torch.rand(*s, generator=generator, dtype=torch.float64) * (0 if at_zero else 0.3) for s in shapes]
    assert torch.autograd.gradcheck(tiny.vertices, [i.requires_grad_() for i in inputs])


def test_moved_to_another_precision(model: MorphableModel) -> None:
    double = model.to(dtype=torch.float64)
    assert double.mean.dtype == double.landmarks478.barycentric.dtype == torch.float64
    assert double.triangles.dtype == double.landmarks68.triangles.dtype == torch.int64
    weights = expression(jawOpen=0.5, eyeBlinkLeft=0.3)
    eyes = torch.full((2, 2), 0.1)
    fine = double.vertices(torch.zeros(2, dtype=torch.float64), weights.double(), eyes.double())
    torch.testing.assert_close(fine.float(), model.vertices(torch.zeros(2), weights, eyes), rtol=0, atol=1e-3)
    assert model.mean.dtype == torch.float32
