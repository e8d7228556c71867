"""Avatars of photos whose faces are too large to be drawn at their own size."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
import torch

from face3d.arkit import ARKIT_INDEX
from face3d.fit.photo_fit import PhotoFit
from face3d.parameters import FaceParameters
from renderers.photo import cutout
from renderers.photo_avatar import PhotoAvatar
from renderers.pose import Pose
from renderers.reduced_avatar import ReducedAvatar, make_avatar

FACTOR = 2


def enlarged(image: np.ndarray, fit: PhotoFit) -> tuple[np.ndarray, FaceParameters, np.ndarray]:
    """The photo, twice as large with detail that the small one lacks, cut to an odd size; its fit and landmarks."""
    large = cv2.resize(image, None, fx=FACTOR, fy=FACTOR, interpolation=cv2.INTER_CUBIC)[:-1, :-1]
    noise = np.random.default_rng(0).normal(0, 4, large.shape)
    large = np.clip(large + noise, 0, 255).astype(np.uint8)
    camera = dataclasses.replace(fit.parameters.camera.scaled(FACTOR), image_size=(large.shape[1], large.shape[0]))
    parameters = dataclasses.replace(fit.parameters, camera=camera)
    return large, parameters, fit.detection.landmarks_px * np.float32(FACTOR)


@pytest.fixture(scope="module")
def photo(astronaut: np.ndarray, astronaut_fit: PhotoFit) -> np.ndarray:
    return enlarged(astronaut, astronaut_fit)[0]


@pytest.fixture(scope="module")
def avatar(astronaut: np.ndarray, astronaut_fit: PhotoFit) -> ReducedAvatar:
    return ReducedAvatar(*enlarged(astronaut, astronaut_fit), FACTOR)


def test_frames_have_the_photos_size(avatar: ReducedAvatar, photo: np.ndarray) -> None:
    frame = avatar.render(Pose(avatar.expression))
    assert frame.shape == photo.shape == (639, 639, 3)
    assert avatar.frame_size == (639, 639)
    np.testing.assert_array_equal(avatar.photo, photo)


def test_what_does_not_move_is_the_photo_itself(avatar: ReducedAvatar, photo: np.ndarray) -> None:
    expression = avatar.expression.clone()
    expression[ARKIT_INDEX["jawOpen"]] = 0.8
    change = avatar.render_changed(Pose(expression, torch.tensor([0.0, 0.1, 0.0])))
    frame = change.over(photo)
    same = (frame == photo).all(-1)
    assert same.mean() > 0.2
    assert same[-100:].all()
    assert same[:, -100:].all()
    assert not same[200:300, 280:340].all(), "the face moves"


def test_frames_are_those_of_the_small_photo_enlarged(avatar: ReducedAvatar, photo: np.ndarray) -> None:
    """And no seam lies where the photo's own detail begins."""
    frame = avatar.render(Pose(avatar.expression, torch.tensor([0.05, 0.1, 0.0])))
    small = avatar.small.render(Pose(avatar.expression, torch.tensor([0.05, 0.1, 0.0])))
    expected = cv2.resize(small, (640, 640), interpolation=cv2.INTER_LINEAR)[:639, :639]
    soft, soft_expected = (cv2.GaussianBlur(p.astype(float), (0, 0), 2) for p in (frame, expected))
    assert np.abs(soft - soft_expected).max() < 25
    assert np.abs(soft - soft_expected).mean() < 1


def test_detail_does_not_depend_on_the_frame(avatar: ReducedAvatar, photo: np.ndarray, astronaut_fit: PhotoFit) -> None:
    """Grain that comes and goes with the motion would be seen: the face has none in any frame."""
    x, y = (FACTOR * astronaut_fit.detection.landmarks_px[50]).astype(int)

    cheek = slice(y - 12, y + 12), slice(x - 12, x + 12)
    blurred = cv2.resize(avatar.small.photo, (640, 640), interpolation=cv2.INTER_LINEAR)
    fine = photo[cheek] - blurred[cheek].astype(float)

    def shown(picture: np.ndarray) -> float:
        """Share of the photo's fine detail that a picture has, standing where the photo has it."""
        return float((fine * (picture[cheek] - blurred[cheek].astype(float))).sum() / (fine**2).sum())

    assert shown(photo) == pytest.approx(1)
    for turn in (torch.zeros(3), torch.tensor([0.0, 0.15, 0.0])):
        assert abs(shown(avatar.render(Pose(avatar.expression, turn)))) < 0.2


@pytest.mark.parametrize("usual", [True, False])
def test_only_what_moves_is_enlarged(avatar: ReducedAvatar, usual: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a frame moves more than usual; the frame is the same."""
    turn = torch.tensor([0.0, 0.1, 0.0])
    crop = avatar.small.render_changed(Pose(avatar.expression)).picture
    rows, columns = avatar.moving
    assert columns.start > 0
    assert columns.stop < crop.shape[1]
    assert columns.start % 2 == 0
    if not usual:
        middle = slice(columns.start + 40, columns.stop - 40)
        monkeypatch.setattr(avatar, "moving", (rows, middle))
    change = avatar.render_changed(Pose(avatar.expression, turn))
    frame = change.over(avatar.photo)
    monkeypatch.setattr(avatar, "moving", (slice(0, crop.shape[0]), slice(0, crop.shape[1])))
    whole = avatar.render_changed(Pose(avatar.expression, turn))
    np.testing.assert_array_equal(frame, whole.over(avatar.photo))
    assert (change.picture.size < whole.picture.size) == usual


def test_size_decides(astronaut: np.ndarray, astronaut_fit: PhotoFit, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = enlarged(astronaut, astronaut_fit)
    assert isinstance(make_avatar(*inputs), PhotoAvatar)
    monkeypatch.setattr(cutout, "WORKING_FACE_PX", 100)
    avatar = make_avatar(*inputs)
    assert isinstance(avatar, ReducedAvatar)
    assert avatar.frame_size == (639, 639)
