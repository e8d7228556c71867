"""From settings to what the speech model takes, the reference of a style included."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from face3d.errors import InputError
from face3d.parameters import FaceParameters
from talkinghead.config import Config
from talkinghead.fitting.video import FitOutputs, fit_video
from talkinghead.stages import Stages, silent

if TYPE_CHECKING:
    from talkinghead.speech.options import MotionOptions
    from talkinghead.speech.perform.style import MotionStyle


def motion_options(config: Config, stages: Stages = silent) -> MotionOptions:
    """The options of the group `motion`.

    Args:
        config: the settings.
        stages: where fitting a style's video reports its progress.

    Raises:
        InputError: the style's reference cannot be used.
    """
    from talkinghead.speech.options import MotionOptions

    settings = dict(vars(config.motion))
    reference = settings.pop("style_from")
    return MotionOptions(**settings, style=None if reference is None else load_style(reference, config, stages))


def load_style(reference: str | Path, config: Config, stages: Stages = silent) -> MotionStyle:
    """How the person in `reference` moves.

    Args:
        reference: parameters of a fit (.safetensors), or a video, which is fitted first.
        config: its `photo.face_index` says nothing about the reference, whose largest face is followed.
        stages: where fitting reports its progress.

    Raises:
        InputError: no such file, nobody in it, or too short; the message names the file.
    """
    from talkinghead.speech.perform.style import style_of

    path = Path(reference)
    if not path.is_file():
        raise InputError(f"There is no style reference {path}.")
    if path.suffix.lower() == ".safetensors":
        parameters = FaceParameters.load(path)
    else:
        with tempfile.TemporaryDirectory(prefix="talkinghead-") as folder:
            output = Path(folder) / "style.safetensors"
            parameters = fit_video(path, FitOutputs(output), config=config, stages=stages).parameters
    try:
        return style_of(parameters)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
