"""The learning rate over a run."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.lab.training.loop import LoopOptions
from scripts.lab.training.schedule import warmed_cosine


@pytest.mark.parametrize("warm_up", [0.0, 0.05, 0.3])
def test_it_rises_in_a_line_and_falls_to_nothing(warm_up: float) -> None:
    rates = np.array([warmed_cosine(step, 1000, 2.0, warm_up) for step in range(1, 1001)])
    top = int(rates.argmax())
    assert abs(top - 1000 * warm_up) <= 1
    assert rates.max() == pytest.approx(2.0, rel=0.02)
    np.testing.assert_allclose(np.diff(rates[:top], 2), 0, atol=1e-9)
    assert (np.diff(rates[top:]) < 0).all()
    assert rates[-1] < 1e-4
    assert rates[top + (1000 - top) // 2] == pytest.approx(1.0, abs=0.01), "half way down"


def test_options_know_their_rate() -> None:
    options = LoopOptions(steps=40, rate=0.3, warm_up=0.1)
    assert options.rate_at(7) == warmed_cosine(7, 40, 0.3, 0.1)
