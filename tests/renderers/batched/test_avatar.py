"""Whole frames in torch against the compiled kernels'."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from face3d.fit.photo_fit import PhotoFit
from renderers.batched.avatar import TorchPhotoAvatar
from renderers.photo_avatar import AvatarOptions, PhotoAvatar
from renderers.pose import Pose


def test_frames_are_the_photo_avatars(astronaut_avatar: PhotoAvatar, motion: Any, device: str) -> None:
    """On the CPU to rounding: of levels, and at single sharp edges of places.

    On a GPU, pytorch3d decides in single precision which of two triangles a pixel on their edge shows, and networks
    work in half precision: a pixel in a thousand may differ more.
    """
    frames = TorchPhotoAvatar(astronaut_avatar, device).render(Pose(*motion.to(device)))
    assert frames.dtype == torch.uint8
    assert frames.device.type == device
    for i, found in enumerate(frames.cpu().numpy()):
        expected = astronaut_avatar.render(Pose(*motion.frame(i)))
        difference = np.abs(found.astype(int) - expected).max(-1)
        assert difference.mean() < (0.05 if device == "cpu" else 0.2)
        assert np.quantile(difference, 0.999) <= (1 if device == "cpu" else 4)
        if device == "cpu":
            assert difference.max() <= 6
        if i:
            assert (expected != astronaut_avatar.photo).any(-1).sum() > 1000, "the pose changes the photo"


def test_only_the_window_changes(astronaut_avatar: PhotoAvatar, motion: Any) -> None:
    avatar, frame = TorchPhotoAvatar(astronaut_avatar), tuple(values[2:4] for values in motion.to("cpu"))
    frames, crops = avatar.render(Pose(*frame)), avatar.render_changed(Pose(*frame))
    expected = np.repeat(astronaut_avatar.photo[None], len(frames), 0)
    expected[(slice(None), *avatar.window)] = crops
    assert np.abs(frames.numpy().astype(int) - expected).max() <= 1


def test_a_batch_is_its_frames(any_avatar: PhotoAvatar, any_motion: Any) -> None:
    avatar = TorchPhotoAvatar(any_avatar)
    together = avatar.render_changed(Pose(*any_motion.to("cpu")))
    for i in (1, 3):
        alone = avatar.render_changed(Pose(*(values[i : i + 1] for values in any_motion.to("cpu"))))
        difference = (alone[0].int() - together[i].int()).abs()
        assert difference.max() <= 1
        assert difference.float().mean() < 1e-3


def test_the_seam_of_lips_that_are_open_in_the_photo(
    astronaut_avatar: PhotoAvatar, monkeypatch: pytest.MonkeyPatch
) -> None:
    rest, still = torch.zeros(52), torch.zeros(1, 3)
    expected = astronaut_avatar.render(Pose(rest))
    found = TorchPhotoAvatar(astronaut_avatar).render(Pose(rest[None], still, torch.zeros(1, 2, 2), still))[0].numpy()
    difference = np.abs(found.astype(int) - expected).max(-1)
    assert difference.max() <= 10  # see test_torch_lip_seam
    assert difference.mean() < 0.05
    state = astronaut_avatar.seam.state
    monkeypatch.setattr(astronaut_avatar.seam, "state", dataclasses.replace(state, missing=0.0))
    assert (astronaut_avatar.render(Pose(rest)) != expected).any()


def test_black_and_white_photos_stay_so(astronaut: np.ndarray, astronaut_fit: PhotoFit, motion: Any) -> None:
    grey = np.repeat(astronaut.mean(-1, keepdims=True).astype(np.uint8), 3, axis=2)
    fine = AvatarOptions(supersampling=2)
    avatar = PhotoAvatar(grey, astronaut_fit.parameters, astronaut_fit.detection.landmarks_px, fine)
    assert avatar.state.toning is not None
    found = TorchPhotoAvatar(avatar).render(Pose(*(values[1:2] for values in motion.to("cpu"))))[0].numpy()
    assert (found == found[..., :1]).all()
    difference = np.abs(found.astype(int) - avatar.render(Pose(*motion.frame(1)))).max(-1)
    assert difference.max() <= 4
    assert difference.mean() < 0.05


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")
def test_networks_work_in_half_precision_on_a_gpu(astronaut_avatar: PhotoAvatar) -> None:
    avatar = TorchPhotoAvatar(astronaut_avatar, "cuda")
    assert next(avatar._mouth._network.parameters()).dtype == torch.float16
