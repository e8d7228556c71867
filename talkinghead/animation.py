"""X -> Y' alone: speech to face parameters of nobody in particular, what `talkinghead animate` does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from face3d.errors import InputError
from talkinghead.config import Config
from talkinghead.media.output import check_output
from talkinghead.stages import Progress, Stages, silent
from talkinghead.talker import Talker

if TYPE_CHECKING:
    from face3d.parameters import FaceParameters
    from talkinghead.media.spoken import SoundSource

MOST_SAMPLES = 100


def animate(
    audio: SoundSource | None,
    output: str | Path,
    *,
    text: str | None = None,
    config: Config | None = None,
    progress: Progress | None = None,
    stages: Stages = silent,
) -> FaceParameters:
    """Speech to face parameters of nobody in particular, saved as a .safetensors file.

    Args and errors as :func:`talkinghead.generate`.
    """
    talker = Talker(config, stages=stages)
    check_output(output, ".safetensors", _inputs(audio, talker.config))
    from talkinghead.rendering import save_parameters  # only now: it brings torch

    result = talker.animate(audio, text=text, progress=progress)
    save_parameters(result, output)
    return result


def animate_samples(
    audio: SoundSource | None,
    output: str | Path,
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
    from talkinghead.rendering import save_parameters

    talker = Talker(config, stages=stages)
    if not 1 <= count <= MOST_SAMPLES:
        raise InputError(f"From 1 to {MOST_SAMPLES} samples can be made at a time, not {count}.")
    whole = Path(output)
    paths = [whole.with_name(f"{whole.stem}-{number}{whole.suffix}") for number in range(count)]
    for path in (whole, *paths):
        check_output(path, ".safetensors", _inputs(audio, talker.config))
    seeds = [talker.config.general.seed + number for number in range(count)]
    for path, result in zip(paths, talker.samples(audio, seeds, text=text, progress=progress), strict=True):
        save_parameters(result, path)
    return paths


def _inputs(audio: SoundSource | None, config: Config) -> tuple[str | Path, ...]:
    """The user's files that no output may replace."""
    return tuple(path for path in (audio, config.motion.style_from) if isinstance(path, str | Path))
