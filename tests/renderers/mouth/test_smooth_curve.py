"""Curves that do not overshoot, against scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from renderers.mouth.smooth_curve import curve_through


@given(count=st.integers(3, 20), seed=st.integers(0, 1000), flat=st.booleans())
def test_it_is_scipys(count: int, seed: int, flat: bool) -> None:
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.uniform(0.001, 2, count))
    y = rng.standard_normal(count).round(0 if flat else 6)
    at = np.concatenate([x, rng.uniform(x[0], x[-1], 50)])
    np.testing.assert_allclose(curve_through(x, y, at), PchipInterpolator(x, y)(at), atol=1e-8)


def test_no_overshoot() -> None:
    x, y = np.arange(5.0), np.array([0.0, 0.0, 1.0, 1.0, 0.0])
    curve = curve_through(x, y, np.linspace(0, 4, 200))
    assert (curve.min(), curve.max()) == (pytest.approx(0), pytest.approx(1))
