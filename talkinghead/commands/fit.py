"""`talkinghead fit`: a photo -> face parameters."""

from __future__ import annotations

import argparse
import json
import math
from typing import TYPE_CHECKING, Any

from talkinghead.commands.options import add_config_options, add_photo_options, config_from

if TYPE_CHECKING:
    from talkinghead.portrait import Portrait

NAME = "fit"
HELP = "a photo -> face parameters"
DESCRIPTION = "Fit the face model to a photo, or to the first good frame of a video, and save the parameters."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("photo", metavar="IMAGE_OR_VIDEO", help="a picture, or a video (its first good frame)")
    parser.add_argument("--output", required=True, metavar="FILE.safetensors", help="the parameters to write")
    parser.add_argument("--overlay", metavar="FILE.png", help="also draw the fitted head over the photo")
    parser.add_argument("--report", metavar="FILE.json", help="also write figures of the fit")
    add_photo_options(parser)
    add_config_options(parser)


def run(options: argparse.Namespace) -> int:
    """Fit; returns the exit status."""
    config = config_from(options)
    from talkinghead.media.output import check_output, complete_file

    inputs = (options.photo,)
    check_output(options.output, ".safetensors", inputs)
    for path, ending in ((options.overlay, ".png"), (options.report, ".json")):
        if path is not None:
            check_output(path, ending, inputs)

    from talkinghead.portrait import load_portrait

    portrait = load_portrait(options.photo, config.photo, config.video.size)
    with complete_file(options.output) as temporary:
        portrait.fit.parameters.save(temporary)
    if options.overlay is not None:
        from PIL import Image

        with complete_file(options.overlay) as temporary:
            Image.fromarray(draw_overlay(portrait)).save(temporary, format="PNG")
    report = make_report(portrait)
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


def draw_overlay(portrait: Portrait) -> Any:  # uint8 [H, W, 3]
    """The fitted head, half transparent, over the photo."""
    from dataclasses import replace

    from face3d.camera import head_to_camera
    from face3d.morphable_model import personal_model
    from renderers.preview import default_style, render_shaded

    parameters = portrait.fit.parameters
    model = personal_model(parameters)
    vertices = model.vertices(parameters.identity, parameters.expression[0], parameters.eye_rotation[0])
    placed = head_to_camera(vertices, parameters.rotation[0], parameters.translation[0])
    style = replace(default_style(), opacity=0.5)
    return render_shaded(placed, model.triangles, parameters.camera, model.triangle_parts, style, portrait.image)
