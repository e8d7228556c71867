"""`talkinghead doctor`: what is installed, what is missing, how to get it."""

from __future__ import annotations

import argparse

NAME = "doctor"
HELP = "what is installed, what is missing, how to get it"
DESCRIPTION = "Check this machine; exit status 0 if the main job can run here, 1 if something it needs is missing."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No options of its own."""


def run(options: argparse.Namespace) -> int:
    """Check and print; returns the exit status."""
    from talkinghead.cli.installation import examine

    findings = examine()
    missing = [f for f in findings if not f.present and f.needed]
    for finding in findings:
        mark = "ok" if finding.present else "MISSING" if finding.needed else "not there"
        if options.quiet and mark != "MISSING":
            continue
        print(f"{mark:>9}  {finding.name}: {finding.detail}")
        if finding.mend:
            print(f"{'':>9}  -> {finding.mend}")
    if not options.quiet:
        print("Everything the main job needs is here." if not missing else f"{len(missing)} needed parts are missing.")
    return 1 if missing else 0
