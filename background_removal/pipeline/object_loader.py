"""Load custom objects by name: FILE.py:NAME or package.module:NAME."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from background_removal.errors import InputError, describe_error

if TYPE_CHECKING:
    from background_removal.pipeline.objects import CustomObject


def load_object(spec: str) -> CustomObject:
    """Return the custom object that ``FILE.py:NAME`` or ``package.module:NAME`` names.

    A class, or a function without required arguments, is called to make the object.

    Raises:
        InputError: there is no such file or name, it fails while loading, or it is not callable.
    """
    where, colon, name = spec.rpartition(":")
    if not colon or not where or not name:
        raise InputError(f"--object {spec}: must be FILE.py:NAME or package.module:NAME")
    is_file = where.endswith(".py")
    if is_file and not os.path.isfile(where):
        raise InputError(f"--object {spec}: no such file: {where}")
    try:
        with _imports_first_from(os.path.dirname(os.path.abspath(where)) if is_file else os.getcwd()):
            module = _import_file(where) if is_file else importlib.import_module(where)
            item: Any = getattr(module, name, None)
            if item is None:
                raise InputError(f"--object {spec}: there is no {name} in {where}")
            if inspect.isclass(item) or (callable(item) and not _takes_an_image(item)):
                item = item()
    except InputError:
        raise
    except (Exception, SystemExit) as error:  # a script that is no module ends by sys.exit
        raise InputError(f"--object {spec}: {describe_error(error)}") from error
    if not callable(item):
        raise InputError(f"--object {spec}: is not callable with an image")
    return cast("CustomObject", item)


def _import_file(path: str) -> ModuleType:
    stem = os.path.splitext(os.path.basename(path))[0]
    # A file may be named like a module that is loaded already, such as background_removal.
    name = stem if stem not in sys.modules else f"{stem} in {os.path.dirname(os.path.abspath(path))}"
    found = importlib.util.spec_from_file_location(name, path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    found.loader.exec_module(module)
    return module


@contextmanager
def _imports_first_from(folder: str) -> Iterator[None]:
    """Put `folder` first in the import path for the block, and last afterwards, for later imports of its objects."""
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
        sys.path.append(folder)


def _takes_an_image(item: Any) -> bool:
    try:
        inspect.signature(item).bind(None)
    except TypeError:
        return False
    except ValueError:  # a built-in function without a signature
        return True
    return True
