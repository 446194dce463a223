"""The action save-look: writes the look to the settings file."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from background_removal.cli.request import Request
from background_removal.cli.settings_file import read_settings, write_settings
from background_removal.effects.defocus import Defocus
from background_removal.effects.effect import Effect
from background_removal.pipeline.actions import SAVE_LOOK
from background_removal.pipeline.objects import FrameObject
from background_removal.segmentation import MPSegmentation

if TYPE_CHECKING:
    from background_removal.engine import Engine

log = logging.getLogger(__name__)

# Settings of the segmentation that keys can change.
_WRITTEN = ("background", "blur", "threshold", "people")
# Those of them that are written if they are used, or in the file already.
_WRITTEN_IF_USED = ("place", "shadow", "foreground")


def add_settings_key(engine: Engine, request: Request) -> None:
    """Add the key w to an engine that keys or actions reach."""
    if request.config and not os.path.exists(request.config):
        log.info("%s: there is no such file yet; the key w writes it", request.config)
    if request.shows or request.is_controlled:
        engine.custom_objects.append(SettingsKey(request.config or "", engine))


class SettingsKey(FrameObject):
    """Writes the settings that keys can change to the file of --config.

    Args:
        path: The file; "" for none.
        engine: The engine with the settings.
    """

    def __init__(self, path: str, engine: Engine) -> None:
        self._path = path
        self._engine = engine
        self.actions = (SAVE_LOOK.bind(self.save),) if path else ()

    def on_key(self, key: str) -> bool | str:
        if not self._path and key in SAVE_LOOK.keys:
            return "w writes the look to the file of --config, which was not given"
        return super().on_key(key)

    def save(self) -> str:
        """Write the settings; return the message."""
        look: dict[str, Any] = {"flip": self._engine.flip_view}
        if self._engine.live.mirror_preview:  # the action mirror changes it too
            look["mirror_preview"] = self._engine.mirror_preview or self._engine.flip_view
        for item in self._engine.custom_objects:
            if isinstance(item, MPSegmentation):
                now, there = item.look, read_settings(self._path)
                look |= {name: getattr(now, name) for name in _WRITTEN}
                used = {name: getattr(now, name) for name in _WRITTEN_IF_USED}
                look |= {name: value for name, value in used.items() if value or name in there}
            elif isinstance(item, Effect):
                look[item.name.replace("-", "_")] = item.on
        if any(isinstance(item, Defocus) for item in self._engine.custom_objects):
            look.pop("background", None)  # the effect replaces it
        write_settings(self._path, look)
        return f"written to {self._path}"
