"""Options that live in a TOML file, under the names that they have on the command line."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import storage
from errors import InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]

# What only makes sense on a command line.
_NOT_IN_FILES = frozenset({"help", "version", "config", "list_cameras"})


def read_config(path: str, parser: argparse.ArgumentParser) -> dict[str, Any]:
    """Return the options in the TOML file at `path`, for `parser.set_defaults`; none if there is no such file yet.

    Raises:
        InputError: it is not TOML, or an option is unknown or of the wrong kind.
    """
    if not os.path.exists(path):
        return {}
    try:
        found = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InputError(f"--config {path}: {error}") from error
    actions = {action.dest: action for action in parser._actions if action.dest not in _NOT_IN_FILES}
    values = {}
    for name, value in found.items():
        action = actions.get(name.replace("-", "_"))
        if action is None:
            raise InputError(f"--config {path}: there is no option {name}")
        values[action.dest] = _checked(action, value, f"--config {path}: {name}")
    return values


def write_config(path: str, changes: Mapping[str, str | float | bool]) -> None:
    """Put `changes` into the TOML file at `path`; other lines of it stay as they are.

    Raises:
        InputError: the file cannot be written, or is written in a way that this does not know.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines() if os.path.exists(path) else []
    except (OSError, ValueError) as error:
        raise InputError(f"--config {path}: {error}") from error
    left = dict(changes)
    for number, line in enumerate(lines):
        name = line.split("=")[0].strip().strip("\"'").replace("-", "_")
        if "=" in line and name in left:
            lines[number] = _line(name, left.pop(name))
    lines += [_line(name, value) for name, value in left.items()]
    text = "\n".join([*lines, ""])
    try:
        tomllib.loads(text)
        with storage.staged_output(path) as staged:
            Path(staged).write_text(text, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"--config {path}: cannot be written: {error}") from error


def _line(name: str, value: str | float | bool) -> str:
    # Strings, numbers and booleans are written in TOML as in JSON.
    return f"{name.replace('_', '-')} = {json.dumps(value, ensure_ascii=False)}"


def _checked(action: argparse.Action, value: Any, where: str) -> Any:
    """Return a value as the parser would have made it."""
    if action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction):
        if not isinstance(value, bool):
            raise InputError(f"{where} must be true or false")
        return value
    if action.nargs == "?" and value is True:
        return action.const
    many = action.nargs == "+" or isinstance(action, argparse._AppendAction)
    if many:
        value = value if isinstance(value, list) else [value]
        return [str(item) for item in value]
    if isinstance(value, (bool, list, dict)):
        raise InputError(f"{where} must be one value")
    try:
        value = action.type(str(value)) if callable(action.type) else str(value)
    except ValueError as error:
        raise InputError(f"{where} cannot be {value!r}") from error
    if action.choices is not None and value not in action.choices:
        raise InputError(f"{where} must be one of {', '.join(action.choices)}")
    return value
