"""What lies under the speech: an emotion, a style's resting face, and what of the photo's own expression stays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face3d.arkit import ARKIT_INDEX
from talkinghead.speech.options import MotionOptions
from talkinghead.speech.perform.emotion import EMOTIONS, channels, starting_with
from talkinghead.speech.perform.idle import LowPass
from talkinghead.speech.perform.mouth import LIP_GAP_MM, lip_gap_mm
from talkinghead.speech.perform.style import REST_CHANNELS

Array = NDArray[np.float32]

RAMP_SECONDS = 0.6  # from the photo's own expression
_STYLE_SHARE = 0.5  # of a style's resting face; the rest of it is the photo's
_SWELL, _SWELL_HERTZ = 0.14, 0.12  # an emotion's strength wanders by as much, as slowly
_WIDE_OPEN_MM = 15.0  # lips that speech opens so far are not parted further
_CLOSE_MM = LIP_GAP_MM["jawOpen"]
# How much of an emotion's mouth stays at full rounding, under pressed lips and with a lip on the teeth.
_ROUND, _PRESSED, _ON_TEETH = 0.3, 0.6, 0.6
_FULL_ROUNDING = 0.5  # mouthFunnel + mouthPucker
_WIDE = [ARKIT_INDEX[f"eyeWide{side}"] for side in ("Left", "Right")]
_SQUINT = [ARKIT_INDEX[f"eyeSquint{side}"] for side in ("Left", "Right")]
_LIDS = [ARKIT_INDEX[f"eyeBlink{side}"] for side in ("Left", "Right")]
_JAW, _CLOSE = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthClose"]


@dataclass(frozen=True, eq=False)
class Mood:
    """Offsets at full amount, [52] each: of the upper face, of the mouth; and the photo's share that goes, 0..1.

    `parted_mm`, `pitch` and `gaze` (radians) as in :class:`talkinghead.speech.perform.emotion.Emotion`.
    """

    face: Array
    mouth: Array
    replaced: Array
    parted_mm: float
    pitch: float
    gaze: float

    @classmethod
    def of(cls, options: MotionOptions) -> Mood:
        """What the options' emotion and style come to."""
        emotion, strength = EMOTIONS[options.emotion], np.float32(options.emotion_strength)
        face = channels(emotion.face) * strength
        replaced = starting_with(emotion.replaces) * strength
        if options.style is not None:
            index = [ARKIT_INDEX[name] for name in REST_CHANNELS]
            rest = np.zeros_like(face)
            rest[index] = _STYLE_SHARE * np.array(options.style.rest, np.float32)
            face = _over(rest * (1 - replaced), face)
            replaced[index] = np.maximum(replaced[index], _STYLE_SHARE)
        still, fixed = min(1.0, options.head_motion), min(1.0, options.eye_motion)
        return cls(
            face,
            channels(emotion.mouth) * strength,
            replaced.astype(np.float32),
            float(strength) * emotion.parted_mm,
            float(strength) * float(np.radians(emotion.pitch)) * still,
            float(strength) * float(np.radians(emotion.gaze)) * fixed,
        )

    def kept(self, seconds: float) -> Array:  # [52] 0..1
        """The share of the photo's own expression that is there so long after the start."""
        return 1 - self.replaced * ramp(np.array(seconds))


def ramp(seconds: NDArray[np.floating]) -> Array:
    """0 at the start, 1 once the mood is fully there."""
    x = np.clip(seconds / RAMP_SECONDS, 0, 1)
    return (x * x * (3 - 2 * x)).astype(np.float32)


class MoodLayer:
    """Puts a mood under the spoken expression, frame by frame; its strength swells and falls a little, slowly.

    Args:
        mood: what lies under the speech.
        fps: frames per second.
        rng: of the swell.
    """

    def __init__(self, mood: Mood, fps: float, rng: np.random.Generator) -> None:
        self._mood, self._fps, self._rng = mood, fps, rng
        self._low_pass = LowPass(_SWELL_HERTZ, fps, 1)
        self._gain = _SWELL / self._low_pass.white_noise_gain()
        self._frame = 0
        self.none = not (mood.face.any() or mood.mouth.any() or mood.parted_mm or mood.pitch or mood.gaze)

    def amount(self, count: int) -> Array:  # [count] about 0..1.3
        """The mood's strength in the next frames."""
        swell = self._low_pass(self._rng.standard_normal((count, 1)))[:, 0] * self._gain
        time = (self._frame + np.arange(count)) / self._fps
        self._frame += count
        return ramp(time) * (1 + np.clip(swell, -2 * _SWELL, 2 * _SWELL)).astype(np.float32)

    def under(self, expression: Array, gates: Array, amount: Array) -> Array:
        """The face that speaks in this mood.

        The gap of the lips stays what the speech says, to the tenth of a millimetre: what smiles and frowns open or
        press is taken back by the jaw.

        Args:
            expression: [T, 52] spoken weights.
            gates: [T, 3] 0..1 in the order of `talkinghead.speech.perform.mouth.GATES`.
            amount: [T] of :meth:`amount`.
        """
        mood, amount = self._mood, amount[:, None]
        mouth = np.clip(mood.mouth * amount, 0, 1) * _room(expression, gates)
        result = _over(expression, _with_blinks(np.clip(mood.face * amount, 0, 1), expression))
        result = _over(result, mouth)
        gap = lip_gap_mm(expression)
        free = (1 - np.maximum(gates[:, 0], gates[:, 1])) * np.clip(1 - gap / _WIDE_OPEN_MM, 0, 1)
        return with_gap(result, gap + mood.parted_mm * amount[:, 0] * free)

    def pose(self, amount: Array) -> tuple[Array, Array]:
        """[T] radians each by which the head and the eyes are lowered."""
        return self._mood.pitch * amount, self._mood.gaze * amount


def with_gap(expression: Array, wanted_mm: Array) -> Array:  # [T, 52], [T] -> [T, 52]
    """The weights with their lips `wanted_mm` apart: mouthClose takes up what is too much, the jaw gives the rest."""
    result = expression.copy()
    excess = (lip_gap_mm(result) - wanted_mm) / np.float32(_CLOSE_MM)
    # What mouthClose already takes up is given back first: jaw and lips do not work against each other.
    given_back = np.minimum(result[:, _CLOSE], np.maximum(-excess, 0))
    result[:, _CLOSE] += np.maximum(excess, 0) - given_back
    result[:, _JAW] += np.maximum(-excess, 0) - given_back
    return np.clip(result, 0, 1)


def _room(expression: Array, gates: Array) -> Array:  # [T, 1] 0..1
    """How much of an emotion's mouth the lips' work leaves."""
    rounding = expression[:, ARKIT_INDEX["mouthFunnel"]] + expression[:, ARKIT_INDEX["mouthPucker"]]
    room = 1 - (1 - _ROUND) * np.clip(rounding / _FULL_ROUNDING, 0, 1)
    room = room * (1 - (1 - _PRESSED) * gates[:, 0]) * (1 - (1 - _ON_TEETH) * gates[:, 1])
    return np.asarray(room[:, None], np.float32)


def _with_blinks(face: Array, expression: Array) -> Array:
    """Wide or narrow eyes let the lids pass: a blink shuts them whatever the mood."""
    result = face.copy()
    open_share = 1 - expression[:, _LIDS]
    result[:, _WIDE] *= open_share
    result[:, _SQUINT] *= 1 - 0.5 * (1 - open_share)
    return result


def _over(below: Array, above: Array) -> Array:
    """Two expressions together: a sum that never leaves 0..1."""
    return below + above * (1 - below)
