"""The entry of the command line: parse, run, and turn every error into one line and an exit code."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Mapping
from typing import Any, NoReturn

# Nothing heavy is imported at the top: --help should answer at once.
from background_removal.cli.lists import requested_lines
from background_removal.cli.messages import set_up_messages
from background_removal.cli.options import build_request, parse_options
from background_removal.cli.os_process import exit_process, fill_missing_streams, report_thread_errors
from background_removal.cli.request import SOURCES, Request
from background_removal.errors import BackgroundRemovalError, describe_error
from background_removal.support.stderr import silence_opencv
from background_removal.support.wording import escape_unprintable


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    fill_missing_streams()
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal's character set lacks is written as escapes instead of failing.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    arguments = sys.argv[1:] if argv is None else argv
    controls = arguments[:1] == ["control"]
    typed = parse_options([] if controls else arguments)
    request = Request(debug=typed.get("debug", False), quiet=typed.get("quiet", False))
    set_up_messages(request.debug, request.quiet)
    if not request.debug:
        silence_opencv()

    try:
        if controls:
            from background_removal.cli.control import control

            return control(arguments[1:], print)
        request = build_request(typed, _read_settings(typed))
        set_up_messages(request.debug, request.quiet)
        return _run(request)
    except KeyboardInterrupt as stop:
        if str(stop) and not request.quiet:
            print(f"stopped; {escape_unprintable(str(stop))}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of the output has ended; the work is done
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        return _report(error, request.debug)


def run_and_exit() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    exit_process(main())


def _run(request: Request) -> int:
    """Print the list that a request asks for, or do what it asks for; return the exit code."""

    def show(line: str) -> None:
        if not request.quiet:
            print(line, flush=True)

    lines = requested_lines(request)
    if lines is not None:
        for line in lines:
            show(line)
        return 0
    if request.segments_at_once and "background_removal.cli.run" not in sys.modules:
        # The rest of the program is imported meanwhile.
        from background_removal.matting.networks.ahead import load_ahead

        load_ahead(request.recipe.network)
    from background_removal.cli.run import run

    with report_thread_errors():
        return run(request, show)


def _read_settings(typed: Mapping[str, Any]) -> dict[str, Any]:
    if not typed.get("config"):
        return {}
    from background_removal.cli.settings_file import read_settings

    return read_settings(typed["config"], with_source=not any(name in typed for name in SOURCES))


def _report(error: Exception, debug: bool) -> int:
    """Print an error in one line, with --debug its traceback as well, and return the exit code."""
    if debug:
        traceback.print_exc()
    if isinstance(error, BackgroundRemovalError):
        from background_removal.cli.words import rename_parameters

        message, code = rename_parameters(str(error)), error.exit_code
    else:
        message, code = f"{describe_error(error)} (run with --debug to see where)", 1
    print(f"error: {escape_unprintable(message)}", file=sys.stderr)
    return code
