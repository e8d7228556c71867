"""`talkinghead fit`: photos or a video -> face parameters."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from face3d.errors import InputError
from talkinghead.commands.options import add_config_options, add_photo_options, config_from
from talkinghead.commands.progress import progress_of
from talkinghead.config import Config

if TYPE_CHECKING:
    from talkinghead.portrait import Portrait

NAME = "fit"
HELP = "a photo or a video -> face parameters"
DESCRIPTION = "Fit the face model to a photo or to one person in a video, and save the parameters."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("inputs", metavar="IMAGE_OR_VIDEO", help="a picture or a video")
    parser.add_argument("--output", required=True, metavar="FILE.safetensors", help="the parameters to write")
    parser.add_argument(
        "--overlay", metavar="FILE", help="also draw the fitted head over the photo (.png) or beside the video (.mp4)"
    )
    parser.add_argument("--report", metavar="FILE.json", help="also write figures of the fit")
    parser.add_argument("--plot", metavar="FILE.png", help="also draw a video's curves: error, jaw, blinks, head")
    parser.add_argument(
        "--refine", action="store_true", help="use light and shade too: slower, and more like the person"
    )
    add_photo_options(parser)
    add_config_options(parser)


def run(options: argparse.Namespace) -> int:
    """Fit; returns the exit status."""
    config = config_from(options)
    from talkinghead.media.image import is_picture
    from talkinghead.media.output import check_output

    video = not is_picture(options.inputs)
    endings = {"output": ".safetensors", "overlay": ".mp4" if video else ".png", "report": ".json", "plot": ".png"}
    for name, ending in endings.items():
        if getattr(options, name) is not None:
            check_output(getattr(options, name), ending, (options.inputs,))
    return _run_video(options, config) if video else _run_photo(options, config)


def _run_video(options: argparse.Namespace, config: Config) -> int:
    for name in ("crop", "size"):
        if getattr(options, name) is not None:
            raise InputError(f"--{name} is for photos; a video is fitted as it is.")
    from talkinghead.fit_video import FitOutputs, fit_video

    overlay, report, plot = (Path(p) if p else None for p in (options.overlay, options.report, options.plot))
    outputs = FitOutputs(Path(options.output), overlay, report, plot)
    index = config.photo.face_index
    stages = partial(progress_of, quiet=options.quiet)
    figures = fit_video(options.inputs, outputs, index, options.refine, config, stages)
    if not options.quiet:
        error, lost = figures["nme_percent"]["mean"], sum(last - first + 1 for first, last in figures["lost"])
        gone = f", {lost} without the face" if lost else ""
        print(f"{options.output}: {figures['frames']} frames{gone}, mean landmark error {error:.2f} %")
    return 0


def _run_photo(options: argparse.Namespace, config: Config) -> int:
    if options.plot is not None:
        raise InputError("--plot draws curves over time and needs a video.")
    from talkinghead.media.output import complete_file
    from talkinghead.portrait import load_portrait

    portrait = load_portrait(options.inputs, config.photo, config.video.size)
    light: dict[str, Any] = {}
    if options.refine:
        from talkinghead.fit_refine import refine_photo

        fit, error = refine_photo(portrait.image, portrait.fit)
        portrait, light = replace(portrait, fit=fit), {"photometric_error": asdict(error)}
    with complete_file(options.output) as temporary:
        portrait.fit.parameters.save(temporary)
    if options.overlay is not None:
        from PIL import Image

        from talkinghead.fit_overlay import draw_fit

        with complete_file(options.overlay) as temporary:
            Image.fromarray(draw_fit(portrait.image, portrait.fit.parameters)).save(temporary, format="PNG")
    report = make_report(portrait) | light
    if options.report is not None:
        with complete_file(options.report) as temporary:
            temporary.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if not options.quiet:
        size, error = report["face_px"], report["nme_percent"]
        print(f"{options.output}: face of {size:.0f} pixels, mean landmark error {error:.2f} %")
    return 0


def make_report(portrait: Portrait) -> dict[str, Any]:
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
