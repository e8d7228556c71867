"""The parts of the speech benchmark; each gives nested figures. `scripts/benchmark_speech.py` is their command line."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from scripts.lab.speech.corpus.alignment import SAMPLE_RATE, PhoneAligner
from scripts.lab.speech.measure.clips import (
    Array,
    Clip,
    development_voices,
    filmed_clip,
    filmed_clips,
    held_out_grid,
    speech_clips,
)
from scripts.lab.speech.measure.conditions import conditions
from scripts.lab.speech.measure.failures import lowest_r, wrong_lips
from scripts.lab.speech.measure.lip_figures import (
    agreement,
    channel_agreement,
    closure_figures,
    pause_curves,
    pause_motion,
)
from scripts.lab.speech.measure.motion_figures import (
    compare,
    cut,
    describe,
    filmed_windows,
    generated_windows,
    joined_sound,
    seed_figures,
)
from scripts.lab.speech.measure.sources import (
    LipTrack,
    Source,
    envelope_source,
    filmed_source,
    model_source,
    of_expression,
    peer_sources,
    teacher_source,
)
from scripts.lab.speech.measure.speed import long_run_memory, real_time_factor, stream_latency

FPS = 25.0
LIVE = "ours, live"
OURS, FILMED, TEACHER, ENVELOPE = "ours", "real lips", "rule teacher, true text", "energy envelope"
_WINDOW_SECONDS = 3.0  # as long as GRID's clips
Figures = dict[str, Any]


@dataclass(frozen=True)
class Folders:
    """Where the data lie; a section without its data is left out.

    Attributes:
        grid: a GRID speaker's videos, of which the held-out ones are taken.
        speakers: single held-out GRID videos of other speakers.
        heads: other filmed people, whose heads are described beside the others.
        speech: recordings with texts beside them.
        corpus: development voices, folder by folder, as `scripts/train_speech.py corpus` writes them.
        fits: where fitted videos are kept.
    """

    grid: Path | None
    speakers: tuple[Path, ...]
    heads: tuple[Path, ...]
    speech: Path | None
    corpus: Path | None
    fits: Path


@dataclass(frozen=True)
class Sizes:
    """How much is measured: clips of GRID, utterances per voice, seeds, seconds for speed."""

    clips: int = 80
    utterances: int = 12
    seeds: int = 10
    seconds: float = 60.0


QUICK = Sizes(clips=12, utterances=4, seeds=3, seconds=20.0)


@dataclass
class Benchmark:
    """One model on one set of data; clips are read once and shared by the sections.

    Attributes:
        model: a `SpeechModel`.
        live: its twin with little look-ahead; None: not measured.
        weights, generator: the files of `model`, None for the shipped ones; the hour loads them in its own process.
    """

    model: Any
    live: Any | None
    folders: Folders
    sizes: Sizes = Sizes()
    weights: Path | None = None
    generator: Path | None = None

    @cached_property
    def _aligner(self) -> PhoneAligner:
        return PhoneAligner()

    @cached_property
    def grid_clips(self) -> list[Clip]:
        """Held-out clips of the GRID speaker."""
        if self.folders.grid is None:
            return []
        videos = held_out_grid(self.folders.grid, self.sizes.clips)
        return list(filmed_clips(videos, self.folders.fits, self._aligner))

    @cached_property
    def speaker_clips(self) -> list[Clip]:
        """Clips of speakers that nothing was trained on."""
        return list(filmed_clips(self.folders.speakers, self.folders.fits, self._aligner))

    @cached_property
    def speech(self) -> list[Clip]:
        """Recordings without pictures."""
        return [] if self.folders.speech is None else speech_clips(self.folders.speech, self._aligner)

    def tracks(self, source: Source, clips: Sequence[Clip]) -> list[LipTrack]:
        """A source on clips."""
        return [source(clip, FPS) for clip in clips]

    def _sources(self) -> dict[str, Source]:
        peers, missing = peer_sources()
        for name in missing:
            print(f"{name} is not installed: its row is left out (docs/benchmarks.md says how to get it)")
        ours = {OURS: model_source(self.model)}
        if self.live is not None:
            ours[LIVE] = model_source(self.live)
        return ours | {ENVELOPE: envelope_source, TEACHER: teacher_source} | peers

    def grid(self) -> Figures:
        """Lips against filmed lips: every source on the same clips, the filmed lips themselves first."""
        return {
            name: self._against_filmed(clips)
            for name, clips in (("speaker 1", self.grid_clips), ("other speakers", self.speaker_clips))
            if clips
        }

    def _against_filmed(self, clips: list[Clip]) -> Figures:
        filmed = self.tracks(filmed_source, clips)
        figures: Figures = {FILMED: {"clips": len(clips)} | closure_figures(clips, filmed, FPS)}
        for name, source in self._sources().items():
            tracks = self.tracks(source, clips)
            figures[name] = agreement(tracks, filmed) | closure_figures(clips, tracks, FPS)
        return figures

    def librivox(self) -> Figures:
        """Lips on recordings without pictures, against the teacher on the true text."""
        if not self.speech:
            return {}
        taught = self.tracks(teacher_source, self.speech)
        figures: Figures = {TEACHER: {"clips": len(self.speech)} | closure_figures(self.speech, taught, FPS)}
        for name, source in self._sources().items():
            if name == TEACHER:
                continue
            tracks = self.tracks(source, self.speech)
            figures[name] = agreement(tracks, taught) | closure_figures(self.speech, tracks, FPS)
            if tracks[0].expression is not None:
                figures[name]["r_channels"] = channel_agreement(tracks, taught)
        return figures

    def robustness(self) -> Figures:
        """r and closure under each condition over those of the clean sound (1: nothing lost)."""
        voices = [clip.samples for clip in (*self.speech, *self.grid_clips)]
        figures: Figures = {}
        for name, clips, reference_source in (
            ("librivox", self.speech, teacher_source),
            ("grid", self.grid_clips, filmed_source),
        ):
            if not clips:
                continue
            reference = self.tracks(reference_source, clips)
            clean = self._lips_of(clips, clips, reference)
            rows = {"clean": clean}
            for condition, change in conditions(voices).items():
                changed = [dataclasses.replace(clip, samples=change(clip.samples)) for clip in clips]
                row = self._lips_of(changed, clips, reference)
                row |= {f"{key}_kept": row[key] / clean[key] for key in ("r", "bilabial_closure") if clean[key] > 0}
                rows[condition] = row
            figures[name] = rows
        return figures

    def _lips_of(self, heard: list[Clip], clips: list[Clip], reference: list[LipTrack]) -> Figures:
        tracks = self.tracks(model_source(self.model), heard)
        closures = closure_figures(clips, tracks, FPS)
        kept = ("bilabial_closure", "labiodental_touch", "false_closure")
        return {"r": agreement(tracks, reference)["r"]} | {key: closures[key] for key in kept if key in closures}

    def languages(self) -> Figures:
        """Closures of the corpus' development voices, by what they speak and who."""
        if self.folders.corpus is None:
            return {}
        figures: Figures = {}
        for voice, clips in development_voices(self.folders.corpus, self.sizes.utterances):
            figures[voice] = closure_figures(clips, self.tracks(model_source(self.model), clips), FPS)
        return figures

    def silence(self) -> Figures:
        """Motion of the lips in pauses; real people's under the same definition beside it."""
        figures: Figures = {}
        for name, clips in (("librivox", self.speech), ("grid", self.grid_clips)):
            if clips:
                figures[name] = self._pauses(clips, self.tracks(model_source(self.model), clips))
        if self.grid_clips:
            figures["real lips"] = self._pauses(self.grid_clips, self.tracks(filmed_source, self.grid_clips))
        for name, noise_db in (("silence put in", None), ("room noise put in, -50 dB", -50.0)):
            if self.speech:
                figures[name] = self._inserted_pauses(noise_db)
        return figures

    def _pauses(self, clips: list[Clip], tracks: list[LipTrack]) -> Figures:
        p95 = float(np.percentile(np.concatenate([track.aperture for track in tracks]), 95))
        return pause_motion(pause_curves(clips, tracks, FPS), p95)

    def _inserted_pauses(self, noise_db: float | None) -> Figures:
        """A second of silence after every recording; the pauses' inner parts are known exactly."""
        pause = np.zeros(SAMPLE_RATE, np.float32)
        if noise_db is not None:
            pause += np.random.default_rng(0).standard_normal(SAMPLE_RATE).astype(np.float32) * 10 ** (noise_db / 20)
        sound = np.concatenate([part for clip in self.speech for part in (clip.samples, pause)])
        aperture = of_expression(self.model.animate(sound, FPS).expression.numpy()).aperture
        ends = np.cumsum([clip.seconds + 1 for clip in self.speech])
        inside = [aperture[int((end - 0.7) * FPS) : int((end - 0.2) * FPS)] for end in ends]
        return pause_motion(inside, float(np.percentile(aperture, 95)))

    def distribution(self) -> Figures:
        """Amount and speed of motion beside filmed motion, blinks, beats, seeds."""
        clips = self.grid_clips
        if not clips:
            return {}
        sound, real = joined_sound(clips), filmed_windows(clips)
        figures: Figures = {"real": describe(real, FPS)}
        if self.speaker_clips:
            figures["real, other speakers"] = describe(filmed_windows(self.speaker_clips), FPS)
        for video in self.folders.heads:
            clip = filmed_clip(video, self.folders.fits)
            windows = filmed_windows(cut(clip, _WINDOW_SECONDS))
            figures[f"real, {video.stem}"] = describe(windows, clip.film.fps)
        generated = generated_windows(clips, self.model.animate(sound, FPS))
        figures[OURS] = describe(generated, FPS) | compare(generated, real)
        figures["beat_ratio"] = figures[OURS]["beat_alignment"] / figures["real"]["beat_alignment"]
        halves = compare(real[::2], real[1::2])
        figures["real, two halves"] = {key: halves[key] for key in ("frechet_mouth", "frechet_head")}
        minute = sound[: int(self.sizes.seconds * SAMPLE_RATE)]
        figures["seeds"] = seed_figures([self.model.animate(minute, FPS, seed=s) for s in range(self.sizes.seeds)])
        return figures

    def speed(self) -> Figures:
        """Real-time factor of one core, and the stream's latency."""
        sound = self._long_sound()[: int(self.sizes.seconds * SAMPLE_RATE)]
        return {
            "real_time_factor": real_time_factor(self.model, sound, FPS),
            "stream": stream_latency(self.live or self.model, sound, FPS),
        }

    def hour(self) -> Figures:
        """Peak memory over an hour, and over a minute to compare with."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "sound.npy"
            np.save(path, self._long_sound())
            seconds = {"minute": 60.0, "hour": 3600.0}
            return {
                name: long_run_memory(self.weights, self.generator, path, length, FPS)
                for name, length in seconds.items()
            }

    def worst(self, count: int) -> list[str]:
        """The worst consonants, vowels and clips of our lips, a line each."""
        lines: list[str] = []
        for name, clips, reference in (
            ("GRID", self.grid_clips, filmed_source),
            ("other speakers", self.speaker_clips, filmed_source),
            ("speech", self.speech, teacher_source),
        ):
            if clips:
                ours = self.tracks(model_source(self.model), clips)
                lines += [f"{name}: {line}" for line in wrong_lips(clips, ours, FPS, count)]
                lines += [f"{name}: {line}" for line in lowest_r(clips, ours, self.tracks(reference, clips), count)]
        return lines

    def _long_sound(self) -> Array:
        clips = self.speech or self.grid_clips
        if not clips:
            raise ValueError("the speed is measured on speech: give a folder of it")
        sound = np.concatenate([clip.samples for clip in clips])
        return np.tile(sound, int(np.ceil(self.sizes.seconds * SAMPLE_RATE / len(sound))))
