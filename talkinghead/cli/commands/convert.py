"""`talkinghead convert`: face parameters of one face model -> those of another."""

from __future__ import annotations

import argparse

NAME = "convert"
HELP = "face parameters -> the same for another face model"
DESCRIPTION = (
    "Carry a performance and its person over to another face model: cc0-head (ships with the program), ict-facekit, "
    "bfm2009 or flame. The last three are yours to bring: give their path as NAME=PATH, or in TALKINGHEAD_ICT_FACEKIT, "
    "TALKINGHEAD_BFM2009 or TALKINGHEAD_FLAME."
)
# Not taken from face3d.conversion, which needs torch.
METHODS = ("arkit", "least-squares")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("parameters", metavar="FILE.safetensors", help="the parameters")
    parser.add_argument("--to", required=True, metavar="NAME[=PATH]", help="the face model to convert to")
    parser.add_argument("--from", dest="source", metavar="NAME=PATH", help="the parameters' own face model")
    parser.add_argument(
        "--method",
        choices=METHODS,
        default="arkit",
        help="expression by ARKit's names, or by the motion of landmarks (default: arkit)",
    )
    parser.add_argument("--output", required=True, metavar="FILE.safetensors", help="the parameters to write")


def run(options: argparse.Namespace) -> int:
    """Convert; returns the exit status."""
    from talkinghead.media.output import check_output, complete_file

    check_output(options.output, ".safetensors", (options.parameters,))
    from face3d.conversion import convert
    from face3d.model.registry import load_model, load_named_model
    from face3d.parameters import FaceParameters

    parameters = FaceParameters.load(options.parameters)
    source = load_model(parameters.model) if options.source is None else load_named_model(options.source)
    converted = convert(parameters, source, load_named_model(options.to), options.method)
    with complete_file(options.output) as temporary:
        converted.save(temporary)
    if not options.quiet:
        count = len(converted)
        print(f"{options.output}: {converted.model}, {'1 frame' if count == 1 else f'{count} frames'}")
    return 0
