"""Following one person through a video: by place from frame to frame, by look where places meet or are lost."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from types import TracebackType

import numpy as np

from face3d.detect.detector import FaceDetector, search_levels, tiles
from face3d.detect.face import FaceDetection, is_known
from face3d.detect.face_tracker import FaceTracker
from face3d.detect.landmarker import BUILTIN
from face3d.detect.view import ImageArray, View
from face3d.errors import InputError
from face3d.follow.cuts import ContentChange
from face3d.follow.follower_state import FollowerState, person_arrays, person_of
from face3d.follow.look import look_at
from face3d.follow.person_state import COAST, SAME, SAME_AFTER_CUT, Person, follow_other, is_others, track_among

# A change of the picture that is a cut if the face does not go on; one that is a cut if the landmarks are _JUMP times
# the face's size from where they were expected. Over 1100 frames of two people who move their heads fast the change is
# at most 0.045; where clips of one person in one place are joined it is 0.055 to 0.18, and the jump 0.05 to 0.11.
_CUT, _JUMP_CUT, _JUMP = 0.1, 0.05, 0.045
_SCAN, _SCAN_WITH_OTHERS = 40, 8  # frames between looks for other people
_SEARCH = 2  # frames between looks for a lost face
_FALSE_FIND_WAIT = 10  # frames without a search after one that found no face after all
_VIEW_REACH = 6.0  # side of a view over the size of the face to find in it
# A search takes a _VIEW_SHARE-th of the views in one frame, at most _MOST_VIEWS (3 to 5 ms each), after a cut more.
_VIEW_SHARE, _MOST_VIEWS, _VIEWS_AFTER_CUT = 3, 3, 12


@dataclass(frozen=True)
class Followed:
    """One frame.

    Attributes:
        face: the followed person's, or None while it is not seen.
        cut: a new shot begins with this frame.
        others: how many other faces were seen lately.
    """

    face: FaceDetection | None
    cut: bool
    others: int


class FaceFollower:
    """Follows one person's face through the frames of a video, in constant memory.

    Use it as a context manager or call :meth:`close`. A call takes about 8 ms on one core while the face is seen, as
    much again for each other face near it, and 3 to 15 ms while it is not; the first one searches thoroughly.

    Args:
        face_index: which face of the first frame that shows any, 0 = the largest; None takes the largest.
        threads: how many the landmark net may use.
        kind: what searches, as for `FaceDetector`.
        state: what another one knew after a frame; this one goes on with the next.

    Raises:
        InputError: as of `FaceDetector`.
    """

    def __init__(
        self,
        face_index: int | None = None,
        threads: int = 1,
        kind: str = BUILTIN,
        state: FollowerState | None = None,
    ) -> None:
        self._face_index = face_index or 0
        self._detector = FaceDetector(kind=kind)
        self._tracker = FaceTracker(threads)
        self._content = ContentChange()
        self._person: Person | None = None
        self._others: list[Person] = []
        self._frame = -1
        self._searches = 0
        self._pause = 0
        if state is not None:
            self._content = ContentChange.remembering(state.thumbnails)
            self._person = person_of(state.person) if state.person is not None else None
            self._others = [person_of(other) for other in state.others]
            self._frame, self._searches, self._pause = state.frame, state.searches, state.pause

    def __enter__(self) -> FaceFollower:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the detector; calling it twice is fine."""
        self._detector.close()

    def state(self) -> FollowerState:
        """What it knows after the last frame; later frames do not change it."""
        person = person_arrays(self._person) if self._person is not None else None
        others = tuple(person_arrays(other) for other in self._others)
        return FollowerState(self._frame, self._searches, self._pause, self._content.thumbnails, person, others)

    def step(self, image: ImageArray) -> Followed:  # [H, W, 3] uint8 RGB
        """The next frame.

        Raises:
            InputError: no picture; or the first frame with faces has none of the wanted index.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or min(image.shape) < 1:
            raise InputError(f"A frame must be [H, W, 3] uint8, got {image.dtype} {list(image.shape)}.")
        self._frame += 1
        change = self._content.step(image)
        if self._person is None:
            return Followed(self._begin(image), change > _CUT, len(self._others))
        cut, face = self._follow(image, self._person, change)
        return Followed(face, cut, len(self._others))

    def _begin(self, image: ImageArray) -> FaceDetection | None:
        """Nobody has been seen so far: search the first frame thoroughly, the others bit by bit."""
        if self._frame > 0 and not self._glimpse(image):
            return None
        faces = self._detector.detect(image)
        if not faces:
            self._pause = _FALSE_FIND_WAIT if self._frame > 0 else 0
            return None
        if not 0 <= self._face_index < len(faces):
            raise InputError(
                f"There is no face {self._face_index} in the first frame that shows any: "
                f"{len(faces)} found (0 is the largest)."
            )
        self._others = [Person.first_seen(image, face) for face in faces]
        self._person = self._others.pop(self._face_index)
        return self._person.face

    def _glimpse(self, image: ImageArray) -> bool:
        """Whether the next part of the picture may show a face."""
        if self._pause > 0:
            self._pause -= 1
            return False
        views = [view for level in search_levels(image.shape[1], image.shape[0]) for view in level]
        return any(
            self._tracker.track(image, candidate.landmarks_px) is not None
            for view in self._some(views)
            for candidate in self._detector.glance(image, view)
        )

    def _some(self, views: list[View]) -> list[View]:
        """A few views, others in each call, so that all have had their turn after some frames."""
        count = min(_MOST_VIEWS, -(-len(views) // _VIEW_SHARE))
        start = self._searches % len(views)
        self._searches += count
        return (views + views)[start : start + count]

    def _follow(self, image: ImageArray, person: Person, change: float) -> tuple[bool, FaceDetection | None]:
        """Whether a shot begins, and the person's face."""
        face, goes_on = self._track(image, person, change > _CUT)
        if face is None and change > _CUT and not goes_on:
            self._others = []
            face = self._search(image, person, self._views(image, person)[:_VIEWS_AFTER_CUT], SAME_AFTER_CUT)
            return self._found_anew(person, face, cut=True)
        if face is None and person.missed % _SEARCH == 0:
            face = self._search(image, person, self._some(self._views(image, person)), SAME)
            return self._found_anew(person, face, cut=False)
        if face is None:
            person.missed += 1
            return False, None
        jump = float(np.linalg.norm(face.landmarks_px - person.expected(), axis=1).mean())
        cut = person.missed == 0 and change > _JUMP_CUT and jump > _JUMP * face.size_px
        person.see(face)
        if self._frame % (_SCAN_WITH_OTHERS if self._others else _SCAN) == 0:
            self._scan(image, person)
        return cut, face

    @staticmethod
    def _found_anew(person: Person, face: FaceDetection | None, cut: bool) -> tuple[bool, FaceDetection | None]:
        if face is None:
            person.missed += 1 + COAST * cut  # after a cut nothing is known of its place
        else:
            person.appear(face)
        return cut, face

    def _track(self, image: ImageArray, person: Person, changed: bool) -> tuple[FaceDetection | None, bool]:
        """The person's face about where it is expected, and whether anybody at all is where expected.

        Others are looked for only if they are near, or if the picture has `changed` much.
        """
        if person.missed > COAST:
            self._others = []
            return None, False
        near = [other for other in self._others if changed or person.is_near(other)]
        for other in near:
            follow_other(self._tracker, image, other)
        face = track_among(self._tracker, image, person, near, strict=changed)
        if face is not None:  # whoever seemed to be at the same place is hidden
            self._others = [other for other in self._others if not is_known(face, [other.face])]
        return face, face is not None or any(other.missed == 0 for other in near)

    def _views(self, image: ImageArray, person: Person) -> list[View]:
        """Where to look for a lost face: everywhere, at a scale that shows it well; first where it was."""
        width, height = image.shape[1], image.shape[0]
        side = _VIEW_REACH * person.face.size_px
        if side >= max(width, height):
            return [view for level in islice(search_levels(width, height), 2) for view in level]
        x, y = person.face.centre
        return [View((float(x), float(y)), side), *tiles(width, height, side)]

    def _search(
        self, image: ImageArray, person: Person, views: list[View], largest_difference: float
    ) -> FaceDetection | None:
        """The face in some views that looks most like the person."""
        best: FaceDetection | None = None
        tried: list[FaceDetection] = []
        for candidate in (face for view in views for face in self._detector.glance(image, view)):
            if is_known(candidate, tried):
                continue
            tried.append(candidate)
            face = self._tracker.track(image, candidate.landmarks_px)
            if face is None:
                continue
            look = look_at(image, face)
            difference = person.gallery.difference(look)
            if difference < largest_difference and not is_others(face, look, difference, self._others):
                best, largest_difference = face, difference
        return best

    def _scan(self, image: ImageArray, person: Person) -> None:
        """Look for others in the whole picture; forget those who are gone."""
        view = next(iter(search_levels(image.shape[1], image.shape[0])))[0]
        seen: list[Person] = []
        for candidate in self._detector.glance(image, view):
            face = None if is_known(candidate, [person.face]) else self._tracker.track(image, candidate.landmarks_px)
            if face is None or is_known(face, [person.face, *(other.face for other in seen)]):
                continue
            known = next((other for other in self._others if is_known(face, [other.face])), None)
            if known is None:
                known = Person.first_seen(image, face)
            known.see(face)
            seen.append(known)
        self._others = seen
