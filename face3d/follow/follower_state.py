"""What a `FaceFollower` knows between two frames, as arrays: to go on after an interruption as if there was none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from face3d.detect.face import FaceDetection
from face3d.files import atomic_file
from face3d.follow.look import Gallery, Look
from face3d.follow.person_state import Person

Arrays = dict[str, NDArray[Any]]

_FACE_FIELDS = tuple(field.name for field in fields(FaceDetection) if field.name != "size_px")
_COUNTERS = ("frame", "searches", "pause")


@dataclass(frozen=True, eq=False)
class FollowerState:
    """All that a `FaceFollower` knows after a frame.

    Attributes:
        frame: number of the last frame, -1 before the first.
        searches: views searched so far.
        pause: frames for which not to search.
        thumbnails: [n, 576] of `face3d.follow.cuts.ContentChange`.
        person: arrays of the followed person; None while nobody has been seen.
        others: arrays of the other people.
    """

    frame: int
    searches: int
    pause: int
    thumbnails: NDArray[np.float32]
    person: Arrays | None
    others: tuple[Arrays, ...]

    def save(self, path: Path) -> None:
        """Write it to a file that is complete and on the disk, or not there at all.

        Raises:
            InputError: the folder cannot be written to.
        """
        people = ([self.person] if self.person is not None else []) + list(self.others)
        arrays = {f"{number}.{name}": value for number, person in enumerate(people) for name, value in person.items()}
        arrays["counters"] = np.array([getattr(self, name) for name in _COUNTERS])
        arrays["people"] = np.array([self.person is not None, len(self.others)])
        with atomic_file(path, durable=True) as temporary, temporary.open("wb") as file:
            np.savez(file, thumbnails=self.thumbnails, **arrays)  # type: ignore[arg-type] # of the stubs

    @classmethod
    def load(cls, path: Path) -> FollowerState | None:
        """What was saved; None if there is no such file or a damaged one."""
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            counters = {name: int(value) for name, value in zip(_COUNTERS, arrays["counters"], strict=True)}
            followed, others = (int(value) for value in arrays["people"])
            people = [_of_number(arrays, number) for number in range(followed + others)]
            return cls(
                **counters,
                thumbnails=arrays["thumbnails"],
                person=people[0] if followed else None,
                others=tuple(people[followed:]),
            )
        except (OSError, BadZipFile, KeyError, ValueError, TypeError, EOFError):
            return None


def person_arrays(person: Person) -> Arrays:
    """All that is known of a person."""
    arrays: Arrays = {name: getattr(person.face, name) for name in _FACE_FIELDS}
    looks = person.gallery.looks
    return arrays | {
        "size_px": np.array(person.face.size_px),
        "patterns": np.stack([look.pattern for look in looks]),
        "hues": np.stack([look.hue for look in looks]),
        "velocity": person.velocity,
        "missed": np.array(person.missed),
        "anchor_px": person.anchor_px,
    }


def person_of(arrays: Mapping[str, NDArray[Any]]) -> Person:
    """The person of :func:`person_arrays`."""
    face = FaceDetection(**{name: arrays[name] for name in _FACE_FIELDS}, size_px=float(arrays["size_px"]))
    first, *more = (Look(p, h) for p, h in zip(arrays["patterns"], arrays["hues"], strict=True))
    gallery = Gallery(first)
    for look in more:
        gallery.add(look)
    person = Person(face, gallery, arrays["velocity"], int(arrays["missed"]))
    person.anchor_px = arrays["anchor_px"]
    return person


def _of_number(arrays: Arrays, number: int) -> Arrays:
    """One person's arrays.

    Raises:
        KeyError, ValueError: they are damaged.
    """
    prefix = f"{number}."
    found = {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
    person_of(found)
    return found
