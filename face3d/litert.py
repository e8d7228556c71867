"""Small networks in TensorFlow Lite's format, run by LiteRT."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter

FloatArray = NDArray[np.float32]

# What LiteRT writes to file descriptor 2, once per process, whatever its options say.
_NOTE = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
_loading = Lock()
_noted = False


class Net:
    """A network with one input, for any number of threads: they take turns.

    Args:
        model: the content of a .tflite file.
        threads: how many a call may use.
    """

    def __init__(self, model: bytes, threads: int = 1) -> None:
        self._interpreter = _load(model, threads)
        self._turn = Lock()
        (source,) = self._interpreter.get_input_details()
        self._input = source["index"]
        outputs = self._interpreter.get_output_details()
        self._outputs = [d["index"] for d in outputs]
        self.output_shapes = [tuple(int(n) for n in d["shape"]) for d in outputs]

    def run(self, values: FloatArray) -> list[FloatArray]:
        """The outputs, of `output_shapes`, for one input of the network's shape."""
        with self._turn:
            self._interpreter.set_tensor(self._input, values)
            self._interpreter.invoke()
            return [self._interpreter.get_tensor(index) for index in self._outputs]


def _load(model: bytes, threads: int) -> Interpreter:
    global _noted
    from ai_edge_litert.interpreter import Interpreter

    def load() -> Interpreter:
        interpreter = Interpreter(model_content=model, num_threads=threads)
        interpreter.allocate_tensors()
        return interpreter

    with _loading:
        if _noted:
            return load()
        with _without_note():
            interpreter = load()
        _noted = True
        return interpreter


@contextmanager
def _without_note() -> Iterator[None]:
    """Keep LiteRT's note off the error stream; whatever else is written there meanwhile arrives, a little later."""
    try:
        saved = os.dup(2)
    except OSError:  # the process has no error stream
        yield
        return
    if sys.stderr is not None:
        with suppress(OSError, ValueError):
            sys.stderr.flush()
    with tempfile.TemporaryFile() as written:
        try:
            os.dup2(written.fileno(), 2)
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            written.seek(0)
            with suppress(OSError):
                os.write(2, written.read().replace(_NOTE, b""))
