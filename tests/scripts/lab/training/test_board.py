"""Curves for TensorBoard, where it is installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from face3d.errors import InputError
from scripts.lab.training.board import Board

INSTALLED = importlib.util.find_spec("tensorboard") is not None


def test_no_folder_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Board(None, 0) as board:
        board.write(1, {"loss": 1.0})
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(INSTALLED, reason="TensorBoard is installed")
def test_without_tensorboard_the_extra_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not installed; get it with the extra \[train\]"):
        Board(tmp_path / "curves", 0)


@pytest.mark.skipif(not INSTALLED, reason="TensorBoard is in the extra [train]")
def test_numbers_become_curves(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with Board(tmp_path, 4) as board:
        for step in (5, 6):
            board.write(step, {"loss": 1.0 / step, "by_source": {"grid": 0.5}})
    events = EventAccumulator(str(tmp_path)).Reload()
    assert events.Tags()["scalars"] == ["loss"]
    assert [(event.step, round(event.value, 4)) for event in events.Scalars("loss")] == [(5, 0.2), (6, 0.1667)]
