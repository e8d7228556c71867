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
    from talkinghead.portrait import FittedPhoto

NAME = "fit"
HELP = "photos or a video -> face parameters"
DESCRIPTION = (
    "Fit the face model to a photo, to several photos of one person (the first one's frame is saved, with the identity "
    "that all show), or to one person in a video, and save the parameters."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument(
        "inputs", nargs="+", metavar="IMAGE_OR_VIDEO", help="a picture, several pictures of one person, or a video"
    )
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

    videos = [path for path in options.inputs if not is_picture(path)]
    if videos and len(options.inputs) > 1:
        raise InputError(f"{videos[0]} is no picture; give several pictures of one person, or one video alone.")
    endings = {"output": ".safetensors", "overlay": ".mp4" if videos else ".png", "report": ".json", "plot": ".png"}
    for name, ending in endings.items():
        if getattr(options, name) is not None:
            check_output(getattr(options, name), ending, tuple(options.inputs))
    return _run_video(options, config) if videos else _run_photos(options, config)


def _run_video(options: argparse.Namespace, config: Config) -> int:
    for name in ("crop", "size"):
        if getattr(options, name) is not None:
            raise InputError(f"--{name} is for photos; a video is fitted as it is.")
    from talkinghead.fit_video import FitOutputs, fit_video

    overlay, report, plot = (Path(p) if p else None for p in (options.overlay, options.report, options.plot))
    outputs = FitOutputs(Path(options.output), overlay, report, plot)
    index = config.photo.face_index
    stages = partial(progress_of, quiet=options.quiet)
    figures = fit_video(options.inputs[0], outputs, index, options.refine, config, stages)
    if not options.quiet:
        error, lost = figures["nme_percent"]["mean"], sum(last - first + 1 for first, last in figures["lost"])
        gone = f", {lost} without the face" if lost else ""
        print(f"{options.output}: {figures['frames']} frames{gone}, mean landmark error {error:.2f} %")
    return 0


def _run_photos(options: argparse.Namespace, config: Config) -> int:
    if options.plot is not None:
        raise InputError("--plot draws curves over time and needs a video.")
    from talkinghead.media.output import complete_file
    from talkinghead.portrait import fit_photo_files

    portraits = fit_photo_files(options.inputs, config.photo, config.video.size)
    light: dict[str, Any] = {}
    if options.refine:
        from talkinghead.fit_refine import refine_photos

        fits, error = refine_photos([p.image for p in portraits], [p.fit for p in portraits])
        portraits = [replace(p, fit=fit) for p, fit in zip(portraits, fits, strict=True)]
        light = {"photometric_error": asdict(error)}
    with complete_file(options.output) as temporary:
        portraits[0].fit.parameters.save(temporary)
    if options.overlay is not None:
        from PIL import Image

        from talkinghead.fit_overlay import draw_fits

        with complete_file(options.overlay) as temporary:
            picture = draw_fits([p.image for p in portraits], [p.fit.parameters for p in portraits])
            Image.fromarray(picture).save(temporary, format="PNG")
    report = make_report(portraits[0]) | light
    if len(portraits) > 1:
        report["other_photos"] = [make_report(portrait) for portrait in portraits[1:]]
    if options.report is not None:
        with complete_file(options.report) as temporary:
            temporary.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if not options.quiet:
        size, landmark_error = report["face_px"], report["nme_percent"]
        print(f"{options.output}: face of {size:.0f} pixels, mean landmark error {landmark_error:.2f} %")
    return 0


def make_report(portrait: FittedPhoto) -> dict[str, Any]:
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
