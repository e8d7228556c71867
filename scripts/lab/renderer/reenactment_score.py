"""Scores of one row of frames against a clip's real ones (see `scripts/benchmark_renderer.py`)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face3d.detect.detector import FaceDetector
from face3d.model.landmark_sets import LOWER_LIP_RINGS, OUTER_LIPS, UPPER_LIP_RINGS
from scripts.lab.measure.flicker import flicker
from scripts.lab.measure.landmark_warp import resample, source_positions, triangulate
from scripts.lab.measure.regions import Box, face_box, lip_opening, mouth_interior, regions, unit
from scripts.lab.measure.seam import edge_gradient_ratio, ring_gradients
from scripts.lab.measure.similarity import psnr_of, squared_error, ssim_map

Image = NDArray[np.uint8]
Points = NDArray[np.float32]  # [478, 2] px
Embed = Callable[[Image, Points], NDArray[np.float64]]  # a face's embedding

# The mean distance of the inner lips, over that of the outer eye corners, from which a mouth is open: 4 to 5 mm.
OPEN = 0.05
_SSIM_REACH = 5  # half the window
_LIPS = sorted({*OUTER_LIPS, *(i for ring in (*UPPER_LIP_RINGS, *LOWER_LIP_RINGS) for i in ring), 78, 308})


@dataclass(frozen=True)
class Target:
    """A real frame, and what of it all rows need.

    Attributes:
        number: of the frame in the clip.
        image: [H, W, 3].
        points: [478, 2] its landmarks.
    """

    number: int
    image: Image
    points: Points

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.image.shape[1], self.image.shape[0]

    @cached_property
    def box(self) -> Box:
        """Of the face."""
        return face_box(self.points, self.size)

    @cached_property
    def regions(self) -> dict[str, NDArray[np.bool_]]:
        """Parts of the face box."""
        return regions(self.points, self.size)

    @cached_property
    def rings(self) -> NDArray[np.float64]:
        """Gradients across the rings around the face."""
        return ring_gradients(self.image, self.points)

    @cached_property
    def interior(self) -> NDArray[np.bool_] | None:
        """The inside of an open mouth; None where it is closed."""
        return mouth_interior(self.points, self.size) if lip_opening(self.points) > OPEN else None


@dataclass(frozen=True)
class Photo:
    """The clip's first frame and what rows are compared with.

    Attributes:
        image: [H, W, 3].
        points: [478, 2] its landmarks.
        embed: gives face embeddings; None: identity is not measured.
    """

    image: Image
    points: Points
    embed: Embed | None = None

    @cached_property
    def rings(self) -> NDArray[np.float64]:
        """Gradients across the rings around the face."""
        return ring_gradients(self.image, self.points)

    @cached_property
    def triangles(self) -> NDArray[np.int32]:
        """Of the landmarks."""
        return triangulate(self.points)

    @cached_property
    def embedding(self) -> NDArray[np.float64]:
        """Of the face."""
        assert self.embed is not None  # noqa: S101 - asked for only with it
        return self.embed(self.image, self.points)


@dataclass(frozen=True)
class RowScore:
    """One row of one clip.

    Attributes:
        figures: means over the measured frames; NaN where none could be measured. `flicker` is the mean square, not
            yet a ratio.
        regions: for each part of the face box its share of the squared error, and its PSNR.
        frames: how many were measured.
        lost: in how many of them no face was found.
        psnr: of each measured frame, by its number.
    """

    figures: dict[str, float]
    regions: dict[str, tuple[float, float]]
    frames: int
    lost: int
    psnr: dict[int, float]


@dataclass
class _Sums:
    """Squared errors and numbers of pixels, by name."""

    error: dict[str, float] = field(default_factory=dict)
    pixels: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, error: NDArray[np.float64]) -> None:
        self.error[name] = self.error.get(name, 0.0) + float(error.sum())
        self.pixels[name] = self.pixels.get(name, 0) + error.size

    def psnr(self, name: str) -> float:
        pixels = self.pixels.get(name, 0)
        return psnr_of(self.error[name] / pixels) if pixels else math.nan


class Scorer:
    """Takes a row's frames one by one; a context manager, because it holds a face detector.

    Args:
        photo: the clip's first frame.
    """

    def __init__(self, photo: Photo) -> None:
        self._photo = photo
        self._detector = FaceDetector(video=True)
        self._previous: tuple[int, Image, Points] | None = None
        self._values: dict[str, list[float]] = {}
        self._rings: list[NDArray[np.float64]] = []
        self._real_rings: list[NDArray[np.float64]] = []
        self._parts, self._mouths = _Sums(), _Sums()
        self._psnr: dict[int, float] = {}
        self._lost = 0
        self._begun = False

    def __enter__(self) -> Scorer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._detector.close()

    def add(self, target: Target, frame: Image, measured: bool = True) -> None:
        """The next frame; one that is not measured only precedes the next."""
        if frame.shape != target.image.shape:
            raise ValueError(f"a frame of {frame.shape} for a video of {target.image.shape}")
        points = self._detect(frame, target.points)
        if measured:
            self._compare_pixels(target, frame)
            if points is None:
                self._lost += 1
            else:
                self._compare_points(target, frame, points)
        self._previous = (target.number, frame, points) if points is not None else None

    def _detect(self, frame: Image, expected: Points) -> Points | None:
        """The landmarks of the face that is nearest to the real one."""
        faces = self._detector.detect(frame)
        if not self._begun:
            # What a search finds is measured once more as all further frames will be, in the crop around itself.
            faces, self._begun = self._detector.detect(frame), True
        distances = [float(np.linalg.norm(face.landmarks_px - expected, axis=1).mean()) for face in faces]
        return faces[int(np.argmin(distances))].landmarks_px if faces else None

    def _note(self, **values: float) -> None:
        for name, value in values.items():
            self._values.setdefault(name, []).append(value)

    def _compare_pixels(self, target: Target, frame: Image) -> None:
        error = squared_error(frame, target.image)
        psnr = psnr_of(float(error[target.box.window].mean()))
        self._psnr[target.number] = psnr
        around = target.box.grown(_SSIM_REACH, target.size)
        likeness = ssim_map(frame[around.window], target.image[around.window])
        top, left = target.box.top - around.top, target.box.left - around.left
        rows, columns = target.box.bottom - target.box.top, target.box.right - target.box.left
        self._note(psnr=psnr, ssim=float(likeness[top : top + rows, left : left + columns].mean()))
        for name, mask in target.regions.items():
            self._parts.add(name, error[mask])
        if target.interior is not None:
            self._mouths.add("interior", error[target.interior])
        self._note(edge=edge_gradient_ratio(frame, self._photo.image))

    def _compare_points(self, target: Target, frame: Image, points: Points) -> None:
        distance = np.linalg.norm(points - target.points, axis=1) * unit(target.points)
        self._note(lmd=float(distance.mean()), lmd_mouth=float(distance[_LIPS].mean()))
        if target.interior is not None and target.interior.any():
            error = squared_error(_with_lips_at(frame, points, target), target.image)
            self._mouths.add("aligned", error[target.interior])
        self._rings.append(ring_gradients(frame, points))
        self._real_rings.append(target.rings)
        if self._photo.embed is not None:
            embedding, own = self._photo.embed(frame, points), self._photo.embedding
            distance = float(np.linalg.norm(embedding - own))
            self._note(identity=_cosine(embedding, own), identity_distance=distance)
        if self._previous is not None and self._previous[0] == target.number - 1:
            _, before, points_before = self._previous
            self._note(flicker=flicker(frame, before, points, points_before, self._photo.triangles))

    def result(self) -> RowScore:
        """The scores of all frames so far."""
        figures = {name: float(np.mean(values)) for name, values in self._values.items()}
        figures["interior"], figures["interior_aligned"] = self._mouths.psnr("interior"), self._mouths.psnr("aligned")
        if self._rings:
            rings = np.mean(self._rings, 0)
            figures["seam"] = float(np.nanmax(rings / np.mean(self._real_rings, 0)))
            figures["seam_photo"] = float(np.nanmax(rings / self._photo.rings))
        whole = max(sum(self._parts.error.values()), 1e-12)
        parts = {name: (error / whole, self._parts.psnr(name)) for name, error in self._parts.error.items()}
        return RowScore(figures, parts, len(self._psnr), self._lost, dict(self._psnr))


def _with_lips_at(frame: Image, points: Points, target: Target) -> Image:
    """The frame with its lips, and what is between them, moved to where the real ones are."""
    triangles = triangulate(target.points[_LIPS])
    positions, _ = source_positions(points[_LIPS], target.points[_LIPS], triangles, target.size)
    return resample(frame, positions)


def _cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def mean_of(values: Sequence[float]) -> float:
    """The mean of those that are finite; NaN without any."""
    finite = [value for value in values if math.isfinite(value)]
    return float(np.mean(finite)) if finite else math.nan


def summary(clips: dict[str, dict[str, RowScore]]) -> dict[str, dict[str, Any]]:
    """For each row its figures, averaged over clips; `flicker` and `identity` also in relation to the row `real`.

    Args:
        clips: the rows' scores of each clip.
    """
    result: dict[str, dict[str, Any]] = {}
    for row in next(iter(clips.values())):
        scores = [(rows[row], rows.get("real")) for rows in clips.values()]
        names = list(dict.fromkeys(name for score, _ in scores for name in score.figures))
        figures = {name: mean_of([score.figures.get(name, math.nan) for score, _ in scores]) for name in names}
        for name in ("flicker", "identity"):
            ratios = [
                score.figures[name] / real.figures[name]
                for score, real in scores
                if real is not None and name in score.figures and real.figures.get(name)
            ]
            figures[f"{name}_ratio"] = mean_of(ratios)
        result[row] = figures
    return result
