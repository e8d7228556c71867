"""Make `out/demo.mp4` from the bundled photo and speech: `python3 scripts/demo.py`.

Makes its own environment first (see setup_environment.py). Further arguments go to `talkinghead generate`, and win over
the demo's own: `--crop none` shows the whole photo, `--output FILE` writes it elsewhere.
"""

from __future__ import annotations

import sys

from setup_environment import ROOT, ensure, run, say

OUTPUT = ROOT / "out" / "demo.mp4"
# The face is only about 108 pixels wide in the whole photo.
FORMAT = ("--crop", "head", "--size", "512")


def main() -> int:
    """Set up, check the machine, generate; returns the exit status of the step that failed, or 0."""
    talkinghead = [ensure(), "-m", "talkinghead"]
    say("checking this machine: talkinghead doctor")
    if status := run([*talkinghead, "doctor"]):
        return status
    inputs = ["--photo", ROOT / "examples" / "astronaut.png", "--audio", ROOT / "examples" / "demo.wav"]
    say("generating")
    if status := run([*talkinghead, "generate", *inputs, "--output", OUTPUT, *FORMAT, *sys.argv[1:]]):
        return status
    say("done: open the file named above")
    return 0


if __name__ == "__main__":
    sys.exit(main())
