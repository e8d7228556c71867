"""`talkinghead render`: face parameters -> a video."""

from __future__ import annotations

import argparse

from talkinghead.cli.commands.options import add_config_options, add_device_option, add_photo_options, config_from
from talkinghead.cli.commands.progress import preparing, progress_of

NAME = "render"
HELP = "face parameters -> an MP4 of a photo's person, or of the bare head"
DESCRIPTION = "Draw saved face parameters: on the person of a photo, or as a shaded head."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--parameters", required=True, metavar="FILE.safetensors", help="the motion")
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--photo", metavar="FILE", help="a picture, or a video (its first good frame)")
    who.add_argument("--mesh", action="store_true", help="draw the bare shaded head")
    parser.add_argument("--audio", metavar="FILE", help="sound to put in, padded or cut to the motion's length")
    parser.add_argument("--output", required=True, metavar="FILE.mp4", help="the video to write")
    add_photo_options(parser)
    add_device_option(parser)
    add_config_options(parser)


def run(options: argparse.Namespace) -> int:
    """Render; returns the exit status."""
    config = config_from(options)
    with preparing(options.quiet), progress_of("rendering", options.quiet) as progress:
        from talkinghead.rendering import render

        result = render(
            options.parameters,
            options.output,
            photo=options.photo,
            audio=options.audio,
            config=config,
            progress=progress,
        )
    if not options.quiet:
        print(result.summary())
    return 0
