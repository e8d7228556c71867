"""Which faces an avatar can be made of."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from face3d.errors import InputError
from face3d.fitting import PhotoFit
from talkinghead.driving import nobody
from talkinghead.portrait import Portrait, check_animatable, turned_away_degrees


@pytest.mark.parametrize("yaw", [-60.0, -20.0, 0.0, 35.0, 80.0])
@pytest.mark.parametrize("pitch", [0.0, 20.0])
def test_angle(yaw: float, pitch: float) -> None:
    """It is the turn to the side that counts, and the way in which the head is held changes it little."""
    parameters = dataclasses.replace(nobody(10), rotation=torch.tensor([[0.0, math.radians(yaw), 0.0]]))
    assert turned_away_degrees(parameters) == pytest.approx(abs(yaw), abs=0.01)
    tilted = torch.tensor([[math.radians(pitch), 0.0, 0.0]])
    assert turned_away_degrees(dataclasses.replace(nobody(10), rotation=tilted)) == pytest.approx(0, abs=0.01)


def test_a_head_beside_the_picture_is_seen_from_the_side() -> None:
    """It faces the way the camera looks, but the camera sees its side."""
    beside = dataclasses.replace(nobody(10), translation=torch.tensor([[850.0, 0.0, 850.0]]))
    assert turned_away_degrees(beside) == pytest.approx(45, abs=0.01)


@pytest.mark.parametrize(("yaw", "refused"), [(30.0, False), (-39.0, False), (50.0, True), (-70.0, True)])
def test_heads_turned_too_far(yaw: float, refused: bool, astronaut, astronaut_fit: PhotoFit) -> None:  # type: ignore[no-untyped-def]
    centred = torch.tensor([[0.0, 0.0, 800.0]])
    turned = torch.tensor([[0.0, math.radians(yaw), 0.0]])
    parameters = dataclasses.replace(astronaut_fit.parameters, rotation=turned, translation=centred)
    portrait = Portrait(astronaut, dataclasses.replace(astronaut_fit, parameters=parameters))
    if not refused:
        check_animatable(portrait)
        return
    with pytest.raises(InputError, match=f"turned {abs(yaw):.0f} degrees .* at most 35"):
        check_animatable(portrait)
