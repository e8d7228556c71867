"""The command line itself: help, exit statuses, one sentence for a mistake."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from face3d.errors import InputError, InstallationError
from talkinghead.cli import program as cli
from talkinghead.cli.commands import COMMANDS, generate
from talkinghead.cli.commands.options import SETTINGS
from talkinghead.config import load_config

NAMES = [command.NAME for command in COMMANDS]


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--help"])
    assert caught.value.code == 0
    out = capsys.readouterr().out
    assert all(f"    {name} " in out for name in NAMES)


def test_the_help_tells_defaults_and_limits() -> None:
    """What it says is what the configuration does; groups make it readable."""
    config = load_config()
    for sub in cli.build_parser()._subparsers._group_actions[0].choices.values():  # type: ignore[union-attr]
        for action in sub._actions:
            if action.dest not in SETTINGS:
                continue
            group, key = SETTINGS[action.dest].split(".")
            default = getattr(getattr(config, group), key)
            told = re.search(r"\(default: ([^,) ]+)", action.help or "")
            assert told, f"{action.dest} has no default in its help"
            if isinstance(default, int | float | str):
                assert told[1] == (default if isinstance(default, str) else f"{default:g}")
            limits = re.search(r"(-?[\d.]+) to ([\d.]+)(?![\d^])", (action.help or "").split("(")[0])
            if limits and action.dest not in ("seed", "start_pose"):
                for number, fine in ((float(limits[1]), True), (float(limits[2]), True), (float(limits[2]) + 1, False)):
                    value = type(default)(number) if default is not None else number
                    value = int(value) if action.type is int else value
                    context = contextlib.nullcontext() if fine else pytest.raises(InputError)
                    with context:
                        load_config(**{f"{group}__{key}": value})


def test_the_help_tells_how_many_samples(capsys: pytest.CaptureFixture[str]) -> None:
    from talkinghead.animation import MOST_SAMPLES

    with pytest.raises(SystemExit):
        cli.main(["animate", "--help"])
    assert f"write N files, 1 to {MOST_SAMPLES}," in " ".join(capsys.readouterr().out.split())


def test_nothing_at_all_is_answered_with_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert all(f"    {name} " in captured.out for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([name, "--help"])
    assert caught.value.code == 0
    assert "--debug" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--quiet"], "no option --quiet"),
        (["dance"], "invalid choice: 'dance'"),
        (["generate", "--photo", "x.jpg"], "is required|are required"),
        (
            ["generate", "--photo", "p", "--audio", "a", "--text", "t", "--output", "o"],
            "either a recording .*, not both",
        ),
        (
            ["generate", "--photo", "p", "--output", "o.mp4"],
            r"Give a recording \(--audio FILE\) or words to say \(--text W",
        ),
        (["generate", "--photo", "p", "--audio", "a", "--output", "o.mp4", "--fps", "many"], "invalid float value"),
        (
            ["generate", "--photo", "p", "--audio", "a", "--output", "o.mp4", "--speed"],
            r"no option --speed \(did you mean --seed\?\); see talkinghead generate --help",
        ),
        (["generate", "--xyzzy=1"], "no option --xyzzy; see talkinghead generate --help"),
        (["generate", "--photo", "p", "--audio", "a", "--output", "o.mp4", "-z"], "unexpected -z; see talkinghead gen"),
        (["doctor", "now"], "unexpected now; see talkinghead doctor --help"),
        (["--versoin", "generate"], r"did you mean --version\?\); see talkinghead --help"),
        (
            ["generate", "--phot", "p", "--audio", "a", "--output", "o.mp4"],
            r"no option --phot \(did you mean --photo\?\)",
        ),
        (
            ["generate", "--photo", "p", "--audio", "a", "--output", "o.mp4", "--fps", "0"],
            "error: --fps must be from 1 to 120",
        ),
        (["generate", "--photo", "p", "--audio", "a", "--output", "o.mp4", "--size", "-5"], "error: --size must be"),
        (
            ["animate", "a", "--output", "o.mp4", "--head-motion", "9"],
            "error: --head-motion must be from 0 to 3, got 9",
        ),
        (["animate", "a", "--output", "o.mp4", "--set", "video.fps=0", "--seed", "1"], "error: video.fps must be"),
        (["animate", "--output", "o.safetensors"], r"Give a recording \(a file with sound\) or words"),
        (["animate", "a.wav", "--text", "hi", "--output", "o.safetensors"], "either .* or .*, not both"),
        (["render", "--parameters", "y", "--output", "o.mp4"], "--photo --mesh is required"),
        (["export", "y", "--format", "fbx", "--output", "o"], "invalid choice"),
    ],
)
def test_mistakes_are_one_sentence(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("talkinghead: error: ")
    assert re.search(words, lines[0], re.IGNORECASE)


def run_with(error: BaseException, monkeypatch: pytest.MonkeyPatch, *more: str) -> int:
    def fail(options: argparse.Namespace) -> int:
        raise error

    monkeypatch.setattr(generate, "run", fail)
    return cli.main(["generate", "--photo", "p", "--audio", "a", "--output", "o.mp4", *more])


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (InputError("The photo is a cat."), 2, "error: The photo is a cat."),
        (ZeroDivisionError("by\nzero"), 1, "ZeroDivisionError: by zero (run again with --debug"),
        (InstallationError("The model is damaged", "reinstall"), 1, "error: The model is damaged; reinstall."),
        (MemoryError(), 1, "MemoryError: no reason given"),
        (KeyboardInterrupt(), 130, "Interrupted"),
    ],
)
def test_exit_statuses(
    error: BaseException, status: int, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_with(error, monkeypatch) == status
    err = capsys.readouterr().err
    assert words in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("error", [InputError("x"), InstallationError("x", "y"), ZeroDivisionError()])
def test_debug_shows_the_traceback(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(type(error)):
        run_with(error, monkeypatch, "--debug")


@pytest.mark.parametrize(
    ("arguments", "joined"),
    [
        (["generate", "--photo", "-x.jpg", "--seed", "3"], ["generate", "--photo=-x.jpg", "--seed", "3"]),
        (["generate", "--photo", "--audio", "a"], ["generate", "--photo", "--audio", "a"]),
        (["generate", "--photo", "--audio=a"], ["generate", "--photo", "--audio=a"]),
        (["render", "--mesh", "-x"], ["render", "--mesh", "-x"]),
        (["generate", "--text", "- well"], ["generate", "--text=- well"]),
        (["animate", "--", "--photo", "-x"], ["animate", "--", "--photo", "-x"]),
        (["generate", "--photo"], ["generate", "--photo"]),
        (["generate", "--head-motion", "-1"], ["generate", "--head-motion=-1"]),
    ],
)
def test_names_that_begin_with_a_dash(arguments: list[str], joined: list[str]) -> None:
    assert cli.join_dashed_names(cli.build_parser(), arguments) == joined


def test_options_reach_the_configuration() -> None:
    from talkinghead.cli.commands.options import config_from

    line = "generate --photo p --audio a --output o.mp4 --seed 7 --fps 30 --size 256 --crop head --face-index 1 "
    line += "--head-motion 0.5 --expression-scale 2 --blink-rate 3 --device cuda --set video.crf=30"
    config = config_from(cli.build_parser().parse_args(line.split()))
    assert (config.general.seed, config.general.device) == (7, "cuda")
    assert (config.video.fps, config.video.size, config.video.crf) == (30.0, 256, 30)
    assert (config.photo.crop, config.photo.face_index) == ("head", 1)
    assert (config.motion.head_motion, config.motion.expression_scale, config.motion.blink_rate) == (0.5, 2.0, 3.0)


@pytest.mark.parametrize(
    ("given", "crop", "background", "color"),
    [
        ("", "none", "keep", "#00b140"),
        ("--crop", "head", "keep", "#00b140"),
        ("--crop none --background blur", "none", "blur", "#00b140"),
        ("--background color", "none", "color", "#00b140"),
        ("--background-color #0000ff", "none", "color", "#0000ff"),
        ("--background keep --background-color #0000ff", "none", "keep", "#0000ff"),
    ],
)
def test_what_is_around_the_person(given: str, crop: str, background: str, color: str) -> None:
    from talkinghead.cli.commands.options import config_from

    line = f"generate --photo p --audio a --output o.mp4 {given}"
    photo = config_from(cli.build_parser().parse_args(line.split())).photo
    assert (photo.crop, photo.background, photo.background_color) == (crop, background, color)


def test_it_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "talkinghead", "--version"]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
    assert result.stdout.startswith("talkinghead 0.")


def test_main_works_in_a_thread_and_puts_handlers_back() -> None:
    import signal
    import threading

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    statuses: list[int] = []
    command = ["animate", "missing.wav", "--output", "x.safetensors"]
    thread = threading.Thread(target=lambda: statuses.append(cli.main(command)))
    thread.start()
    thread.join()
    assert [*statuses, cli.main(command)] == [2, 2]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")
def test_closed_standard_error_is_no_failure() -> None:
    command = f"{sys.executable} -m talkinghead animate missing.wav --output x.safetensors 2>&-"
    result = subprocess.run(
        ["/bin/sh", "-c", command], cwd=Path(__file__).parents[3], stdout=subprocess.PIPE, check=False
    )
    assert (result.returncode, result.stdout) == (2, b"")


def test_home_is_expanded_but_not_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    seen: list[argparse.Namespace] = []
    monkeypatch.setattr("talkinghead.cli.commands.animate.run", lambda options: seen.append(options) or 0)
    assert cli.main(["animate", "--text", "~ is a tilde", "--output=~/x.safetensors"]) == 0
    assert (seen[0].text, Path(seen[0].output)) == ("~ is a tilde", tmp_path / "x.safetensors")
