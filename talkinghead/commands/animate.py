"""`talkinghead animate`: speech -> face parameters."""

from __future__ import annotations

import argparse

from talkinghead.commands.options import (
    add_config_options,
    add_motion_options,
    add_sound_options,
    check_sound,
    config_from,
)
from talkinghead.commands.progress import progress_of

NAME = "animate"
HELP = "speech -> face parameters, from any file with sound"
DESCRIPTION = "Turn speech into 3D face parameters of nobody in particular, to edit, export or render."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("audio", nargs="?", metavar="AUDIO", help="any file with sound, a video too")
    add_sound_options(parser, audio=False)
    parser.add_argument("--output", required=True, metavar="FILE.safetensors", help="the parameters to write")
    add_motion_options(parser)
    add_config_options(parser)


def run(options: argparse.Namespace) -> int:
    """Animate; returns the exit status."""
    check_sound(options.audio, options.text, "a file with sound")
    config = config_from(options)
    from talkinghead.pipeline import animate

    with progress_of("animating", options.quiet) as progress:
        result = animate(options.audio, options.output, text=options.text, config=config, progress=progress)
    if not options.quiet:
        print(f"{options.output}: {len(result)} frames, {result.fps:g} frames/s")
    return 0
