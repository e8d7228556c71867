"""The renderer's contact sheet: people by visemes, for the docs and for finding flaws.

    python scripts/contact_sheet.py D/photos/cc0 --output docs/images/renderer_sheet.jpg [--people 24] [--only NAME...]

Rows are people, two to a row: the photo, then the mouth shapes of M, AA, IY, OW, F and S with the head turned a little
further each time and a blink at F. The people are spread evenly over the folder, by name. Only pictures that may be
shown belong into the folder: for the docs, the CC0 portraits of faker-js/assets-person-portrait.
"""

from __future__ import annotations

import argparse
import io
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from renderers.pose import Pose

Image = NDArray[np.uint8]

# Channels without a side stand for both.
MOUTHS: dict[str, dict[str, float]] = {
    "M": {"jawOpen": 0.06, "mouthClose": 0.06, "mouthPress": 0.1},
    "AA": {"jawOpen": 0.36, "mouthLowerDown": 0.12, "mouthUpperUp": 0.06},
    "IY": {"jawOpen": 0.09, "mouthStretch": 0.2, "mouthLowerDown": 0.18, "mouthUpperUp": 0.1, "mouthSmile": 0.14},
    "OW": {"jawOpen": 0.22, "mouthFunnel": 0.2, "mouthPucker": 0.42},
    "F": {"jawOpen": 0.06, "mouthRollLower": 0.35, "mouthUpperUp": 0.1, "eyeBlink": 1.0},
    "S": {"jawOpen": 0.045, "mouthStretch": 0.14, "mouthLowerDown": 0.26, "mouthUpperUp": 0.14},
}
# Turns (pitch, yaw, roll) in degrees, one per mouth shape.
TURNS = ((0, 0, 0), (2, 5, 0), (-2, -5, 1), (3, 9, -1), (-3, -9, 2), (5, 12, 3))
MOST_BYTES = 1_500_000
# Half the side of a cell over the size of the face.
REACH = 0.85


def weights(rest: torch.Tensor, mouth: dict[str, float]) -> torch.Tensor:  # [52] -> [52]
    """A mouth shape on the face at rest."""
    from face3d.arkit import ARKIT_INDEX
    from talkinghead.photo.poses import rest_of, speak_over

    spoken = torch.zeros(52)
    for name, value in mouth.items():
        for full in (name, f"{name}Left", f"{name}Right"):
            if full in ARKIT_INDEX:
                spoken[ARKIT_INDEX[full]] = value
    return speak_over(rest_of(rest), spoken)


def person(path: Path, cell: int) -> list[Image]:
    """The photo and one picture for each mouth shape, [cell, cell, 3] each."""
    from renderers.reduced_avatar import make_avatar
    from talkinghead.config import load_config
    from talkinghead.photo.fitted import fit_photo_file

    portrait = fit_photo_file(path, load_config().photo, animated=True)
    detection = portrait.fit.detection
    avatar = make_avatar(portrait.image, portrait.fit.parameters, detection.landmarks_px)
    pictures = [portrait.image]
    for mouth, turn in zip(MOUTHS.values(), TURNS, strict=True):
        radians = torch.tensor([math.radians(angle) for angle in turn])
        pictures.append(avatar.render(Pose(weights(portrait.fit.parameters.expression[0], mouth), radians)))
    return [head(picture, detection.box, cell) for picture in pictures]


def head(picture: Image, box: NDArray[np.floating], cell: int) -> Image:
    """A square around the face's box; beyond the picture its border goes on."""
    x, y = (box[:2] + box[2:]) / 2
    reach = REACH * float((box[2:] - box[:2]).max())
    scale = cell / (2 * reach)
    factor = min(1.0, 2 * scale)
    small = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    step = scale / factor
    matrix = np.array([[step, 0, (reach - x) * scale], [0, step, (reach - y) * scale]])
    return np.asarray(cv2.warpAffine(small, matrix, (cell, cell), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def sheet(rows: Sequence[tuple[str, list[Image]]], columns: int = 2) -> Image:
    """Rows of named pictures, `columns` people side by side; the names small in the corner."""
    strips = []
    for name, pictures in rows:
        strip = np.ascontiguousarray(np.hstack(pictures))
        for colour, width in ((0, 3), (255, 1)):
            cv2.putText(strip, name, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (colour,) * 3, width, cv2.LINE_AA)
        strips.append(strip)
    while len(strips) % columns:
        strips.append(np.full_like(strips[0], 255))
    lines = [np.hstack(strips[i : i + columns]) for i in range(0, len(strips), columns)]
    return np.vstack(lines)


def jpeg(picture: Image, most_bytes: int) -> bytes:
    """The picture as finely as fits."""
    from PIL import Image as Pictures

    for quality in range(92, 20, -4):
        buffer = io.BytesIO()
        Pictures.fromarray(picture).save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() <= most_bytes:
            return buffer.getvalue()
    raise ValueError(f"{picture.shape[1]} x {picture.shape[0]} pixels do not fit into {most_bytes} bytes")


def choose(folder: Path, count: int, only: Sequence[str]) -> list[Path]:
    """`count` pictures spread over the folder, or those whose names begin with one of `only`."""
    paths = sorted(path for path in folder.iterdir() if path.is_file())
    if only:
        return [path for path in paths if path.stem in only]
    return [paths[i] for i in np.linspace(0, len(paths) - 1, min(count, len(paths))).round().astype(int)]


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of portraits, a picture each")
    parser.add_argument("--output", type=Path, required=True, help="the JPEG to write")
    parser.add_argument("--people", type=int, default=24, help="how many, spread over the folder (default: 24)")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="these pictures, without their endings")
    parser.add_argument("--cell", type=int, default=150, help="pixels (default: 150)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    paths = choose(options.folder, options.people, options.only)
    rows = [(path.stem, person(path, options.cell)) for path in track(paths, description="people")]
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_bytes(jpeg(sheet(rows), MOST_BYTES))
    print(f"{options.output}: {len(rows)} people")


if __name__ == "__main__":
    main()
