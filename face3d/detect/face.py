"""One detected face, what tells two of them apart, and which one to use."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from face3d.errors import InputError
from face3d.model.landmark_sets import LEFT_EYE_OUTER, RIGHT_EYE_OUTER

FloatArray = NDArray[np.float32]

SMALLEST_FACE_PX = 64
OVERLAP = 0.3  # boxes with a larger intersection over union are the same face


@dataclass(frozen=True, eq=False)
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

    @property
    def centre(self) -> FloatArray:
        """[2] the middle of `box`."""
        return (self.box[:2] + self.box[2:]) / np.float32(2)


def roll_of(landmarks_px: NDArray[np.floating]) -> float:  # [478, 2]
    """The angle of the line through the outer eye corners in the picture, radians, clockwise."""
    x, y = landmarks_px[LEFT_EYE_OUTER] - landmarks_px[RIGHT_EYE_OUTER]
    return float(np.arctan2(y, x))


def roll_matrix(angle: float) -> FloatArray:
    """[4, 4] that turns a head found in a view turned clockwise by `angle` as it is in the picture."""
    matrix = np.eye(4, dtype=np.float32)  # in a y-up frame the turn is -angle
    matrix[:2, :2] = [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    return matrix


def disagreement(a: FaceDetection, b: FaceDetection) -> float:
    """Mean distance of corresponding landmarks over the size of the larger face."""
    distance = np.linalg.norm(a.landmarks_px - b.landmarks_px, axis=1).mean()
    return float(distance / max(a.size_px, b.size_px))


def is_known(face: FaceDetection, others: Iterable[FaceDetection]) -> bool:
    """Whether `face` covers much of the same area as one of `others`."""
    for other in others:
        low, high = np.maximum(face.box[:2], other.box[:2]), np.minimum(face.box[2:], other.box[2:])
        shared = float(np.prod(np.maximum(high - low, 0)))
        areas = [float(np.prod(f.box[2:] - f.box[:2])) for f in (face, other)]
        if shared > OVERLAP * (sum(areas) - shared):
            return True
    return False


def choose_face(
    faces: list[FaceDetection], face_index: int | None, smallest_face_px: float = SMALLEST_FACE_PX
) -> tuple[FaceDetection, tuple[str, ...]]:
    """Pick the face to use from `faces` (largest first) and say what the user should know.

    Raises:
        InputError: no face, no such index, or the face is too small.
    """
    if not faces:
        raise InputError("No face was found in the photo; use one where the whole face is visible, upright and sharp.")
    messages: tuple[str, ...] = ()
    if face_index is None and len(faces) > 1:
        messages = (
            f"{len(faces)} faces found, using the largest; choose another with --face-index 0..{len(faces) - 1}.",
        )
    index = face_index or 0
    if not 0 <= index < len(faces):
        raise InputError(f"There is no face {index}; {len(faces)} found (0 is the largest).")
    face = faces[index]
    if face.size_px < smallest_face_px:
        raise InputError(
            f"The face is {face.size_px:.0f} pixels large, at least {smallest_face_px:.0f} are needed; "
            "use a larger photo."
        )
    return face, messages
