"""Measure how much the detector's results change when nothing but the picture's noise does.

Each given picture is shown again and again with other sensor noise, another JPEG compression and moved by a fraction of
a pixel; the tracker measures it from a place that is a little off each time, as in a video. The standard deviations,
per coefficient, are what `face3d.smoothing.smooth` calls noise; `face3d/noise.py` keeps the medians.

    python scripts/measure_noise.py ../shared/data/video/grid_s1/bbaf4p.mp4 ../shared/data/photos/cc0/*.jpg
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d.arkit import ARKIT_NAMES
from face3d.canonical_face import canonical_face
from face3d.detection import FaceDetector
from face3d.face import FaceDetection
from face3d.landmark_sets import FACE_OVAL, LEFT_EYE, LEFT_IRIS, LOWER_LIP_RINGS, RIGHT_EYE, RIGHT_IRIS, UPPER_LIP_RINGS
from face3d.tracking import FaceTracker
from talkinghead.media.image import iter_stills

SENSOR_NOISE = 2.0  # grey levels
JPEG_QUALITY = (75, 95)
LARGEST_SHIFT = 0.5  # pixels
PLACE_ERROR = 0.01  # of the face's size, of the place where the tracker starts
SIZES = (60.0, 90.0, 130.0, 200.0, 300.0, 450.0)  # pixels
GROUPS: dict[str, tuple[int, ...]] = {
    "outline": FACE_OVAL,
    "lids": (*LEFT_EYE, *RIGHT_EYE),
    "irises": (*LEFT_IRIS, *RIGHT_IRIS),
    "lips": tuple(i for ring in (*UPPER_LIP_RINGS, *LOWER_LIP_RINGS) for i in ring),
}
GROUPS["others"] = tuple(set(range(478)) - {i for group in GROUPS.values() for i in group})


@dataclass(frozen=True)
class Noise:
    """Standard deviations for one picture at one size.

    Attributes:
        size_px: of the face.
        landmarks: [478] of x and y together (root mean square), as a share of `size_px`.
        depth: [478] of z, as a share of `size_px`.
        scores: [52].
        rotation: [3] of the head matrix about the camera's x, y and z, radians.
        place: of the still landmarks' middle, root mean square of x and y, as a share of `size_px`.
        scale: of their spread's logarithm.
    """

    size_px: float
    landmarks: NDArray[np.float64]
    depth: NDArray[np.float64]
    scores: NDArray[np.float64]
    rotation: NDArray[np.float64]
    place: float
    scale: float


def variants(
    image: NDArray[np.uint8], count: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float64]]]:
    """Pictures that differ from `image` [H, W, 3] by noise alone, and by how much each is shifted (x, y), pixels."""
    for _ in range(count):
        shift = rng.uniform(-LARGEST_SHIFT, LARGEST_SHIFT, 2)
        matrix = np.array([[1, 0, shift[0]], [0, 1, shift[1]]])
        moved = cv2.warpAffine(
            image, matrix, image.shape[1::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        noisy = np.clip(moved + rng.normal(0, SENSOR_NOISE, image.shape), 0, 255).astype(np.uint8)
        quality = int(rng.integers(*JPEG_QUALITY))
        _, code = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, quality])
        yield np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8), shift


def measure(
    tracker: FaceTracker, image: NDArray[np.uint8], face: FaceDetection, count: int, rng: np.random.Generator
) -> Noise | None:
    """The noise of one face, or None when some variant loses it."""
    landmarks, depth, scores, matrices = [], [], [], []
    for variant, shift in variants(image, count, rng):
        place = face.landmarks_px + shift + rng.normal(0, PLACE_ERROR * face.size_px, 2)
        found = tracker.track(variant, place)
        if found is None:
            return None
        landmarks.append(found.landmarks_px - shift)
        depth.append(found.landmarks_z - found.landmarks_z.mean())
        scores.append(found.scores)
        matrices.append(found.head_matrix[:3, :3] / np.linalg.norm(found.head_matrix[:3, 0]))
    still = np.array(landmarks)[:, canonical_face().indices]
    middle = still.mean(1)
    spread = np.linalg.norm(still - middle[:, None], axis=2).mean(1)
    turns = np.array(matrices) @ matrices[0].T  # small: their antisymmetric parts are the angles
    angles = np.stack([turns[:, 2, 1], turns[:, 0, 2], turns[:, 1, 0]], axis=1)
    return Noise(
        face.size_px,
        np.sqrt(np.var(landmarks, axis=0).mean(1)) / face.size_px,
        np.std(depth, axis=0) / face.size_px,
        np.std(scores, axis=0),
        angles.std(0),
        float(np.sqrt(middle.var(0).mean())) / face.size_px,
        float(np.log(spread).std()),
    )


def measure_files(paths: list[Path], count: int) -> list[Noise]:
    """The noise of the largest face of each picture (a video's first), at its own and all smaller `SIZES`."""
    rng = np.random.default_rng(0)
    tracker, result = FaceTracker(), []
    with FaceDetector() as detector:
        for path in paths:
            image = next(iter(iter_stills(path)))
            faces = detector.detect(image)
            for size in SIZES if faces else ():
                factor = size / faces[0].size_px
                if factor > 1:
                    continue
                small = np.asarray(
                    cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8
                )
                face = tracker.track(small, faces[0].landmarks_px * factor)
                noise = measure(tracker, small, face, count, rng) if face is not None else None
                if noise is not None:
                    result.append(noise)
    return result


def report(noises: list[Noise]) -> None:
    """Print medians over the pictures, and of the scores what four of five do not exceed."""
    names = [*GROUPS, "depth", "place", "scale", "pitch", "yaw", "roll", "scores"]
    print(f"{'size':>6} {'faces':>5} " + " ".join(f"{name:>8}" for name in names))
    for size in SIZES:
        some = [n for n in noises if abs(n.size_px / size - 1) < 0.05]
        if not some:
            continue
        shares = [np.median([n.landmarks[list(group)].mean() for n in some]) for group in GROUPS.values()]
        shares += [np.median([n.depth.mean() for n in some])]
        shares += [np.median([getattr(n, name) for n in some]) for name in ("place", "scale")]
        angles = np.degrees(np.median([n.rotation for n in some], axis=0))
        row = [f"{100 * share:7.3f}%" for share in shares] + [f"{angle:6.2f} d" for angle in angles]
        print(f"{size:6.0f} {len(some):5d} " + " ".join(row) + f" {np.median([n.scores.mean() for n in some]):8.4f}")
    print("scores of faces of 120 pixels and more:")
    levels = np.quantile([n.scores for n in noises if n.size_px > 120], 0.8, axis=0)
    for name, level in zip(ARKIT_NAMES, levels, strict=True):
        print(f"    {name:20s} {level:.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--count", type=int, default=16, help="variants of each picture and size")
    options = parser.parse_args()
    report(measure_files(options.pictures, options.count))
