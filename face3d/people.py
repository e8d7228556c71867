"""The people in a video: where each was last seen, how it moves and what it looks like."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from face3d.appearance import Gallery, Look, look_at
from face3d.face import FaceDetection, is_known
from face3d.tracking import FaceTracker
from face3d.view import ImageArray

# Differences of looks (see `face3d.appearance`) up to which a face is the person's: beside others or after an absence;
# after a cut, where the light may differ; and where it was expected with nobody else near.
SAME, SAME_AFTER_CUT, SAME_PLACE = 0.42, 0.5, 0.6
COAST = 12  # frames for which a hidden face is expected to move on as it did
_NEW_LOOK = 0.08  # from here on a look is worth keeping
_NEAR = 2.5  # distance of two faces, in sizes of the larger, at which one may soon hide the other


@dataclass
class Person:
    """Attributes:
    face: where last seen.
    gallery: looks.
    velocity: [2] pixels per frame.
    missed: frames since last seen.
    """

    face: FaceDetection
    gallery: Gallery
    velocity: NDArray[np.floating] = field(default_factory=lambda: np.zeros(2, np.float32))
    missed: int = 0

    @classmethod
    def first_seen(cls, image: ImageArray, face: FaceDetection) -> Person:
        """Somebody new."""
        return cls(face, Gallery(look_at(image, face)))

    def expected(self) -> NDArray[np.float32]:
        """[478, 2] where the landmarks should be in the next frame."""
        return self.face.landmarks_px + self.velocity * min(self.missed + 1, COAST)

    def expected_centre(self) -> NDArray[np.float32]:
        """[2] where the middle of its box should be in the next frame."""
        return self.face.centre + self.velocity * min(self.missed + 1, COAST)

    def see(self, face: FaceDetection) -> None:
        """Seen where a movement from the last place leads."""
        moved = (face.centre - self.face.centre) / np.float32(self.missed + 1)
        self.velocity = (self.velocity + moved) / np.float32(2)
        self.face, self.missed = face, 0

    def appear(self, face: FaceDetection) -> None:
        """Seen at a place that has nothing to do with the last one."""
        self.velocity = np.zeros(2, np.float32)
        self.face, self.missed = face, 0

    def is_near(self, other: Person) -> bool:
        """Whether one may soon hide the other."""
        distance = np.linalg.norm(self.expected_centre() - other.expected_centre())
        return float(distance) < _NEAR * max(self.face.size_px, other.face.size_px)


def follow_other(tracker: FaceTracker, image: ImageArray, other: Person) -> None:
    """Look for somebody else than the followed person about where they should be."""
    face = tracker.track(image, other.expected())
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
    face = tracker.track(image, person.expected())
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
