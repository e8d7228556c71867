"""Y -> Y' for one photo, or several of one person: the face's parameters, a picture and figures of the fit."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from talkinghead.config import Config, load_config
from talkinghead.fitting.result import Fit
from talkinghead.media.output import complete_file
from talkinghead.photo.fitted import FittedPhoto, fit_photo_files
from talkinghead.runtime import limited_threads


@dataclass(frozen=True)
class PhotoOutputs:
    """What to write: the parameters (.safetensors), and where asked for a picture (.png) and figures (.json)."""

    parameters: Path | None = None
    overlay: Path | None = None
    report: Path | None = None


def fit_photos(
    paths: Sequence[str | Path], outputs: PhotoOutputs, refine: bool = False, config: Config | None = None
) -> Fit:
    """Fit the face model to photos of one person.

    Args:
        paths: one picture or more.
        outputs: the files to write; all of them or none.
        refine: use light and shade for the person's shape too.
        config: which face, crop and size, and how many threads; the defaults when not given.

    Raises:
        InputError: a picture that cannot be read or shows no usable face, or an output that cannot be written.
    """
    config = config or load_config()
    with limited_threads(config.general.threads):
        portraits = fit_photo_files(paths, config.photo, config.video.size)
        light: dict[str, Any] = {}
        if refine:
            from talkinghead.fitting.refine import refine_photos

            fits, error = refine_photos([p.image for p in portraits], [p.fit for p in portraits])
            portraits = [replace(p, fit=fit) for p, fit in zip(portraits, fits, strict=True)]
            light = {"photometric_error": asdict(error)}
        figures = photo_figures(portraits[0]) | light
        if len(portraits) > 1:
            figures["other_photos"] = [photo_figures(portrait) for portrait in portraits[1:]]
        _write(portraits, figures, outputs)
    first = portraits[0].fit
    nme = np.array([100 * first.nme], np.float32)
    return Fit(first.parameters, nme, (), tuple(first.messages), figures)


def photo_figures(portrait: FittedPhoto) -> dict[str, Any]:
    """Figures of a fit: pixels, degrees, and the error in percent of the distance of the outer eye corners."""
    parameters, detection = portrait.fit.parameters, portrait.fit.detection
    height, width = portrait.image.shape[:2]
    return {
        "image_size": [width, height],
        "face_px": float(detection.size_px),
        "box": [float(v) for v in detection.box],
        "nme_percent": 100 * portrait.fit.nme,
        "rotation_degrees": [math.degrees(float(v)) for v in parameters.rotation[0]],
        "translation_mm": [float(v) for v in parameters.translation[0]],
        "focal_px": parameters.camera.focal_px,
        "messages": list(portrait.fit.messages),
    }


def _write(portraits: Sequence[FittedPhoto], figures: dict[str, Any], outputs: PhotoOutputs) -> None:
    """Write all outputs, or none of them."""
    with ExitStack() as stack:
        if outputs.parameters is not None:
            portraits[0].fit.parameters.save(stack.enter_context(complete_file(outputs.parameters)))
        if outputs.overlay is not None:
            from PIL import Image

            from talkinghead.fitting.overlay import draw_fits

            picture = draw_fits([p.image for p in portraits], [p.fit.parameters for p in portraits])
            Image.fromarray(picture).save(stack.enter_context(complete_file(outputs.overlay)), format="PNG")
        if outputs.report is not None:
            report = stack.enter_context(complete_file(outputs.report))
            report.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
