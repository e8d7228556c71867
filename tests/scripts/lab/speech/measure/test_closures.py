import numpy as np

from scripts.lab.speech.corpus.phones import PhoneSegment
from scripts.lab.speech.measure.closures import ClosureCounts, best_lag, count_closures

PHONES = [PhoneSegment("AA", 0, 0.4), PhoneSegment("B", 0.4, 0.48), PhoneSegment("AA", 0.48, 1.0)]


def _curve(closed: slice) -> np.ndarray:
    curve = np.full(25, 10.0)
    curve[closed] = 0.1
    return curve


def test_a_closure_in_its_place():
    counts = count_closures(_curve(slice(10, 12)), 25, PHONES, 10)
    assert counts == ClosureCounts(bilabials=1, closed=1, closed_two_frames=1, open_vowels=2, long_vowels=2)


def test_one_frame_too_early_and_a_closed_vowel():
    counts = count_closures(_curve(slice(12, 25)), 25, PHONES, 10)
    assert counts.closed == 1
    assert counts.wrongly_closed == 1
    assert counts.never_open == 1
    late = count_closures(_curve(slice(16, 18)), 25, PHONES, 10)
    assert late.closed == 0
    assert late.wrongly_closed == 1
    assert late.never_open == 0


def test_lag_is_positive_for_late_curves():
    curve = np.random.default_rng(0).standard_normal(200)
    assert best_lag(np.roll(curve, 3), curve)[0] == 3
    assert best_lag(np.roll(curve, -2), curve)[0] == -2
