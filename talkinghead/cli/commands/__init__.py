"""One module for each command: NAME, HELP, DESCRIPTION, add_arguments(parser) and run(options) -> exit status."""

from __future__ import annotations

from talkinghead.cli.commands import animate, convert, doctor, drive, export, fit, generate, render

COMMANDS = (generate, drive, fit, animate, render, export, convert, doctor)
