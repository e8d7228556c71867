"""X -> Y' alone: speech to face parameters of nobody in particular, what `talkinghead animate` does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from face3d.errors import InputError
from face3d.parameters import FaceParameters
from talkinghead.config import Config, load_config
from talkinghead.devices import limited_threads
from talkinghead.driving import Pose, nobody, to_parameters
from talkinghead.media.audio import exact_rate
from talkinghead.media.output import check_output
from talkinghead.motion import motion_options
from talkinghead.pipeline import load_speech, on_face, sampled_poses, save_parameters
from talkinghead.sound import sound_of
from talkinghead.stages import Stages, silent

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
    check_output(output, ".safetensors", (audio,) if audio is not None else ())
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
        check_output(path, ".safetensors", (audio,) if audio is not None else ())
    seeds = [config.general.seed + number for number in range(count)]
    for path, result in zip(paths, _performed(audio, text, config, seeds, progress, stages), strict=True):
        save_parameters(result, path)
    return paths


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

    kept: list[list[Pose]] = [[] for _ in seeds]
    with limited_threads(config.general.threads):
        motion = motion_options(config, stages)
        with sound_of(audio, text, config.general.seed) as sound:
            count = sound.frame_count(config.video.fps)
            for poses in sampled_poses(load_speech(config), sound, config, motion, seeds):
                for poses_of_seed, pose in zip(kept, poses, strict=True):
                    poses_of_seed.append(pose)
                if progress:
                    progress(len(kept[0]), count)
    base, fps = nobody(load_default_model().identity_size), float(exact_rate(config.video.fps))
    neutral = torch.zeros(52)
    return [to_parameters(list(on_face(poses, neutral, motion, config)), base, fps) for poses in kept]
