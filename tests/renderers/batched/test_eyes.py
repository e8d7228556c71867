from __future__ import annotations

from typing import Any

import numpy as np
import torch

from renderers.batched.eye_opening import OpeningBatch
from renderers.batched.eyes import TorchEyes, rotation_between
from renderers.batched.mesh import TorchMesh
from renderers.eyes.opening import EyeOpening
from renderers.eyes.painter import rotation_between as rotation_between_arrays
from renderers.photo_avatar import PhotoAvatar


def test_openings_are_the_single_ones(any_avatar: PhotoAvatar, any_motion: Any, device: str) -> None:
    mesh = TorchMesh(any_avatar.mesh.state, torch.device(device))
    points = mesh.landmarks(mesh.drive(*any_motion.to(device)).pixels)
    # Points out of order, too.
    points[0, 159], points[0, 158] = points[0, 158].clone(), points[0, 159].clone()
    for side in (0, 1):
        batch = OpeningBatch.of(points, side)
        for i, frame_points in enumerate(points.cpu().numpy()):
            opening = EyeOpening.of(frame_points, side)
            for name in ("axes", "upper", "lower"):
                np.testing.assert_allclose(getattr(batch, name)[i].cpu(), getattr(opening, name), atol=1e-3)


def test_rotations_are_the_single_ones() -> None:
    rng = np.random.default_rng(0)
    before, after = rng.normal(size=(20, 3)).astype(np.float32), rng.normal(size=(4, 20, 3)).astype(np.float32)
    found = rotation_between(torch.from_numpy(before), torch.from_numpy(after))
    for rotation, points in zip(found, after, strict=True):
        np.testing.assert_allclose(rotation, rotation_between_arrays(before, points), atol=1e-4)


def test_eyes_are_the_painters(any_avatar: PhotoAvatar, any_motion: Any, device: str) -> None:
    painter, mesh = any_avatar.eyes, TorchMesh(any_avatar.mesh.state, torch.device(device))
    frames = mesh.drive(*any_motion.to(device))
    points = mesh.landmarks(frames.pixels) - torch.as_tensor(painter.state.origin, device=device)
    skin = painter.skin
    crops = torch.as_tensor(skin, device=device).permute(2, 0, 1).repeat(len(any_motion.turn), 1, 1, 1).contiguous()
    TorchEyes(painter.state, torch.device(device)).draw(crops, frames, points)
    for i, found in enumerate(crops.permute(0, 2, 3, 1).cpu().numpy()):
        expected = skin.copy()
        painter.draw(expected, any_avatar.mesh.drive(*any_motion.frame(i)), points[i].cpu().numpy())
        painted = (expected != skin).any(-1)
        assert painted.sum() > 100
        # The same formulas in the same precision: sums in another order may tip a rounding.
        difference = np.abs(found.astype(int) - expected)
        assert difference.max() <= 2
        assert difference[painted].mean() < 0.02
