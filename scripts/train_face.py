"""Train the face network: gather examples (resumable), then fit `renderers/assets/face-v1.safetensors`.

    python scripts/train_face.py examples --photos DIR DIR --videos DIR DIR
    python scripts/train_face.py train [--config configs/train/face_gpu.yaml]

Photos are portraits, videos short clips of one talking face each, such as GRID's. `--skip` names files by their
beginnings that must stay unseen, for measuring. The shipped file's SHA-256 is in `renderers/resources.py`: put the new
one there.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.progress import track

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache" / "face"
WEIGHTS = ROOT / "renderers" / "assets" / "face-v1.safetensors"
# Pixels along a portrait's longer side: faces as large as the network's window, or larger.
_PHOTO_SIZE = 512


def gather(arguments: argparse.Namespace) -> None:
    """Everything that is still missing in the cache; a file that shows nothing to learn from is passed over."""
    import torch

    from scripts.lab.renderer.presets import PHOTOS, VIDEOS, files_of, say_kept

    torch.set_num_threads(1)
    for name in ("fits", "examples"):
        (arguments.cache / name).mkdir(parents=True, exist_ok=True)
    videos = files_of(arguments.videos, VIDEOS, arguments.skip)
    for path in track(videos[:: max(1, len(videos) // arguments.clips)], description="videos"):
        _add_clip(path, arguments.cache)
    photos = files_of(arguments.photos, PHOTOS, arguments.skip)
    for path in track(photos[:: max(1, len(photos) // arguments.portraits)], description="photos"):
        _add_photo(path, arguments.cache)
    say_kept(arguments.cache / "examples")


def _add_photo(path: Path, cache: Path) -> None:
    from face3d.errors import InputError
    from scripts.lab.renderer.face_data import photo_examples
    from scripts.lab.renderer.reenactment import kept_name
    from talkinghead.config import load_config
    from talkinghead.photo.fitted import fit_photo_file

    output = cache / "examples" / f"photo_{kept_name(path)}.npz"
    if output.exists():
        return
    try:
        portrait = fit_photo_file(path, load_config().photo, _PHOTO_SIZE)
    except InputError as error:
        print(f"passed over: {error}")
        return
    landmarks = portrait.fit.detection.landmarks_px
    photo_examples(portrait.image, portrait.fit.parameters, landmarks, 2, _generator(path)).save(output)


def _add_clip(path: Path, cache: Path) -> None:
    from face3d.errors import InputError
    from scripts.lab.renderer.face_data import clip_examples
    from scripts.lab.renderer.reenactment import kept_fit, kept_name
    from talkinghead.media.video_file import VideoFile

    output = cache / "examples" / f"clip_{kept_name(path)}.npz"
    if output.exists():
        return
    try:
        parameters, landmarks = kept_fit(path, cache / "fits")
    except InputError as error:
        print(f"passed over: {error}")
        return
    with VideoFile.open(path).read() as frames:
        clip_examples(list(frames), parameters, landmarks, 2, 8, _generator(path)).save(output)


def _generator(path: Path) -> np.random.Generator:
    """The same for a file whatever else is gathered."""
    return np.random.default_rng(zlib.crc32(path.stem.encode()))


def fit(arguments: argparse.Namespace) -> None:
    """Train and write the weights."""
    from renderers.unet import save_network
    from scripts.lab.renderer.face_trainer import load_options, train

    options = load_options(arguments.config)
    network, figures = train(arguments.cache / "examples", options)
    print(figures)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    save_network(network, arguments.output, figures)


def main(given: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--cache", type=Path, default=CACHE, help="folder of the fits and examples that are kept (default: %(default)s)"
    )
    commands = parser.add_subparsers(required=True)
    examples = commands.add_parser("examples", help="fit photos and videos and draw them")
    examples.add_argument("--photos", type=Path, nargs="*", default=[], help="folders of portraits")
    examples.add_argument("--portraits", type=int, default=100, help="about how many portraits to take")
    examples.add_argument(
        "--videos", type=Path, nargs="*", default=[], help="folders of clips of one talking face each"
    )
    examples.add_argument("--clips", type=int, default=100, help="about how many clips to take")
    examples.add_argument(
        "--skip",
        nargs="*",
        default=["l", "s", "grid_lbbc2a", "grid_lwbsza"],
        metavar="BEGINNING",
        help="leave out files whose names begin so, to measure on (default: those of docs/benchmarks.md)",
    )
    examples.set_defaults(run=gather)
    train = commands.add_parser("train", help="fit the network to the examples")
    train.add_argument("--config", type=Path, help="YAML with other options, e.g. configs/train/face_gpu.yaml")
    train.add_argument("--output", type=Path, default=WEIGHTS, help="the weights to write (default: %(default)s)")
    train.set_defaults(run=fit)
    arguments = parser.parse_args(given)
    from face3d.errors import InputError

    try:
        arguments.run(arguments)
    except InputError as error:
        parser.exit(2, f"error: {error}\n")


if __name__ == "__main__":
    main()
