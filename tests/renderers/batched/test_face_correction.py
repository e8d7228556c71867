from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from renderers.batched.avatar import TorchPhotoAvatar
from renderers.batched.face_correction import TorchRefinement, WindowBatch, depth_inside
from renderers.batched.mesh import TorchMesh
from renderers.face_network.correction import FaceRefinement, soft_oval
from renderers.face_network.network import FaceNetwork
from renderers.face_network.planes import SIZE, FaceWindow
from renderers.photo_avatar import PhotoAvatar
from renderers.pose import Pose
from renderers.raster.rasterizer import get_rasterizer


@pytest.fixture(scope="module")
def refinement(astronaut_avatar: PhotoAvatar) -> FaceRefinement:
    """A network that changes a lot."""
    generator = torch.Generator().manual_seed(0)
    network = FaceNetwork().eval().requires_grad_(False)
    for values in network.end.parameters():
        values.copy_(torch.randn(values.shape, generator=generator))
    return FaceRefinement(astronaut_avatar.face_view, network)


def test_depths_inside_a_square() -> None:
    square = torch.tensor([[[1.0, 1], [9, 1], [9, 7], [1, 7]]])
    places = torch.tensor([[[5.0, 4], [2, 4], [5, 6.5], [0, 4], [5, 8], [9.5, 6.9]]])
    assert depth_inside(places, square)[0, 0].tolist() == pytest.approx([3, 1, 0.5, -1, -1, -0.5])


def test_planes_are_the_views(astronaut_avatar: PhotoAvatar, refinement: FaceRefinement, motion: Any) -> None:
    device = torch.device("cpu")
    mesh = TorchMesh(astronaut_avatar.mesh.state, device)
    twin = TorchRefinement(refinement, get_rasterizer("numba"), device, torch.float32)
    for i in (1, 3):
        drawn = astronaut_avatar.draw(Pose(*motion.frame(i)))
        window, planes = astronaut_avatar.face_view.planes(drawn)
        points, pixels = (torch.from_numpy(a)[None] for a in (drawn.points, drawn.pixels))
        batch = WindowBatch.around(points)
        found = batch.cut(torch.from_numpy(drawn.crop).permute(2, 0, 1)[None])[0]
        # OpenCV rounds places to 1/32 pixel.
        np.testing.assert_allclose(found, planes[:3], atol=3.5 / 255)
        frames = mesh.drive(*(values[i : i + 1] for values in motion.to("cpu")))
        geometry = torch.cat(twin._geometry(batch, frames, pixels), 1)[0]
        different = ((geometry - planes[6:]).abs() > 1e-2).any(0)
        assert different.float().mean() < 1e-3
        wanted = soft_oval(window, drawn.points)
        mask = twin._soft_oval(batch, points)[0].numpy()
        assert np.abs(mask - wanted).mean() < 0.01
        assert np.quantile(np.abs(mask - wanted), 0.99) < 0.2, "a hard mask's steps"
        assert float(twin._strength(points)[0]) == pytest.approx(refinement.view.strength(drawn), abs=1e-4)


@pytest.mark.parametrize("step", [1, 3])
def test_large_windows_are_cut_from_smaller_pictures(step: int) -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (360 * step, 300 * step, 3), dtype=np.uint8)
    points = np.stack([rng.uniform(20, 280, 478), rng.uniform(30, 340, 478)], 1).astype(np.float32) * step
    expected = FaceWindow.around(points).cut(picture)
    window = WindowBatch.around(torch.from_numpy(points)[None])
    found = window.cut(torch.from_numpy(picture).permute(2, 0, 1)[None])[0].permute(1, 2, 0)
    assert found.shape == (SIZE, SIZE, 3)
    assert np.abs(found.numpy() - expected).mean() < 2 / 255


def test_corrected_frames(
    astronaut_avatar: PhotoAvatar,
    refinement: FaceRefinement,
    motion: Any,
    device: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = [astronaut_avatar.render(Pose(*motion.frame(i))).astype(int) for i in range(len(motion.turn))]
    monkeypatch.setattr(astronaut_avatar, "refinement", refinement)
    frames = TorchPhotoAvatar(astronaut_avatar, device).render(Pose(*motion.to(device))).cpu().numpy()
    for i, found in enumerate(frames):
        expected = astronaut_avatar.render(Pose(*motion.frame(i)))
        change = np.abs(expected - plain[i]).max(-1)
        difference = np.abs(found.astype(int) - expected).max(-1)
        assert (change.max() > 20) == (i > 0)
        # The face's outline is a polygon here and a mask of whole cells there, through which the change fades.
        assert difference.mean() < 0.08
        assert np.quantile(difference, 0.99) <= 4
