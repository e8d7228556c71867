"""The people in a video: where each was last seen, how it moves and what it looks like."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from face3d.detect.face import FaceDetection, is_known
from face3d.detect.face_tracker import FaceTracker
from face3d.detect.view import ImageArray
from face3d.follow.look import Gallery, Look, look_at
from face3d.model.canonical_face import canonical_face

# Differences of looks (see `face3d.follow.look`) up to which a face is the person's: beside others or after an absence;
# after a cut, where the light may differ; and where it was expected with nobody else near.
SAME, SAME_AFTER_CUT, SAME_PLACE = 0.42, 0.5, 0.6
COAST = 12  # frames for which a hidden face is expected to move on as it did
_NEW_LOOK = 0.08  # from here on a look is worth keeping
# Of the face's size: movement per frame that is none; of the skull from its crop, and change of its shape, that are
# small.
_STILL, _HELD, _TURNED = 0.005, 0.015, 0.02
_NEAR = 2.5  # distance of two faces, in sizes of the larger, at which one may soon hide the other


@dataclass(eq=False)
class Person:
    """Somebody in a video, as last seen.

    Attributes:
        face: where last seen.
        gallery: looks.
        velocity: [2] pixels per frame.
        missed: frames since last seen.
        anchor_px: [478, 2] landmarks that stand for the face's place when it is measured, see :func:`hold_place`.
    """

    face: FaceDetection
    gallery: Gallery
    velocity: NDArray[np.floating] = field(default_factory=lambda: np.zeros(2, np.float32))
    missed: int = 0
    anchor_px: NDArray[np.floating] = field(init=False)

    def __post_init__(self) -> None:
        self.anchor_px = self.face.landmarks_px

    @classmethod
    def first_seen(cls, image: ImageArray, face: FaceDetection) -> Person:
        """Somebody new."""
        return cls(face, Gallery(look_at(image, face)))

    def place(self) -> NDArray[np.floating]:
        """[478, 2] where to measure the face in the next frame."""
        return self.anchor_px + self._way()

    def expected(self) -> NDArray[np.floating]:
        """[478, 2] where the landmarks should be in the next frame."""
        return self.face.landmarks_px + self._way()

    def expected_centre(self) -> NDArray[np.floating]:
        """[2] where the middle of its box should be in the next frame."""
        return self.face.centre + self._way()

    def _way(self) -> NDArray[np.floating]:
        """[2] from where last seen to where expected; 0 for a face that hardly moves, lest its crop should tremble."""
        moves = float(np.linalg.norm(self.velocity)) > _STILL * self.face.size_px
        return self.velocity * (min(self.missed + 1, COAST) if moves else 0)

    def see(self, face: FaceDetection) -> None:
        """Seen where a movement from the last place leads."""
        moved = (face.centre - self.face.centre) / np.float32(self.missed + 1)
        self.velocity = (self.velocity + moved) / np.float32(2)
        self.face, self.missed = face, 0
        self.anchor_px = hold_place(self.anchor_px, face)

    def appear(self, face: FaceDetection) -> None:
        """Seen at a place that has nothing to do with the last one."""
        self.velocity = np.zeros(2, np.float32)
        self.face, self.missed = face, 0
        self.anchor_px = face.landmarks_px

    def is_near(self, other: Person) -> bool:
        """Whether one may soon hide the other."""
        distance = np.linalg.norm(self.expected_centre() - other.expected_centre())
        return float(distance) < _NEAR * max(self.face.size_px, other.face.size_px)


def hold_place(anchor_px: NDArray[np.floating], face: FaceDetection) -> NDArray[np.floating]:  # [478, 2] -> [478, 2]
    """Landmarks whose crop shows a face steadily from frame to frame.

    The landmark net answers to every shift of its crop, and a crop around the newest landmarks grows with the opening
    mouth: then the brows move with the lips. So the crop stays while the skull does, moves as the skull does, whatever
    the mouth does, and is chosen anew when the head has turned.
    """
    still = canonical_face().indices
    before, now = (points[still] @ (1, 1j) for points in (anchor_px, face.landmarks_px))
    before_centre, now_centre = before.mean(), now.mean()
    before, now = before - before_centre, now - now_centre
    scale = np.vdot(before, now) / np.vdot(before, before).real  # and roll, as its angle
    if np.sqrt(np.mean(abs(now - scale * before) ** 2)) > _TURNED * face.size_px:
        return face.landmarks_px
    if abs(now_centre - before_centre) < _HELD * face.size_px and abs(scale - 1) < _HELD:
        return anchor_px
    moved = (anchor_px @ (1, 1j) - before_centre) * scale + now_centre
    return np.column_stack([moved.real, moved.imag])


def follow_other(tracker: FaceTracker, image: ImageArray, other: Person) -> None:
    """Look for somebody else than the followed person about where they should be."""
    face = tracker.track(image, other.place())
    if face is not None and other.gallery.difference(look_at(image, face)) < SAME:
        other.see(face)
    else:
        other.missed += 1


def track_among(
    tracker: FaceTracker, image: ImageArray, person: Person, near: list[Person], strict: bool
) -> FaceDetection | None:
    """The person's face about where it is expected, unless it is somebody else's.

    Args:
        tracker: finds faces.
        image: [H, W, 3] uint8 RGB.
        person: who is looked for; keeps the look if it is a new one.
        near: people who were just looked for in the same picture and may hide the person or be hidden.
        strict: the place alone says little, because the picture has changed.
    """
    face = tracker.track(image, person.place())
    if face is None:
        return None
    look = look_at(image, face)
    difference = person.gallery.difference(look)
    if difference > (SAME if strict or near or person.missed else SAME_PLACE) or is_others(
        face, look, difference, near
    ):
        return None
    if not near and _NEW_LOOK < difference < SAME:
        person.gallery.add(look)
    return face


def is_others(face: FaceDetection, look: Look, difference: float, others: list[Person]) -> bool:
    """Whether one of `others` is at the same place in this frame and looks more like the face than `difference`."""
    return any(o.missed == 0 and is_known(face, [o.face]) and o.gallery.difference(look) < difference for o in others)
