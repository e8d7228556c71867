"""How somebody moves, in a few figures: measured on a reference, given to the generated motion."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES
from face3d.camera import axis_angle_to_matrix, matrix_to_axis_angle
from face3d.errors import InputError
from face3d.parameters import FaceParameters
from talkinghead.speech.perform.mouth import lip_gap_mm

Floats = NDArray[np.float64]
Three = tuple[float, float, float]

# Upper-face channels of which a style keeps the reference's resting value.
REST_CHANNELS: tuple[str, ...] = tuple(
    name for name in ARKIT_NAMES if name.startswith(("brow", "eyeSquint", "eyeWide", "cheekSquint", "noseSneer"))
)
SHORTEST_SECONDS = 2.0

# A head's place is compared with its own so much earlier: long enough for a movement, short enough for a clip of 3 s;
# and its speed is taken over the second time, in which a fitter's noise is small beside the motion.
_PLACE_SECONDS, _SPEED_SECONDS = 1.2, 0.2
# Seconds of a reference that count as much as what is natural.
_HEAD_PRIOR, _MOUTH_PRIOR, _BROW_PRIOR, _BLINK_PRIOR = 6.0, 8.0, 10.0, 30.0
_LEAST_MOUTH_MM = 1.0  # lips that open less do not speak: nothing is known of how they would
_BLINK_EDGES = (0.25, 0.5)  # above the resting lid: a blink has opened, has closed
_LONGEST_BLINK = 0.6  # s; longer, eyes are shut
_RATIOS = (0.3, 3.0)
_MOUTH_RATIOS = (0.7, 1.4)
_TINY = 1e-4


@dataclass(frozen=True)
class MotionStyle:
    """Statistics of somebody's motion.

    Attributes:
        head_std: typical deviation of the head's rotation about x, y, z (pitch, yaw, roll), radians: the root mean
            square of its change within 1.2 s over the square root of 2, which slow drifts do not enlarge.
        head_velocity_std: root mean square of the angular velocity about x, y, z over 0.2 s, radians per second.
        mouth_p95_mm: 95th percentile of the inner lips' opening, mm (`talkinghead.speech.perform.mouth.lip_gap_mm`).
        mouth_std_mm: its standard deviation, mm.
        brow_std: standard deviation of the brows' mean raise (browInnerUp and browOuterUp), 0..1.
        blinks_per_minute: complete blinks.
        rest: resting weights of `REST_CHANNELS`, 0..1.
    """

    head_std: Three
    head_velocity_std: Three
    mouth_p95_mm: float
    mouth_std_mm: float
    brow_std: float
    blinks_per_minute: float
    rest: tuple[float, ...] = (0.0,) * len(REST_CHANNELS)

    @property
    def slow_head_ratio(self) -> Floats:  # [3]
        """How far the head goes, in relation to `NATURAL_STYLE`."""
        return np.clip(np.array(self.head_std) / NATURAL_STYLE.head_std, *_RATIOS)

    @property
    def fast_head_ratio(self) -> Floats:  # [3]
        """How fast the head moves, in relation to `NATURAL_STYLE`."""
        return np.clip(np.array(self.head_velocity_std) / NATURAL_STYLE.head_velocity_std, *_RATIOS)

    @property
    def mouth_ratio(self) -> float:
        """How wide the mouth opens, in relation to `NATURAL_STYLE`."""
        return float(np.clip(self.mouth_p95_mm / NATURAL_STYLE.mouth_p95_mm, *_MOUTH_RATIOS))

    @property
    def brow_ratio(self) -> float:
        """How much the brows move, in relation to `NATURAL_STYLE`."""
        return float(np.clip(self.brow_std / NATURAL_STYLE.brow_std, *_RATIOS))


# What the shipped model does by itself, as `scripts/measure_style.py` prints it for 30 clips of GRID (development).
NATURAL_STYLE = MotionStyle(
    head_std=(0.0109, 0.0090, 0.0050),
    head_velocity_std=(0.0460, 0.0210, 0.0121),
    mouth_p95_mm=11.4,
    mouth_std_mm=4.11,
    brow_std=0.0280,
    blinks_per_minute=17.7,
)


def style_of(parameters: FaceParameters) -> MotionStyle:
    """The style of a fitted video, or of any other motion.

    Little is known from a few seconds, so each figure is drawn towards what is natural, the more the shorter the
    reference is: half-way at 6 s for the head, 8 s for the mouth, 10 s for the brows, 30 s for blinks.

    Raises:
        InputError: there are less than two seconds of a face.
    """
    seconds = _seen(parameters) / parameters.fps
    if seconds < SHORTEST_SECONDS:
        raise InputError(
            f"A style needs at least {SHORTEST_SECONDS:g} seconds of a face; the reference has {seconds:.1f}."
        )
    found, natural = measured(parameters), NATURAL_STYLE
    head = seconds / (seconds + _HEAD_PRIOR)
    speaks = found.mouth_p95_mm >= _LEAST_MOUTH_MM
    mouth = seconds / (seconds + _MOUTH_PRIOR) if speaks else 0.0
    blinks = (found.blinks_per_minute * seconds + natural.blinks_per_minute * _BLINK_PRIOR) / (seconds + _BLINK_PRIOR)
    return MotionStyle(
        _three(_towards(a, b, head) for a, b in zip(found.head_std, natural.head_std, strict=True)),
        _three(_towards(a, b, head) for a, b in zip(found.head_velocity_std, natural.head_velocity_std, strict=True)),
        _towards(found.mouth_p95_mm, natural.mouth_p95_mm, mouth),
        _towards(found.mouth_std_mm, natural.mouth_std_mm, mouth),
        _towards(found.brow_std, natural.brow_std, seconds / (seconds + _BROW_PRIOR)),
        blinks,
        found.rest,
    )


def measured(parameters: FaceParameters) -> MotionStyle:
    """The bare figures of a motion of some seconds; frames without a face do not count."""
    known = parameters.confidence.double().numpy() > 0
    expression = parameters.expression.double().numpy()
    fps, gap = parameters.fps, np.maximum(lip_gap_mm(expression.astype(np.float32)), 0).astype(np.float64)
    turn = _turns(parameters)
    # A fitter takes some of the jaw's motion for nods: what goes with the lips is no nod.
    turn[:, 0] -= _explained(turn[:, 0], np.stack([gap, expression[:, ARKIT_INDEX["jawOpen"]]], 1), known)
    brows = [ARKIT_INDEX[name] for name in ("browInnerUp", "browOuterUpLeft", "browOuterUpRight")]
    lid = expression[:, [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]].mean(1)
    rest = np.median(expression[known][:, [ARKIT_INDEX[name] for name in REST_CHANNELS]], 0)
    place, speed = (max(1, round(lag * fps)) for lag in (_PLACE_SECONDS, _SPEED_SECONDS))
    return MotionStyle(
        _three(_change(turn, known, place) / math.sqrt(2)),
        _three(_change(turn, known, speed) * fps / speed),
        float(np.quantile(gap[known], 0.95)),
        float(gap[known].std()),
        float((expression[known][:, brows] @ np.array([0.5, 0.25, 0.25])).std()),
        60 * count_blinks(lid[known], fps) * fps / max(int(known.sum()), 1),
        tuple(float(value) for value in rest),
    )


def count_blinks(lid: Floats, fps: float) -> int:
    """How often lids [T] close from their resting place and open again within 0.6 s; open lids are 0, shut ones 1."""
    over, shut = _BLINK_EDGES
    rest = float(np.median(lid)) if len(lid) else 0.0
    # Fitted shut eyes end between 0.7 and 0.9.
    relative = (lid - rest) / max(0.9 - rest, 0.3)
    down = np.diff(np.concatenate([[0], (relative > over).astype(int), [0]]))
    spans = zip(np.flatnonzero(down > 0), np.flatnonzero(down < 0), strict=True)
    return sum(bool(relative[a:b].max() >= shut and b - a <= _LONGEST_BLINK * fps) for a, b in spans)


def _seen(parameters: FaceParameters) -> int:
    return int((parameters.confidence > 0).sum())


def _turns(parameters: FaceParameters) -> Floats:  # [T, 3]
    """Rotation relative to the mean pose, axis-angle in the head's frame."""
    matrices = axis_angle_to_matrix(parameters.rotation.double())
    known = parameters.confidence > 0
    u, _, v = np.linalg.svd(matrices[known].mean(0).numpy())
    mean = matrices.new_tensor(u @ np.diag([1, 1, np.linalg.det(u @ v)]) @ v)
    return matrix_to_axis_angle(mean.transpose(-1, -2) @ matrices).numpy()


