"""Curves of a training for TensorBoard, where it is installed and asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from face3d.errors import InputError


class Board:
    """Writes curves into a folder that `tensorboard --logdir` shows; None writes nothing. A context manager."""

    def __init__(self, folder: Path | None, done: int) -> None:
        """Go on after `done` steps: what an interrupted run wrote of later ones is hidden.

        Raises:
            InputError: TensorBoard is not installed.
        """
        self._writer: Any = None
        if folder is None:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise InputError(
                f"Curves in {folder} need TensorBoard, which is not installed; get it with the extra [train]."
            ) from error
        self._writer = SummaryWriter(str(folder), purge_step=done + 1)

    def write(self, step: int, figures: Mapping[str, Any]) -> None:
        """One point of each curve; what is no number is left out."""
        if self._writer is not None:
            for name, value in figures.items():
                if isinstance(value, int | float):
                    self._writer.add_scalar(name, value, step)

    def __enter__(self) -> Board:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()
