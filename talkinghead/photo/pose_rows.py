"""Frames of motion, kept in as little memory as they need: an hour of them is 22 MB."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from renderers.pose import Pose

_SHAPES = {"expression": (52,), "turn": (3,), "gaze": (2, 2), "shift": (3,)}
_SIZES = {name: torch.Size(shape).numel() for name, shape in _SHAPES.items()}
_WIDTH = sum(_SIZES.values())


class PoseRows:
    """A list of poses that can only grow: one row of float32 for each."""

    def __init__(self, poses: Iterable[Pose] = ()) -> None:
        self._values = array("f")
        for pose in poses:
            self.append(pose)

    def __len__(self) -> int:
        return len(self._values) // _WIDTH

    def append(self, pose: Pose) -> None:
        """Add a frame."""
        for name in _SHAPES:
            self._values.frombytes(getattr(pose, name).detach().float().contiguous().numpy().tobytes())

    def column(self, name: str) -> Tensor:
        """[T, ...] float32, a copy: the attribute `name` of :class:`Pose`, of all frames."""
        if not self._values:
            return torch.zeros(0, *_SHAPES[name])
        rows = torch.frombuffer(self._values, dtype=torch.float32).reshape(-1, _WIDTH)
        start = 0
        for other, size in _SIZES.items():
            if other == name:
                break
            start += size
        return rows[:, start : start + _SIZES[name]].reshape(-1, *_SHAPES[name]).clone()
