"""A change of a photo."""

from __future__ import annotations

import numpy as np

from renderers.avatar import Change


def test_only_the_window_changes() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    before = photo.copy()
    result = Change(np.full((3, 4, 3), 7, np.uint8), left=5, top=2).over(photo)
    assert (result[2:5, 5:9] == 7).all()
    outside = np.ones((9, 12), bool)
    outside[2:5, 5:9] = False
    np.testing.assert_array_equal(result[outside], photo[outside])
    np.testing.assert_array_equal(photo, before)
