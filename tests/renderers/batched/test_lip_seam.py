from __future__ import annotations

import numpy as np
import pytest
import torch

from renderers.batched.lip_seam import draw_soft_lines
from renderers.pixels.soft_line import draw_soft_line

LINE = np.stack([np.linspace(20, 60, 13), 30 + 4 * np.sin(np.linspace(0, 3, 13))], 1).astype(np.float32)
RGB = np.array([20.0, 30.0, 40.0], np.float32)


@pytest.mark.parametrize("width", [0.5, 1.6, 2.7, 6.0])
def test_lines_are_opencvs(width: float, device: str) -> None:
    expected = np.full((64, 80, 3), 200, np.uint8)
    draw_soft_line(expected, LINE, RGB, width, 0.6)
    found = torch.full((2, 3, 64, 80), 200, dtype=torch.uint8, device=device)
    lines = torch.as_tensor(LINE, device=device).expand(2, -1, -1)
    draw_soft_lines(found, lines, torch.as_tensor(RGB, device=device), width, torch.tensor([0.6, 0.0], device=device))
    difference = np.abs(found[0].permute(1, 2, 0).cpu().numpy().astype(int) - expected)
    # OpenCV rounds the line to 1/16 of a sample and draws it as polygons: the mean is what the eye sees.
    assert difference.max() <= 10
    assert difference.mean() < 0.15
    assert (expected != 200).any()
    assert (found[1] == 200).all()
