"""Completion of the options in a shell, by shtab."""

from __future__ import annotations

from typing import Any

from background_removal.cli.options import build_parser
from background_removal.cli.table import OPTIONS
from background_removal.errors import InputError

_FILES = ("FILE", "PATH", "PNG", "SPEC", "FILE.pem", "FILE.toml", "FILE.py:NAME")
_FOLDERS = ("FOLDER",)


def completion_script(shell: str) -> str:
    """Return the script that completes options in a shell.

    Raises:
        InputError: shtab is not installed.
    """
    try:
        import shtab
    except ImportError as error:
        raise InputError("--print-completion needs an extra package: python -m pip install shtab") from error
    parser = build_parser()
    metavars = {option.name: option.metavar for option in OPTIONS}
    for action in parser._actions:
        completed: Any = action
        if metavars.get(action.dest) in _FILES:
            completed.complete = shtab.FILE
        elif metavars.get(action.dest) in _FOLDERS:
            completed.complete = shtab.DIRECTORY
    return shtab.complete(parser, shell)
