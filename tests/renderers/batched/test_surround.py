from __future__ import annotations

from typing import Any

import numpy as np
import torch

from renderers.batched.mesh import TorchMesh
from renderers.batched.surround import TorchSurround
from renderers.photo_avatar import PhotoAvatar
from renderers.raster.rasterizer import get_rasterizer
from renderers.surround.grid import inverse_flow, unfold


def make(avatar: PhotoAvatar, device: str) -> TorchSurround:
    return TorchSurround(
        avatar.warp.state, avatar.warp.layers.state, get_rasterizer("auto", device), torch.device(device)
    )


def test_crops_are_the_warps(any_avatar: PhotoAvatar, any_motion: Any, device: str) -> None:
    mesh, surround = TorchMesh(any_avatar.mesh.state, torch.device(device)), make(any_avatar, device)
    frames = mesh.drive(*any_motion.to(device))
    targets, crops = surround.targets(frames), surround(frames).permute(0, 2, 3, 1).cpu().numpy()
    flows = surround.inverse_flow(targets).cpu().numpy()
    for i in range(len(any_motion.turn)):
        frame = any_avatar.mesh.drive(*any_motion.frame(i))
        expected = any_avatar.warp.targets(frame)
        np.testing.assert_allclose(targets[i].cpu(), expected, atol=1e-2)
        # Nodes are moved aside by a thousandth of a pixel for rasterizers without a fill rule.
        np.testing.assert_allclose(flows[i], inverse_flow(expected, any_avatar.warp.state.grid), atol=2e-2)
        # OpenCV rounds places and weights: one level, two where both layers do, more at single sharp edges.
        difference = np.abs(crops[i].astype(int) - any_avatar.warp(frame))
        assert np.quantile(difference, 0.9999) <= 3
        assert difference.max() <= 6
        assert difference.mean() < 0.05


def test_folds_are_undone_alike(astronaut_avatar: PhotoAvatar) -> None:
    surround, grid = make(astronaut_avatar, "cpu"), astronaut_avatar.warp.state.grid
    noise = np.random.default_rng(0).normal(0, grid.spacing, (2, *grid.shape, 2))
    targets = (grid.points() + noise).astype(np.float32)
    for found, wanted in zip(surround._unfold(torch.from_numpy(targets)), targets, strict=True):
        np.testing.assert_allclose(found, unfold(wanted, grid, astronaut_avatar.warp.state.centre), atol=1e-2)


def test_folded_motion_is_inverted_alike(astronaut_avatar: PhotoAvatar) -> None:
    """Where triangles overlap, both take the same one: heads turned by 40 degrees and more fold the surroundings."""
    surround, grid = make(astronaut_avatar, "cpu"), astronaut_avatar.warp.state.grid
    noise = np.random.default_rng(1).normal(0, grid.spacing, (2, *grid.shape, 2))
    targets = (grid.points() + noise).astype(np.float32)
    found = surround.inverse_flow(torch.from_numpy(targets)).numpy()
    difference = np.abs(found - np.stack([inverse_flow(t, grid) for t in targets])).max(-1)
    # Nodes on edges of triangles may go to either side; they are moved aside by a thousandth of a pixel.
    assert (difference > 0.1 * grid.spacing).mean() < 0.003
