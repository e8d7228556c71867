from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from face3d.model.morphable_model import MorphableModel
from renderers.batched.mesh import DrivenBatch, TorchMesh
from renderers.batched.mouth import TorchMouth
from renderers.batched.mouth_scene import curve_through
from renderers.head.driven_mesh import DrivenMesh
from renderers.mouth.network import MouthNetwork
from renderers.mouth.painter import MouthPainter
from renderers.mouth.scene import view_mouth
from renderers.mouth.smooth_curve import curve_through as curve_through_arrays
from renderers.photo.layers import build_layers
from renderers.photo_avatar import PhotoAvatar
from renderers.raster.rasterizer import get_rasterizer
from scripts.lab.face_model.synthetic_faces import PhotoSkin
from tests.renderers.batched.people import draw_person, draw_poses


def drive(avatar: PhotoAvatar, motion: Any, device: str) -> tuple[DrivenBatch, torch.Tensor]:
    mesh = TorchMesh(avatar.mesh.state, torch.device(device))
    frames = mesh.drive(*motion.to(device))
    return frames, mesh.landmarks(frames.pixels) - torch.as_tensor(avatar.origin, device=device)


def test_curves_are_the_single_ones() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0.2, 2, (5, 11)).cumsum(1)
    y = rng.normal(size=(5, 11))
    y[1], y[2, 3:6] = 0, 1  # level parts
    at = np.linspace(x[:, 0], x[:, -1], 60, axis=1)
    found = curve_through(*(torch.from_numpy(a) for a in (x, y, at)))
    for i in range(len(x)):
        np.testing.assert_allclose(found[i], curve_through_arrays(x[i], y[i], at[i]), atol=1e-9)


def test_scenes_are_the_single_ones(astronaut_avatar: PhotoAvatar, motion: Any) -> None:
    painter = astronaut_avatar.mouth
    frames, points = drive(astronaut_avatar, motion, "cpu")
    view = TorchMouth(painter.state, get_rasterizer("numba"), torch.device("cpu"))._view
    scenes = view(frames, frames.pixels[:, view.vertices, :2] - torch.from_numpy(painter.state.origin), points)
    shown = 0
    for i in range(len(motion.turn)):
        frame = astronaut_avatar.mesh.drive(*motion.frame(i))
        inside = frame.pixels[painter.state.anatomy.vertices, :2] - painter.state.origin
        scene = view_mouth(
            painter.state.anatomy, frame, inside, points[i].numpy(), painter.state.focal, painter.state.scale
        )
        if scene is None:
            assert not scenes.open_pixels()[i].any()
            continue
        shown += 1
        assert tuple(scenes.rows[i].tolist()) == scene.rows
        np.testing.assert_allclose(scenes.cover[i], scene.cover, atol=1e-3)
        np.testing.assert_allclose(scenes.vertices[i], scene.vertices, atol=1e-2)
        np.testing.assert_allclose(scenes.attributes[i], scene.attributes, atol=2e-2)
        np.testing.assert_allclose(scenes.levels[i], scene.levels, atol=1e-3)
        opening = slice(*scene.rows)
        assert (scenes.visible[i].numpy() != scene.face_index)[opening].mean() < 1e-3
    assert shown >= 3


def large_fields() -> MouthNetwork:
    """A network that changes a lot."""
    generator = torch.Generator().manual_seed(0)
    network = MouthNetwork().eval().requires_grad_(False)
    for values in network.end.parameters():
        values.copy_(torch.randn(values.shape, generator=generator) * (0.05 if values.ndim > 1 else 0.3))
    return network


@pytest.mark.parametrize("mouth", ["open", "shut", "smile"])
@pytest.mark.parametrize("network", [None, large_fields()], ids=["trained", "large"])
def test_mouths_are_the_painters(
    network: MouthNetwork | None, mouth: str, model: MorphableModel, skin: PhotoSkin, device: str
) -> None:
    """With the network as it is and with one whose fields are large."""
    person = draw_person(model, 4, skin, eyes="open", mouth=mouth, place="inside", factor=1)
    mesh = DrivenMesh(model, person.parameters, person.landmarks_px)
    layers, origin = build_layers(person.image, person.landmarks_px), np.zeros(2, np.float32)
    painter = MouthPainter(person.image, mesh, person.landmarks_px, origin, layers, network=network)
    poses = draw_poses(mesh.expression, 4, 6)
    twin_mesh = TorchMesh(mesh.state, torch.device(device))
    frames = twin_mesh.drive(*(values.to(device) for values in poses))
    points = twin_mesh.landmarks(frames.pixels)
    crops = torch.as_tensor(person.image, device=device).permute(2, 0, 1).repeat(len(points), 1, 1, 1).contiguous()
    with torch.inference_mode():
        TorchMouth(painter.state, get_rasterizer("auto", device), torch.device(device)).draw(crops, frames, points)
    changed = 0
    for i, found in enumerate(crops.permute(0, 2, 3, 1).cpu().numpy()):
        expected = person.image.copy()
        painter.draw(expected, mesh.drive(*(values[i] for values in poses)), points[i].cpu().numpy())
        painted = (expected != person.image).any(-1)
        changed += int(painted.sum())
        # The same formulas in the same precision; a visible triangle may differ along an edge.
        difference = np.abs(found.astype(int) - expected)
        assert (difference.max(-1) > 3).sum() <= 5
        assert difference[painted].sum() <= 0.1 * max(1, painted.sum())
    assert changed > 300
