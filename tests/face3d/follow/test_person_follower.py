"""Videos are made here: heads cut out of the test portrait and its mirror image move over a smooth background."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from face3d.errors import InputError
from face3d.follow.person_follower import FaceFollower, Followed

DATA = Path(__file__).parents[2] / "data"
WIDTH, HEIGHT = 560, 280
PORTRAIT = np.ascontiguousarray(cv2.imread(str(DATA / "astronaut.jpg"))[40:210, 70:240, ::-1])
MASK = cv2.GaussianBlur(cv2.ellipse(np.zeros((170, 170), np.float32), (85, 85), (70, 82), 0, 0, 360, 1, -1), (9, 9), 0)
ANNE = (PORTRAIT, MASK[..., None])
MIRRORED = (np.ascontiguousarray(PORTRAIT[:, ::-1]), np.ascontiguousarray(MASK[:, ::-1, None]))
FACE = np.array([86, 80])  # the face's middle in a cut-out

Head = tuple[tuple[np.ndarray, np.ndarray], float, float]  # who, left and top of the cut-out


def frame(*heads: Head, background: int = 0) -> np.ndarray:
    """A frame [H, W, 3]; later heads hide earlier ones."""
    rng = np.random.default_rng(background)
    coarse = rng.integers(0, 200, (5, 9, 3), dtype=np.uint8)
    result = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    for (picture, mask), x, y in heads:
        shift = np.float32([[1, 0, x], [0, 1, y]])
        alpha = cv2.warpAffine(mask, shift, (WIDTH, HEIGHT))[..., None]
        result += alpha * (cv2.warpAffine(picture, shift, (WIDTH, HEIGHT)) - result)
    return result.astype(np.uint8)


def follow(frames: Iterable[np.ndarray], face_index: int | None = None) -> list[Followed]:
    with FaceFollower(face_index) as follower:
        return [follower.step(image) for image in frames]


def distances(followed: Sequence[Followed], corners: Iterable[tuple[float, float]]) -> list[float]:
    """How far the face is from where the cut-out's is; infinite while it is lost."""
    return [
        np.inf if f.face is None else float(np.linalg.norm(f.face.centre - np.array(corner) - FACE))
        for f, corner in zip(followed, corners, strict=True)
    ]


def cuts(followed: Iterable[Followed]) -> list[int]:
    return [k for k, f in enumerate(followed) if f.cut]


def lost(followed: Iterable[Followed]) -> list[int]:
    return [k for k, f in enumerate(followed) if f.face is None]


def test_a_moving_face() -> None:
    corners = [(40 + 8 * k, 40 + 5 * np.sin(k)) for k in range(16)]
    followed = follow(frame((ANNE, *corner)) for corner in corners)
    assert max(distances(followed, corners)) < 8
    assert cuts(followed) == []
    assert [f.others for f in followed] == [0] * 16


@pytest.mark.parametrize("in_front", ["followed", "other"])
def test_people_who_cross_do_not_swap(in_front: str) -> None:
    corners = [(187 - 182 * np.cos(np.pi * k / 30), 50.0) for k in range(31)]
    frames = []
    for corner in corners:
        heads = [(ANNE, *corner), (MIRRORED, 375 - corner[0], 55.0)]
        frames.append(frame(*(heads if in_front == "other" else heads[::-1])))
    # Both faces are equally large, so their order is left open: take the one on the left.
    followed = follow(frames)
    if followed[0].face is not None and followed[0].face.centre[0] > WIDTH / 2:
        followed = follow(frames, face_index=1)
    assert followed[0].others == 1
    found = [d for d in distances(followed, corners) if np.isfinite(d)]
    assert max(found) < 8
    assert followed[-1].face is not None
    assert cuts(followed) == []
    if in_front == "followed":
        assert lost(followed) == []
    else:
        assert lost(followed), "a hidden face was reported"
        assert len(lost(followed)) < 12


def test_a_person_who_leaves_comes_back_elsewhere() -> None:
    corners = [(30.0, 50.0)] * 4 + [(-999.0, 0.0)] * 25 + [(330.0, 80.0)] * 7
    followed = follow(frame((ANNE, *corner)) for corner in corners)
    assert lost(followed)[:25] == list(range(4, 29))
    assert len(lost(followed)) <= 25 + 5, "0.2 s at 25 frames/s"
    assert max(distances(followed[-2:], corners[-2:])) < 8


def test_cuts_begin_shots_and_only_the_followed_person_is_taken_up_again() -> None:
    def video() -> Iterable[np.ndarray]:
        for k in range(4):
            yield frame((ANNE, 60.0 + k, 40.0), background=1)
        for _ in range(4):
            yield frame((MIRRORED, 20.0, 50.0), (ANNE, 330.0, 60.0), background=2)
        for _ in range(4):
            yield frame((MIRRORED, 150.0, 50.0), background=3)
        for _ in range(4):
            yield frame((ANNE, 250.0, 20.0), background=4)

    followed = follow(video())
    corners = [(60.0 + k, 40.0) for k in range(4)] + [(330.0, 60.0)] * 4 + [(0.0, 0.0)] * 4 + [(250.0, 20.0)] * 4
    assert cuts(followed) == [4, 8, 12]
    assert lost(followed) == [8, 9, 10, 11]
    assert max(d for d in distances(followed, corners) if np.isfinite(d)) < 8


def test_flashes_and_white_frames_are_no_cuts() -> None:
    corners = [(150 + 3 * k, 50.0) for k in range(12)]
    frames = [frame((ANNE, *corner)) for corner in corners]
    frames[4] = (frames[4] * 1.4 + 80).clip(0, 255).astype(np.uint8)
    frames[8] = np.full_like(frames[8], 255)
    followed = follow(frames)
    assert cuts(followed) == []
    assert lost(followed) == [8]
    assert max(d for d in distances(followed, corners) if np.isfinite(d)) < 8


def test_a_jump_with_the_background_is_a_cut() -> None:
    """The same person and light, but the camera stands elsewhere."""
    frames = [frame((ANNE, 60.0, 50.0))] * 3 + [np.roll(frame((ANNE, 60.0, 50.0)), 45, axis=1)] * 3
    followed = follow(frames)
    assert cuts(followed) == [3]
    assert lost(followed) == []


def test_a_face_that_appears_late() -> None:
    followed = follow([frame()] * 4 + [frame((ANNE, 200.0, 60.0))] * 5)
    assert lost(followed)[:4] == [0, 1, 2, 3]
    assert max(distances(followed[-2:], [(200.0, 60.0)] * 2)) < 8


def test_no_face_index_beyond_those_seen() -> None:
    with pytest.raises(InputError, match="no face 1 in the first frame that shows any: 1 found"):
        follow([frame((ANNE, 200.0, 60.0))], face_index=1)


def test_bad_frames() -> None:
    with FaceFollower() as follower, pytest.raises(InputError, match="uint8"):
        follower.step(np.zeros((8, 8), np.uint8))
