"""What a face does beside speaking: blinks, saccades, small head motion, brow raises. A seeded random process.

It advances in ticks of 20 ms and keeps a few numbers of state, so the motion of any length needs constant memory and
does not depend on how it is cut into chunks. Each kind of motion draws from its own child of the seed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkinghead.speech.generate.channels import UPPER_CHANNELS
from talkinghead.speech.hear.network import OUTPUT_RATE
from talkinghead.speech.perform.lids import NATURAL_BLINKS, BlinkShaper, BlinkTrain

Array = NDArray[np.float32]

_TICK = 1.0 / OUTPUT_RATE
_DEGREE = float(np.pi / 180)
_BLINK, _INNER, _OUTER = (UPPER_CHANNELS.index(name) for name in ("blink", "browInnerUp", "browOuterUp"))


_OUTER_BROW = 0.6  # of what the inner brow is raised


class IdleMotion:
    """The process. Call :meth:`advance` with the loudness of the speech, in as many pieces as wanted.

    Args:
        seed: another one moves otherwise.
        blinks_per_minute: 0..60.
    """

    def __init__(self, seed: int, blinks_per_minute: float = NATURAL_BLINKS) -> None:
        sway, nods, blinks, eyes, brows, lids = (
            np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(6)
        )
        self._stress = _StressDetector()
        self._sway = _Sway(sway)
        self._nods = _Responses(nods, size=(0.8, 0.4), chance=0.7, peak_seconds=0.26)
        self._brows = _Responses(brows, size=(0.22, 0.08), chance=0.3, peak_seconds=0.20)
        self._blinks = BlinkTrain(blinks, blinks_per_minute)
        self._lids = BlinkShaper(lids)
        self._saccades = _Saccades(eyes)

    def advance(self, loudness: NDArray[np.floating]) -> Array:  # [n] dB below the speech's running peak -> [n, 10]
        """The next `n` ticks, in the order of `talkinghead.speech.generate.channels.UPPER_CHANNELS`."""
        count = len(loudness)
        stressed, activity = self._stress.advance(loudness)
        rotation = self._sway.advance(count) * (0.5 + 0.5 * activity[:, None])
        rotation[:, 0] += np.array([self._nods.step(s) for s in stressed])
        brow = np.clip([self._brows.step(s) for s in stressed], 0, 1)
        upper = np.zeros((count, len(UPPER_CHANNELS)), np.float32)
        upper[:, :3] = rotation * _DEGREE
        upper[:, 3:5] = np.array([self._saccades.step() for _ in range(count)]).reshape(count, 2) * _DEGREE
        upper[:, _BLINK] = self._lids.advance(count, self._blinks.advance(count))
        upper[:, _INNER], upper[:, _OUTER] = brow, _OUTER_BROW * brow
        return upper


class _StressDetector:
    """Onsets of syllables that stand out, and a slow 0..1 measure of whether somebody speaks."""

    _OVER_DB = 2.5
    _REFRACTORY = 0.5  # s
    _QUIETEST_DB = -30.0

    def __init__(self) -> None:
        self._fast = self._slow = self._QUIETEST_DB
        self._activity = 0.0
        self._since = 0.0
        self._above = False

    def advance(self, loudness: NDArray[np.floating]) -> tuple[list[bool], NDArray[np.float64]]:
        stressed, activity = [], np.empty(len(loudness))
        for i, level in enumerate(np.clip(loudness, self._QUIETEST_DB, 0)):
            self._fast += (level - self._fast) * (_TICK / 0.06)
            self._slow += (level - self._slow) * (_TICK / 1.2)
            self._activity += (float(level > -20) - self._activity) * (_TICK / 0.6)
            self._since += _TICK
            above = self._fast > self._slow + self._OVER_DB
            hit = above and not self._above and self._since >= self._REFRACTORY
            if hit:
                self._since = 0.0
            self._above = above
            stressed.append(bool(hit))
            activity[i] = self._activity
        return stressed, activity


class LowPass:
    """A Butterworth low-pass of second order that starts at rest, as scipy.signal.butter and lfilter give it.

    Here because scipy.signal takes longer to import than everything that is done with it.

    Args:
        hertz: where the power is halved.
        rate: samples per second.
        channels: filtered side by side.
    """

    def __init__(self, hertz: float, rate: float, channels: int) -> None:
        warped = float(np.tan(np.pi * hertz / rate))  # bilinear transform of 1 / (s^2 + sqrt(2) s + 1)
        scale = 1 / (1 + np.sqrt(2) * warped + warped**2)
        self._gain = warped**2 * scale
        self._back = 2 * (warped**2 - 1) * scale, (1 - np.sqrt(2) * warped + warped**2) * scale
        self._state = np.zeros((2, channels))

    def white_noise_gain(self) -> float:
        """Standard deviation of what comes out once white noise of variance 1 has gone in for long."""
        delay = np.exp(-2j * np.pi * np.arange(8192) / 8192)
        response = self._gain * (1 + delay) ** 2 / (1 + self._back[0] * delay + self._back[1] * delay**2)
        return float(np.sqrt((np.abs(response) ** 2).mean()))  # Parseval's theorem

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float64]:  # [T, channels] -> [T, channels]
        """The next values, smooth; what came before counts."""
        result = np.empty_like(values)
        first, second = self._state
        for i, forward in enumerate(self._gain * values):
            result[i] = value = first + forward
            first = second + 2 * forward - self._back[0] * value
            second = forward - self._back[1] * value
        self._state = np.stack([first, second])
        return result


class _Sway:
    """Slow wandering of the head: low-passed noise that starts at rest. Degrees about x, y, z."""

    _BANDS = ((0.22, (1.3, 1.9, 1.1)), (0.8, (0.45, 0.55, 0.35)))  # (Hz, standard deviations in degrees)

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._filters = []
        for hertz, sizes in self._BANDS:
            low_pass = LowPass(hertz, OUTPUT_RATE, 3)
            self._filters.append((low_pass, np.array(sizes) / low_pass.white_noise_gain()))

    def advance(self, count: int) -> NDArray[np.float64]:  # -> [count, 3]
        noise = self._rng.standard_normal((count, len(self._filters), 3))
        total = np.zeros((count, 3))
        for i, (low_pass, gain) in enumerate(self._filters):
            total += low_pass(noise[:, i]) * gain
        return total


class Posture:
    """Where somebody holds their head from one minute to the next: it wanders within a degree or so, and starts at 0.

    Filmed clips of a few seconds cannot teach it; a head that always comes back to the same place looks fastened. It is
    too slow to add much to the motion within a sentence.

    Args:
        rng: of the way that it takes.
        rate: frames per second.
    """

    _HERTZ = 0.04
    _DEGREES = (0.7, 1.0, 0.5)  # standard deviations about x, y, z

    def __init__(self, rng: np.random.Generator, rate: float) -> None:
        self._rng = rng
        self._low_pass = LowPass(self._HERTZ, rate, 3)
        self._gain = np.array(self._DEGREES) * _DEGREE / LowPass(self._HERTZ, rate, 3).white_noise_gain()

    def advance(self, count: int) -> Array:  # -> [count, 3]
        """The next frames' rotation about x, y, z, radians."""
        return (self._low_pass(self._rng.standard_normal((count, 3))) * self._gain).astype(np.float32)


