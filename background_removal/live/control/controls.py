"""Who uses keys and actions, in order, and what the keys of the stream itself do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from background_removal.errors import BackgroundRemovalError, InputError, ProcessingError, Stopped
from background_removal.files.video.formats import Encoding
from background_removal.live.options import LiveOptions
from background_removal.pipeline import actions
from background_removal.pipeline.actions import Action, actions_of, keys_of, named, perform, status_of
from background_removal.pipeline.objects import name_of


class Control(Protocol):
    """Something that uses keys: the custom objects, recordings, snapshots.

    Attributes:
        alters: Whether a key that it uses changes what becomes of a frame.
    """

    alters: bool

    @property
    def keys(self) -> Mapping[str, str]:
        """What its keys do, for the list of them."""
        ...

    @property
    def signs(self) -> Sequence[str]:
        """What is to be seen of it for as long as it lasts, in short words: "frozen"."""
        ...

    def on_key(self, key: str) -> bool | str:
        """Use a key; return whether it did, or what to say of it."""
        ...


class EngineState(Protocol):
    """Whose stream is shown: the engine. The keys f and space change it."""

    flip_view: bool
    mirror_preview: bool
    frozen: bool
    live: LiveOptions
    encoding: Encoding


class StreamKeys:
    """What changes the stream itself: it is mirrored, and frozen.

    Where the window alone was asked to be mirrored, the key goes on from that to not at all, and to the result.

    Args:
        engine: What is changed.
        live: Whether the stream comes from a camera; others are not frozen.
    """

    actions: Sequence[Action] = (actions.FREEZE, actions.MIRROR)
    keys: Mapping[str, str] = keys_of(actions)
    alters = True

    def __init__(self, engine: EngineState, live: bool) -> None:
        self._engine = engine
        self._live = live
        engine.frozen = False
        self._window_alone = live and engine.live.mirror_preview
        engine.mirror_preview = self._window_alone

    @property
    def signs(self) -> Sequence[str]:
        return ("frozen",) if self._engine.frozen else ()

    def on_key(self, key: str) -> bool | str:
        if key == "f":
            return self._mirror()
        if key != " ":
            return False
        if not self._live:
            return "only cameras are frozen"
        self._engine.frozen = not self._engine.frozen
        return "frozen" if self._engine.frozen else "going on"

    def _mirror(self) -> str:
        engine = self._engine
        if engine.mirror_preview and not engine.flip_view:
            engine.mirror_preview = False
            return "not mirrored"
        engine.flip_view = not engine.flip_view
        if engine.flip_view:
            return "mirrored"
        engine.mirror_preview = self._window_alone
        return "mirrored for you alone" if engine.mirror_preview else "not mirrored"

    def status(self) -> dict[str, Any]:
        engine = self._engine
        mirrored = "all" if engine.flip_view else "preview" if engine.mirror_preview else "none"
        return {"freeze": engine.frozen, "mirror": mirrored}


class Controls:
    """Those who use keys and actions, in order.

    Args:
        controls: Who uses keys.
        objects: Custom objects, which may have actions; they come first.
    """

    def __init__(self, controls: Sequence[Control] = (), objects: Sequence[object] = ()) -> None:
        self._controls = controls
        self._actors = [item for item in (*objects, *controls) if actions_of(item)]

    @property
    def rows(self) -> list[tuple[str, str]]:
        """The list of keys: what is typed, and what it does."""
        return [row for control in self._controls for row in control.keys.items()]

    def offer(self, key: str) -> tuple[bool | str, bool]:
        """Offer a key to one after another until one uses it; a capital that nobody uses counts as the small letter.

        Returns:
            Whether it was used, or what to say of it; and whether that alters what becomes of frames.

        Raises:
            Stopped: it ends the run.
        """
        if key.lower() in actions.QUIT.keys:
            raise Stopped
        # With Caps Lock on all letters are capitals, and Qt's window cannot tell the two apart.
        for each in dict.fromkeys((key, key.lower())):
            for control in self._controls:
                answer = control.on_key(each)
                if answer:
                    return answer, control.alters
        return False, False

    def act(self, name: str, argument: str = "") -> bool | str:
        """Do an action by its name.

        Returns:
            Whether it was done, or what to say of it.

        Raises:
            InputError: there is no such action, or it takes something else after its name.
            ProcessingError: a custom object failed.
            Stopped: it ends the run.
        """
        if name in actions.QUIT.names:
            raise Stopped
        if name == "key":
            key = next(
                (key for key, called in actions.KEY_NAMES.items() if called.lower() == argument.lower()), argument
            )
            if not key:
                raise InputError("key: must be followed by a key, as it is typed in the window: key a, key space")
            answer = self.offer(key)[0]
            if not answer:
                raise InputError(f"key {argument}: nothing uses it")
            return answer
        actor = next((item for item in self._actors if named(actions_of(item), name)), None)
        if actor is None:
            known = "it needs what this run has not (a window, a virtual camera, …)" if named(actions.ALL, name) else ""
            raise InputError(f"{name}: {known or 'there is no such action'}; there are: {', '.join(self.names)}")
        try:
            return perform(actor, name, argument)  # pyright: ignore[reportArgumentType]
        except BackgroundRemovalError:
            raise
        except Exception as error:
            raise ProcessingError(
                f"custom object {name_of(actor)} failed on {name}: {type(error).__name__}: {error}"
            ) from error

    @property
    def actions(self) -> list[Action]:
        """All actions that there are."""
        return [*(action for item in self._actors for action in actions_of(item)), actions.QUIT]

    @property
    def names(self) -> list[str]:
        """What they are called."""
        return [*dict.fromkeys(name for action in self.actions for name in action.names), "key"]

    def status(self) -> dict[str, Any]:
        """Return what there is to tell of all; of two who tell the same, the first counts."""
        told: dict[str, Any] = {}
        for item in self._actors:
            told = {**status_of(item), **told}
        return told
