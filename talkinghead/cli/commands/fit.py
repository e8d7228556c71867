"""`talkinghead fit`: photos or a video -> face parameters."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from face3d.errors import InputError
from talkinghead.cli.commands.options import add_config_options, add_photo_options, config_from
from talkinghead.cli.commands.progress import preparing, progress_of
from talkinghead.config import Config

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
    with preparing(options.quiet):
        return _run_video(options, config) if videos else _run_photos(options, config)


def _run_video(options: argparse.Namespace, config: Config) -> int:
    for name in ("crop", "size"):
        if getattr(options, name) is not None:
            raise InputError(f"--{name} is for photos; a video is fitted as it is.")
    from talkinghead.fitting.video import FitOutputs, fit_video

    overlay, report, plot = (Path(p) if p else None for p in (options.overlay, options.report, options.plot))
    outputs = FitOutputs(Path(options.output), overlay, report, plot)
    index = config.photo.face_index
    stages = partial(progress_of, quiet=options.quiet)
    figures = fit_video(options.inputs[0], outputs, index, options.refine, config, stages).report
    if not options.quiet:
        error, lost = figures["nme_percent"]["mean"], sum(last - first + 1 for first, last in figures["lost"])
        gone = f", {lost} without the face" if lost else ""
        print(f"{options.output}: {figures['frames']} frames{gone}, mean landmark error {error:.2f} %")
    return 0


def _run_photos(options: argparse.Namespace, config: Config) -> int:
    if options.plot is not None:
        raise InputError("--plot draws curves over time and needs a video.")
    from talkinghead.fitting.photos import PhotoOutputs, fit_photos

    overlay, report = (Path(p) if p else None for p in (options.overlay, options.report))
    outputs = PhotoOutputs(Path(options.output), overlay, report)
    figures = fit_photos(options.inputs, outputs, options.refine, config).report
    if not options.quiet:
        size, landmark_error = figures["face_px"], figures["nme_percent"]
        print(f"{options.output}: face of {size:.0f} pixels, mean landmark error {landmark_error:.2f} %")
    return 0
