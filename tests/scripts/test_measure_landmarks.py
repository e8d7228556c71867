"""MediaPipe's points, measured on a model that a user brought."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from measure_landmarks import measure

from face3d.errors import InputError
from face3d.model.morphable_model import MorphableModel
from face3d.model.parts import Part


def test_models_without_eyes_cannot_be_measured(model: MorphableModel) -> None:
    blind = dataclasses.replace(model, triangle_parts=torch.zeros_like(model.triangle_parts))
    with pytest.raises(InputError, match="has no eyeballs"):
        measure(blind)


@pytest.mark.slow
def test_our_own_head_s_points_are_found_again(model: MorphableModel) -> None:
    """Without its labels of the lips, as other models come."""
    parts = torch.where(model.triangle_parts == Part.LIPS, int(Part.SKIN), model.triangle_parts)
    found = measure(dataclasses.replace(model, name="flame", triangle_parts=parts), people=(40, 44)).points(model)
    truth = model.landmarks478.of(model.mean).numpy()
    error = np.linalg.norm(found - truth, axis=1)
    assert np.median(error) < 0.4
    assert error.mean() < 0.7
