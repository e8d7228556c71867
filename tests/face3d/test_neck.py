"""Turning a head on its neck."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from face3d.camera import NECK_PIVOT, head_to_camera, neck_in_camera, turn_head

angles = st.lists(st.floats(-0.8, 0.8), min_size=3, max_size=3).map(lambda v: torch.tensor(v, dtype=torch.float64))
positions = st.lists(st.floats(-300, 300), min_size=3, max_size=3).map(
    lambda v: torch.tensor(v, dtype=torch.float64) + torch.tensor([0.0, 0.0, 900.0])
)


@given(angles, positions, angles)
def test_neck_stays_and_the_head_turns(rotation: torch.Tensor, translation: torch.Tensor, turn: torch.Tensor) -> None:
    turned, moved = turn_head(rotation, translation, turn)
    pivot = torch.tensor([NECK_PIVOT], dtype=torch.float64)
    before, after = (head_to_camera(pivot, r, t)[0] for r, t in ((rotation, translation), (turned, moved)))
    assert torch.allclose(before, after, atol=1e-6)
    assert torch.allclose(neck_in_camera(rotation, translation), before, atol=1e-6)
    back, home = turn_head(turned, moved, -turn)
    eyes = torch.tensor([[30.0, 0, 15], [-30, 0, 15]], dtype=torch.float64)
    assert torch.allclose(head_to_camera(eyes, back, home), head_to_camera(eyes, rotation, translation), atol=1e-5)


def test_no_turn_changes_nothing() -> None:
    rotation, translation = torch.tensor([[0.1, -0.2, 0.05]]), torch.tensor([[5.0, -30.0, 800.0]])
    turned, moved = turn_head(rotation, translation, torch.zeros(1, 3))
    assert torch.allclose(turned, rotation, atol=1e-6)
    assert torch.allclose(moved, translation, rtol=0, atol=1e-3)
