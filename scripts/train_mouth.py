"""Train the mouth's network: gather examples (resumable), then fit `renderers/assets/mouth-v1.safetensors`.

    python scripts/train_mouth.py examples --photos DIR DIR --videos DIR
    python scripts/train_mouth.py train [--config configs/train/mouth_gpu.yaml]

Photos are portraits whose lips stand open (others are passed over); videos are short clips of one talking face each,
such as GRID's. `--skip` names files by their beginnings that must stay unseen, for measuring. The shipped file's
SHA-256 is in `renderers/resources.py`: put the new one there.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.progress import track

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / ".cache" / "mouth"
WEIGHTS = ROOT / "renderers" / "assets" / "mouth-v1.safetensors"
# Openings over widths of lips below which a photo is passed over before it is fitted.
_OPEN = 0.05


def gather(arguments: argparse.Namespace) -> None:
    """Everything that is still missing in the cache; a file that shows nothing to learn from is passed over."""
    from scripts.lab.renderer.presets import PHOTOS, VIDEOS, files_of, say_kept

    fits, examples = arguments.cache / "fits", arguments.cache / "examples"
    for folder in (fits, examples):
        folder.mkdir(parents=True, exist_ok=True)
    for folder in arguments.photos:
        for path in track(files_of([folder], PHOTOS, arguments.skip)[: arguments.most], description="photos"):
            _add_photo(path, fits, examples)
    videos = files_of(arguments.videos, VIDEOS, arguments.skip)
    for path in track(videos[:: max(1, len(videos) // arguments.clips)], description="videos"):
        _add_clip(path, fits, examples)
    say_kept(arguments.cache / "examples")


def _add_photo(path: Path, fits: Path, examples: Path) -> None:
    from face3d.detect.detector import FaceDetector
    from face3d.detect.face import choose_face
    from face3d.errors import InputError
    from face3d.fit.photo_fit import fit_detection
    from face3d.parameters import FaceParameters
    from scripts.lab.renderer.mouth_data import photo_examples
    from scripts.lab.renderer.reenactment import kept_name
    from talkinghead.media.image import iter_stills

    output = examples / f"photo_{kept_name(path)}.npz"
    fit, points = (fits / f"photo_{kept_name(path)}{end}" for end in (".safetensors", ".npy"))
    if output.exists():
        return
    try:
        image = next(iter_stills(path))
    except InputError as error:
        print(f"passed over: {error}")
        return
    if not fit.exists():
        with FaceDetector() as detector:
            faces = detector.detect(image)
        try:
            face, _ = choose_face(faces, 0)
        except InputError:
            return
        landmarks = face.landmarks_px
        if np.linalg.norm(landmarks[13] - landmarks[14]) < _OPEN * np.linalg.norm(landmarks[61] - landmarks[291]):
            return
        fit_detection(face, (image.shape[1], image.shape[0])).parameters.save(fit)
        np.save(points, landmarks)
    result = photo_examples(image, FaceParameters.load(fit), np.load(points, allow_pickle=False))
    if result is not None:
        result.save(output)


def _add_clip(path: Path, fits: Path, examples: Path) -> None:
    from face3d.errors import InputError
    from scripts.lab.renderer.mouth_data import clip_examples
    from scripts.lab.renderer.reenactment import kept_fit, kept_name
    from talkinghead.media.video_file import VideoFile

    output = examples / f"clip_{kept_name(path)}.npz"
    if output.exists():
        return
    try:
        parameters, landmarks = kept_fit(path, fits)
    except InputError as error:
        print(f"passed over: {error}")
        return
    if np.isnan(landmarks).any():
        return
    with VideoFile.open(path).read() as frames:
        result = clip_examples(list(frames), parameters, landmarks, sources=3, targets=8)
    if result is not None:
        result.save(output)


def fit(arguments: argparse.Namespace) -> None:
    """Train and write the weights."""
    from renderers.unet import save_network
    from scripts.lab.renderer.mouth_trainer import load_options, train

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
    examples = commands.add_parser("examples", help="fit photos and videos and paint their mouths")
    examples.add_argument("--photos", type=Path, nargs="*", default=[], help="folders of portraits")
    examples.add_argument("--most", type=int, help="take only this many of each folder, sorted by name")
    examples.add_argument(
        "--videos", type=Path, nargs="*", default=[], help="folders of clips of one talking face each"
    )
    examples.add_argument("--clips", type=int, default=240, help="about how many clips to take")
    examples.add_argument(
        "--skip",
        nargs="*",
        default=["l", "s", "grid_lbbc2a", "grid_lwbsza"],
        metavar="BEGINNING",
        help="leave out files whose names begin so, to measure on (default: those of docs/benchmarks.md)",
    )
    examples.set_defaults(run=gather)
    train = commands.add_parser("train", help="fit the network to the examples")
    train.add_argument("--config", type=Path, help="YAML with other options, e.g. configs/train/mouth_gpu.yaml")
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
