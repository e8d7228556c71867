"""X -> Y' alone: speech to face parameters of nobody in particular, what `talkinghead animate` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from face3d.errors import InputError
from face3d.parameters import FaceParameters
from talkinghead.config import Config, load_config
from talkinghead.devices import limited_threads
from talkinghead.driving import nobody, speak_over, to_parameters
from talkinghead.fit_video import Stages, silent
from talkinghead.media.audio import exact_rate
from talkinghead.media.output import check_output
from talkinghead.motion import motion_options
from talkinghead.pipeline import load_speech, sampled_poses, save_parameters
from talkinghead.pose_rows import PoseRows
from talkinghead.sound import sound_of

Progress = Callable[[int, int], None]
PathLike = str | Path

MOST_SAMPLES = 100


def animate(
    audio: PathLike | None,
    output: PathLike,
    *,
    text: str | None = None,
    config: Config | None = None,
    progress: Progress | None = None,
    stages: Stages = silent,
) -> FaceParameters:
    """Speech to face parameters of nobody in particular, saved as a .safetensors file.

    Args and errors as :func:`talkinghead.generate`.
    """
    config = config or load_config()
    check_output(output, ".safetensors", _inputs(audio, config))
    (result,) = _performed(audio, text, config, (config.general.seed,), progress, stages)
    save_parameters(result, output)
    return result


def animate_samples(
    audio: PathLike | None,
    output: PathLike,
    count: int,
    *,
    text: str | None = None,
    config: Config | None = None,
    progress: Progress | None = None,
    stages: Stages = silent,
) -> list[Path]:
    """Several performances of one speech, which is listened to once: other heads, eyes and brows, the same words.

    Args:
        output: for `y.safetensors`, the files are `y-0.safetensors`, `y-1.safetensors` and so on.
        count: how many; file number `i` has the seed `general.seed` + `i`.

    Returns:
        The files. Other args and errors as :func:`talkinghead.generate`.
    """
    config = config or load_config()
    if not 1 <= count <= MOST_SAMPLES:
        raise InputError(f"From 1 to {MOST_SAMPLES} samples can be made at a time, not {count}.")
    paths = [_numbered(Path(output), number) for number in range(count)]
    for path in (Path(output), *paths):
        check_output(path, ".safetensors", _inputs(audio, config))
    seeds = [config.general.seed + number for number in range(count)]
    for path, result in zip(paths, _performed(audio, text, config, seeds, progress, stages), strict=True):
        save_parameters(result, path)
    return paths


def _inputs(audio: PathLike | None, config: Config) -> tuple[PathLike, ...]:
    """The user's files that no output may replace."""
    return tuple(path for path in (audio, config.motion.style_from) if path is not None)


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}-{number}{path.suffix}")


def _performed(
    audio: PathLike | None,
    text: str | None,
    config: Config,
    seeds: Sequence[int],
    progress: Progress | None,
    stages: Stages,
) -> list[FaceParameters]:
    from face3d.morphable_model import load_default_model

    kept = [PoseRows() for _ in seeds]
    nothing = torch.zeros(52)  # that nobody's face shows, and that speech or a mood could leave of it
    with limited_threads(config.general.threads):
        motion = motion_options(config, stages)
        with sound_of(audio, text, config.general.seed) as sound:
            count = sound.frame_count(config.video.fps)
            for poses in sampled_poses(load_speech(config), sound, config, motion, seeds):
                for rows, pose in zip(kept, poses, strict=True):
                    rows.append(replace(pose, expression=speak_over(nothing, pose.expression)))
                if progress:
                    progress(len(kept[0]), count)
    base, fps = nobody(load_default_model().identity_size), float(exact_rate(config.video.fps))
    return [to_parameters(rows, base, fps) for rows in kept]
