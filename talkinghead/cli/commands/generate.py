"""`talkinghead generate`: the main job."""

from __future__ import annotations

import argparse
from functools import partial

from talkinghead.cli.commands.options import (
    add_config_options,
    add_motion_options,
    add_photo_options,
    add_sound_options,
    check_sound,
    config_from,
)
from talkinghead.cli.commands.progress import preparing, progress_of

NAME = "generate"
HELP = "one photo and one recording -> an MP4 of that person speaking"
DESCRIPTION = "Make the person in a photo speak: write an MP4 with the recording and the moving face."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    files = parser.add_argument_group("files")
    files.add_argument("--photo", required=True, metavar="FILE", help="a picture, or a video (its first good frame)")
    files.add_argument("--output", required=True, metavar="FILE.mp4", help="the video to write")
    files.add_argument("--parameters", metavar="FILE.safetensors", help="also save the face parameters")
    add_sound_options(parser)
    add_photo_options(parser)
    add_motion_options(parser)
    add_config_options(parser)


def run(options: argparse.Namespace) -> int:
    """Generate; returns the exit status."""
    check_sound(options.audio, options.text, "--audio FILE")
    config = config_from(options)
    with preparing(options.quiet), progress_of("generating", options.quiet) as progress:
        from talkinghead.generation import generate

        result = generate(
            options.photo,
            options.audio,
            options.output,
            text=options.text,
            parameters=options.parameters,
            config=config,
            progress=progress,
            stages=partial(progress_of, quiet=options.quiet),
        )
    if not options.quiet:
        print(result.summary())
    return 0
