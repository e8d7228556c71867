"""The command line. Imports nothing heavy: `talkinghead --help` must answer at once."""

from __future__ import annotations

import argparse
import difflib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

from face3d.errors import InputError, InstallationError, OutputError
from talkinghead import __version__
from talkinghead.cli.commands import COMMANDS

BAD_INPUT, OUR_FAILURE, INTERRUPTED = 2, 1, 130
SIGNAL_STATUS = 128  # plus the signal's number


class _Parser(argparse.ArgumentParser):
    """argparse, but a mistake is one sentence and not a page of usage."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:].rstrip('.')}; see {self.prog} --help.")

    # Each command's own parser reports what it does not know: left to argparse, the outermost one would, with its help.
    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self._check_names(sys.argv[1:] if args is None else args)
        namespace, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unexpected {' '.join(unknown)}")
        return namespace, unknown

    def _check_names(self, arguments: Sequence[str]) -> None:
        """Report a misspelt long option, before what it seems to leave out is reported as missing."""
        for argument in arguments:
            # What follows a command's name is for that command's parser.
            if argument == "--" or (self._subparsers is not None and not argument.startswith("-")):
                return
            name = argument.split("=")[0]
            if name.startswith("--") and name not in self._option_string_actions:
                close = difflib.get_close_matches(name, self._option_string_actions, 1)
                self.error(f"there is no option {name}" + (f" (did you mean {close[0]}?)" if close else ""))


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = _Parser(
        prog="talkinghead",
        description="Turn one photo and a voice recording into a talking video.",
        epilog="talkinghead COMMAND --help lists a command's options; talkinghead doctor checks this machine.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"talkinghead {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Parser)
    for command in COMMANDS:
        sub = commands.add_parser(command.NAME, help=command.HELP, description=command.DESCRIPTION, allow_abbrev=False)
        command.add_arguments(sub)
        sub.add_argument("--quiet", action="store_true", help="say nothing but errors")
        sub.add_argument("--debug", action="store_true", help="show the traceback of an error")
        sub.set_defaults(run=command.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0; 2 for bad input; 1 for a failure of ours or an output that cannot be written; 130 after Ctrl-C. SIGTERM and
        SIGHUP end the program with 143 and 129.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    _mend_standard_streams()
    with _signals():
        return _run(arguments)


def _run(arguments: list[str]) -> int:
    debug = "--debug" in arguments
    try:
        parser = build_parser()
        if not arguments:
            parser.print_help()
            return 0
        options = parser.parse_args(join_dashed_names(parser, arguments))
        _expand_home(options)
        _configure_log(options.quiet)
        result: int = options.run(options)
        return result
    except InputError as error:
        if debug:
            raise
        return _complain(str(error), BAD_INPUT)
    except (InstallationError, OutputError) as error:
        if debug:
            raise
        return _complain(str(error), OUR_FAILURE)
    except KeyboardInterrupt as error:  # a command whose work can be resumed says so
        return _complain(str(error) or "Interrupted; nothing was left behind.", INTERRUPTED)
    except BrokenPipeError:  # the reader of our output went away: nobody is left to complain to
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OUR_FAILURE
    except Exception as error:
        if debug:
            raise
        reason = " ".join(str(error).split()).rstrip(".") or "no reason given"
        return _complain(f"{type(error).__name__}: {reason} (run again with --debug for details).", OUR_FAILURE)


def _expand_home(options: argparse.Namespace) -> None:
    """`~` is the home folder also where a shell leaves it alone, as in `--output=~/x.mp4`; words to say stay."""
    for name, value in vars(options).items():
        if name == "text":
            continue
        if isinstance(value, str):
            setattr(options, name, os.path.expanduser(value))
        elif isinstance(value, list):
            setattr(options, name, [os.path.expanduser(v) if isinstance(v, str) else v for v in value])


def join_dashed_names(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> list[str]:
    """Let an option's value begin with a dash: `--photo -x.jpg` becomes `--photo=-x.jpg`, if `-x.jpg` is no option."""
    takes_value: set[str] = set()
    known: set[str] = set()
    for each in [parser, *_subparsers(parser)]:
        for action in each._actions:
            known.update(action.option_strings)
            if action.nargs is None:
                takes_value.update(action.option_strings)
    joined: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            return [*joined, argument, *rest]
        if argument in takes_value:
            value = next(rest, None)
            if value is not None and value.startswith("-") and value.split("=")[0] not in known:
                joined.append(f"{argument}={value}")
                continue
            joined.append(argument)
            if value is not None:
                joined.append(value)
        else:
            joined.append(argument)
    return joined


def _subparsers(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    actions = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    return [sub for action in actions for sub in action.choices.values()]


def _configure_log(quiet: bool) -> None:
    """What the packages tell the user goes to standard error, one line each."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("talkinghead: note: %(message)s"))
    for name in ("talkinghead", "face3d", "renderers"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.ERROR if quiet else logging.INFO)


def _complain(message: str, status: int) -> int:
    print(f"talkinghead: error: {message}", file=sys.stderr)
    return status


@contextmanager
def _signals() -> Iterator[None]:
    """Let signals that end us unwind the with blocks, which remove what is half done.

    Python allows that in the main thread only; in another one, as in a program that calls us, its handlers stay.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A script's background job and nohup start us with SIGINT ignored; who sends it to us nevertheless means it.
    handlers: dict[int, Callable[[int, FrameType | None], Any]] = {signal.SIGINT: signal.default_int_handler}
    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        number = getattr(signal, name, None)
        # nohup has asked that a closed terminal does not end us.
        if number is not None and not (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
            handlers[number] = _terminate
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:  # not set by Python
                signal.signal(number, handler)


def _terminate(signum: int, frame: FrameType | None) -> NoReturn:
    # An exception unwinds the with blocks, which remove temporary files.
    raise SystemExit(SIGNAL_STATUS + signum)


def _mend_standard_streams() -> None:
    """Streams that a caller has closed go nowhere, and names that a terminal's encoding lacks are written escaped."""
    for number in range(3):  # in order: an opened file gets the lowest free number
        try:
            os.fstat(number)
        except OSError:
            # Otherwise the next file opened, perhaps our output, would become standard error.
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for the rest of the run
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as above
    if getattr(sys.stdout, "errors", None) == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
