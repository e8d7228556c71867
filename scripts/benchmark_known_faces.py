#!/usr/bin/env python3
"""Measures the fitter on heads of another, scan-based model whose truth is known.

usage: benchmark_known_faces.py FOLDER [--refine] [--predictions OUT]

FOLDER holds `subjectNN.npz` (neutral_face_mm [V, 3], faces, landmarks7_mm), pictures of each and `frames.json` (image,
subject, rotation [3, 3] of the head in an OpenCV camera, arkit weights). Prints JSON:

- identity_one, identity_all: millimetres from the true surface within 95 mm of the nose base, after a similarity by
  seven landmarks and rigid ICP with scale; from one neutral picture, and from all pictures of a head together.
- pose: degrees between the true and the fitted rotation, each picture on its own, focal length unknown; beside it
  MediaPipe's head matrix.
- expression: Pearson r between true and fitted weights over all pictures, for channels that occur in at least four;
  beside it MediaPipe's scores. Opposite pairs: pictures in which both weights exceed 0.1.

These heads are for measuring only. The neutral meshes are written to --predictions for other scorers.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from face3d.arkit import ARKIT_INDEX, ARKIT_NAMES
from face3d.camera import HEAD_TO_CAMERA_DIAGONAL, axis_angle_to_matrix
from face3d.detect.detector import FaceDetector
from face3d.fit.photo_fit import PhotoFit, fit_photos
from face3d.model.morphable_model import LANDMARKS_7, load_default_model
from face3d.model.personal_shapes import personal_model
from face3d.parameters import FaceParameters
from scripts.lab.measure.surface_error import surface_errors

Array = NDArray[np.float64]
_FLIP = np.diag(HEAD_TO_CAMERA_DIAGONAL)
_OPPOSITE = (
    ("mouthLeft", "mouthRight"),
    ("jawLeft", "jawRight"),
    ("mouthSmileLeft", "mouthFrownLeft"),
    ("mouthSmileRight", "mouthFrownRight"),
)


def read_image(path: Path) -> NDArray[np.uint8]:
    """[H, W, 3] RGB."""
    picture = cv2.imread(str(path))
    if picture is None:
        raise SystemExit(f"{path} cannot be read.")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)


def refined(images: list[NDArray[np.uint8]], fits: Sequence[PhotoFit]) -> list[FaceParameters]:
    """Photometric refinement of pictures of one person."""
    from renderers.photometric import Photo, refine

    photos = [Photo(i, f.parameters, f.detection.landmarks_px) for i, f in zip(images, fits, strict=True)]
    return list(refine(photos).parameters)


def degrees_between(a: Array, b: Array) -> float:
    cosine = (np.trace(a @ b.T) - 1) / 2
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def measure_frames(frames: list[dict[str, Any]], fits: list[FaceParameters], detections: list[Any]) -> dict[str, Any]:
    """Pose and expression of every picture on its own."""
    truth = [np.array(frame["rotation"]) for frame in frames]
    ours = [_FLIP @ axis_angle_to_matrix(fit.rotation[0].double()).numpy() for fit in fits]
    theirs = [_FLIP @ face.head_matrix[:3, :3].astype(float) for face in detections]
    true = np.array([[frame["arkit"].get(name, 0.0) for name in ARKIT_NAMES] for frame in frames])
    weights = np.stack([fit.expression[0].numpy() for fit in fits])
    scores = np.stack([face.scores for face in detections])
    channels = [i for i in range(52) if (true[:, i] > 0).sum() >= 4]

    def correlations(values: NDArray[np.floating]) -> dict[str, float]:
        return {ARKIT_NAMES[i]: round(float(np.corrcoef(true[:, i], values[:, i])[0, 1]), 3) for i in channels}

    pairs = {
        f"{a}+{b}": int(((weights[:, ARKIT_INDEX[a]] > 0.1) & (weights[:, ARKIT_INDEX[b]] > 0.1)).sum())
        for a, b in _OPPOSITE
    }
    own, mediapipe = correlations(weights), correlations(scores)
    return {
        "pose_degrees_median": float(np.median([degrees_between(a, b) for a, b in zip(ours, truth, strict=True)])),
        "pose_degrees_median_mediapipe": float(
            np.median([degrees_between(a, b) for a, b in zip(theirs, truth, strict=True)])
        ),
        "expression_r_mean": float(np.mean(list(own.values()))),
        "expression_r_mean_mediapipe": float(np.mean(list(mediapipe.values()))),
        "expression_r": own,
        "opposite_pairs_both_active": pairs,
    }


def measure_identity(folder: Path, predictions: dict[str, FaceParameters], output: Path | None) -> dict[str, float]:
    """Surface errors of the faces at rest; the meshes go to `output` if it is given."""
    model, errors = load_default_model(), []
    for subject, parameters in predictions.items():
        person = personal_model(parameters, model)
        neutral = person.neutral(parameters.identity)
        landmarks = person.landmarks478.of(neutral)[list(LANDMARKS_7)].double().numpy()
        vertices, faces = neutral.double().numpy(), model.triangles.numpy()
        if output is not None:
            output.mkdir(parents=True, exist_ok=True)
            np.savez(output / subject, vertices=vertices, faces=faces, landmarks7=landmarks)
        with np.load(folder / subject, allow_pickle=False) as truth:
            errors.append(surface_errors(truth["neutral_face_mm"], truth["landmarks7_mm"], vertices, faces, landmarks))
    every = np.concatenate(errors)
    return {"median": float(np.median(every)), "mean": float(every.mean()), "std": float(every.std())}


def main() -> None:
    parser = argparse.ArgumentParser(description="The fitter on faces with known geometry, pose and expression.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--refine", action="store_true", help="photometric refinement too")
    parser.add_argument("--predictions", type=Path, help="folder for the neutral meshes")
    options = parser.parse_args()
    torch.set_num_threads(1)
    frames = json.loads((options.folder / "frames.json").read_text())
    fits, detections = [], []
    one: dict[str, FaceParameters] = {}
    every: dict[str, FaceParameters] = {}
    with FaceDetector(max_faces=1) as detector:
        for subject in dict.fromkeys(frame["subject"] for frame in frames):
            images = [read_image(options.folder / f["image"]) for f in frames if f["subject"] == subject]
            singles = [fit_photos([image], detector=detector)[0] for image in images]
            together = fit_photos(images, detector=detector)
            fitted = [fit.parameters for fit in singles]
            every[subject] = together[0].parameters
            if options.refine:
                fitted = [refined([image], [fit])[0] for image, fit in zip(images, singles, strict=True)]
                every[subject] = refined(images, together)[0]
            one[subject] = fitted[0]
            fits += fitted
            detections += [fit.detection for fit in singles]
    folder = options.predictions
    result = {
        "refine": options.refine,
        "identity_one": measure_identity(options.folder, one, folder / "one" if folder else None),
        "identity_all": measure_identity(options.folder, every, folder / "all" if folder else None),
        **measure_frames(frames, fits, detections),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
