"""What moves the lips in the benchmark: our model, the sound's energy, rules with the true text, and other projects."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES
from scripts.lab.speech.corpus.alignment import SAMPLE_RATE
from scripts.lab.speech.measure.clips import Array, Clip, Curve
from scripts.lab.speech.measure.closures import low_band_envelope
from scripts.lab.speech.measure.lips import LipMeter
from talkinghead.speech.perform.frames import FrameSampler, frame_count

METER = LipMeter()


@dataclass(frozen=True)
class LipTrack:
    """Lips of one clip by one method; `teeth` is None where the method knows an opening only.

    Attributes:
        aperture: [T] mm (the energy envelope: any unit).
        teeth: [T] mm, see `LipCurves.teeth`.
        expression: [T, 52].
    """

    aperture: Curve
    teeth: Curve | None = None
    expression: Array | None = None


Source = Callable[[Clip, float], LipTrack]  # the clip and frames per second


def of_expression(expression: Array) -> LipTrack:  # [T, 52]
    """The track of an animation."""
    lips = METER.measure(expression)
    return LipTrack(lips.aperture, lips.teeth, expression)


def model_source(model: Any) -> Source:
    """Our model; `model` is a `SpeechModel`."""

    def track(clip: Clip, fps: float) -> LipTrack:
        return of_expression(model.animate(clip.samples, fps).expression.numpy())

    return track


def filmed_source(clip: Clip, fps: float) -> LipTrack:
    """The measured lips; a lip's height over the teeth comes from the fit, on the mean face."""
    if abs(clip.film.fps - fps) > 1e-6:
        raise ValueError(f"{clip.name} was not filmed at {fps:g} frames per second")
    return LipTrack(clip.film.aperture_mm, METER.measure(clip.film.expression).teeth, clip.film.expression)


_ENVELOPE_RANGE = 3.0  # log10 of power: 30 dB from closed to the clip's 95th percentile


def envelope_source(clip: Clip, fps: float) -> LipTrack:
    """A mouth that opens with the level below 1.2 kHz, in dB, and is shut 30 dB under its 95th percentile."""
    level = low_band_envelope(clip.samples, fps, _frames(clip, fps))
    return LipTrack(np.maximum(level - np.percentile(level, 95) + _ENVELOPE_RANGE, 0.0))


def teacher_source(clip: Clip, fps: float) -> LipTrack:
    """Our rules on the true phones."""
    return of_expression(taught_expression(clip, fps))


def taught_expression(clip: Clip, fps: float) -> Array:  # [T, 52]
    """The rule teacher's animation of the aligned text."""
    from scripts.lab.speech.teacher.teacher import teach
    from talkinghead.speech.hear.features import log_mel_stream, loudness_db
    from talkinghead.speech.perform.mouth import assemble

    mels = np.concatenate([*log_mel_stream([clip.samples])])
    taught = teach(list(clip.phones), loudness_db(mels[: len(mels) // 2 * 2]))
    split = taught.pose.shape[1]
    ticks = np.concatenate([taught.pose, taught.gates], 1)
    sampler = FrameSampler(fps, np.arange(ticks.shape[1]) >= split)
    frames = _frames(clip, fps)
    rows = np.concatenate([sampler.push(ticks), sampler.finish(frames)])[:frames]
    return assemble(rows[:, :split], rows[:, split:])


def openfacefx_source(clip: Clip, fps: float) -> LipTrack:
    """PyPI openfacefx (MIT) with its JALI rules on the true phones, through its own table of ARKit weights."""
    import openfacefx
    from openfacefx.retarget import PRESETS
    from openfacefx.visemes import VISEMES

    phones = [openfacefx.PhonemeSegment("sil" if p.name == "SIL" else p.name, p.start, p.end) for p in clip.phones]
    times, visemes = openfacefx.build_viseme_curves(phones, fps=100.0, params=openfacefx.CoartParams(jali=True))
    table = np.zeros((len(VISEMES), len(ARKIT_NAMES)))
    for row, viseme in enumerate(VISEMES):
        for name, weight in PRESETS["arkit"].get(viseme, ()):
            table[row, ARKIT_INDEX[name]] = weight
    return of_expression(at_frames(times, np.clip(visemes @ table, 0, 1), _frames(clip, fps), fps))


# ARKit weights for the five mouths that pylipsync tells apart (it leaves the shapes to the user).
_VOWEL_MOUTHS: Mapping[str, Mapping[str, float]] = {
    "aa": {"jawOpen": 0.5},
    "ee": {"jawOpen": 0.3, "mouthStretchLeft": 0.3, "mouthStretchRight": 0.3},
    "ih": {"jawOpen": 0.16, "mouthStretchLeft": 0.4, "mouthStretchRight": 0.4},
    "oh": {"jawOpen": 0.35, "mouthFunnel": 0.5, "mouthPucker": 0.3},
    "ou": {"jawOpen": 0.12, "mouthFunnel": 0.4, "mouthPucker": 0.7},
}
_SMOOTHING = (0.25, 0.5, 0.25)  # over frames; uLipSync smooths about as much on its way to the face


def pylipsync_source(analyzer: Any) -> Source:
    """PyPI pylipsync (MIT; uLipSync's MFCC templates): from the sound alone. `analyzer` is its `PhonemeAnalyzer`."""

    def track(clip: Clip, fps: float) -> LipTrack:
        segments = analyzer.extract_phoneme_segments(clip.samples, SAMPLE_RATE, fps=round(fps), return_seconds=True)
        weights = np.zeros((len(segments), len(ARKIT_NAMES)))
        for row, segment in enumerate(segments):
            for phoneme in segment.phonemes:
                for name, weight in _VOWEL_MOUTHS.get(phoneme.name, {}).items():
                    weights[row, ARKIT_INDEX[name]] += weight * float(np.nan_to_num(phoneme.target))
        padded = np.pad(weights, ((1, 1), (0, 0)), mode="edge")
        smooth = sum(share * padded[i : i + len(weights)] for i, share in enumerate(_SMOOTHING))
        middles = np.array([(segment.start + segment.end) / 2 for segment in segments])
        return of_expression(at_frames(middles, np.asarray(smooth), _frames(clip, fps), fps))

    return track


def at_frames(times: Curve, values: Curve, frames: int, fps: float) -> Array:  # [n], [n, C] -> [frames, C]
    """Values at the frames' middles, linearly between the times they are known at."""
    middles = (np.arange(frames) + 0.5) / fps
    return np.stack([np.interp(middles, times, column) for column in values.T], 1).astype(np.float32)


def _frames(clip: Clip, fps: float) -> int:
    return frame_count(len(clip.samples), SAMPLE_RATE, fps)


def peer_sources() -> tuple[dict[str, Source], list[str]]:
    """The other projects that are installed, and the names of those that are not."""
    found: dict[str, Source] = {}
    missing = [name for name in ("openfacefx", "pylipsync") if importlib.util.find_spec(name) is None]
    if "openfacefx" not in missing:
        found["openfacefx, true text"] = openfacefx_source
    if "pylipsync" not in missing:
        from pylipsync import PhonemeAnalyzer

        found["pylipsync"] = pylipsync_source(PhonemeAnalyzer())
    return found, missing
