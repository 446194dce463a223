"""The entry of the command line: parse, run, and turn every error into one line and an exit code."""

from __future__ import annotations

import io
import os
import sys
import traceback
from typing import NoReturn

# Nothing heavy is imported up here: --help should answer at once.
from background_removal.cli.messages import set_up_messages
from background_removal.cli.options import SOURCES, build_parser
from background_removal.cli.os_process import exit_process, fill_missing_streams, report_thread_errors
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
    parser = build_parser()
    arguments = sys.argv[1:] if argv is None else argv
    controls = arguments[:1] == ["control"]
    options = parser.parse_args([] if controls else arguments)
    typed = [name for name, value in vars(options).items() if value != parser.get_default(name)]
    set_up_messages(options.debug, options.quiet)
    if not options.debug:
        silence_opencv()
    try:
        if controls:
            from background_removal.cli.control import control

            return control(arguments[1:], print)
        if options.config:
            from background_removal.cli.settings_file import read_settings

            told = any(getattr(options, name) not in (None, []) for name in SOURCES)
            parser.set_defaults(**read_settings(options.config, parser, with_source=not told))
            options = parser.parse_args(arguments)
            set_up_messages(options.debug, options.quiet)
        from background_removal.cli.run import run

        with report_thread_errors():
            return run(options, lambda path: options.quiet or print(path, flush=True), typed)
    except KeyboardInterrupt as stop:
        if str(stop) and not options.quiet:
            print(f"stopped; {escape_unprintable(str(stop))}", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read our output has gone; the work is done
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if options.debug:
            traceback.print_exc()
        expected = isinstance(error, BackgroundRemovalError)
        if expected:
            from background_removal.cli.words import rename_parameters

            message = rename_parameters(str(error))
        else:
            message = f"{describe_error(error)} (run with --debug to see where)"
        print(f"error: {escape_unprintable(message)}", file=sys.stderr)
        return error.exit_code if expected else 1
    return 0


def run_and_exit() -> NoReturn:
    """Run the command line and end the process with its exit code."""
    exit_process(main())
