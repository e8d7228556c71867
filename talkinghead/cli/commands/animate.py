"""`talkinghead animate`: speech -> face parameters."""

from __future__ import annotations

import argparse
from functools import partial
from typing import Any

from talkinghead.cli.commands.options import (
    add_config_options,
    add_motion_options,
    add_sound_options,
    check_sound,
    config_from,
)
from talkinghead.cli.commands.progress import preparing, progress_of

NAME = "animate"
HELP = "speech -> face parameters, from any file with sound"
DESCRIPTION = "Turn speech into 3D face parameters of nobody in particular, to edit, export or render."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("audio", nargs="?", metavar="AUDIO", help="any file with sound, a video too")
    add_sound_options(parser, audio=False)
    parser.add_argument("--output", required=True, metavar="FILE.safetensors", help="the parameters to write")
    parser.add_argument(
        "--samples",
        type=int,
        metavar="N",
        help="write N files, 1 to 100, that differ in head, eyes and brows: FILE-0.safetensors has --seed, FILE-1 the "
        "next, ...",
    )
    add_motion_options(parser)
    add_config_options(parser)


def run(options: argparse.Namespace) -> int:
    """Animate; returns the exit status."""
    check_sound(options.audio, options.text, "a file with sound")
    config = config_from(options)
    with preparing(options.quiet), progress_of("animating", options.quiet) as progress:
        from talkinghead.animation import animate, animate_samples

        given: dict[str, Any] = {"text": options.text, "config": config, "progress": progress}
        given["stages"] = partial(progress_of, quiet=options.quiet)
        if options.samples is not None:
            files = animate_samples(options.audio, options.output, options.samples, **given)
            words = "\n".join(map(str, files))
        else:
            result = animate(options.audio, options.output, **given)
            words = f"{options.output}: {len(result)} frames, {result.fps:g} frames/s"
    if not options.quiet:
        print(words)
    return 0
