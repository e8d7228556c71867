"""Train the mouth's network: gather examples (resumable), then fit `renderers/assets/mouth-v1.safetensors`.

    python scripts/train_mouth.py examples --photos DIR DIR --videos DIR
    python scripts/train_mouth.py train [--config configs/train/mouth_gpu.yaml]

Photos are portraits whose lips stand open (others are passed over); videos are short clips of one talking face each,
such as GRID's. `--skip` names files by their beginnings that must stay unseen, for measuring. An interrupted training
goes on from its checkpoint, which stays in the cache. The shipped file's SHA-256 is in `renderers/resources.py`: put
the new one there.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from face3d.detect.detector import FaceDetector
from face3d.detect.face import choose_face
from face3d.fit.photo_fit import fit_detection
from face3d.parameters import FaceParameters
from renderers.mouth.network import MouthNetwork
from scripts.lab.renderer.mouth_data import clip_examples, photo_examples
from scripts.lab.renderer.mouth_trainer import load_options, train
from scripts.lab.renderer.program import Program
from scripts.lab.renderer.reenactment import kept_fit
from scripts.lab.training.loop import Run
from talkinghead.media.image import iter_stills
from talkinghead.media.video_file import VideoFile

# Openings over widths of lips below which a photo is passed over before it is fitted.
_OPEN = 0.05


def add_photo(path: Path, output: Path, fits: Path) -> None:
    """Examples of a portrait whose lips stand open; its fit is kept."""
    fit, points = (fits / f"{output.stem}{end}" for end in (".safetensors", ".npy"))
    image = next(iter_stills(path))
    if not fit.exists():
        with FaceDetector() as detector:
            face, _ = choose_face(detector.detect(image), 0)
        landmarks = face.landmarks_px
        if np.linalg.norm(landmarks[13] - landmarks[14]) < _OPEN * np.linalg.norm(landmarks[61] - landmarks[291]):
            return
        np.save(points, landmarks)
        fit_detection(face, (image.shape[1], image.shape[0])).parameters.save(fit)  # the last one: then both are there
    result = photo_examples(image, FaceParameters.load(fit), np.load(points, allow_pickle=False))
    if result is not None:
        result.save(output)


def add_clip(path: Path, output: Path, fits: Path) -> None:
    """Examples of a video in which the face is never lost; its fit is kept."""
    parameters, landmarks = kept_fit(path, fits)
    if np.isnan(landmarks).any():
        return
    with VideoFile.open(path).read() as frames:
        result = clip_examples(list(frames), parameters, landmarks, sources=3, targets=8)
    if result is not None:
        result.save(output)


def fit(examples: Path, preset: Path | None, run: Run) -> tuple[MouthNetwork, dict[str, str]]:
    """The trained network, and its figures."""
    return train(examples, load_options(preset), run)


main = Program("mouth", __doc__, add_photo, add_clip, fit, portraits=None, clips=240).main

if __name__ == "__main__":
    main()
