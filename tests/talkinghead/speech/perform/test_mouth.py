import numpy as np
import pytest
import torch

from face3d.arkit import ARKIT_INDEX
from talkinghead.speech.perform.mouth import GATES, LIP_GAP_MM, POSE_CHANNELS, assemble, lip_gap_mm


def _gate(name: str, value: float = 1.0) -> np.ndarray:
    gates = np.zeros((1, len(GATES)), np.float32)
    gates[0, GATES.index(name)] = value
    return gates


def _random_poses(count: int) -> np.ndarray:
    return (np.random.default_rng(0).random((count, len(POSE_CHANNELS))) * 0.5).astype(np.float32)


def test_rest_is_the_neutral_face():
    for pose in _random_poses(20):
        assert not assemble(pose[None], _gate("rest")).any()


def test_open_poses_pass_through():
    pose = _random_poses(5)
    weights = assemble(pose, np.zeros((5, len(GATES)), np.float32))
    assert np.allclose(weights[:, ARKIT_INDEX["jawOpen"]], pose[:, 0])
    assert np.allclose(weights[:, ARKIT_INDEX["mouthUpperUpLeft"]], weights[:, ARKIT_INDEX["mouthUpperUpRight"]])
    assert weights.min() >= 0
    assert weights.max() <= 1


def test_pressed_lips_touch_on_the_mesh_in_any_context():
    from face3d.model.morphable_model import load_default_model

    model = load_default_model()
    pose = _random_poses(40)
    weights = assemble(pose, np.repeat(_gate("bilabial"), len(pose), 0))
    points = model.landmarks478.of(model.vertices(torch.zeros(1), torch.from_numpy(weights)))
    gap = (points[:, 13] - points[:, 14])[:, 1]
    assert gap.abs().max() < 0.6  # mm


def test_labiodental_leaves_a_slit():
    gap = lip_gap_mm(assemble(_random_poses(20), np.repeat(_gate("labiodental"), 20, 0)))
    assert (gap > 0).all()
    assert (gap < 6).all()


@pytest.mark.parametrize("channel", list(LIP_GAP_MM))
def test_lip_gap_table_is_the_mesh(channel):
    from face3d.model.morphable_model import load_default_model

    model = load_default_model()
    weights = torch.zeros(2, 52)
    for name in (channel, f"{channel}Left", f"{channel}Right"):
        if name in ARKIT_INDEX:
            weights[1, ARKIT_INDEX[name]] = 1
    points = model.landmarks478.of(model.vertices(torch.zeros(1), weights))
    height = points[:, 13, 1] - points[:, 14, 1]
    assert float(height[1] - height[0]) == pytest.approx(LIP_GAP_MM[channel], abs=0.3)
    assert lip_gap_mm(weights.numpy())[1] == pytest.approx(LIP_GAP_MM[channel], abs=1e-4)
