"""Faces in pictures: 478 landmarks, 52 expression scores and head orientation, by MediaPipe's Face Landmarker.

MediaPipe's detector sees the picture at 128 x 128 pixels, so it misses small faces in large pictures and faces that
fill or leave the frame, and the landmarks that it places from a rough box are less exact. Here a *search* looks at the
whole picture, a padded one and overlapping tiles, and every candidate is then *measured* in an upright crop of its own,
where it must be found again at the same place: that makes the landmarks independent of the face's size in the picture,
and rejects false finds.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from face3d.arkit import ARKIT_NAMES
from face3d.errors import InputError
from face3d.landmark_sets import LEFT_EYE_OUTER, RIGHT_EYE_OUTER
from face3d.landmarker import LANDMARK_COUNT, RawFace, close_landmarker, create_landmarker, run_landmarker

__all__ = ["LANDMARK_COUNT", "FaceDetection", "FaceDetector"]

FloatArray = NDArray[np.float32]
ImageArray = NDArray[np.uint8]

# Largest side of a resampled view: twice what the detector sees when searching, twice what the landmark net sees (half
# the crop) when measuring.
SEARCH_PX, MEASURE_PX = 256, 512
CROP_SCALE = 2.0  # side of the measuring crop over the larger side of the landmarks' box
PADDED_SCALE = 1.7  # side of the padded view over the picture's larger side
SMALLEST_TILE_PX = 256  # enough for faces of 32 pixels
# A view shows faces down to about an eighth of its side, so this depth also finds others half as large as the largest.
SEARCH_DEPTH = 4.0
# Two measurements of one face differ by 0.3 % of its size on average, by 2.5 % at most where it is 25 px small; of a
# round cell with spots by up to 6.6 %.
AGREEMENT = 0.04
# Crops for verifying a face: (shift along x, along y, in units of its size; side over CROP_SCALE; turn in radians).
VERIFYING_CROPS = ((0.1, 0.0, 1.0, 0.2), (0.0, -0.1, 1.2, 0.0))
OVERLAP = 0.3  # boxes with a larger intersection over union are the same face


@dataclass(frozen=True)
class FaceDetection:
    """One face in a picture.

    Attributes:
        landmarks_px: [478, 2] float32, (x, y) in pixels, pixel centres at half-integers; may lie outside the picture.
        landmarks_z: [478] float32, depth relative to the face's centre in pixels, smaller is nearer (weak perspective).
        scores: [52] float32 in 0..1, expression scores in the order of `face3d.arkit.ARKIT_NAMES`; MediaPipe
            does not score `tongueOut`, which is 0.
        head_matrix: [4, 4] float32, MediaPipe's canonical face (cm, +x to the subject's left, +y up, +z out of the
            face) to an OpenGL camera (+y up, looking along -z) that looks at the face. Its rotation is that of the head
            relative to the line of sight, roll in the picture included; its translation belongs to a camera whose
            63 degree field of view is the measuring crop, so compare it with nothing else.
        box: [4] float32, (left, top, right, bottom) of the landmarks in pixels.
        size_px: the larger side of `box`.
    """

    landmarks_px: FloatArray
    landmarks_z: FloatArray
    scores: FloatArray
    head_matrix: FloatArray
    box: FloatArray
    size_px: float


@dataclass(frozen=True)
class _View:
    """A square, possibly rotated window of a picture: centre and side in pixels, angle in radians (clockwise)."""

    centre: tuple[float, float]
    side: float
    angle: float = 0.0

    def matrix(self, size: int) -> NDArray[np.float64]:
        """[2, 3]: view pixels (0..size) to picture pixels, both with centres at half-integers."""
        scale = self.side / size
        c, s = scale * np.cos(self.angle), scale * np.sin(self.angle)
        linear = np.array([[c, -s], [s, c]])
        offset = np.asarray(self.centre) - linear @ np.full(2, size / 2)
        return np.concatenate([linear, offset[:, None]], axis=1)

    def sample(self, image: ImageArray, largest: int) -> tuple[ImageArray, NDArray[np.float64]]:
        """The view as a picture [S, S, 3] (black outside), S <= `largest`, and its matrix to picture pixels."""
        size = int(np.clip(round(self.side), 64, largest))
        matrix = self.matrix(size)
        image, origin, shrink = self._cut(image, matrix, size)
        resampling = matrix / shrink[:, None]
        resampling[:, 2] -= origin / shrink
        resampling[:, 2] += resampling[:, :2] @ np.full(2, 0.5) - 0.5  # OpenCV's pixel centres are integers
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(image, resampling, (size, size), flags=flags).astype(np.uint8, copy=False), matrix

    def _cut(
        self, image: ImageArray, matrix: NDArray[np.float64], size: int
    ) -> tuple[ImageArray, NDArray[np.float64], NDArray[np.float64]]:
        """The part of the picture around the view, shrunk by averaging if sampling it would alias.

        Returns:
            The part, the position [2] of its top-left corner in the picture, and picture pixels per pixel of it [2].
        """
        corners = np.array([[0, 0], [size, 0], [0, size], [size, size]]) @ matrix[:, :2].T + matrix[:, 2]
        limits = np.array(image.shape[1::-1])
        low = np.clip(np.floor(corners.min(0)).astype(int) - 2, 0, limits - 1)
        high = np.clip(np.ceil(corners.max(0)).astype(int) + 2, low + 1, limits)
        image = image[low[1] : high[1], low[0] : high[0]]
        shrunk = np.maximum(1, (high - low) // max(1, int(self.side / size)))
        if (shrunk < high - low).any():
            smaller = cv2.resize(image, (int(shrunk[0]), int(shrunk[1])), interpolation=cv2.INTER_AREA)
            image = smaller.astype(np.uint8, copy=False)
        return image, low.astype(float), (high - low) / shrunk


class FaceDetector:
    """Finds faces in pictures or in the successive frames of a video.

    Use it as a context manager or call :meth:`close`. Building one takes about 0.3 s, a call about 70 ms for a
    portrait, 15 ms for a tracked video frame, and 1 to 2 s for a large picture that shows no face.

    Args:
        max_faces: how many faces to look for in one view, >= 1.
        video: look for each face near its place in the previous frame first; search only when none is found there.
    """

    def __init__(self, max_faces: int = 5, video: bool = False) -> None:
        if max_faces < 1:
            raise ValueError(f"max_faces must be at least 1, got {max_faces}")
        self._video = video
        self._previous: list[FaceDetection] = []
        self._landmarker = create_landmarker(max_faces)
        # MediaPipe's own destructor raises at interpreter exit; this closes a forgotten detector before that.
        self._finalizer = weakref.finalize(self, close_landmarker, self._landmarker)

    def __enter__(self) -> FaceDetector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release MediaPipe's threads and memory; calling it twice is fine."""
        self._finalizer()

    def detect(self, image: ImageArray) -> list[FaceDetection]:
        """Find the faces in one picture.

        Args:
            image: [H, W, 3] uint8, RGB.

        Returns:
            The faces, largest first; empty when there is none.
        """
        if not self._finalizer.alive:
            raise RuntimeError("FaceDetector.detect was called after close()")
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or min(image.shape) < 1:
            raise InputError(f"A picture must be [H, W, 3] uint8, got {image.dtype} {list(image.shape)}.")
        faces: list[FaceDetection] = []
        for face in self._previous:
            measured = self._measure(image, face)
            if measured is not None and not _is_known(measured, faces):
                faces.append(measured)
        if not faces:
            faces = self._search(image)
        faces.sort(key=lambda face: -face.size_px)
        if self._video:
            self._previous = faces
        return faces

    def _search(self, image: ImageArray) -> list[FaceDetection]:
        """Go from large views to small ones until the views are not much larger than the largest face found."""
        faces: list[FaceDetection] = []
        for level in _levels(image.shape[1], image.shape[0]):
            for view in level:
                for candidate in sorted(self._look(image, view, SEARCH_PX), key=lambda face: -face.size_px):
                    if _is_known(candidate, faces):
                        continue
                    measured = self._verify(image, candidate)
                    if measured is not None and not _is_known(measured, faces):
                        faces.append(measured)
            if faces and level[0].side <= SEARCH_DEPTH * max(face.size_px for face in faces):
                break
        return faces

    def _verify(self, image: ImageArray, candidate: FaceDetection) -> FaceDetection | None:
        """Measure again: the first crop comes from a rough find, and others must show the face at the same place."""
        rough = self._measure(image, candidate)
        face = self._measure(image, rough) if rough else None
        if face is None:
            return None
        for crop in VERIFYING_CROPS:
            other = self._measure(image, face, crop)
            if other is None or _disagreement(face, other) > AGREEMENT:
                return None
        return face

    def _measure(
        self, image: ImageArray, face: FaceDetection, crop: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 0.0)
    ) -> FaceDetection | None:
        """The face seen in an upright crop around `face`, or None when it is not there."""
        centre = (face.box[:2] + face.box[2:]) / 2 + face.size_px * np.asarray(crop[:2])
        eyes = face.landmarks_px[LEFT_EYE_OUTER] - face.landmarks_px[RIGHT_EYE_OUTER]
        angle = float(np.arctan2(eyes[1], eyes[0])) + crop[3]
        view = _View((float(centre[0]), float(centre[1])), face.size_px * CROP_SCALE * crop[2], angle)
        found = sorted(self._look(image, view, MEASURE_PX), key=lambda other: _disagreement(face, other))
        return found[0] if found and _is_known(found[0], [face]) else None

    def _look(self, image: ImageArray, view: _View, largest: int) -> list[FaceDetection]:
        picture, matrix = view.sample(image, largest)
        return [
            _to_picture(face, matrix, picture.shape[0], view.angle)
            for face in run_landmarker(self._landmarker, picture)
        ]


