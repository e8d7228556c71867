"""The stages that the speed benchmark times."""

from __future__ import annotations

import importlib
from types import ModuleType

import numpy as np
import pytest

from talkinghead.media.planar import PlanarPicture


@pytest.fixture
def stages() -> ModuleType:
    return importlib.import_module("scripts.lab.measure.stage_times")


def test_every_stage_exists_and_is_timed(stages: ModuleType) -> None:
    original = PlanarPicture.put
    with stages.stage_times() as watch:
        PlanarPicture(4, 4).put(np.zeros((4, 4, 3), np.uint8))
        assert set(watch.seconds) == {"convert"}
        assert watch.seconds["convert"] > 0
    assert PlanarPicture.put is original


def test_failures_count_and_pass(stages: ModuleType) -> None:
    watch = stages.Stopwatch()

    def fail(_: int) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        watch.timed("x", fail)(1)
    assert watch.timed("y", abs)(-3) == 3
    assert set(watch.seconds) == {"x", "y"}
