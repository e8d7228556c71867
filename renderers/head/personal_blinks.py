"""Blinks that just close the lids of one person.

The model's eyeBlink at weight 1 closes the eyes of the mean face. Narrow or squinting eyes would be shut half-way
through the blink and then bulge, wide ones would stay open a crack. And detected lids never meet: of shut eyes in
video, MediaPipe's points keep a seventh of their distance, and blinks fitted to them end at 0.7 to 0.9.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from face3d.arkit import ARKIT_INDEX
from face3d.model.landmark_sets import LEFT_LOWER_LID, LEFT_UPPER_LID, RIGHT_LOWER_LID, RIGHT_UPPER_LID
from face3d.model.morphable_model import MorphableModel

_EYES = (
    (ARKIT_INDEX["eyeBlinkLeft"], LEFT_UPPER_LID, LEFT_LOWER_LID),
    (ARKIT_INDEX["eyeBlinkRight"], RIGHT_UPPER_LID, RIGHT_LOWER_LID),
)
_LARGEST = 1.5
# Fitted blinks from the first weight on mean shut eyes (on 4 GRID clips of speaker 1, full closure at 0.8 instead of 1
# gave the eyes' region 0.2 dB). An eye whose own weight in the photo is beyond the second is shut there, and so are
# both when their mean is beyond the third: nothing is known of their eyeballs.
SHUT, SHUT_IN_PHOTO, BOTH_SHUT_IN_PHOTO = 0.8, 0.7, 0.6


class PersonalBlinks:
    """Stretches the blink of each eye between the photo's own weight and the weight at which this person's lids meet.

    Eyes that are shut in the photo stay shut. One expression or a batch, on any device: both renderers use it.

    Args:
        model: the face model.
        identity: [K] of the person.
        own: [52] the photo's expression.
    """

    def __init__(self, model: MorphableModel, identity: Tensor, own: Tensor) -> None:
        self._own = own
        weights = own[[blink for blink, _, _ in _EYES]]
        self._kept = (weights > SHUT_IN_PHOTO) | (weights.mean() > BOTH_SHUT_IN_PHOTO)  # [2]
        self._at_rest: list[Tensor] = []
        self._per_weight: list[Tensor] = []
        points = model.landmarks478.of(model.neutral(identity))[:, 1]
        moves = model.landmarks478.of(model.expression_basis)[..., 1]
        for _, upper, lower in _EYES:
            top, bottom = list(upper[1:-1]), list(lower[1:-1])  # the pairs next to the corners hardly open
            self._at_rest.append(points[top] - points[bottom])  # [5] mm
            self._per_weight.append(moves[:, top] - moves[:, bottom])  # [52, 5] mm

    def to(self, device: torch.device) -> PersonalBlinks:
        """The same on a device."""
        result = copy.copy(self)
        result._own, result._kept = self._own.to(device), self._kept.to(device)
        result._at_rest = [values.to(device) for values in self._at_rest]
        result._per_weight = [values.to(device) for values in self._per_weight]
        return result

    def closing_weights(self, expression: Tensor) -> Tensor:  # [..., 52] -> [..., 2]
        """The eyeBlink weights (left, right) at which all pairs of lid points meet, the rest of `expression` given."""
        result = []
        for (blink, _, _), at_rest, per_weight in zip(_EYES, self._at_rest, self._per_weight, strict=True):
            opening = at_rest + expression @ per_weight - expression[..., blink, None] * per_weight[blink]
            result.append((opening / -per_weight[blink]).amax(-1).clamp(0, _LARGEST))
        return torch.stack(result, -1)

    def adapt(self, expression: Tensor) -> Tensor:  # [..., 52] -> [..., 52]
        """Blinks such that `SHUT` closes the eyes; the photo's own blink and less stay as they are."""
        blinks = [blink for blink, _, _ in _EYES]
        # Shares of small differences: in double precision.
        wanted, own = expression[..., blinks].double(), self._own[blinks].double()
        share = ((wanted - own) / (SHUT - own)).clamp_max(1)
        stretched = own + share * (self.closing_weights(expression).double() - own).clamp_min(0)
        result = expression.clone()
        adapted = torch.where(self._kept, own, torch.where(wanted > own, stretched, wanted))
        result[..., blinks] = adapted.to(result.dtype)
        return result
