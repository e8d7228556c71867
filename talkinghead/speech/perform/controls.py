"""What the user asked of the motion, done to the model's frames: amounts, style, start pose, mood; in a stream."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from face3d.arkit import ARKIT_INDEX
from talkinghead.speech.generate.channels import UPPER_CHANNELS
from talkinghead.speech.options import MotionOptions
from talkinghead.speech.perform.idle import LowPass
from talkinghead.speech.perform.mood import Mood, MoodLayer
from talkinghead.speech.perform.mouth import assemble

Array = NDArray[np.float32]

_UPPER = {name: i for i, name in enumerate(UPPER_CHANNELS)}
_BROWS = ("browInnerUp", "browOuterUp", "browDown")
_BAND_HERTZ = 0.6  # slower is where the head is, faster is how it moves
# The start pose is left at no more than this, and in no less time.
_FASTEST_RETURN, _SHORTEST_RETURN = math.radians(10), 1.5  # rad/s, s
_STEEPEST = 15 / 8  # of x^3 (10 - 15 x + 6 x^2)
# Eyes stay with the camera by so much of the head's turn, up to so much, radians.
_EYES_STAY, _MOST_STAY = 0.8, math.radians(20)
# Gaze, radians, at which eyeLook* is full, as `face3d.fit.photo_fit.EYE_LOOK_REACH` (which needs the whole fitter): the
# lids follow the eyes by these weights, and other programs turn the eyes by them.
_REACH = {"Down": 0.55, "Up": 0.45, "Out": 0.60, "In": 0.60}


class MotionControls:
    """From the frames of the model to those of the person. It keeps a few numbers; cuts between blocks do not matter.

    Args:
        options: what was asked.
        fps: frames per second.
        seed: of what varies by chance.
    """

    def __init__(self, options: MotionOptions, fps: float, seed: int) -> None:
        self._options, self._fps = options, fps
        self._head = _Head(options, fps)
        # Apart from the seeds of the idle motion and the generator.
        self._mood = MoodLayer(Mood.of(options), fps, np.random.default_rng(np.random.SeedSequence([seed, 52])))
        brows = options.brow_motion * (1.0 if options.style is None else options.style.brow_ratio)
        self._brows = np.float32(brows)

    def apply(self, pose: Array, gates: Array, upper: Array) -> tuple[Array, Array, Array]:
        """The next frames.

        Args:
            pose: [T, 14] open mouth, 0..1, in the order of `talkinghead.speech.perform.mouth.POSE_CHANNELS`.
            gates: [T, 3] decided, 0..1, in the order of `talkinghead.speech.perform.mouth.GATES`.
            upper: [T, 10] in the order of `talkinghead.speech.generate.channels.UPPER_CHANNELS`.

        Returns:
            [T, 52] expression, [T, 3] rotation and [T, 2, 2] eye rotation, as in `SpeechMotion`.
        """
        open_mouth = np.clip(pose * np.float32(self._options.mouth_scale), 0, 1)
        if not self._options.mouth_scale:  # lips that rest have nothing to close
            gates = np.zeros_like(gates)
        expression = assemble(open_mouth, gates)
        for name in (*_BROWS, "eyeSquint"):
            _set(expression, name, np.clip(upper[:, _UPPER[name]] * self._brows, 0, 1))
        _set(expression, "eyeBlink", np.clip(upper[:, _UPPER["blink"]], 0, 1))
        rotation, held = self._head.advance(upper[:, :3])
        gaze = upper[:, 3:5] * np.float32(self._options.eye_motion)
        if not self._mood.none:
            amount = self._mood.amount(len(pose))
            expression = self._mood.under(expression, gates, amount)
            lowered, looking = self._mood.pose(amount)
            rotation[:, 0] += lowered
            gaze[:, 0] += looking - np.float32(_EYES_STAY) * lowered
        gaze -= np.clip(np.float32(_EYES_STAY) * held[:, :2], -_MOST_STAY, _MOST_STAY)
        _look(expression, gaze)
        return expression, rotation, np.repeat(gaze[:, None], 2, 1)  # both eyes turn alike


class _Head:
    """The head's rotation: scaled, of the wanted style, from the start pose on."""

    def __init__(self, options: MotionOptions, fps: float) -> None:
        self._fps, self._frame = fps, 0
        self._scale = options.head_motion
        self._bands: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None
        if options.style is not None:
            self._bands = options.style.slow_head_ratio, options.style.fast_head_ratio
        self._low_pass = LowPass(min(_BAND_HERTZ, 0.2 * fps), fps, 3)
        self._start = np.radians(np.array(options.start_pose))
        self._away: NDArray[np.float64] | None = None

    def advance(self, rotation: Array) -> tuple[Array, Array]:  # [T, 3] -> [T, 3], [T, 3] radians
        """The next frames' rotation, and the part of it that is left of the start pose."""
        if not len(rotation):
            return rotation, rotation
        moved = rotation.astype(np.float64)
        if self._bands is not None:
            slow = self._low_pass(moved)
            moved = self._bands[0] * slow + self._bands[1] * (moved - slow)
        moved *= self._scale
        if self._away is None:
            # Exactly the start pose in the first frame, wherever the model begins.
            self._away = self._start - moved[0]
        held = self._away * self._left(len(moved))[:, None]
        return (moved + held).astype(np.float32), held.astype(np.float32)

    def _left(self, count: int) -> NDArray[np.float64]:  # [count] 1 .. 0
        """How much of the start pose is left; all of it while the head is to keep still."""
        time = (self._frame + np.arange(count)) / self._fps
        self._frame += count
        if self._scale == 0 or self._away is None:
            return np.ones(count)
        angle = float(np.linalg.norm(self._away))
        x = np.clip(time / max(_SHORTEST_RETURN, _STEEPEST * angle / _FASTEST_RETURN), 0, 1)
        return np.asarray(1 - x**3 * (10 - 15 * x + 6 * x * x))


def _look(expression: Array, gaze: Array) -> None:
    """Set the eight eyeLook weights to a gaze [T, 2] (pitch, yaw)."""
    for side, outward in (("Left", gaze[:, 1]), ("Right", -gaze[:, 1])):
        for where, angle in (("Down", gaze[:, 0]), ("Up", -gaze[:, 0]), ("Out", outward), ("In", -outward)):
            expression[:, ARKIT_INDEX[f"eyeLook{where}{side}"]] = np.clip(angle / _REACH[where], 0, 1)


def _set(expression: Array, name: str, values: Array) -> None:
    for full in (name, f"{name}Left", f"{name}Right"):
        if full in ARKIT_INDEX:
            expression[:, ARKIT_INDEX[full]] = values
