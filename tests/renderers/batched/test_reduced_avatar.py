from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from face3d.fit.photo_fit import PhotoFit
from renderers.batched.avatar import TorchPhotoAvatar
from renderers.batched.reduced_avatar import make_torch_avatar
from renderers.photo_avatar import PhotoAvatar
from renderers.pose import Pose
from renderers.reduced_avatar import ReducedAvatar


@pytest.fixture(scope="module")
def reduced(astronaut: np.ndarray, astronaut_fit: PhotoFit) -> ReducedAvatar:
    return ReducedAvatar(astronaut[:319], astronaut_fit.parameters, astronaut_fit.detection.landmarks_px, 2)


def test_frames_are_the_reduced_avatars(reduced: ReducedAvatar, motion: Any, device: str) -> None:
    avatar = make_torch_avatar(reduced, device)
    crops = avatar.render_changed(Pose(*motion.to(device))).cpu().numpy()
    assert avatar.frame_size == (320, 319)
    for i, found in enumerate(crops):
        # Batches replace the whole window that can change.
        expected = reduced.render(Pose(*motion.frame(i)))[avatar.window]
        difference = np.abs(found.astype(int) - expected).max(-1)
        # OpenCV enlarges with rounded weights.
        assert difference.mean() < 0.3
        assert np.quantile(difference, 0.999) <= (2 if device == "cpu" else 5)


def test_the_usual_photo(astronaut_avatar: PhotoAvatar) -> None:
    assert isinstance(make_torch_avatar(astronaut_avatar, "cpu"), TorchPhotoAvatar)
