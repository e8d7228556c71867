"""`talkinghead drive`: somebody else's video drives a photo."""

from __future__ import annotations

import argparse
from functools import partial

from talkinghead.cli.commands.options import add_config_options, add_device_option, add_photo_options, config_from
from talkinghead.cli.commands.progress import preparing, progress_of

NAME = "drive"
HELP = "one photo and a video of anybody -> an MP4 of the photo's person doing the same"
DESCRIPTION = (
    "Make the person in a photo do what the person in a video does: expressions, gaze and head motion are fitted in "
    "the video and drawn on the photo, with the video's sound."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--photo", required=True, metavar="FILE", help="a picture, or a video (its first good frame)")
    parser.add_argument("--video", required=True, metavar="FILE", help="whose largest face drives the photo")
    parser.add_argument("--audio", metavar="FILE", help="other sound than the video's own")
    parser.add_argument("--output", required=True, metavar="FILE.mp4", help="the video to write")
    parser.add_argument("--parameters", metavar="FILE.safetensors", help="also save the fitted motion")
    add_photo_options(parser)
    add_device_option(parser)
    add_config_options(parser)


def run(options: argparse.Namespace) -> int:
    """Drive; returns the exit status."""
    config = config_from(options)
    with preparing(options.quiet), progress_of("drawing", options.quiet) as progress:
        from talkinghead.reenactment import drive

        result = drive(
            options.photo,
            options.video,
            options.output,
            audio=options.audio,
            parameters=options.parameters,
            config=config,
            progress=progress,
            stages=partial(progress_of, quiet=options.quiet),
        )
    if not options.quiet:
        print(result.summary())
    return 0
