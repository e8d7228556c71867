"""`talkinghead export`: face parameters -> files of other tools."""

from __future__ import annotations

import argparse

from talkinghead.exchange import ENDING_OF

NAME = "export"
HELP = "face parameters -> animated GLB, Live Link Face CSV, JSON, or arrays for evaluation"
DESCRIPTION = (
    "Write face parameters for other tools. glb: the head with 52 ARKit morph targets, moving, for Blender, Unreal "
    "Engine and viewers; livelink-csv: the 52 ARKit weights and the angles of head and eyes as the Live Link Face app "
    "records them; json: everything, frame by frame; neutral: NPZ with vertices [V, 3] mm, faces [F, 3] and landmarks7 "
    "[7, 3] of the face at rest; landmarks: NPZ with landmarks478 [T, 478, 3] mm in the head frame, and fps."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("parameters", metavar="FILE.safetensors", help="the parameters")
    parser.add_argument("--format", required=True, choices=sorted(ENDING_OF), help="what to write")
    parser.add_argument(
        "--model", metavar="NAME=PATH", help="the parameters' face model, where it is not the program's own"
    )
    parser.add_argument("--output", required=True, metavar="FILE", help="the file to write (.glb, .csv, .json or .npz)")


def run(options: argparse.Namespace) -> int:
    """Export; returns the exit status."""
    from talkinghead.media.output import check_output

    check_output(options.output, ENDING_OF[options.format], (options.parameters,))
    from face3d.parameters import FaceParameters
    from talkinghead.exports.write import write_export

    parameters = FaceParameters.load(options.parameters)
    model = None
    if options.model is not None:
        from face3d.model.registry import load_named_model

        model = load_named_model(options.model)
    write_export(parameters, options.format, options.output, model)
    if not options.quiet:
        count = len(parameters)
        frames = "1 frame" if count == 1 else f"{count} frames"
        print(f"{options.output}: {options.format}, {'the face at rest' if options.format == 'neutral' else frames}")
    return 0
