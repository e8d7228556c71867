from __future__ import annotations

from typing import Any

import numpy as np
import torch

from renderers.batched.mesh import TorchMesh
from renderers.photo_avatar import PhotoAvatar


def test_batches_are_the_single_frames(any_avatar: PhotoAvatar, any_motion: Any, device: str) -> None:
    mesh = any_avatar.mesh
    batch = TorchMesh(mesh.state, torch.device(device)).drive(*any_motion.to(device))
    points = np.array([[10.0, -20.0, 600.0], [0.0, 0.0, 500.0]], np.float32)
    moved = batch.move(torch.from_numpy(points).to(device)).cpu().numpy()
    for i in range(len(any_motion.turn)):
        frame = mesh.drive(*any_motion.frame(i))
        np.testing.assert_allclose(batch.pixels[i].cpu(), frame.pixels, atol=1e-3)  # px and mm
        np.testing.assert_allclose(batch.camera[i].cpu(), frame.camera, atol=1e-3)
        np.testing.assert_allclose(batch.rotation[i].cpu(), frame.rotation, atol=1e-6)
        np.testing.assert_allclose(batch.shift[i].cpu(), frame.shift)
        np.testing.assert_allclose(batch.lip_opening_mm[i].cpu(), frame.lip_opening_mm, atol=1e-4)
        np.testing.assert_allclose(batch.lid_closure[i].cpu(), frame.lid_closure, atol=1e-5)
        np.testing.assert_allclose(moved[i], frame.move(points), atol=1e-3)


def test_landmarks_are_the_embedded_points(any_avatar: PhotoAvatar, any_motion: Any) -> None:
    mesh = TorchMesh(any_avatar.mesh.state, torch.device("cpu"))
    pixels = mesh.drive(*any_motion.to("cpu")).pixels
    expected = any_avatar._landmark_pixels(pixels[2].numpy())
    np.testing.assert_allclose(mesh.landmarks(pixels)[2], expected, atol=1e-3)
