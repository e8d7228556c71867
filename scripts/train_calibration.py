#!/usr/bin/env python3
"""Trains `face3d/assets/calibration-v1.safetensors`: what MediaPipe's detections say about our face model.

    train_calibration.py faces  OUT --count 10000 --seed 1 [--photos DIR ...] [--prior PRIOR.npz]
    train_calibration.py train  FOLDER ... --output calibration.safetensors
    train_calibration.py spread CALIBRATION FOLDER --photos DIR ... --output PRIOR.npz

`faces` renders random heads (some wearing the skin of photos), detects them and keeps detections and truth in OUT, 500
to a file; run again it goes on where it stopped. `train` fits the network, one face in twelve held out for the spreads.
`spread` reads what a calibration trained on N(0, 1) heads (in FOLDER) says about real photos: mean and standard
deviation of their identities, corrected for how much the network shrinks them. Heads drawn with it as --prior are as
different as people are; training on those gives the shipped file. See face3d/assets/calibration-v1.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from face3d.camera import head_to_camera
from face3d.detect.detector import FaceDetector
from face3d.detect.face_tracker import FaceTracker
from face3d.errors import InputError
from face3d.fit.detector_calibration import calibration_from
from face3d.fit.photo_fit import fit_photo
from face3d.model.morphable_model import load_default_model
from scripts.lab.face_model.calibration import Samples, TrainingOptions, mirrored, train
from scripts.lab.face_model.synthetic_faces import FaceSynthesizer, PhotoSkin, SynthesisOptions
from scripts.lab.training.loop import PLAIN_RUN, Run

PER_FILE = 500
HELD_OUT = 12
# Large arrays of the network; half precision changes its outputs by less than 1 % of their spread.
HALF = ("components", "direct.weight", "layers.0.weight", "layers.1.weight", "layers.2.weight")
LARGEST_SIDE = 768
LARGEST_TURN = 0.3  # radians of a photo whose skin is worn
# A found face whose points lie further off on average, as a share of its size, is not the one that was drawn.
FAR_OFF = 0.08
LEAST_SPREAD = 0.45


def read_photos(folders: list[Path]) -> list[NDArray[np.uint8]]:
    """[H, W, 3] RGB each, shrunk to `LARGEST_SIDE`."""
    images = []
    for path in sorted(p for folder in folders for p in folder.iterdir()):
        picture = cv2.imread(str(path))
        if picture is None:
            continue
        factor = LARGEST_SIDE / max(picture.shape[:2])
        if factor < 1:
            picture = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        images.append(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8))
    return images


def make_skins(images: list[NDArray[np.uint8]]) -> list[PhotoSkin]:
    """Photos as textures, by their own fits; turned heads are left out."""
    model, skins = load_default_model(), []
    with FaceDetector() as detector:
        for image in images:
            try:
                fit = fit_photo(image, detector=detector).parameters
            except InputError:
                continue
            if abs(float(fit.rotation[0, 1])) > LARGEST_TURN:
                continue
            vertices = model.vertices(fit.identity, fit.expression[0], fit.eye_rotation[0])
            placed = head_to_camera(vertices, fit.rotation[0], fit.translation[0])
            skins.append(PhotoSkin(image, fit.camera.project(placed).numpy().astype(np.float32)))
    return skins


def make_faces(folder: Path, count: int, seed: int, photos: list[Path], prior: Path | None) -> None:
    """Render, detect and keep; the files that are there already are not made again."""
    folder.mkdir(parents=True, exist_ok=True)
    model = load_default_model()
    mean, spread = np.zeros(model.identity_size), np.ones(model.identity_size)
    if prior is not None:
        with np.load(prior, allow_pickle=False) as file:
            mean, spread = file["mean"], file["spread"]
    skins, tracker = make_skins(read_photos(photos)), FaceTracker()
    for number in range(-(-count // PER_FILE)):
        path = folder / f"{seed:03d}-{number:04d}.npz"
        if path.exists():
            continue
        # Every file has a seed of its own, so that an interrupted run gives the same faces.
        rng = np.random.default_rng((seed, number))
        synthesizer = FaceSynthesizer(model, int(rng.integers(1 << 31)), SynthesisOptions(detail_mm=0.8), skins)
        samples = _detect_faces(synthesizer, tracker, rng, mean, spread)
        temporary = path.with_suffix(".partial")
        with temporary.open("wb") as out:
            np.savez(out, **{f.name: getattr(samples, f.name) for f in dataclasses.fields(samples)})
        temporary.rename(path)
        print(f"{path}: {(number + 1) * PER_FILE} of {count}", flush=True)


def _detect_faces(
    synthesizer: FaceSynthesizer,
    tracker: FaceTracker,
    rng: np.random.Generator,
    mean: NDArray[np.float64],
    spread: NDArray[np.float64],
) -> Samples:
    rows: list[tuple[NDArray[np.float32], ...]] = []
    while len(rows) < PER_FILE:
        face = synthesizer.sample((mean + rng.normal(size=len(mean)) * spread).astype(np.float32))
        points = face.landmarks_px
        # A detector does not know the place as well as we do.
        rough = points + rng.normal(size=(1, 2)) * 6 + (points - points.mean(0)) * rng.normal() * 0.04
        found = tracker.track(face.image, rough.astype(np.float32))
        size = float(np.ptp(points, axis=0).max())
        if found is None or np.linalg.norm(found.landmarks_px - points, axis=1).mean() > FAR_OFF * size:
            continue
        rows.append(
            (
                *(found.landmarks_px, found.landmarks_z, found.scores),
                *(face.expression, face.identity, face.rotation, face.translation),
            )
        )
    return Samples(*(np.stack(column).astype(np.float32) for column in zip(*rows, strict=True)))


def read_samples(folders: list[Path]) -> Samples:
    """All files of the folders, in the order of their names."""
    names = [f.name for f in dataclasses.fields(Samples)]
    parts: dict[str, list[NDArray[np.float32]]] = {name: [] for name in names}
    for path in sorted(p for folder in folders for p in folder.glob("*.npz")):
        with np.load(path, allow_pickle=False) as file:
            for name in names:
                parts[name].append(file[name])
    if not parts["scores"]:
        raise SystemExit("The folders hold no faces; make some with `faces`.")
    return Samples(**{name: np.concatenate(values) for name, values in parts.items()})


def train_file(folders: list[Path], output: Path, options: TrainingOptions, run: Run = PLAIN_RUN) -> None:
    """Train on all faces and their mirror images but the held-out ones."""
    model = load_default_model()
    samples = read_samples(folders)
    held_out = np.arange(len(samples)) % HELD_OUT == 0
    kept = samples.part(~held_out)
    seen = mirrored(kept, model)
    both = Samples(
        *(np.concatenate([getattr(kept, f.name), getattr(seen, f.name)]) for f in dataclasses.fields(Samples))
    )
    canonical = model.landmarks478.of(model.mean).double().numpy()
    tensors = train(canonical, both, samples.part(held_out), options, run)
    tensors = {name: value.astype(np.float16) if name in HALF else value for name, value in tensors.items()}
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, output)
    print(f"{output}: trained on {len(kept)} faces and their mirror images")


def write_spread(calibration: Path, folder: Path, photos: list[Path], output: Path) -> None:
    """Mean and spread of real identities under a calibration of N(0, 1) heads."""
    read = calibration_from(load_file(calibration))
    groups = []
    with FaceDetector() as detector:
        for place in photos:
            faces = [found[0] for image in read_photos([place]) if (found := detector.detect(image))]
            groups.append(
                read(
                    np.stack([f.landmarks_px for f in faces]),
                    np.stack([f.landmarks_z for f in faces]),
                    np.stack([f.scores for f in faces]),
                ).identity
            )
    heads = read_samples([folder])
    drawn = read(heads.landmarks_px, heads.landmarks_z, heads.scores).identity.std(0)
    mean = np.mean([group.mean(0) for group in groups], 0)
    spread = np.sqrt(np.mean([group.var(0) for group in groups], 0)) / drawn
    np.savez(output, mean=mean, spread=spread.clip(LEAST_SPREAD, 1.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    faces = commands.add_parser("faces", help="render and detect random heads")
    faces.add_argument("folder", type=Path)
    faces.add_argument("--count", type=int, default=10_000)
    faces.add_argument("--seed", type=int, default=1)
    faces.add_argument("--photos", type=Path, nargs="*", default=[], help="folders of photos whose skin heads wear")
    faces.add_argument("--prior", type=Path, help="mean and spread of identities, from `spread`")
    fit = commands.add_parser("train", help="fit the network")
    fit.add_argument("folders", type=Path, nargs="+")
    fit.add_argument("--output", type=Path, required=True)
    fit.add_argument("--epochs", type=int, default=TrainingOptions.epochs)
    fit.add_argument("--checkpoint", type=Path, help="file from which an interrupted training goes on")
    fit.add_argument("--tensorboard", type=Path, help="folder for TensorBoard's curves")
    spread = commands.add_parser("spread", help="how real identities spread")
    spread.add_argument("calibration", type=Path)
    spread.add_argument("folder", type=Path)
    spread.add_argument("--photos", type=Path, nargs="+", required=True)
    spread.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    if options.command == "faces":
        make_faces(options.folder, options.count, options.seed, options.photos, options.prior)
    elif options.command == "train":
        run = Run(options.checkpoint, options.tensorboard)
        train_file(options.folders, options.output, TrainingOptions(epochs=options.epochs), run)
    else:
        write_spread(options.calibration, options.folder, options.photos, options.output)


if __name__ == "__main__":
    main()
