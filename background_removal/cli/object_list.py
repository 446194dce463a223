"""From the options of the command line to custom objects."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import inspect
import logging
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from background_removal.cli.checks import is_live, shows, size_of
from background_removal.cli.settings_file import write_settings
from background_removal.effects.auto_frame import AutoFrame
from background_removal.effects.color_balance import ColorBalance
from background_removal.effects.defocus import Defocus
from background_removal.effects.effect import Effect
from background_removal.effects.low_light import LowLight
from background_removal.effects.plate import Logo, NamePlate
from background_removal.errors import InputError, describe_error
from background_removal.pipeline.actions import SAVE_LOOK, keys_of
from background_removal.pipeline.objects import CustomObject, FrameObject
from background_removal.segmentation import MPSegmentation

if TYPE_CHECKING:
    from background_removal.engine import Engine

log = logging.getLogger(__name__)


def build_objects(options: argparse.Namespace) -> list[CustomObject]:
    """Return the custom objects that the command line asks for, in order."""
    objects: list[CustomObject] = []
    # Keys and control switch on what was not asked for.
    keys = is_live(options) and (shows(options) or options.control is not None)
    # First: what is lifted is also found better, and what colour the light has is seen in what the camera gives.
    if options.low_light or keys:
        objects.append(LowLight(on=options.low_light))
    if options.color_balance or keys:
        objects.append(ColorBalance(on=options.color_balance))
    if not options.no_segmentation:
        objects.append(_segmentation(options))
    if options.defocus:
        objects.append(Defocus(options.blur))
    if options.auto_frame or keys:
        objects.append(AutoFrame(on=options.auto_frame))
    objects += [load_object(spec) for spec in options.object]
    if options.logo:
        objects.append(Logo(options.logo))
    if options.name:
        objects.append(NamePlate(options.name))
    return objects


def _segmentation(options: argparse.Namespace) -> MPSegmentation:
    return MPSegmentation(
        blur=options.blur,
        threshold=options.threshold,
        background="none" if options.defocus else options.background,
        model=options.model,
        edge_softness=options.edge_softness,
        light_wrap=options.light_wrap,
        runtime=options.runtime,
        device=options.device,
        quality=options.quality,
        model_size=size_of(options.model_size, "--model-size", "256x320"),
        model_input=options.model_input,
        model_output=options.model_output,
        people=options.people,
    )


def load_object(spec: str) -> CustomObject:
    """Return the custom object that ``FILE.py:NAME`` or ``package.module:NAME`` names.

    A class, or a function that takes no argument, is called to make the object.

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
        with _neighbours_first(os.path.dirname(os.path.abspath(where)) if is_file else os.getcwd()):
            module = _module_of_file(where) if is_file else importlib.import_module(where)
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


def _module_of_file(path: str) -> ModuleType:
    stem = os.path.splitext(os.path.basename(path))[0]
    found = importlib.util.spec_from_file_location(stem, path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[stem] = module
    found.loader.exec_module(module)
    return module


@contextmanager
def _neighbours_first(folder: str) -> Iterator[None]:
    """Let what lies in `folder` win over modules of ours with the same names, such as utils, while objects are made."""
    ours, theirs = Path(__file__).resolve().parent.parent, Path(folder).resolve()
    both = _modules_in(ours) & _modules_in(theirs) if ours != theirs else set()
    hidden = _take_out(both)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
        sys.path.append(folder)  # for what it imports later
        _take_out(both)
        sys.modules.update(hidden)


def _modules_in(folder: Path) -> set[str]:
    """Return the names of the modules and packages of a folder."""
    return {item.stem for item in folder.iterdir() if item.suffix == ".py" or (item / "__init__.py").is_file()}


def _take_out(names: set[str]) -> dict[str, ModuleType]:
    """Take the modules and packages of these names out of those that are loaded, and return them."""
    loaded = [name for name in sys.modules if name.partition(".")[0] in names]
    return {name: sys.modules.pop(name) for name in loaded}


def _takes_an_image(item: Any) -> bool:
    try:
        inspect.signature(item).bind(None)
    except TypeError:
        return False
    except ValueError:  # a built-in function without a signature
        return True
    return True


def found_person(objects: Iterable[CustomObject]) -> bool | None:
    """Tell whether the segmentation has found anybody; None where nobody was looked for."""
    return next((item.found_person for item in objects if isinstance(item, MPSegmentation)), None)


def warn_if_no_person(path: str, *found: bool | None) -> None:
    """Say that nobody is in a file if what `found_person` tells of it, or of its parts, is that."""
    if False in found and True not in found:
        log.warning("no person was found in %s", path)


# Settings of the segmentation that keys can change.
_WRITTEN = ("background", "blur", "threshold", "people")


class SettingsKey(FrameObject):
    """The key w: writes what the keys have changed to the file of --config.

    Args:
        path: The file; "" for none, which the key says then.
        engine: Whose look is written.
    """

    def __init__(self, path: str, engine: Engine) -> None:
        self._path = path
        self._engine = engine
        self.actions = (SAVE_LOOK,) if path else ()
        self.keys: Mapping[str, str] = keys_of(self.actions)

    def on_key(self, key: str) -> bool | str:
        if key != "w":
            return False
        if not self._path:
            return "w writes the look to the file of --config, which was not given"
        look: dict[str, Any] = {"flip": self._engine.flip_view}
        if self._engine.live.mirror_preview:  # which the key f has a part in
            look["mirror_preview"] = self._engine.mirror_preview or self._engine.flip_view
        for item in self._engine.custom_objects:
            if isinstance(item, MPSegmentation):
                look |= {name: getattr(item.look, name) for name in _WRITTEN}
            elif isinstance(item, Effect):
                look[item.name.replace("-", "_")] = item.on
        if any(isinstance(item, Defocus) for item in self._engine.custom_objects):
            look.pop("background", None)  # it stands in for the background
        write_settings(self._path, look)
        return f"written to {self._path}"
