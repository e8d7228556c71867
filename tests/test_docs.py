"""What the documents promise that a program can check: links, anchors, pictures, and commands that parse."""

from __future__ import annotations

import argparse
import re
import runpy
import shlex
import sys
from functools import cache
from pathlib import Path
from unittest import mock
from urllib.parse import unquote, urlparse

import pytest

from face3d.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
CARDS = [*(ROOT / "renderers/assets").glob("*.md"), *(ROOT / "talkinghead/assets").glob("*.md")]
CARDS += (ROOT / "face3d/assets").glob("*.md")
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "examples").glob("*.md"), *CARDS])
EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
WITHOUT_PARSER = {"demo.py", "test.py"}  # they hand their arguments on


def prose(page: Path) -> str:
    """Without blocks of code."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.sub(r"^    .*$", "", text, flags=re.M)


def anchors(page: Path) -> set[str]:
    """As GitHub makes them from headings."""
    headings = re.findall(r"^#+ +(.*?) *$", prose(page), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@EVERY_PAGE
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if urlparse(target).scheme:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / unquote(path)).resolve() if path else page
        assert file.exists(), f"{page.name} links to {target}"
        assert not anchor or anchor in anchors(file), f"{page.name} links to {target}; there is {sorted(anchors(file))}"


@EVERY_PAGE
def test_files_that_are_named_exist(page: Path) -> None:
    """Paths in code spans that begin with a folder of this repository."""
    folders = "docs|scripts|configs|tests|examples|face3d|renderers|talkinghead"
    for name in re.findall(rf"`((?:{folders})/[\w/.*-]+)`", prose(page)):
        assert list(ROOT.glob(name)), f"{page.name} names {name}"


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "README.md" or f"({page.name})" in index


class Parsed(BaseException):
    """Instead of going on with the arguments."""


@cache
def parser_of(script: str) -> argparse.ArgumentParser:
    """What a script reads its command line with: it is run until it would."""
    found: list[argparse.ArgumentParser] = []

    def parse_args(self: argparse.ArgumentParser, *_: object) -> None:
        found.append(self)
        raise Parsed

    path = ROOT / "scripts" / script
    with (
        mock.patch.object(argparse.ArgumentParser, "parse_args", parse_args),
        mock.patch.object(sys, "argv", [str(path)]),
        pytest.raises(Parsed),
    ):
        runpy.run_path(str(path), run_name="__main__")
    return found[0]


def options(parser: argparse.ArgumentParser) -> set[str]:
    """Of the parser and of its commands."""
    names = {name for action in parser._actions for name in action.option_strings}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                names |= options(command)
    return names


def commands(page: Path) -> list[str]:
    """Programs of ours with their arguments, in blocks of code and in spans."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"^ {4}(.*)$", text, flags=re.M)
    blocks += [
        line for block in re.findall(r"^```\w*\n(.*?)^```", text, flags=re.M | re.S) for line in block.split("\n")
    ]
    spans = re.findall(r"`([^`]+)`", prose(page))
    found, last = [], ""
    for line in [*blocks, *(span.replace("\n", " ") for span in spans)]:
        for part in re.split(r"&&|;", line.split("#")[0]):
            words = re.sub(r"^(\s*(time|python3?)\s+)?", "", part.strip())
            if match := re.match(r"(scripts/\w+\.py|talkinghead)(?=\s|$)", words):
                last = match[1]
                found.append(words)
            elif words.startswith("... ") and last:
                found.append(words.replace("...", last, 1))
    return found


@EVERY_PAGE
def test_commands_can_be_given(page: Path) -> None:
    """Whole ones parse; of those with something left out (`...`, or words alone) the options exist."""
    from talkinghead.cli.program import build_parser

    for command in commands(page):
        program, *words = shlex.split(command.replace("[", "").replace("]", ""))
        script = program.removeprefix("scripts/")
        assert program == "talkinghead" or (ROOT / program).is_file(), f"{page.name}: {command}"
        if script in WITHOUT_PARSER or not words:
            continue
        parser = build_parser() if program == "talkinghead" else parser_of(script)
        given = {word.split("=")[0] for word in words if word.startswith("--")}
        assert given <= options(parser) | {"--help"}, f"{page.name}: {command}"
        whole = not any(word.startswith("...") or word.endswith("...") for word in words) and "--help" not in words
        if whole and len(words) > 1:
            try:
                argparse.ArgumentParser.parse_args(parser, words)
            except (SystemExit, InputError):
                pytest.fail(f"{page.name}: {command}")