class HeadRise:
    """The head rises a little while the jaw falls, and lags behind it.

    Jaw and neck move together (Zafar, Nordh & Eriksson 2000, Arch. Oral Biol. 45: 675); filmed heads rise by 0.12
    degrees per millimetre, of which a part is the fit's confusion of jaw and head. Here it is 0.09.

    Args:
        rate: frames per second.
    """

    _DEGREES_PER_MM = 0.09
    _LAG = 0.03  # s

    def __init__(self, rate: float) -> None:
        self._keep = float(np.exp(-1 / (rate * self._LAG)))
        self._gap = 0.0

    def advance(self, gap_mm: Array) -> Array:  # [n] opening of the lips -> [n]
        """The next frames' rotation about x, radians: negative, which is up."""
        followed = np.empty(len(gap_mm))
        for i, gap in enumerate(np.maximum(gap_mm, 0)):
            self._gap = followed[i] = float(gap) + self._keep * (self._gap - float(gap))
        return (-self._DEGREES_PER_MM * _DEGREE * followed).astype(np.float32)


class _Responses:
    """Short bumps (t / peak) exp(1 - t / peak), of random size, that some of the stressed syllables call forth."""

    def __init__(self, rng: np.random.Generator, size: tuple[float, float], chance: float, peak_seconds: float) -> None:
        self._rng = rng
        self._size = size
        self._chance = chance
        self._decay = float(np.exp(-_TICK / peak_seconds))
        self._kick = float(np.e * _TICK / peak_seconds)
        self._first = self._second = 0.0

    def step(self, stressed: bool) -> float:
        if stressed:
            mean, spread = self._size
            size = max(0.0, self._rng.normal(mean, spread))
            if self._rng.random() < self._chance:
                self._first += size * self._kick
        self._second = self._decay * (self._second + self._first)
        self._first *= self._decay
        return self._second


class _Saccades:
    """Gaze that rests, then jumps within 50 ms; most jumps lead back towards the camera. Degrees (pitch, yaw)."""

    _FLIGHT = 0.05  # s

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._from = self._to = np.zeros(2)
        self._flight = self._FLIGHT
        self._wait = rng.uniform(0.8, 2.5)

    def step(self) -> NDArray[np.float64]:
        self._wait -= _TICK
        if self._wait <= 0:
            self._from = self._to
            away = self._rng.normal(0, (1.0, 2.2))
            self._to = away if self._rng.random() < 0.45 else 0.25 * away
            self._wait = 0.5 + self._rng.exponential(1.1)
            self._flight = 0.0
        self._flight = min(self._flight + _TICK, self._FLIGHT)
        x = self._flight / self._FLIGHT
        return self._from + (self._to - self._from) * x * x * (3 - 2 * x)
