from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from talkinghead.media.batched_planar import planar_changes, to_planes
from talkinghead.media.planar import PlanarPicture
from talkinghead.media.video import VideoWriter

DEVICES = [
    "cpu",
    pytest.param(
        "cuda",
        marks=[
            pytest.mark.cuda,
            pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device"),
        ],
    ),
]


@pytest.mark.parametrize("device", DEVICES)
def test_planes_are_the_kernels_to_the_bit(device: str) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, 34, 46, 3), dtype=np.uint8)
    pictures[0, :2], pictures[0, 2:4], pictures[0, 4:6] = 0, 255, (255, 0, 0)
    found = to_planes(torch.as_tensor(pictures, device=device))
    for i, picture in enumerate(pictures):
        planar = PlanarPicture(46, 34)
        planar.put(picture)
        for mine, expected in zip(found, (planar.luma, planar.blue, planar.red), strict=True):
            np.testing.assert_array_equal(mine[i].cpu(), expected)


def test_odd_sizes() -> None:
    with pytest.raises(ValueError, match="even sizes, got 5 x 4"):
        to_planes(torch.zeros(1, 4, 5, 3, dtype=torch.uint8))
    (change,) = planar_changes(torch.zeros(1, 5, 7, 3, dtype=torch.uint8), 2, 4)
    assert (change.luma.shape, change.blue.shape, change.left, change.top) == ((4, 6), (2, 3), 2, 4)


def test_the_same_video_as_from_windows(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    still = rng.integers(0, 256, (61, 75, 3), dtype=np.uint8)
    pictures = rng.integers(0, 256, (3, 31, 35, 3), dtype=np.uint8)
    with VideoWriter(tmp_path / "windows.mp4", (75, 61), 25, 3, still=still) as writer:
        for picture in pictures:
            writer.write_window(picture, 40, 30)
    with VideoWriter(tmp_path / "planes.mp4", (75, 61), 25, 3, still=still) as writer:
        for change in planar_changes(torch.from_numpy(pictures), 40, 30):
            writer.write_planes(change)
    assert (tmp_path / "windows.mp4").read_bytes() == (tmp_path / "planes.mp4").read_bytes()


def test_wrong_planes_are_refused(tmp_path: Path) -> None:
    (change,) = planar_changes(torch.zeros(1, 4, 4, 3, dtype=torch.uint8), 1, 0)
    photo = np.zeros((16, 16, 3), np.uint8)
    with (
        pytest.raises(ValueError, match="does not fit"),
        VideoWriter(tmp_path / "x.mp4", (16, 16), 25, 1, still=photo) as w,
    ):
        w.write_planes(change)
    with pytest.raises(ValueError, match="needs the still"), VideoWriter(tmp_path / "x.mp4", (16, 16), 25, 1) as w:
        w.write_planes(change)