def _levels(width: int, height: int) -> Iterator[list[_View]]:
    """Sets of square views of a picture, from the whole to small overlapping tiles."""
    larger, centre = max(width, height), (width / 2, height / 2)
    yield [_View(centre, larger)]
    yield [_View(centre, larger * PADDED_SCALE)]
    side = larger / 1.6
    while side >= SMALLEST_TILE_PX:
        yield [_View((x, y), side) for y in _tile_centres(height, side) for x in _tile_centres(width, side)]
        side /= 1.8


def _tile_centres(length: int, side: float) -> list[float]:
    """Centres along one axis of tiles that cover `length` and overlap by half or more."""
    if length <= side:
        return [length / 2]
    count = int(np.ceil((length - side) / (side / 2))) + 1
    return [float(c) for c in np.linspace(side / 2, length - side / 2, count)]


def _to_picture(face: RawFace, matrix: NDArray[np.float64], size: int, angle: float) -> FaceDetection:
    """A face found in a view of `size` pixels, in the picture's pixels."""
    points = face.landmarks[:, :2] * size
    landmarks = (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    box = np.concatenate([landmarks.min(0), landmarks.max(0)])
    roll = np.eye(4, dtype=np.float32)  # the view is turned clockwise; in a y-up frame that is -angle
    roll[:2, :2] = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    return FaceDetection(
        landmarks_px=landmarks,
        landmarks_z=(face.landmarks[:, 2] * size * scale).astype(np.float32),
        scores=np.array([face.scores.get(name, 0.0) for name in ARKIT_NAMES], dtype=np.float32),
        head_matrix=roll @ face.head_matrix,
        box=box,
        size_px=float((box[2:] - box[:2]).max()),
    )


def _disagreement(a: FaceDetection, b: FaceDetection) -> float:
    """Mean distance of corresponding landmarks over the size of the larger face."""
    distance = np.linalg.norm(a.landmarks_px - b.landmarks_px, axis=1).mean()
    return float(distance / max(a.size_px, b.size_px))


def _is_known(face: FaceDetection, others: list[FaceDetection]) -> bool:
    """Whether `face` covers much of the same area as one of `others`."""
    for other in others:
        low, high = np.maximum(face.box[:2], other.box[:2]), np.minimum(face.box[2:], other.box[2:])
        shared = float(np.prod(np.maximum(high - low, 0)))
        areas = [float(np.prod(f.box[2:] - f.box[:2])) for f in (face, other)]
        if shared > OVERLAP * (sum(areas) - shared):
            return True
    return False
