from __future__ import annotations

import torch

from renderers.pose import Pose
from talkinghead.photo.pose_rows import PoseRows


def test_every_value_comes_back() -> None:
    poses = [Pose(torch.rand(52), torch.rand(3), torch.rand(2, 2), torch.rand(3)) for _ in range(5)]
    rows = PoseRows(poses[:2])
    for pose in poses[2:]:
        rows.append(pose)
    assert len(rows) == 5
    for name in ("expression", "turn", "gaze", "shift"):
        assert torch.equal(rows.column(name), torch.stack([getattr(pose, name) for pose in poses]))


def test_rows_can_be_added_after_a_column_was_taken() -> None:
    """The column is a copy: the rows' memory may move."""
    pose = Pose(torch.ones(52), torch.ones(3), torch.ones(2, 2))
    rows = PoseRows([pose])
    column = rows.column("expression")
    for _ in range(1000):
        rows.append(pose)
    assert len(rows) == 1001
    assert torch.equal(column, torch.ones(1, 52))


def test_no_poses() -> None:
    assert PoseRows().column("gaze").shape == (0, 2, 2)
