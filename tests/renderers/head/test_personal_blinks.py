"""Blinks that just close the lids of one person."""

from __future__ import annotations

import pytest
import torch

from face3d.arkit import ARKIT_INDEX
from face3d.model.landmark_sets import LEFT_LOWER_LID, LEFT_UPPER_LID, RIGHT_LOWER_LID, RIGHT_UPPER_LID
from face3d.model.morphable_model import MorphableModel
from renderers.head.personal_blinks import SHUT, PersonalBlinks

LEFT, RIGHT = ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]
RIMS = {LEFT: (LEFT_UPPER_LID, LEFT_LOWER_LID), RIGHT: (RIGHT_UPPER_LID, RIGHT_LOWER_LID)}


def expression(**weights: float) -> torch.Tensor:
    result = torch.zeros(52)
    for name, weight in weights.items():
        result[ARKIT_INDEX[name]] = weight
    return result


def openings(model: MorphableModel, identity: torch.Tensor, weights: torch.Tensor, blink: int) -> torch.Tensor:
    """Heights between the middle five pairs of lid points, mm."""
    points = model.landmarks478.of(model.vertices(identity, weights))[:, 1]
    upper, lower = RIMS[blink]
    return (points[list(upper)] - points[list(lower)])[1:-1]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("mood", [{}, {"eyeSquintLeft": 0.6, "eyeSquintRight": 0.6}], ids=["relaxed", "squinting"])
def test_a_full_blink_just_closes(model: MorphableModel, seed: int, mood: dict[str, float]) -> None:
    """Whoever it is: no crack stays open, and the lids overlap less than without."""
    identity = 0.8 * torch.randn(model.identity_size, generator=torch.Generator().manual_seed(seed))
    blinks = PersonalBlinks(model, identity, expression(**mood))
    adapted = blinks.adapt(expression(**mood, eyeBlinkLeft=1.0, eyeBlinkRight=1.0))
    for blink in (LEFT, RIGHT):
        shut = openings(model, identity, adapted, blink)
        assert shut.max() == pytest.approx(0, abs=0.02)
        assert shut.mean() > -1.6


def test_without_it_lids_overlap(model: MorphableModel) -> None:
    """The reason: the model's own blink closes a squinting eye far too much."""
    squint = expression(eyeSquintLeft=0.8, eyeBlinkLeft=1.0)
    assert openings(model, torch.zeros(1), squint, LEFT).mean() < -1.5


def test_the_photos_own_lids_stay(model: MorphableModel) -> None:
    own = expression(eyeBlinkLeft=0.2, eyeBlinkRight=0.1, eyeSquintLeft=0.3, jawOpen=0.4)
    blinks = PersonalBlinks(model, torch.zeros(1), own)
    assert torch.equal(blinks.adapt(own), own)
    wider = expression(eyeBlinkLeft=0.05, eyeWideLeft=0.5)
    assert torch.equal(blinks.adapt(wider), wider)


def test_blinks_grow_evenly_from_the_photos_own(model: MorphableModel) -> None:
    own = expression(eyeBlinkLeft=0.2, eyeSquintLeft=0.3)
    blinks = PersonalBlinks(model, torch.zeros(1), own)

    def adapted(weight: float) -> float:
        return float(blinks.adapt(expression(eyeBlinkLeft=weight, eyeSquintLeft=0.3))[LEFT])

    closed = float(blinks.closing_weights(own)[0])
    assert adapted(0.2) == pytest.approx(0.2)
    assert adapted((0.2 + SHUT) / 2) == pytest.approx((0.2 + closed) / 2)
    assert [adapted(SHUT), adapted(1.0)] == pytest.approx([closed, closed])


def test_only_blinks_change(model: MorphableModel) -> None:
    blinks = PersonalBlinks(model, torch.zeros(1), torch.zeros(52))
    weights = torch.rand(52, generator=torch.Generator().manual_seed(0))
    before = weights.clone()
    adapted = blinks.adapt(weights)
    assert torch.equal(weights, before)
    others = [i for i in range(52) if i not in (LEFT, RIGHT)]
    assert torch.equal(adapted[others], weights[others])


def test_eyes_that_are_shut_in_the_photo(model: MorphableModel) -> None:
    shut = expression(eyeBlinkLeft=1.0, eyeBlinkRight=1.0)
    blinks = PersonalBlinks(model, torch.zeros(1), shut)
    assert torch.equal(blinks.adapt(shut), shut)
    assert torch.equal(blinks.adapt(torch.zeros(52)), shut)  # what is behind those lids, nobody knows


def test_nearly_shut_eyes_open_neither_or_both(model: MorphableModel) -> None:
    shut = PersonalBlinks(model, torch.zeros(1), expression(eyeBlinkLeft=0.72, eyeBlinkRight=0.6))
    assert shut.adapt(torch.zeros(52))[[LEFT, RIGHT]].tolist() == pytest.approx([0.72, 0.6])
    wink = PersonalBlinks(model, torch.zeros(1), expression(eyeBlinkLeft=0.9, eyeBlinkRight=0.1))
    assert wink.adapt(torch.zeros(52))[[LEFT, RIGHT]].tolist() == pytest.approx([0.9, 0])


@pytest.mark.parametrize("own", [(0.0, 0.0), (0.3, 0.1), (0.65, 0.65), (0.72, 0.6), (0.9, 0.1)])
def test_a_batch_is_its_frames(model: MorphableModel, own: tuple[float, float]) -> None:
    """Both renderers ask the same object, one for a frame and one for many, wherever it lies."""
    blinks = PersonalBlinks(model, torch.zeros(1), expression(eyeBlinkLeft=own[0], eyeBlinkRight=own[1]))
    weights = torch.rand(7, 52, generator=torch.Generator().manual_seed(0))
    moved = blinks.to(torch.device("cpu"))
    torch.testing.assert_close(moved.adapt(weights), torch.stack([blinks.adapt(w) for w in weights]))
    torch.testing.assert_close(
        moved.closing_weights(weights), torch.stack([blinks.closing_weights(w) for w in weights])
    )
