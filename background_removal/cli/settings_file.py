"""Settings file: options in TOML, under their names on the command line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from background_removal.cli.request import SOURCES
from background_removal.cli.table import BY_NAME, Kind, Option
from background_removal.errors import InputError
from background_removal.files.saving.atomic import atomic_output
from background_removal.support import limits


def read_settings(path: str, with_source: bool = True) -> dict[str, Any]:
    """Return the options in the TOML file at `path`, by name; none if there is no such file yet.

    Args:
        path: The file.
        with_source: Whether sources are read; a source on the command line replaces them.

    Raises:
        InputError: it is not TOML, an option is unknown or of the wrong kind, or there are two sources.
    """
    if not os.path.exists(path):
        return {}
    values = {}
    for name, value in _load_document(path).unwrap().items():
        option = BY_NAME.get(name.replace("-", "_"))
        if option is None or not option.in_file:
            raise InputError(f"--config {path}: there is no option {name}")
        values[option.name] = _parse(option, value, f"--config {path}: {name}")
    sources = [name for name in SOURCES if name in values]
    if len(sources) > 1:
        raise InputError(f"--config {path}: {' and '.join(sources)} cannot both be processed; leave one")
    return {name: value for name, value in values.items() if with_source or name not in SOURCES}


def write_settings(path: str, changes: Mapping[str, str | float | bool]) -> None:
    """Write `changes` into the TOML file at `path`; everything else in it, comments included, is kept.

    Raises:
        InputError: the file cannot be read or written.
    """
    document = _load_document(path) if os.path.exists(path) else tomlkit.document()
    there = {name.replace("-", "_"): name for name in document}
    for name, value in changes.items():
        document[there.get(name, name.replace("_", "-"))] = value
    try:
        with atomic_output(path) as staged:
            Path(staged).write_text(tomlkit.dumps(document), encoding="utf-8")
    except OSError as error:
        raise InputError(f"--config {path}: cannot be written: {error}") from error


def _load_document(path: str) -> tomlkit.TOMLDocument:
    limits.check_regular_file(path, f"--config {path}")
    try:
        if os.path.getsize(path) > limits.MAX_SETTINGS_BYTES:
            raise InputError(f"--config {path}: is larger than any settings file")
        return tomlkit.parse(Path(path).read_text(encoding="utf-8-sig"))
    except InputError:
        raise
    except (OSError, ValueError, TOMLKitError) as error:
        raise InputError(f"--config {path}: {error}") from error


def _parse(option: Option, value: Any, where: str) -> Any:
    """Return a value as the command line's parser returns it."""
    if option.kind in (Kind.FLAG, Kind.SWITCH):
        if not isinstance(value, bool):
            raise InputError(f"{where} must be true or false")
        return value
    if option.alone is not None and value is True:
        return option.alone
    if option.kind in (Kind.VALUES, Kind.REPEATED):
        return [str(item) for item in (value if isinstance(value, list) else [value])]
    if isinstance(value, (bool, list, dict)):
        raise InputError(f"{where} must be one value")
    try:
        value = option.parse(str(value))
    except argparse.ArgumentTypeError as error:
        raise InputError(f"{where} {error}") from error
    except ValueError as error:
        raise InputError(f"{where} cannot be {value!r}") from error
    if option.choices and value not in option.choices:
        raise InputError(f"{where} must be one of {', '.join(option.choices)}")
    return value
