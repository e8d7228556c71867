"""No command opens a socket or looks up a name: nobody who uses the program agreed to that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import wave
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PHOTO = ROOT / "tests" / "data" / "astronaut.jpg"
SPEECH = ROOT / "examples" / "demo.wav"

# Python tells audit hooks of every socket, connection and look-up; the hook cannot be taken away again.
REFUSE = """
import sys
asked = []

def refuse(event, arguments):
    if event.startswith(("socket.", "urllib.", "http.", "ftplib.", "smtplib.")):
        asked.append(f"{event}{arguments}")
        raise PermissionError(f"{event} is refused")

sys.addaudithook(refuse)
"""
RUN = """
import json, os
from talkinghead.cli.program import main
os.chdir(sys.argv[2])
for command in json.loads(sys.argv[1]):
    assert main(command) == 0, command
print(*asked, sep="\\n")
print(len(asked), "asked for; mediapipe", "mediapipe" in sys.modules, "sounddevice", "sounddevice" in sys.modules)
"""


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", REFUSE + code, *arguments]
    # This checkout's packages, whichever one is installed: the started code may change the folder.
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False, stdin=subprocess.DEVNULL
    )


@pytest.mark.parametrize(
    "call",
    [
        "import socket; socket.socket()",
        "import socket; socket.create_connection(('localhost', 9))",
        "import socket; socket.getaddrinfo('localhost', 9)",
        "import socket; socket.gethostbyname('localhost')",
        "import urllib.request; urllib.request.urlopen('http://localhost:9')",
    ],
)
def test_the_guard_sees(call: str) -> None:
    done = run(f"try:\n    {call}\nexcept OSError: pass\nprint(len(asked))")
    assert int(done.stdout) >= 1, done.stderr


@pytest.mark.slow
def test_no_command_asks_for_a_socket(tmp_path: Path) -> None:
    with wave.open(str(SPEECH), "rb") as source, wave.open(str(tmp_path / "speech.wav"), "wb") as target:
        target.setparams(source.getparams())
        target.writeframes(source.readframes(source.getframerate()))
    photo, small = str(PHOTO), ["--set", "video.preset=ultrafast", "--quiet"]
    sized = ["--size", "192", *small]
    commands = [
        ["generate", "--photo", photo, "--audio", "speech.wav", "--output", "video.mp4", *sized],
        ["fit", photo, "--output", "photo.safetensors", "--overlay", "photo.png", *small],
        ["fit", "video.mp4", "--output", "video.safetensors", "--overlay", "fit.mp4", "--plot", "curves.png", *small],
        ["animate", "speech.wav", "--output", "motion.safetensors", *small],
        ["render", "--parameters", "motion.safetensors", "--photo", photo, "--output", "render.mp4", *sized],
        ["export", "motion.safetensors", "--format", "livelink-csv", "--output", "motion.csv", "--quiet"],
    ]
    done = run(RUN, json.dumps(commands), str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "0 asked for; mediapipe False sounddevice False", done.stdout
    assert (tmp_path / "render.mp4").stat().st_size > 1000
