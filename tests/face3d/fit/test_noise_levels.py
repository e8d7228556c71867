from __future__ import annotations

import numpy as np
import pytest

from face3d.arkit import ARKIT_INDEX
from face3d.fit.noise_levels import FACE_MM, expression_noise, size_factor, smoothing_levels


def test_small_faces_are_noisier() -> None:
    assert size_factor(1e6) == pytest.approx(1)
    assert 1.1 < size_factor(130) < 1.25
    assert 1.5 < size_factor(60) < 1.8
    small, large = smoothing_levels(60, 700), smoothing_levels(400, 700)
    assert (small.noise > 1.4 * large.noise).all()
    assert np.allclose(small.noise / small.agility, large.noise / large.agility)


def test_levels_have_the_units_of_the_parameters() -> None:
    levels = smoothing_levels(1e6, 600)
    assert levels.noise.shape == levels.agility.shape == (62,)
    assert np.degrees(levels.noise[:3]).max() < 0.5
    assert (levels.noise[3:5] < 0.002 * FACE_MM).all()
    assert levels.noise[5] == pytest.approx(2 * smoothing_levels(1e6, 300).noise[5])
    assert np.allclose(levels.noise[6:58], expression_noise())
    assert (expression_noise() > 0).all()


def test_both_sides_are_alike_and_lips_are_freer_than_brows() -> None:
    levels = smoothing_levels(200, 600)
    stiffness = (levels.noise / levels.agility)[6:58]
    for name, index in ARKIT_INDEX.items():
        if name.endswith("Left"):
            other = ARKIT_INDEX[name.removesuffix("Left") + "Right"]
            assert levels.noise[6 + index] == levels.noise[6 + other]
            assert stiffness[index] == stiffness[other]
    lips, lids, brows = (stiffness[ARKIT_INDEX[n]] for n in ("mouthClose", "eyeBlinkLeft", "browInnerUp"))
    assert lips < lids < brows


def test_agility_is_per_frame() -> None:
    slow, fast = smoothing_levels(200, 600, fps=25), smoothing_levels(200, 600, fps=50)
    assert np.allclose(fast.agility, slow.agility / 4)
    assert np.array_equal(fast.noise, slow.noise)
