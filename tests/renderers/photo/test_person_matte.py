"""Who is the person in the photo."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from face3d.model.landmark_sets import FACE_OVAL
from renderers.photo.layers import polygon_mask
from renderers.photo.person_matte import guided_filter, person_matte, segment, this_person


def test_matte_of_a_portrait(matte: np.ndarray, astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    """Face, hair and suit belong to the person, the wall does not; the outline is soft."""
    assert matte.shape == astronaut.shape[:2]
    assert (matte.min(), matte.max()) == (0, 1)
    assert (matte[polygon_mask(matte.shape, landmarks[list(FACE_OVAL)])] == 1).all()
    x, y = np.floor(landmarks[10]).astype(int)
    assert matte[y - 12, x] > 0.9  # hair
    assert matte[-20:, x - 40 : x + 40].mean() > 0.9  # suit
    assert matte[5:40, 5:40].max() < 0.1
    assert matte[5:80, -30:].max() < 0.1
    assert 0.002 < ((matte > 0.1) & (matte < 0.9)).mean() < 0.1


def test_same_matte_at_another_size(matte: np.ndarray, astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    small = person_matte(np.ascontiguousarray(astronaut[::2, ::2]), (landmarks / 2).astype(np.float32))
    assert small is not None
    assert np.abs(small - matte[::2, ::2]).mean() < 0.02


def test_no_person_where_the_face_should_be(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    """The net is asked about the landmarks' person: noise under them is not one."""
    noise = np.random.default_rng(0).integers(0, 256, astronaut.shape).astype(np.uint8)
    assert person_matte(noise, landmarks) is None


def test_other_people_are_background() -> None:
    """Of two outlines, only the one around the face counts, with its soft rim."""
    coarse = np.zeros((100, 200), np.float32)
    coarse[20:90, 20:80], coarse[20:90, 120:180] = 0.9, 0.9
    coarse[20:90, 80:82] = 0.3
    oval = np.zeros(coarse.shape, bool)
    oval[30:50, 40:60] = True
    own = this_person(coarse, oval)
    np.testing.assert_array_equal(own[:, :82], coarse[:, :82])
    assert own[:, 100:].max() == 0


def guided_reference(guide: np.ndarray, values: np.ndarray, radius: int, epsilon: float) -> np.ndarray:
    """He, Sun and Tang, equations 14 to 16, window by window; pictures without borders only."""
    height, width = values.shape
    slopes, offsets = np.zeros((height, width, 3)), np.zeros((height, width))
    for y in range(radius, height - radius):
        for x in range(radius, width - radius):
            window = np.s_[y - radius : y + radius + 1, x - radius : x + radius + 1]
            colours, wanted = guide[window].reshape(-1, 3).astype(float), values[window].ravel().astype(float)
            mean = colours.mean(0)
            sigma = (colours - mean).T @ (colours - mean) / len(colours)
            cross = (colours * wanted[:, None]).mean(0) - mean * wanted.mean()
            slopes[y, x] = np.linalg.solve(sigma + epsilon * np.eye(3), cross)
            offsets[y, x] = wanted.mean() - slopes[y, x] @ mean
    result = np.full((height, width), np.nan)
    for y in range(2 * radius, height - 2 * radius):
        for x in range(2 * radius, width - 2 * radius):
            window = np.s_[y - radius : y + radius + 1, x - radius : x + radius + 1]
            result[y, x] = slopes[window].reshape(-1, 3).mean(0) @ guide[y, x] + offsets[window].mean()
    return result


@pytest.mark.parametrize("radius", [1, 2])
def test_guided_filter_equals_its_definition(radius: int) -> None:
    rng = np.random.default_rng(0)
    guide, values = rng.random((14, 17, 3)).astype(np.float32), rng.random((14, 17)).astype(np.float32)
    expected = guided_reference(guide, values, radius, 1e-2)
    known = np.isfinite(expected)
    assert known.any()
    np.testing.assert_allclose(guided_filter(guide, values, radius, 1e-2)[known], expected[known], atol=2e-3)


def test_threads_do_not_mix_their_pictures(astronaut: np.ndarray) -> None:
    pictures = [np.ascontiguousarray(np.roll(astronaut, shift, axis=1)) for shift in (0, 60, 120)]
    alone = [segment(picture) for picture in pictures]

    def wrong(k: int) -> float:
        return float(abs(segment(pictures[k % 3]) - alone[k % 3]).max())

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(wrong, range(60))) < 1e-5
