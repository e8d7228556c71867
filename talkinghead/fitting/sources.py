"""Face parameters of photos, videos and frames in memory: one function for all of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from face3d.errors import InputError
from talkinghead.config import Config, with_settings
from talkinghead.fitting.result import Fit
from talkinghead.stages import Stages, silent

Image = NDArray[np.uint8]  # [H, W, 3], sRGB, 0..255
# A photo or a video; several photos of one person; frames of a video, of which an array [T, H, W, 3] is one kind.
FitSource: TypeAlias = "str | Path | Sequence[str | Path] | Image | Iterable[Image]"


def fit(
    source: FitSource,
    *,
    fps: float | None = None,
    output: str | Path | None = None,
    refine: bool = False,
    config: Config | None = None,
    stages: Stages = silent,
    **settings: object,
) -> Fit:
    """Pictures to face parameters.

    Args:
        source: a photo or a video; several photos of one person; [H, W, 3] uint8 sRGB; or an iterable of such frames.
        fps: of frames in memory, frames per second.
        output: where to keep the parameters too (.safetensors); an interrupted fit of a video goes on there.
        refine: use light and shade too: slower, and more like the person; files only.
        config: settings, the defaults when not given.
        stages: where a video's stages report their progress.
        settings: single settings that differ, such as `face_index=1`.

    Raises:
        InputError: unreadable, or nobody's face in it.
    """
    config = with_settings(config, **settings)
    paths = _paths_of(source)
    if paths is None:
        if refine:
            raise InputError("Frames in memory cannot be refined; give a file.")
        return _fit_arrays(source, fps, output, config, stages)
    if fps is not None:
        raise InputError("fps is for frames in memory; a file knows its own.")
    from talkinghead.media.image import is_picture

    videos = [path for path in paths if not is_picture(path)]
    if videos and len(paths) > 1:
        raise InputError(f"{videos[0]} is no picture; give several pictures of one person, or one video alone.")
    if not videos:
        from talkinghead.fitting.photos import PhotoOutputs, fit_photos

        return fit_photos(paths, PhotoOutputs(None if output is None else Path(output)), refine, config)
    from talkinghead.fitting.video import FitOutputs, fit_video

    with tempfile.TemporaryDirectory(prefix="talkinghead-") as folder:
        kept = Path(output) if output is not None else Path(folder) / "fit.safetensors"
        return fit_video(videos[0], FitOutputs(kept), config.photo.face_index, refine, config, stages)


def _paths_of(source: Any) -> list[str | Path] | None:
    """The files, or None where it is arrays.

    Raises:
        InputError: no files at all.
    """
    if isinstance(source, str | Path):
        return [source]
    if isinstance(source, list | tuple) and all(isinstance(item, str | Path) for item in source):
        if not source:
            raise InputError("Give at least one photo.")
        return list(source)
    return None


def _fit_arrays(source: Any, fps: float | None, output: str | Path | None, config: Config, stages: Stages) -> Fit:
    from talkinghead.fitting.frames import fit_frames, fit_image

    if isinstance(source, np.ndarray) and source.ndim == 3:
        result = fit_image(source, config)
    elif isinstance(source, Iterable):
        if fps is None:
            raise InputError("Frames in memory need fps, how many there are a second.")
        result = fit_frames(source, fps, config, stages)
    else:
        raise InputError(f"A source must be a path, paths, a picture or frames, got {type(source).__name__}.")
    if output is not None:
        from talkinghead.media.output import complete_file

        with complete_file(output) as temporary:
            result.parameters.save(temporary)
    return result
