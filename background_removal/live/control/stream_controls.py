"""The actions of the stream itself: mirror and freeze."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from background_removal.files.video.formats import Encoding
from background_removal.live.options import LiveOptions
from background_removal.pipeline.actions import FREEZE, MIRROR, Action, Actor


class EngineState(Protocol):
    """State of the engine that actions change."""

    flip_view: bool
    mirror_preview: bool
    frozen: bool
    live: LiveOptions
    encoding: Encoding


class StreamControls(Actor):
    """Mirrors and freezes the stream.

    Where only the preview is mirrored at first, the action goes on from that to not mirrored, and to a mirrored result.

    Args:
        engine: The engine of the stream.
        live: Whether the stream comes from a camera; others are not frozen.
    """

    def __init__(self, engine: EngineState, live: bool) -> None:
        self._engine = engine
        self._live = live
        engine.frozen = False
        self._preview_only = live and engine.live.mirror_preview
        engine.mirror_preview = self._preview_only

    @property
    def actions(self) -> Sequence[Action]:
        return FREEZE.bind(self.freeze, lambda: self._engine.frozen), MIRROR.bind(self.mirror)

    @property
    def badges(self) -> Sequence[str]:
        return ("frozen",) if self._engine.frozen else ()

    def freeze(self, on: bool) -> str:
        """Freeze the stream, or let it go on; return the message."""
        if not self._live:
            return "only cameras are frozen"
        self._engine.frozen = on
        return "frozen" if on else "going on"

    def mirror(self) -> str:
        """Go on to the next way of mirroring; return the message."""
        engine = self._engine
        if engine.mirror_preview and not engine.flip_view:
            engine.mirror_preview = False
            return "not mirrored"
        engine.flip_view = not engine.flip_view
        if engine.flip_view:
            return "mirrored"
        engine.mirror_preview = self._preview_only
        return "mirrored for you alone" if engine.mirror_preview else "not mirrored"

    def status(self) -> Mapping[str, Any]:
        engine = self._engine
        mirrored = "all" if engine.flip_view else "preview" if engine.mirror_preview else "none"
        return {"freeze": engine.frozen, "mirror": mirrored}
