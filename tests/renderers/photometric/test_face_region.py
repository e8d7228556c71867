"""The face's region and the smooth fields on it."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part
from renderers.photometric import Refiner
from renderers.photometric.face_region import seen_triangles


def test_seen_triangles_are_skin_and_lips_of_the_face(model: MorphableModel) -> None:
    seen = seen_triangles(model)
    assert set(model.triangle_parts[seen].tolist()) == {int(Part.SKIN), int(Part.LIPS)}
    points = model.mean[model.triangles[seen]].reshape(-1, 3)
    assert points[:, 1].min() > model.mean[:, 1].min() + 50  # no neck
    assert (points[:, 0].abs() < 85).all()
    landmarks = model.landmarks478.triangles[[4, 205, 425, 17, 151]]  # nose, cheeks, lower lip, forehead
    assert np.isin(landmarks.numpy(), model.triangles[seen].numpy()).all()


def test_triangles_around_the_seen_ones_are_complete(model: MorphableModel, refiner: Refiner) -> None:
    """The normals of a seen triangle's corners need all triangles that touch them."""
    region = refiner.region
    corners = np.unique(region.vertices[region.triangles[region.seen]])
    touching = np.flatnonzero(np.isin(model.triangles.numpy(), corners).any(1))
    assert np.isin(touching, region.triangle_ids).all()
    np.testing.assert_array_equal(region.vertices[region.triangles], model.triangles.numpy()[region.triangle_ids])


def test_fields_are_smooth_first_and_even_or_odd(model: MorphableModel, refiner: Refiner) -> None:
    region = refiner.region
    assert (np.diff(region.stiffness) >= 0).all()
    assert 0.4 < region.symmetric.mean() < 0.6
    mean = model.mean.double().numpy()
    skin = model.part_vertices(Part.SKIN, Part.LIPS).numpy()
    skin = skin[np.abs(mean[skin, 0]) > 1e-6]
    twin = skin[cKDTree(mean[skin]).query(mean[skin] * [-1, 1, 1])[1]]
    sign = np.where(region.symmetric, 1, -1)[:, None]
    np.testing.assert_allclose(region.modes[:, skin], sign * region.modes[:, twin], atol=1e-6)
    middle = np.intersect1d(np.flatnonzero(np.abs(mean[:, 0]) < 1e-6), model.part_vertices(Part.SKIN, Part.LIPS))
    assert np.abs(region.modes[~region.symmetric][:, middle]).max() < 1e-6


def test_fields_are_independent_and_end_at_the_face(model: MorphableModel, refiner: Refiner) -> None:
    modes = refiner.region.modes
    skin = model.part_vertices(Part.SKIN, Part.LIPS).numpy()
    assert np.linalg.cond(np.corrcoef(modes[:, skin])) < 100
    assert np.abs(modes).max() < 6  # root mean square 1: none lives on a single vertex
    back = model.mean[:, 2].numpy() < -90
    assert np.abs(modes[:, back]).max() == 0


def test_what_the_face_carries_moves_with_it(model: MorphableModel, refiner: Refiner) -> None:
    modes = refiner.region.modes
    for part in (Part.LEFT_EYEBALL, Part.RIGHT_EYEBALL, Part.UPPER_TEETH, Part.LOWER_TEETH):
        ball = modes[:, model.part_vertices(part).numpy()]
        assert np.ptp(ball, axis=1).max() < 1e-9
        assert np.abs(ball).max() > 0.1
