"""Blinks that just close the lids of one person.

The model's eyeBlink at weight 1 closes the eyes of the mean face. Narrow or squinting eyes would be shut half-way
through the blink and then bulge, wide ones would stay open a crack. And detected lids never meet: of shut eyes in
video, MediaPipe's points keep a seventh of their distance, and blinks fitted to them end at 0.7 to 0.9.
"""

from __future__ import annotations

from torch import Tensor

from face3d.arkit import ARKIT_INDEX
from face3d.landmark_sets import LEFT_LOWER_LID, LEFT_UPPER_LID, RIGHT_LOWER_LID, RIGHT_UPPER_LID
from face3d.morphable_model import MorphableModel

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

    Eyes that are shut in the photo stay shut.

    Args:
        model: the face model.
        identity: [K] of the person.
        own: [52] the photo's expression.
    """

    def __init__(self, model: MorphableModel, identity: Tensor, own: Tensor) -> None:
        self._own = own
        self._at_rest: list[Tensor] = []
        self._per_weight: list[Tensor] = []
        points = model.landmarks478.of(model.neutral(identity))[:, 1]
        moves = model.landmarks478.of(model.expression_basis)[..., 1]
        for _, upper, lower in _EYES:
            top, bottom = list(upper[1:-1]), list(lower[1:-1])  # the pairs next to the corners hardly open
            self._at_rest.append(points[top] - points[bottom])  # [5] mm
            self._per_weight.append(moves[:, top] - moves[:, bottom])  # [52, 5] mm

    def closing_weights(self, expression: Tensor) -> list[float]:
        """The eyeBlink weights (left, right) at which all pairs of lid points meet, the rest of `expression` given."""
        result = []
        for (blink, _, _), at_rest, per_weight in zip(_EYES, self._at_rest, self._per_weight, strict=True):
            opening = at_rest + expression @ per_weight - expression[blink] * per_weight[blink]
            result.append(float((opening / -per_weight[blink]).max().clamp(0, _LARGEST)))
        return result

    def adapt(self, expression: Tensor) -> Tensor:
        """[52] with blinks such that `SHUT` closes the eyes; the photo's own blink and less stay as they are."""
        result = expression.clone()
        both_shut = sum(float(self._own[blink]) for blink, _, _ in _EYES) / 2 > BOTH_SHUT_IN_PHOTO
        for (blink, _, _), closed in zip(_EYES, self.closing_weights(expression), strict=True):
            own, wanted = float(self._own[blink]), float(expression[blink])
            if both_shut or own > SHUT_IN_PHOTO:
                result[blink] = own
            elif wanted > own:
                share = min(1.0, (wanted - own) / (SHUT - own))
                result[blink] = own + share * max(0.0, closed - own)
        return result
