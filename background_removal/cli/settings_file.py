"""Options that live in a TOML file, under the names that they have on the command line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from background_removal.cli.options import SOURCES
from background_removal.errors import InputError
from background_removal.files.saving.atomic import atomic_output
from background_removal.support import limits

# What only makes sense on a command line.
_NOT_IN_FILES = frozenset({"help", "version", "config", "list_cameras", "list_microphones", "list_backgrounds"})


def read_settings(path: str, parser: argparse.ArgumentParser, with_source: bool = True) -> dict[str, Any]:
    """Return the options in the TOML file at `path`, for `parser.set_defaults`; none if there is no such file yet.

    Args:
        path: The file.
        parser: Knows the options.
        with_source: Whether what is to be processed counts, which it does not where the command line says that.

    Raises:
        InputError: it is not TOML, an option is unknown or of the wrong kind, or two say what is to be processed.
    """
    if not os.path.exists(path):
        return {}
    actions = {action.dest: action for action in parser._actions if action.dest not in _NOT_IN_FILES}
    values = {}
    for name, value in _document(path).unwrap().items():
        action = actions.get(name.replace("-", "_"))
        if action is None:
            raise InputError(f"--config {path}: there is no option {name}")
        values[action.dest] = _checked(action, value, f"--config {path}: {name}")
    sources = [name for name in SOURCES if name in values]
    if len(sources) > 1:
        raise InputError(f"--config {path}: {' and '.join(sources)} cannot both be processed; leave one")
    return {name: value for name, value in values.items() if with_source or name not in SOURCES}


def write_settings(path: str, changes: Mapping[str, str | float | bool]) -> None:
    """Put `changes` into the TOML file at `path`; all else in it, and its comments, stay as they are.

    Raises:
        InputError: the file cannot be read or written.
    """
    document = _document(path) if os.path.exists(path) else tomlkit.document()
    there = {name.replace("-", "_"): name for name in document}
    for name, value in changes.items():
        document[there.get(name, name.replace("_", "-"))] = value
    try:
        with atomic_output(path) as staged:
            Path(staged).write_text(tomlkit.dumps(document), encoding="utf-8")
    except OSError as error:
        raise InputError(f"--config {path}: cannot be written: {error}") from error


def _document(path: str) -> tomlkit.TOMLDocument:
    limits.check_regular_file(path, f"--config {path}")
    try:
        if os.path.getsize(path) > limits.MAX_SETTINGS_BYTES:
            raise InputError(f"--config {path}: is larger than any settings file")
        return tomlkit.parse(Path(path).read_text(encoding="utf-8-sig"))
    except InputError:
        raise
    except (OSError, ValueError, TOMLKitError) as error:
        raise InputError(f"--config {path}: {error}") from error


def _checked(action: argparse.Action, value: Any, where: str) -> Any:
    """Return a value as the parser would have made it."""
    if action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction):
        if not isinstance(value, bool):
            raise InputError(f"{where} must be true or false")
        return value
    if action.nargs == "?" and value is True:
        return action.const
    many = action.nargs in ("+", "*") or isinstance(action, argparse._AppendAction)
    if many:
        value = value if isinstance(value, list) else [value]
        return [str(item) for item in value]
    if isinstance(value, (bool, list, dict)):
        raise InputError(f"{where} must be one value")
    try:
        value = action.type(str(value)) if callable(action.type) else str(value)
    except argparse.ArgumentTypeError as error:
        raise InputError(f"{where} {error}") from error
    except ValueError as error:
        raise InputError(f"{where} cannot be {value!r}") from error
    if action.choices is not None and value not in action.choices:
        raise InputError(f"{where} must be one of {', '.join(action.choices)}")
    return value
