"""Generated heads, lids and mouths beside filmed ones: the same sound, the same windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face3d.arkit import ARKIT_INDEX
from scripts.lab.speech.corpus.alignment import SAMPLE_RATE
from scripts.lab.speech.measure.clips import Array, Clip, FilmedMotion
from scripts.lab.speech.measure.closures import low_band_envelope
from scripts.lab.speech.measure.distribution import (
    frechet_distance,
    mean_speed,
    pooled_ratio,
    pooled_std,
    seed_agreement,
    seed_spread,
)
from scripts.lab.speech.measure.lips import MOUTH_MEASURES, LipMeter
from scripts.lab.speech.measure.upper import (
    Blink,
    beat_alignment,
    beats,
    blinks,
    head_stops,
    relative_rotation,
    smooth_head,
)

Curve = NDArray[np.float64]
AXES: tuple[str, ...] = ("pitch", "yaw", "roll")
_METER = LipMeter()


@dataclass(frozen=True)
class MotionWindow:
    """One clip's worth: `mouth` [T, 5] mm (`MOUTH_MEASURES`), `head` [T, 3] rad, `lid` [T] 0..1, `envelope` [T]."""

    mouth: Curve
    head: Curve
    lid: Curve
    envelope: Curve


def cut(clip: Clip, seconds: float) -> list[Clip]:
    """A filmed clip in pieces of this length, without phones; a shorter rest is left out."""
    frames = round(seconds * clip.film.fps)
    pieces = []
    for start in range(0, len(clip.film.expression) - frames + 1, frames):
        part = slice(start, start + frames)
        sound = slice(*(round(i / clip.film.fps * SAMPLE_RATE) for i in (start, start + frames)))
        filmed = FilmedMotion(
            clip.film.aperture_mm[part], clip.film.expression[part], clip.film.rotation[part], clip.film.fps
        )
        pieces.append(Clip(f"{clip.name}+{start}", clip.samples[sound], (), filmed))
    return pieces


def joined_sound(clips: Sequence[Clip]) -> Array:
    """The clips' sound in a row, each as long as its pictures."""
    return np.concatenate([_fitted(clip.samples, _sample_count(clip)) for clip in clips])


def _sample_count(clip: Clip) -> int:
    return round(len(clip.film.expression) / clip.film.fps * SAMPLE_RATE)


def _fitted(samples: Array, count: int) -> Array:
    return np.pad(samples, (0, max(count - len(samples), 0)))[:count]


def filmed_windows(clips: Sequence[Clip]) -> list[MotionWindow]:
    """What the camera saw."""
    windows = []
    for clip in clips:
        mouth = _METER.measure(clip.film.expression).stacked()
        head = relative_rotation(clip.film.rotation)
        samples = _fitted(clip.samples, _sample_count(clip))
        windows.append(_window(mouth, head, clip.film.expression, samples, clip.film.fps))
    return windows


def generated_windows(clips: Sequence[Clip], motion: Any) -> list[MotionWindow]:
    """`motion` (a `SpeechMotion` of `joined_sound`) cut where the clips are."""
    expression = motion.expression.numpy()
    mouth = _METER.measure(expression).stacked()
    rotation = motion.rotation.double().numpy()
    windows, start = [], 0
    for clip in clips:
        cut = slice(start, start + len(clip.film.expression))
        samples = _fitted(clip.samples, _sample_count(clip))
        windows.append(_window(mouth[cut], relative_rotation(rotation[cut]), expression[cut], samples, motion.fps))
        start = cut.stop
    return windows


def _window(mouth: Curve, head: Curve, expression: Array, samples: Array, fps: float) -> MotionWindow:
    lid = expression[:, [ARKIT_INDEX["eyeBlinkLeft"], ARKIT_INDEX["eyeBlinkRight"]]].mean(1).astype(np.float64)
    return MotionWindow(mouth, smooth_head(head, fps), lid, low_band_envelope(samples, fps, len(mouth)))


def compare(generated: Sequence[MotionWindow], real: Sequence[MotionWindow]) -> dict[str, float]:
    """Ratios to real motion: of each measure, of the mouth's pooled, of the head's axes pooled with and without pitch.

    A fit's small nods are partly jaw: yaw and roll are the surer part.
    """
    figures: dict[str, float] = {}
    for name, statistic in (("std", pooled_std), ("velocity", mean_speed)):
        ours, theirs = (statistic([w.mouth for w in windows]) for windows in (generated, real))
        figures |= {f"mouth_{name}_{m}": float(a / b) for m, a, b in zip(MOUTH_MEASURES, ours, theirs, strict=True)}
        figures[f"mouth_{name}"] = pooled_ratio(ours, theirs)
        ours, theirs = (statistic([w.head for w in windows]) for windows in (generated, real))
        figures |= {f"head_{name}_{axis}": float(a / b) for axis, a, b in zip(AXES, ours, theirs, strict=True)}
        figures[f"head_{name}"] = pooled_ratio(ours, theirs)
        figures[f"head_{name}_yaw_roll"] = pooled_ratio(ours[1:], theirs[1:])
    figures["frechet_mouth"] = frechet_distance([w.mouth for w in generated], [w.mouth for w in real])
    figures["frechet_head"] = frechet_distance([w.head for w in generated], [w.head for w in real])
    return figures


def describe(windows: Sequence[MotionWindow], fps: float) -> dict[str, float]:
    """Figures of one set by itself: degrees, degrees/s, blinks, how stops of the head meet the speech's beats."""
    head = [np.degrees(w.head) for w in windows]
    found = [blink for w in windows for blink in blinks(w.lid, fps)]
    seconds = sum(len(w.lid) for w in windows) / fps
    stops = [head_stops(w.head, fps) for w in windows]
    spoken = [beats(w.envelope, fps) for w in windows]
    return {
        "head_std_deg": float(np.sqrt((pooled_std(head) ** 2).sum())),
        "head_speed_deg_s": float(np.sqrt((mean_speed(head) ** 2).sum()) * fps),
        "blinks_per_s": len(found) / seconds,
        **_lengths_of(found),
        **_mean_alignment("beat_alignment", stops, spoken),
        **_mean_alignment("beat_alignment_by_chance", stops, [*spoken[1:], *spoken[:1]]),
    }


def _mean_alignment(name: str, stops: Sequence[Curve], spoken: Sequence[Curve]) -> dict[str, float]:
    """Of the windows in which the head stops and somebody speaks; nothing where there is none."""
    found = [beat_alignment(a, b) for a, b in zip(stops, spoken, strict=True) if len(a) and len(b)]
    return {name: float(np.mean(found))} if found else {}


def _lengths_of(found: Sequence[Blink]) -> dict[str, float]:
    if not found:
        return {}
    whole = np.array([blink.whole for blink in found])
    return {
        "blink_half_s": float(np.median([blink.half for blink in found])),
        "blink_whole_s": float(np.median(whole)),
        "blinks_100_400ms": 100 * float(((whole >= 0.1) & (whole <= 0.4)).mean()),
    }


def seed_figures(motions: Sequence[Any]) -> dict[str, float]:
    """How much of the motion the seed decides; `motions`: `SpeechMotion`s of one sound, one per seed."""
    apertures = [_METER.measure(m.expression.numpy()).aperture for m in motions]
    return {
        "aperture_r": seed_agreement(apertures),
        "head_spread": seed_spread([m.rotation.double().numpy() for m in motions]),
    }
