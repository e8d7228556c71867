"""Frames made on a GPU, many at a time: they leave it only as the planes that the encoder takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import torch

from face3d.errors import InputError
from renderers.pose import Pose
from talkinghead.media.planar import PlanarChange

if TYPE_CHECKING:
    from renderers.batched.avatar import TorchPhotoAvatar
    from renderers.batched.reduced_avatar import TorchReducedAvatar

# Frames per batch, fewer of large windows: each pixel of a batch needs about 200 bytes on the way.
_BATCH, _BATCH_PIXELS = 16, 32_000_000


def check_gpu() -> None:
    """Whether frames can be made on a GPU.

    Raises:
        InputError: there is no GPU here, or no pytorch3d that loads.
    """
    from renderers.raster.pytorch3d_rasterizer import loading_problem

    if not torch.cuda.is_available():
        raise InputError("--device cuda: torch sees no NVIDIA GPU here; use --device cpu (see talkinghead doctor).")
    problem = loading_problem()
    if problem is not None:
        raise InputError(
            f"--device cuda: {problem.rstrip('.')}; run scripts/install_pytorch3d.py, or use --device cpu."
        )


def batch_size(avatar: TorchPhotoAvatar | TorchReducedAvatar) -> int:
    """Frames of one batch."""
    rows, columns = avatar.window
    pixels = (rows.stop - rows.start) * (columns.stop - columns.start)
    return max(1, min(_BATCH, _BATCH_PIXELS // pixels))


def batched_changes(avatar: TorchPhotoAvatar | TorchReducedAvatar, poses: Iterable[Pose]) -> Iterator[PlanarChange]:
    """What each frame changes of the avatar's photo."""
    from talkinghead.media.batched_planar import planar_changes

    rows, columns = avatar.window
    size, remaining = batch_size(avatar), iter(poses)
    while batch := list(islice(remaining, size)):
        yield from planar_changes(avatar.render_changed(Pose.stack(batch)), columns.start, rows.start)
