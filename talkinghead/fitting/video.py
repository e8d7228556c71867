"""Y -> Y' for a video: follow one person, fit the whole track at once, and show how well that went."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from face3d.detect.face import SMALLEST_FACE_PX
from face3d.errors import InputError
from face3d.follow.track import Track, TrackWriter, fingerprint, open_track
from talkinghead.config import Config, load_config
from talkinghead.fitting.report import Timing, stability_figures, video_figures
from talkinghead.fitting.result import Fit
from talkinghead.fitting.spool import open_spool, state_of, take_up
from talkinghead.media.output import complete_file
from talkinghead.media.video_file import Damage, VideoFile
from talkinghead.runtime import limited_threads
from talkinghead.stages import Progress, Stages, silent

if TYPE_CHECKING:
    from face3d.fit.track_fit import SequenceFit
    from face3d.follow.person_follower import FaceFollower

# How often what the follower knows is kept; an interruption costs up to as many frames.
CHECKPOINT_FRAMES = 50

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FitOutputs:
    """What to write: the parameters (.safetensors), and where asked for a video, figures (.json) and curves (.png)."""

    parameters: Path
    overlay: Path | None = None
    report: Path | None = None
    plot: Path | None = None


def fit_video(
    path: str | Path,
    outputs: FitOutputs,
    face_index: int | None = None,
    refine: bool = False,
    config: Config | None = None,
    stages: Stages = silent,
) -> Fit:
    """Fit the face model to one person in a video.

    The first pass, which takes longest, is kept in a file beside the parameters while it grows; after an interruption
    (Ctrl-C, SIGTERM, power cut) the same call goes on where it stopped.

    Args:
        path: the video.
        outputs: the files to write; all of them or none.
        face_index: whom to follow: the number of the face by size, 0 = the largest, in the first frame that shows
            one; None takes the largest and says so when there are several.
        refine: use light and shade of a few frames for the person's shape too.
        config: how to encode the overlay; the defaults when not given.
        stages: where to report progress.

    Raises:
        InputError: no video, or nobody's face in it; nothing is left.
        KeyboardInterrupt: with words for the user; the first pass is kept.
    """
    config = config or load_config()
    video = VideoFile.open(path)
    try:
        with limited_threads(config.general.threads), open_spool(outputs.parameters) as spool:
            return _fit_with(spool, video, outputs, face_index, refine, config, stages)
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt("Interrupted; run the same command again to go on from here.") from error


def _fit_with(
    spool: Path,
    video: VideoFile,
    outputs: FitOutputs,
    face_index: int | None,
    refine: bool,
    config: Config,
    stages: Stages,
) -> Fit:
    """Fit a video; no view of the spool is left when this returns."""
    timing, damage = Timing(), Damage()
    with _timed(timing, "following", stages) as (progress, count):
        track, begun = follow(video, spool, face_index, progress, damage, config.photo.detector)
        count(len(track) - begun)
    messages = _messages(track, video, damage, face_index)
    fit = _fit(track, timing, stages)
    light: dict[str, Any] = {}
    if refine:
        fit, light = _refine(video, track, fit, timing, stages)
    figures = {
        "input": str(video.path),
        **video_figures(track, fit.parameters, fit.nme),
        **light,
        "messages": [*messages, *fit.messages],
    }
    if outputs.report is not None:
        figures["stability"] = stability_figures(track, fit.parameters)
    for message in figures["messages"]:
        _log.info(message)
    _write(video, fit, outputs, figures, config, timing, stages)
    return result_of(fit, figures)


def result_of(fit: SequenceFit, figures: dict[str, Any]) -> Fit:
    """A fitted track with its report."""
    return Fit(fit.parameters, 100 * fit.nme, tuple(figures["cuts"]), tuple(figures["messages"]), figures)


def follow(
    video: VideoFile, spool: Path, face_index: int | None, progress: Progress, damage: Damage, detector: str = "builtin"
) -> tuple[Track, int]:
    """Follow one person through a video, going on with what `spool` holds of it.

    Args:
        video: the video.
        spool: the file in which the track is kept; beside it, what the follower knows.
        face_index: see :func:`fit_video`.
        progress: called with (frames done, frames expected).
        damage: is told what could not be read.
        detector: what searches for faces, as `photo.detector`.

    Returns:
        The track, as views of the file, and how many of its frames were already there.
    """
    from face3d.follow.person_follower import FaceFollower

    source = fingerprint(video.path, face_index=face_index, detector=detector)
    with TrackWriter(spool, float(video.fps), video.size, source) as writer, ExitStack() as stack:
        state = take_up(writer, state_of(spool))
        begun = writer.frames
        if begun:
            _log.info("Going on with the fit of %s that was interrupted after %d frames.", video.path, begun)
        frames = stack.enter_context(video.read(begun, damage))
        follower: FaceFollower | None = None
        for frame in frames:
            if follower is None:
                follower = stack.enter_context(FaceFollower(face_index, kind=detector, state=state))
            step = follower.step(frame)
            writer.append(step.face, step.cut, step.others)
            if writer.frames % CHECKPOINT_FRAMES == 0:
                _keep(writer, follower, spool)
            progress(writer.frames, max(video.announced, writer.frames))
        if follower is not None:
            _keep(writer, follower, spool)
    return open_track(spool), begun


def _keep(writer: TrackWriter, follower: FaceFollower, spool: Path) -> None:
    """Let another run go on after the last frame."""
    writer.flush()
    follower.state().save(state_of(spool))


def _messages(track: Track, video: VideoFile, damage: Damage, face_index: int | None) -> list[str]:
    """What the user should know of the first pass.

    Raises:
        InputError: nobody's face was found.
    """
    if not track.found.any():
        raise InputError(
            f"{video.path}: no face was found in any of its {len(track)} frames; "
            "use a video where the whole face is visible, upright and sharp."
        )
    messages = []
    problem = damage.sentence(video)
    if problem is not None:
        messages.append(problem)
    most = int(track.others.max())
    if most and face_index is None:
        messages.append(
            f"Up to {most + 1} faces at a time: the largest of the first frame that shows one is followed; "
            f"choose another with --face-index 0..{most}."
        )
    sizes = [float(np.ptp(track.landmarks_px[i], axis=0).max()) for i in np.flatnonzero(track.found)[:100]]
    if np.median(sizes) < SMALLEST_FACE_PX:
        messages.append(
            f"The face is only {np.median(sizes):.0f} pixels large; from {SMALLEST_FACE_PX} on the fit is reliable."
        )
    return messages


def _fit(track: Track, timing: Timing, stages: Stages) -> SequenceFit:
    from face3d.fit.track_fit import fit_track

    with _timed(timing, "fitting", stages) as (progress, count):
        fit = fit_track(track, progress=progress)
        count(len(track))
    return fit


def _refine(
    video: VideoFile, track: Track, fit: SequenceFit, timing: Timing, stages: Stages
) -> tuple[SequenceFit, dict[str, Any]]:
    from talkinghead.fitting.refine import refine_video

    with _timed(timing, "refining", stages) as (progress, count):
        refined, error = refine_video(video, track, fit, progress)
        count(len(track))
    return refined, {"photometric_error": asdict(error)}


def _write(
    video: VideoFile,
    fit: SequenceFit,
    outputs: FitOutputs,
    figures: dict[str, Any],
    config: Config,
    timing: Timing,
    stages: Stages,
) -> None:
    """Write all outputs, or none of them."""
    with ExitStack() as stack:
        fit.parameters.save(stack.enter_context(complete_file(outputs.parameters)))
        if outputs.plot is not None:
            from talkinghead.fitting.plot import draw_curves

            title = f"{video.path.name}: mean landmark error {figures['nme_percent']['mean']:.2f} %"
            draw_curves(
                stack.enter_context(complete_file(outputs.plot)), fit.parameters, fit.nme, figures["cuts"], title
            )
        report = stack.enter_context(complete_file(outputs.report)) if outputs.report is not None else None
        if outputs.overlay is not None:
            with _timed(timing, "drawing", stages) as (progress, count):
                _write_overlay(video, fit, outputs.overlay, config, progress)
                count(len(fit.parameters))
        figures["timing"] = timing.figures()
        if report is not None:
            report.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _write_overlay(video: VideoFile, fit: SequenceFit, output: Path, config: Config, progress: Progress) -> None:
    from talkinghead.fitting.overlay import Layout, overlay_frames
    from talkinghead.media.own_sound import sound_beside
    from talkinghead.media.video import VideoOptions, VideoWriter

    layout = Layout.of(fit.parameters)
    width, height = layout.panel
    count = len(fit.parameters)
    settings = config.video
    options = VideoOptions(settings.crf, settings.preset, settings.threads, settings.audio_bitrate)
    sound = sound_beside(video)
    start = video.start_seconds  # the sound stays where it is beside the pictures
    writer = VideoWriter(output, (2 * width, height), float(video.fps), count, sound, options, audio_start=start)
    with video.read() as frames, writer:
        for number, picture in enumerate(overlay_frames(frames, fit.parameters, fit.nme, layout), 1):
            writer.write(picture)
            progress(number, count)


@contextmanager
def _timed(timing: Timing, stage: str, stages: Stages) -> Iterator[tuple[Progress, Callable[[int], None]]]:
    """Show a stage's progress and note how long it took; yields also what to call with its number of frames."""
    frames = 0

    def count(done: int) -> None:
        nonlocal frames
        frames = done

    started = time.perf_counter()
    with stages(stage) as progress:
        yield progress, count
    timing.add(stage, time.perf_counter() - started, frames)
