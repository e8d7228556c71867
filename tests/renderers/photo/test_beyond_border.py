"""The person beyond the photo's borders."""

from __future__ import annotations

import numpy as np
import pytest

from renderers.photo.beyond_border import continue_beyond


@pytest.mark.parametrize("axis", [0, 1])
def test_what_does_not_reach_the_border_is_not_mirrored(axis: int) -> None:
    """Along each line, the first gap ends it."""
    person = np.zeros((12, 12, 4), np.uint8)
    person[..., :3], person[..., 3] = 100, 200
    person = np.moveaxis(person, axis, 0)  # a view: lines along `axis`
    person[-1, 2] = 0  # a gap at the border itself
    person[-3, 5] = (10, 10, 10, 50)  # a thin place
    whole = np.moveaxis(continue_beyond(np.moveaxis(person, 0, axis), 4), axis, 0)
    beyond = whole[:, 4:-4]
    np.testing.assert_array_equal(beyond[4:-4], person)
    assert not beyond[-4:, 2].any()
    np.testing.assert_array_equal(beyond[-4:, 5, 3], [200, 50, 50, 50])
    np.testing.assert_array_equal(beyond[-4:, 5, 0], [100, 10, 25, 25])
    np.testing.assert_array_equal(beyond[-4:, 8], np.broadcast_to(person[1, 8], (4, 4)))


@pytest.mark.parametrize("cut", [0, 12, 30])
def test_a_head_cut_by_the_upper_border_is_closed_by_its_circle(cut: int) -> None:
    """`cut` rows of a disc of radius 40 are above the border."""
    y, x = np.mgrid[:200, :120] + 0.5
    disc = np.where(np.hypot(x - 60, y - 100) < 40, 255, 0).astype(np.uint8)
    border, pad = 60 + cut, 35
    whole = continue_beyond(np.repeat(disc[border:, :, None], 4, 2), pad)[:-pad, pad:-pad, 3]
    assert (abs(whole.astype(int) - disc[border - pad :]) > 127).mean() < 0.004


def test_what_narrows_below_the_border_ends_in_a_half_circle() -> None:
    """It may not go on as a chimney."""
    y, x = np.mgrid[:100, :100] + 0.5
    person = np.repeat(np.where(abs(x - 50) < 20 - 0.1 * y, 255, 0).astype(np.uint8)[..., None], 4, 2)
    above = continue_beyond(person, 30)[:30, 30:-30, 3]
    assert not above[:10].any()
    assert above[-2, 35:65].min() > 0


def test_what_fills_the_upper_border_goes_on() -> None:
    person = np.full((50, 40, 4), 255, np.uint8)
    assert continue_beyond(person, 20).min() == 255
