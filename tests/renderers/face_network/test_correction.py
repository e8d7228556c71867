"""The face network's window, planes and the blending of its correction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from face3d.arkit import ARKIT_INDEX
from face3d.fit.photo_fit import PhotoFit
from renderers.face_network.correction import FaceRefinement, add_change
from renderers.face_network.network import MOST, FaceNetwork, load_network
from renderers.face_network.planes import CONTEXT, PLANES, SIZE, FaceWindow
from renderers.photo_avatar import AvatarOptions, PhotoAvatar
from renderers.pose import Pose
from renderers.unet import save_network


@pytest.fixture(scope="module")
def avatar(astronaut: np.ndarray, astronaut_fit: PhotoFit) -> PhotoAvatar:
    detected = astronaut_fit.detection.landmarks_px
    return PhotoAvatar(astronaut, astronaut_fit.parameters, detected, AvatarOptions(refine=False))


def painting(value: float) -> FaceNetwork:
    """A network that adds about `value` to everything."""
    network = FaceNetwork((4, 4, 8))
    with torch.no_grad():
        bias = network.end.bias
        assert bias is not None
        bias[:12] = float(np.arctanh(value / MOST))
        bias[12:] = 20.0
    return network.eval()


def speaking(avatar: PhotoAvatar) -> torch.Tensor:
    result = avatar.expression.clone()
    result[ARKIT_INDEX["jawOpen"]] = 0.5
    return result


# --- window


@given(st.floats(-20, 60), st.floats(-20, 60), st.floats(40, 400), st.floats(40, 400))
def test_a_window_shows_the_picture_where_it_lies(left: float, top: float, width: float, height: float) -> None:
    """A picture whose colours are coordinates says for each cell where it was taken."""
    columns, rows = np.meshgrid(np.arange(250), np.arange(250))
    picture = np.stack([columns, rows, np.zeros_like(rows)], 2).astype(np.uint8)
    cut = 255 * FaceWindow(left, top, width, height).cut(picture)
    x = left + width * (np.arange(SIZE) + 0.5) / SIZE - 0.5
    y = top + height * (np.arange(SIZE) + 0.5) / SIZE - 0.5
    inside_x, inside_y = (x > 3) & (x < 246), (y > 3) & (y < 246)
    # OpenCV rounds the places of samples to 1/32 px and colours to whole numbers.
    if inside_y.any():
        np.testing.assert_allclose(cut[inside_y][:, inside_x, 0], np.tile(x[inside_x], (inside_y.sum(), 1)), atol=1.0)
        np.testing.assert_allclose(cut[inside_y][:, inside_x, 1].T, np.tile(y[inside_y], (inside_x.sum(), 1)), atol=1.0)


def test_a_change_lands_where_the_window_looked() -> None:
    crop = np.full((200, 240, 3), 100, np.uint8)
    window = FaceWindow(50.0, 30.0, 128.0, 64.0)
    change = np.zeros((SIZE, SIZE, 3), np.float32)
    change[32:64, 64:96] = 40.0
    add_change(crop, window, change)
    changed = crop[..., 0] == 140
    rows, columns = np.nonzero(changed)
    assert (rows.min(), rows.max() + 1) == (pytest.approx(46, abs=1), pytest.approx(62, abs=1))
    assert (columns.min(), columns.max() + 1) == (pytest.approx(114, abs=1), pytest.approx(146, abs=1))


@pytest.mark.parametrize("corner", [(-100.0, -100.0), (190.0, 150.0), (500.0, 500.0)])
def test_changes_beyond_the_picture_are_cut_off(corner: tuple[float, float]) -> None:
    crop = np.zeros((200, 240, 3), np.uint8)
    add_change(crop, FaceWindow(*corner, 128.0, 128.0), np.full((SIZE, SIZE, 3), 300.0, np.float32))
    assert crop.max() == (255 if corner[0] < 400 else 0), "saturates instead of wrapping"


# --- planes


def test_planes_of_a_frame(avatar: PhotoAvatar) -> None:
    drawn = avatar.draw(Pose(speaking(avatar)))
    _, planes = avatar.face_view.planes(drawn)
    assert planes.shape == (PLANES, SIZE, SIZE)
    assert drawn.context.shape == (CONTEXT,)
    assert torch.isfinite(planes).all()
    normals, covered = planes[6:9], planes[14] > 0.9
    assert covered.float().mean() > 0.3
    assert (normals.norm(dim=0)[covered] - 1).abs().mean() < 0.1
    assert normals[2][covered].mean() < -0.6, "the face looks at the camera"


def test_nothing_changes_in_the_photos_own_frame(avatar: PhotoAvatar) -> None:
    drawn = avatar.draw(Pose(avatar.expression))
    _, planes = avatar.face_view.planes(drawn)
    assert planes[9:12].abs().max() < 1e-4, "change of normals"
    assert planes[15].abs().max() < 0.05, "stretch"
    assert (planes[:3] - planes[3:6]).abs().mean() < 0.01, "the picture is the photo"
    assert avatar.face_view.strength(drawn) < 0.02


# --- blending


def test_an_untrained_network_changes_nothing(avatar: PhotoAvatar) -> None:
    drawn = avatar.draw(Pose(speaking(avatar)))
    before = drawn.crop.copy()
    FaceRefinement(avatar.face_view, FaceNetwork((4, 4, 8)).eval()).draw(drawn)
    np.testing.assert_array_equal(drawn.crop, before)


def test_corrections_stay_inside_the_face_and_grow_with_motion(avatar: PhotoAvatar) -> None:
    refinement = FaceRefinement(avatar.face_view, painting(0.2))
    changes = []
    for expression in (avatar.expression, speaking(avatar)):
        drawn = avatar.draw(Pose(expression))
        before = drawn.crop.astype(int)
        refinement.draw(drawn)
        change = drawn.crop.astype(int) - before
        nose, chin = drawn.points[4].astype(int), drawn.points[152]
        changes.append(change[nose[1], nose[0]].mean())
        assert np.abs(change[int(chin[1]) + 3 :]).max() == 0
    assert changes[0] < 1
    assert changes[1] > 10


def test_weights_round_trip(tmp_path: Path) -> None:
    network = FaceNetwork((4, 6, 8))
    torch.nn.init.normal_(network.end.weight)
    save_network(network, tmp_path / "w.safetensors", {"minutes": "1"})
    planes, context = torch.randn(2, PLANES, 32, 32), torch.randn(2, CONTEXT)
    loaded = load_network(tmp_path / "w.safetensors")
    with torch.inference_mode():
        torch.testing.assert_close(loaded(planes, context), network.eval()(planes, context), atol=5e-3, rtol=0)
