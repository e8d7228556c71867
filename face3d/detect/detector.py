"""Faces in pictures: 478 landmarks, 52 expression scores and head orientation, by MediaPipe's Face Landmarker.

The first of its nets sees the picture at 128 x 128 pixels, so it misses small faces in large pictures and faces that
fill or leave the frame, and the landmarks that it places from a rough box are less exact. Here a *search* looks at the
whole picture, a padded one and overlapping tiles, and every candidate is then *measured* in an upright crop of its own,
where it must be found again at the same place: that makes the landmarks independent of the face's size in the picture,
and rejects false finds.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from face3d.detect.face import FaceDetection, disagreement, is_known, roll_matrix, roll_of
from face3d.detect.face_tracker import FaceTracker
from face3d.detect.landmark_nets import LANDMARK_COUNT
from face3d.detect.landmarker import BUILTIN, open_landmarker
from face3d.detect.raw_face import RawFace
from face3d.detect.view import ImageArray, View
from face3d.errors import InputError

__all__ = ["LANDMARK_COUNT", "FaceDetection", "FaceDetector"]

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
_SNAP = 0.04  # of places to measure at: in units of the face's size, of the logarithm of the size, in radians


class FaceDetector:
    """Finds faces in pictures or in the successive frames of a video.

    Use it as a context manager or call :meth:`close`. Building one takes about 0.03 s, a call about 70 ms for a
    portrait, 7 ms for a tracked video frame, and 1 to 2 s for a large picture that shows no face. Any number of threads
    may share one without `video`.

    Args:
        max_faces: how many faces to look for in one view, >= 1.
        video: look for each face near its place in the previous frame first; search only when none is found there.
        kind: what searches: "builtin", or "mediapipe", an extra that sends records of its use to Google.

    Raises:
        InputError: MediaPipe is wanted and not installed.
    """

    def __init__(self, max_faces: int = 5, video: bool = False, kind: str = BUILTIN) -> None:
        if max_faces < 1:
            raise ValueError(f"max_faces must be at least 1, got {max_faces}")
        self._tracker = FaceTracker() if video else None
        self._previous: list[FaceDetection] = []
        self._landmarker = open_landmarker(kind, max_faces)
        # MediaPipe's own destructor raises at interpreter exit; this closes a forgotten detector before that.
        self._finalizer = weakref.finalize(self, self._landmarker.close)

    def __enter__(self) -> FaceDetector:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release what searches; calling it twice is fine."""
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
            tracked = self._tracker.track(image, face.landmarks_px) if self._tracker else None
            if tracked is not None and not is_known(tracked, faces):
                faces.append(tracked)
        if not faces:
            faces = self._search(image)
        faces.sort(key=lambda face: -face.size_px)
        if self._tracker:
            self._previous = faces
        return faces

    def glance(self, image: ImageArray, view: View) -> list[FaceDetection]:
        """What one look at a part of a picture shows: about 3 ms without a face, false finds not excluded.

        Args:
            image: [H, W, 3] uint8, RGB.
            view: shows faces down to an eighth of its side.
        """
        return self._look(image, view, SEARCH_PX)

    def _search(self, image: ImageArray) -> list[FaceDetection]:
        """Go from large views to small ones until the views are not much larger than the largest face found."""
        faces: list[FaceDetection] = []
        for level in search_levels(image.shape[1], image.shape[0]):
            for view in level:
                for candidate in sorted(self._look(image, view, SEARCH_PX), key=lambda face: -face.size_px):
                    if is_known(candidate, faces):
                        continue
                    measured = self._verify(image, candidate)
                    if measured is not None and not is_known(measured, faces):
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
            if other is None or disagreement(face, other) > AGREEMENT:
                return None
        return face

    def _measure(
        self, image: ImageArray, face: FaceDetection, crop: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 0.0)
    ) -> FaceDetection | None:
        """The face seen in an upright crop around `face`, or None when it is not there."""
        place = _snapped(View((float(face.centre[0]), float(face.centre[1])), face.size_px, roll_of(face.landmarks_px)))
        centre = np.add(place.centre, place.side * np.asarray(crop[:2]))
        view = View((float(centre[0]), float(centre[1])), place.side * CROP_SCALE * crop[2], place.angle + crop[3])
        found = sorted(self._look(image, view, MEASURE_PX), key=lambda other: disagreement(face, other))
        return found[0] if found and is_known(found[0], [face]) else None

    def _look(self, image: ImageArray, view: View, largest: int) -> list[FaceDetection]:
        picture, matrix = view.sample(image, largest)
        return [_to_picture(face, matrix, picture.shape[0], view.angle) for face in self._landmarker.look(picture)]


def _snapped(view: View) -> View:
    """The nearest of some views: what differs by rounding, as between processors, leads to one crop, not to two."""
    side = float(np.exp(np.round(np.log(view.side) / _SNAP) * _SNAP))
    x, y = (float(np.round(c / (_SNAP * side)) * _SNAP * side) for c in view.centre)
    return View((x, y), side, float(np.round(view.angle / _SNAP) * _SNAP))


def search_levels(width: int, height: int) -> Iterator[list[View]]:
    """Sets of square views of a picture, from the whole to small overlapping tiles."""
    larger, centre = max(width, height), (width / 2, height / 2)
    yield [View(centre, larger)]
    yield [View(centre, larger * PADDED_SCALE)]
    side = larger / 1.6
    while side >= SMALLEST_TILE_PX:
        yield tiles(width, height, side)
        side /= 1.8


def tiles(width: int, height: int, side: float) -> list[View]:
    """Square views of one size, in pixels, that cover a picture and overlap by half or more."""
    return [View((x, y), side) for y in _tile_centres(height, side) for x in _tile_centres(width, side)]


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
    return FaceDetection(
        landmarks_px=landmarks,
        landmarks_z=(face.landmarks[:, 2] * size * scale).astype(np.float32),
        scores=face.scores,
        head_matrix=roll_matrix(angle) @ face.head_matrix,
        box=box,
        size_px=float((box[2:] - box[:2]).max()),
    )
