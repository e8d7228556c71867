from __future__ import annotations

import cv2
import numpy as np
import torch

from renderers.batched.pictures import Windows
from renderers.batched.toning import TorchToning, grey
from renderers.photo.toning import Toning


def test_greys_are_opencvs_to_the_bit() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    found = grey(torch.from_numpy(picture).permute(2, 0, 1)[None])[0]
    np.testing.assert_array_equal(found, cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))


def test_windows_get_the_tone() -> None:
    rng = np.random.default_rng(0)
    toning = Toning(rng.integers(0, 256, (256, 3), dtype=np.uint8))
    crops = rng.integers(0, 256, (2, 20, 30, 3), dtype=np.uint8)
    batch = torch.from_numpy(crops).permute(0, 3, 1, 2).contiguous()
    windows = Windows.between(torch.tensor([[3.0, 4.0], [10.0, 0.0]]), torch.tensor([[9.0, 8.0], [30.0, 5.0]]), 20, 30)
    assert windows is not None
    TorchToning(toning, torch.device("cpu")).apply(batch, windows)
    toning.apply(crops[0], (slice(4, 8), slice(3, 9)))
    toning.apply(crops[1], (slice(0, 5), slice(10, 30)))
    np.testing.assert_array_equal(batch.permute(0, 2, 3, 1), crops)
