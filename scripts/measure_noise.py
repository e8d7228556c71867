"""Measure how much the tracker's and the fitter's results change when nothing but the picture's noise does.

Each given picture is shown again and again with other sensor noise, another JPEG compression and moved by a fraction of
a pixel; the tracker measures it from a place that is a little off each time, as in a video. The standard deviations,
per coefficient, are what `face3d.fit.smoothing.smooth` calls noise; `face3d/fit/noise_levels.py` keeps the medians.

    python scripts/measure_noise.py ../shared/data/video/grid_s1/bb*.mp4 ../shared/data/photos/cc0/*.jpg
    python scripts/measure_noise.py --fit ../shared/data/video/grid_s1/bb*.mp4

With --fit, the variants are fitted as the frames of one video, unsmoothed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from face3d.arkit import ARKIT_NAMES
from face3d.detect.detector import FaceDetector
from face3d.detect.face import FaceDetection
from face3d.detect.face_tracker import FaceTracker
from face3d.fit.noise_levels import size_factor, smoothing_levels
from face3d.fit.track_fit import SequenceOptions, fit_track
from face3d.follow.track import Track
from face3d.model.canonical_face import canonical_face
from face3d.model.landmark_sets import (
    FACE_OVAL,
    LEFT_EYE,
    LEFT_IRIS,
    LOWER_LIP_RINGS,
    RIGHT_EYE,
    RIGHT_IRIS,
    UPPER_LIP_RINGS,
)
from talkinghead.media.image import iter_stills

SENSOR_NOISE = 2.0  # grey levels
JPEG_QUALITY = (75, 95)
LARGEST_SHIFT = 0.5  # pixels
PLACE_ERROR = 0.01  # of the face's size, of the place where the tracker starts
SIZES = (60.0, 90.0, 130.0, 200.0, 300.0, 450.0)  # pixels
FIT_SIZE, FIT_DISTANCE_MM = 120.0, 900.0  # GRID's
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


def track_variants(
    tracker: FaceTracker, image: NDArray[np.uint8], face: FaceDetection, count: int, rng: np.random.Generator
) -> list[FaceDetection] | None:
    """The face in each variant, as if it were not shifted; None when some variant loses it."""
    result = []
    for variant, shift in variants(image, count, rng):
        place = face.landmarks_px + shift + rng.normal(0, PLACE_ERROR * face.size_px, 2)
        found = tracker.track(variant, place)
        if found is None:
            return None
        result.append(replace(found, landmarks_px=(found.landmarks_px - shift).astype(np.float32)))
    return result


def measure(faces: list[FaceDetection]) -> Noise:
    """The noise of one face from its variants."""
    size = faces[0].size_px
    landmarks = np.array([face.landmarks_px for face in faces])
    depth = np.array([face.landmarks_z - face.landmarks_z.mean() for face in faces])
    matrices = np.array([face.head_matrix[:3, :3] / np.linalg.norm(face.head_matrix[:3, 0]) for face in faces])
    still = landmarks[:, canonical_face().indices]
    middle = still.mean(1)
    spread = np.linalg.norm(still - middle[:, None], axis=2).mean(1)
    turns = matrices @ matrices[0].T  # small: their antisymmetric parts are the angles
    return Noise(
        size,
        np.sqrt(landmarks.var(0).mean(1)) / size,
        depth.std(0) / size,
        np.std([face.scores for face in faces], axis=0),
        np.stack([turns[:, 2, 1], turns[:, 0, 2], turns[:, 1, 0]], axis=1).std(0),
        float(np.sqrt(middle.var(0).mean())) / size,
        float(np.log(spread).std()),
    )


def measure_fit(faces: list[FaceDetection], image_size: tuple[int, int]) -> NDArray[np.float64]:
    """[62] standard deviations of the fitted parameters, in the order of `face3d.fit.noise_levels.smoothing_levels`."""
    count = len(faces)
    track = Track(
        np.array([face.landmarks_px for face in faces]),
        np.array([face.landmarks_z for face in faces]),
        np.array([face.scores for face in faces]),
        found=np.ones(count, bool),
        shot=np.zeros(count, np.int32),
        others=np.zeros(count, np.uint8),
        fps=25.0,
        image_size=image_size,
    )
    fit = fit_track(track, SequenceOptions(smoothing=False)).parameters
    series = (fit.rotation, fit.translation, fit.expression, fit.eye_rotation.reshape(count, 4))
    return np.concatenate([tensor.double().numpy().std(0) for tensor in series])


def stills(paths: list[Path], sizes: tuple[float, ...]) -> Iterator[tuple[NDArray[np.uint8], FaceDetection]]:
    """Each picture (a video's first) with its largest face, shrunk so that the face has each of `sizes`."""
    tracker = FaceTracker()
    with FaceDetector() as detector:
        for path in paths:
            image = next(iter(iter_stills(path)))
            faces = detector.detect(image)
            for size in sizes if faces else ():
                factor = size / faces[0].size_px
                if factor > 1:
                    continue
                small = np.asarray(
                    cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8
                )
                face = tracker.track(small, faces[0].landmarks_px * factor)
                if face is not None:
                    yield small, face


def report_fit(paths: list[Path], count: int) -> None:
    """Print quantiles over the pictures, as they would be for large faces, beside the levels in use."""
    rng, tracker, levels = np.random.default_rng(0), FaceTracker(), []
    for image, face in stills(paths, (FIT_SIZE,)):
        faces = track_variants(tracker, image, face, count, rng)
        if faces is not None:
            levels.append(measure_fit(faces, (image.shape[1], image.shape[0])) / size_factor(face.size_px))
    if not levels:
        raise SystemExit(f"No picture shows a face of {FIT_SIZE:.0f} pixels or more.")
    used = smoothing_levels(1e6, FIT_DISTANCE_MM).noise
    names = [*("turn x", "turn y", "turn z", "x", "y", "z"), *ARKIT_NAMES]
    names += [f"{eye} eye {axis}" for eye in ("left", "right") for axis in ("pitch", "yaw")]
    print(f"{len(levels)} pictures{'median':>18} {'4 of 5':>8} {'in use':>8}")
    for name, values, level in zip(names, np.transpose(levels), used, strict=True):
        print(f"{name:20s} {np.median(values):8.4f} {np.quantile(values, 0.8):8.4f} {level:8.4f}")


def report(paths: list[Path], count: int) -> None:
    """Print medians over the pictures, and of the scores what four of five do not exceed."""
    rng, tracker, noises = np.random.default_rng(0), FaceTracker(), []
    for image, face in stills(paths, SIZES):
        faces = track_variants(tracker, image, face, count, rng)
        if faces is not None:
            noises.append(measure(faces))
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
    large = [n.scores for n in noises if n.size_px > 120]
    if not large:
        print("scores: no face of 120 pixels or more is shown")
        return
    print("scores of faces of 120 pixels and more:")
    levels = np.quantile(large, 0.8, axis=0)
    for name, level in zip(ARKIT_NAMES, levels, strict=True):
        print(f"    {name:20s} {level:.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+", type=Path)
    parser.add_argument("--count", type=int, default=16, help="variants of each picture and size")
    parser.add_argument("--fit", action="store_true", help="of fitted parameters instead of the tracker's results")
    options = parser.parse_args()
    (report_fit if options.fit else report)(options.pictures, options.count)
