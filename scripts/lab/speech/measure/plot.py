"""One sentence as a picture: its sound, its lips by several methods, heads and lids of three seeds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from face3d.arkit import ARKIT_INDEX
from scripts.lab.speech.corpus.alignment import SAMPLE_RATE
from scripts.lab.speech.corpus.phones import BILABIALS, LABIODENTALS, SILENCE
from scripts.lab.speech.measure.clips import Clip
from scripts.lab.speech.measure.sources import (
    LipTrack,
    envelope_source,
    filmed_source,
    model_source,
    teacher_source,
)
from scripts.lab.speech.measure.upper import relative_rotation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_REAL, _OURS, _TEACHER, _ENERGY = "#202020", "#1f77b4", "#2ca02c", "#d8a0a0"
_SEEDS = ("#1f77b4", "#ff7f0e", "#9467bd")


def draw_sentence(output: Path, model: Any, clip: Clip, fps: float) -> None:
    """Write a PNG of a clip that was not trained on; filmed lips are drawn where there are any.

    Args:
        output: the file.
        model: a `SpeechModel`.
        clip: the sentence.
        fps: frames per second; those of the pictures where it was filmed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 9.5), layout="constrained")
    FigureCanvasAgg(figure)
    sound, lips, head, lids = figure.subplots(4, 1, sharex=True, height_ratios=(2, 3.2, 2, 1.2))
    _spectrogram(sound, clip)
    _lips(lips, model, clip, fps)
    motions = [model.animate(clip.samples, fps, seed=seed) for seed in range(len(_SEEDS))]
    for seed, (motion, colour) in enumerate(zip(motions, _SEEDS, strict=True)):
        times = (np.arange(len(motion)) + 0.5) / fps
        angles = np.degrees(motion.rotation.double().numpy())
        for axis, style in enumerate(("-", "--", ":")):
            name = ("pitch", "yaw", "roll")[axis]
            head.plot(times, angles[:, axis], style, color=colour, lw=1, label=f"{name}, seed {seed}")
        lids.plot(times, motion.expression[:, ARKIT_INDEX["eyeBlinkLeft"]].numpy(), color=colour, lw=1)
    if clip.filmed is not None:
        angles = np.degrees(relative_rotation(clip.filmed.rotation))
        times = (np.arange(len(angles)) + 0.5) / clip.filmed.fps
        for axis, style in enumerate(("-", "--", ":")):
            head.plot(times, angles[:, axis], style, color=_REAL, lw=1.2, label="filmed" if axis == 0 else None)
        lids.plot(times, clip.filmed.expression[:, ARKIT_INDEX["eyeBlinkLeft"]], color=_REAL, lw=1.2)
    head.set_ylabel("head, degrees")
    head.legend(fontsize=6, ncol=4, loc="upper right")
    lids.set(ylabel="eyeBlink", ylim=(-0.05, 1.05), xlabel="s", xlim=(0, clip.seconds))
    figure.savefig(output, dpi=110, format="png")


def _spectrogram(axes: Axes, clip: Clip) -> None:
    axes.specgram(clip.samples + 1e-7, NFFT=400, noverlap=320, Fs=SAMPLE_RATE, cmap="magma", vmin=-130, vmax=-50)
    axes.set(ylabel="Hz", title=clip.name)


def _lips(axes: Axes, model: Any, clip: Clip, fps: float) -> None:
    def draw(track: LipTrack, label: str, colour: str, width: float, scale: float = 1.0) -> None:
        times = (np.arange(len(track.aperture)) + 0.5) / fps
        axes.plot(times, track.aperture * scale, color=colour, lw=width, label=label)

    envelope = envelope_source(clip, fps)
    ours = model_source(model)(clip, fps)
    draw(envelope, "sound's energy (any unit)", _ENERGY, 1, ours.aperture.max() / max(envelope.aperture.max(), 1e-9))
    draw(teacher_source(clip, fps), "rules, true text", _TEACHER, 1.2)
    draw(ours, "ours, sound alone", _OURS, 1.8)
    if clip.filmed is not None:
        draw(filmed_source(clip, fps), "filmed", _REAL, 2.2)
    for phone in clip.phones:
        if phone.name == SILENCE:
            continue
        if phone.name in BILABIALS | LABIODENTALS:
            axes.axvspan(phone.start, phone.end, color="#f0e0c0", lw=0)
        axes.text((phone.start + phone.end) / 2, -1.1, phone.name, ha="center", fontsize=7)
    axes.set(ylabel="lip aperture, mm", ylim=(-1.6, None))
    axes.legend(fontsize=7, loc="upper right")
