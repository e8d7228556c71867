"""What several packages' tests share: the astronaut's photo, its stored detection, and its fit."""

from __future__ import annotations

import logging
import os
import random
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from face3d.detect.detector import FaceDetection
    from face3d.fit.photo_fit import PhotoFit
    from face3d.model.morphable_model import MorphableModel

DATA = Path(__file__).parent / "data"

# The same examples on every run and machine, and no failure because a machine is slow.
settings.register_profile("fixed", derandomize=True, deadline=None, max_examples=30)
settings.load_profile("fixed")


# Of the caller's surroundings, what would change what programs do or say.
SURROUNDINGS = {"COLUMNS", "FORCE_COLOR", "LINES", "NO_COLOR", "PYTHONWARNINGS", "TALKINGHEAD_VENV", "TORCH_INDEX_URL"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--shuffle SEED` runs files, and tests within a file, in another order; for `--rounding` see `rounding.py`."""
    parser.addoption("--shuffle", type=int, metavar="SEED", help="run the tests in another order")
    parser.addoption("--rounding", action="store_true", help="matrix products are off by their last bit")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """File by file, so that what a file's tests share is made once."""
    seed = config.getoption("--shuffle")
    if seed is not None:
        rng = random.Random(seed)
        rng.shuffle(items)
        place = {path: rng.random() for path in sorted({item.path for item in items})}
        items.sort(key=lambda item: place[item.path])


def pytest_configure() -> None:
    """Nothing depends on how pytest was started.

    A shell that starts it in the background has it ignore Ctrl-C, and so would every program that a test starts and
    interrupts: what a process ignores or blocks its children ignore or block.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_IGN:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    for name in SURROUNDINGS & set(os.environ):
        del os.environ[name]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Under `--rounding`."""
    if not item.config.getoption("--rounding"):
        return (yield)
    from tests.rounding import LastBits

    with LastBits():
        return (yield)


@pytest.fixture(autouse=True)
def _same_numbers_in_any_order() -> Iterator[None]:
    """torch's own random numbers, its threads and our logs do not depend on the tests that ran before."""
    import torch

    threads = torch.get_num_threads()
    torch.manual_seed(0)
    yield
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)
    # The command line takes the logs over.
    for name in ("talkinghead", "face3d", "renderers"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
        logger.setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def model() -> MorphableModel:
    """The head that ships with the package."""
    from face3d.model.morphable_model import load_default_model

    return load_default_model()


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """[320, 320, 3] uint8 RGB, read-only: a smile with teeth, a face of 109 px."""
    import cv2

    image = np.ascontiguousarray(cv2.imread(str(DATA / "astronaut.jpg"))[..., ::-1])
    image.flags.writeable = False
    return image


@pytest.fixture(scope="session")
def astronaut_detection() -> FaceDetection:
    """What MediaPipe sees in the photo, stored so that what builds on it neither needs nor follows MediaPipe."""
    from face3d.detect.detector import FaceDetection

    with np.load(DATA / "astronaut_detection.npz", allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    for array in arrays.values():
        array.flags.writeable = False
    return FaceDetection(**arrays, size_px=float((arrays["box"][2:] - arrays["box"][:2]).max()))


@pytest.fixture(scope="session")
def astronaut_fit(astronaut: np.ndarray, astronaut_detection: FaceDetection) -> PhotoFit:
    """The fit of the stored detection."""
    from face3d.fit.photo_fit import fit_detection

    return fit_detection(astronaut_detection, (astronaut.shape[1], astronaut.shape[0]))
