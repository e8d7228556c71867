"""Networks for any number of threads, and nothing of LiteRT's on the error stream."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from face3d.litert import Net
from face3d.resources import asset_path

LOAD = """
import os, sys, threading
from face3d.litert import Net
from face3d.resources import asset_path
model = asset_path("selfie_segmentation.tflite").read_bytes()
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", LOAD + code]
    return subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)


@pytest.fixture(scope="module")
def net() -> Net:
    with zipfile.ZipFile(asset_path("face_landmarker.task")) as task:
        return Net(task.read("face_blendshapes.tflite"))


def test_threads_get_their_own_answers(net: Net) -> None:
    points = np.random.default_rng(0).uniform(0, 100, (8, 1, 146, 2)).astype(np.float32)
    alone = [net.run(p)[0] for p in points]
    assert net.output_shapes == [(52,)]

    def ask(k: int) -> float:
        return float(abs(net.run(points[k % 8])[0] - alone[k % 8]).max())

    with ThreadPoolExecutor(8) as pool:
        assert max(pool.map(ask, range(400))) < 1e-6


def test_no_note_whichever_thread_is_first() -> None:
    done = run("""
threads = [threading.Thread(target=Net, args=(model,)) for _ in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("error stream works", file=sys.stderr)
""")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "error stream works\n")


def test_what_others_write_meanwhile_arrives() -> None:
    done = run("""
import face3d.litert as litert
with litert._without_note():
    os.write(2, b"before\\n")
    os.write(2, litert._NOTE)
    os.write(2, b"after\\n")
""")
    assert (done.returncode, done.stderr) == (0, "before\nafter\n")


@pytest.mark.parametrize("stream", ["os.close(2)", "sys.stderr = None", "sys.stderr.close()"])
def test_without_an_error_stream(stream: str) -> None:
    done = run(f"{stream}\nprint(Net(model).output_shapes)\nos._exit(0) if sys.stdout.flush() is None else None")
    assert (done.returncode, done.stdout) == (0, "[(1, 256, 256, 1)]\n")


def test_a_failure_leaves_the_error_stream() -> None:
    done = run("""
try:
    Net(b"no network")
except ValueError:
    print("refused", file=sys.stderr)
""")
    assert done.returncode == 0
    assert done.stderr.endswith("refused\n")
