"""Train the face network: gather examples (resumable), then fit `renderers/assets/face-v1.safetensors`.

    python scripts/train_face.py examples --photos DIR DIR --videos DIR DIR
    python scripts/train_face.py train [--config configs/train/face_gpu.yaml]

Photos are portraits, videos short clips of one talking face each, such as GRID's. `--skip` names files by their
beginnings that must stay unseen, for measuring. An interrupted training goes on from its checkpoint, which
stays in the cache. The shipped file's SHA-256 is in `renderers/resources.py`: put the new one there.
"""

from __future__ import annotations

import sys
import zlib
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from renderers.face_network.network import FaceNetwork
from scripts.lab.renderer.face_data import clip_examples, photo_examples
from scripts.lab.renderer.face_trainer import load_options, train
from scripts.lab.renderer.program import Program
from scripts.lab.renderer.reenactment import kept_fit
from scripts.lab.training.loop import Run
from talkinghead.config import load_config
from talkinghead.media.video_file import VideoFile
from talkinghead.photo.fitted import fit_photo_file

# Pixels along a portrait's longer side: faces as large as the network's window, or larger.
_PHOTO_SIZE = 512


def add_photo(path: Path, output: Path, fits: Path) -> None:
    """Examples of a portrait."""
    del fits
    portrait = fit_photo_file(path, load_config().photo, _PHOTO_SIZE)
    landmarks = portrait.fit.detection.landmarks_px
    photo_examples(portrait.image, portrait.fit.parameters, landmarks, 2, _generator(path)).save(output)


def add_clip(path: Path, output: Path, fits: Path) -> None:
    """Examples of a video, whose fit is kept."""
    parameters, landmarks = kept_fit(path, fits)
    with VideoFile.open(path).read() as frames:
        clip_examples(list(frames), parameters, landmarks, 2, 8, _generator(path)).save(output)


def _generator(path: Path) -> np.random.Generator:
    """The same for a file whatever else is gathered."""
    return np.random.default_rng(zlib.crc32(path.stem.encode()))


def fit(examples: Path, preset: Path | None, run: Run) -> tuple[FaceNetwork, dict[str, str]]:
    """The trained network, and its figures."""
    return train(examples, load_options(preset), run)


main = Program("face", __doc__, add_photo, add_clip, fit, portraits=100, clips=100).main

if __name__ == "__main__":
    main()