def _explained(values: Floats, by: Floats, known: NDArray[np.bool_]) -> Floats:
    """[T] the part of `values` [T] that a linear function of `by` [T, N] gives, fitted where `known`."""
    centred = by - by[known].mean(0)
    # Ridge: a mouth that hardly moves explains nothing.
    gram = centred[known].T @ centred[known] + 1e-3 * known.sum() * np.eye(by.shape[1])
    return np.asarray(centred @ np.linalg.solve(gram, centred[known].T @ (values - values[known].mean())[known]))


def _change(values: Floats, known: NDArray[np.bool_], lag: int) -> Floats:  # [T, 3] -> [3]
    """Root mean square of the change within `lag` frames, where both ends are known; without the wildest percent."""
    change = (values[lag:] - values[:-lag])[known[lag:] & known[:-lag]]
    if not len(change):
        return np.full(3, _TINY)
    most = np.quantile(np.abs(change), 0.99, axis=0)
    return np.maximum(np.sqrt((np.minimum(np.abs(change), most) ** 2).mean(0)), _TINY)


def _towards(value: float, natural: float, share: float) -> float:
    """`share` of the way from `natural` to `value`, on a logarithmic scale."""
    return float(natural * (max(value, _TINY) / natural) ** share)


def _three(values: object) -> Three:
    x, y, z = (float(v) for v in values)  # type: ignore[attr-defined]
    return x, y, z
