"""The contract of a custom object, and the chain that every frame goes through.

A custom object is any callable that takes an image and returns one. `FrameObject` describes the contract and all
optional methods: subclass it for an editor and a type checker to help, or merely imitate it.

Objects that misbehave, in any method:

- Raising, calling sys.exit or returning no image ends the run with ProcessingError, which names the object and the
  frame; no file is written. KeyboardInterrupt counts as Ctrl-C.
- Another image size than before: images, a window and recordings take it; a video file ends as above.
- An object may keep an image or return the same array again, and change it once it is called again, not earlier.
- Blocking blocks the run. A second Ctrl-C interrupts it and ends the run.
- Threads that it starts it ends in `close`. An exception in one is reported and ends nothing. The command line waits
  five seconds for those that are left, then reports them and ends.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, cast

import numpy as np

from background_removal.errors import BackgroundRemovalError, InputError, ProcessingError, describe_error
from background_removal.pipeline.actions import Action, Actor, Answer, find_by_key, keys_of, run_key, states_of
from background_removal.pipeline.frame import Frame, Planes, StreamInfo, to_image
from background_removal.pipeline.planes import describe_picture_problem

log = logging.getLogger(__name__)


class CustomObject(Protocol):
    """A callable from image to image; everything else in `FrameObject` is optional."""

    def __call__(self, image: np.ndarray, /) -> np.ndarray:
        """Process one image; see `FrameObject.__call__`."""
        ...


class FrameObject:
    """A custom object with every optional method of the contract, each doing nothing; override what you need.

    The methods are looked up once, when a stream begins, and called only if they take the arguments given here: other
    attributes with such a name are left alone.

    Attributes:
        keys: Rows for the list of keys in the window: ``{"x": "what it does"}``; without it they are made of `actions`.
        actions: Actions by name, for `python main.py control` and for keys. One without `run` is done by `on_key` or
            `on_action`.
        makes_alpha: Whether results have an alpha channel, (H, W, 4), at least for some frames.
        lookahead: Number of later frames of a video file that `foresee` gets before a frame is processed.
        badges: Short texts that the window shows while a state lasts.
    """

    keys: Mapping[str, str] = {}
    actions: Sequence[Action] = ()
    makes_alpha: bool = False
    lookahead: int = 0
    badges: Sequence[str] = ()

    def meet(self, objects: Sequence[object]) -> None:
        """Get to know the other objects; called first of all, with all custom objects in order."""

    def open(self, info: StreamInfo) -> None:
        """Begin a stream."""

    def at(self, seconds: float) -> None:
        """Receive the presentation time of the next frame, in seconds from the beginning of the stream."""

    def foresee(self, picture: Any, seconds: float) -> None:
        """Look at a frame of a video file that will be processed later, after `lookahead` others.

        It is called for each processed frame, in order; the last frames have fewer later ones, or none.

        Args:
            picture: The very object that is processed later, not to be changed before: uint8 (H, W, 3) or (H, W, 4);
                for an object that has `on_planes` it may be planes.
            seconds: Its presentation time; `at` still announces the frame to be processed next.
        """

    def __call__(self, image: np.ndarray, /) -> np.ndarray:
        """Process one image.

        Args:
            image: uint8 (H, W, 3), blue green red, contiguous; (H, W, 4) after an object that makes transparency. It
                may be drawn on.

        Returns:
            uint8 (H, W, 3) or (H, W, 4), of any size.
        """
        return image

    def on_planes(self, planes: Planes) -> Planes | np.ndarray:
        """Process one frame in a codec's planes, instead of `__call__`.

        Frames of a video then need no conversion to BGR and back: faster, and exact where nothing changes.

        Args:
            planes: Not to be written into. `planes.image` is the frame as an image.

        Returns:
            Planes of the same size, or an image.
        """
        return planes

    def moved(self, picture: np.ndarray) -> np.ndarray:
        """Apply the last frame's change of geometry to `picture`, uint8 (H, W, 3), so that a matte moves along."""
        return picture

    def matte_picture(self) -> np.ndarray | None:
        """Return the matte of the last frame, uint8 (H, W, 3) of the result's size; None if there is none."""
        return None

    def room_picture(self) -> np.ndarray | None:
        """Return the background of the last frame, without people, uint8 (H, W, 3); None if there is none."""
        return None

    def view(self, picture: Any) -> Any:
        """Return the preview: an image for the window only, in place of the result.

        Args:
            picture: The result, not to be changed: uint8 (H, W, 3) BGR or (H, W, 4) BGRA; for an object that has
                `on_planes` it may be planes.

        Returns:
            The same, or another image.
        """
        return picture

    def on_key(self, key: str) -> Answer:
        """Use a key that was typed in the window; without an override the key's action in `actions` is done.

        Returns:
            Whether the key was used; a text is shown in the window for a moment.
        """
        return run_key(self.actions, key.lower())

    def on_action(self, name: str, argument: str) -> Answer:
        """Do one of the `actions` that have no `run`, with an argument; without one its key comes to `on_key`."""
        return False

    def status(self) -> Mapping[str, Any]:
        """Return values by name for `python main.py control status`, for an object with `actions`."""
        return states_of(self.actions)

    def on_click(self, x: float, y: float) -> Answer:
        """Use a click into the window, at these shares of the result's width and height; returns as `on_key`."""
        return False

    def on_mark(self, x: float, y: float) -> Answer:
        """Use a click with Ctrl into the window; see `on_click`."""
        return False

    def on_drag(self, across: float, down: float) -> Answer:
        """Use a movement of the pressed pointer, in shares of the result's width and height; returns as `on_key`."""
        return False

    def on_wheel(self, notches: float) -> Answer:
        """Use a turn of the wheel over the picture, positive away from the user; returns as `on_key`."""
        return False

    def close(self) -> None:
        """End the stream, for whatever reason it ends."""


def _optional_methods() -> dict[str, int]:
    """Return the optional methods of the contract, and the number of arguments of each."""
    functions = inspect.getmembers(FrameObject, inspect.isfunction)
    return {name: len(inspect.signature(each).parameters) - 1 for name, each in functions if name != "__call__"}


_ARGUMENT_COUNTS = _optional_methods()
# Methods for the pointer, and what they are called on.
_POINTER = {"on_click": "a click", "on_mark": "a click with Ctrl", "on_drag": "a drag", "on_wheel": "the wheel"}


class ObjectAdapter(Actor):
    """One custom object, its optional methods looked up once; errors name the object.

    Args:
        item: The object.

    Raises:
        InputError: it cannot be called.
    """

    def __init__(self, item: CustomObject) -> None:
        if not callable(item):
            raise InputError(f"custom object {name_of(item)}: must be callable with an image")
        self.item = item
        self._methods = {name: optional_method(item, name) for name in _ARGUMENT_COUNTS}

    @property
    def takes_planes(self) -> bool:
        """Whether the object processes planes without conversion to an image."""
        return self._methods["on_planes"] is not None

    @property
    def makes_alpha(self) -> bool:
        """Whether results have an alpha channel."""
        return getattr(self.item, "makes_alpha", False) is True

    @property
    def lookahead(self) -> int:
        """Number of later frames of a video file that the object wants to see."""
        count = getattr(self.item, "lookahead", 0)
        return count if isinstance(count, int) and count > 0 and self._methods["foresee"] is not None else 0

    @property
    def badges(self) -> Sequence[str]:
        given = getattr(self.item, "badges", ())
        return [text for text in given if isinstance(text, str)] if isinstance(given, (list, tuple)) else ()

    def call(self, name: str, failure: str, *arguments: Any) -> Any:
        """Call an optional method.

        Args:
            name: Name of the method.
            failure: Goes into the error after the object's name.
            *arguments: Of the method.

        Returns:
            Its result; None if the object has no such method.

        Raises:
            ProcessingError: the method raised.
        """
        method = self._methods[name]
        if method is None:
            return None
        with _named_errors(self.item, failure):
            return method(*arguments)

    def process(self, picture: np.ndarray | Planes, where: str) -> np.ndarray | Planes:
        """Process one frame, an image or planes; `where` names it in errors."""
        on_planes = self._methods["on_planes"]
        with _named_errors(self.item, f"failed{where}"):
            if not isinstance(picture, Planes):
                result = self.item(picture)
            elif on_planes is not None:
                result = on_planes(picture)
            else:
                result = self.item(picture.image)
        if problem := describe_picture_problem(result):
            raise ProcessingError(f"custom object {name_of(self.item)} returned {problem}{where}")
        return result if isinstance(result, Planes) else np.require(result, requirements=["C", "W"])

    def view(self, picture: np.ndarray | Planes) -> np.ndarray | Planes:
        """Return the preview that the window shows in place of a result."""
        view = self._methods["view"]
        if view is None:
            return picture
        with _named_errors(self.item, "failed on what the window shows"):
            picture = view(picture if self.takes_planes else to_image(picture))
            if problem := describe_picture_problem(picture):
                raise TypeError(f"it returned {problem}")
        return picture

    @property
    def actions(self) -> Sequence[Action]:
        """The object's actions, each bound to the method that does it."""
        return [*self._own_actions, *self._old_actions]

    @cached_property
    def _own_actions(self) -> list[Action]:
        """The object's actions that have a function of their own."""
        return [self._name_errors(action) for action in self._given_actions() if action.run is not None]

    @cached_property
    def _old_actions(self) -> list[Action]:
        """The others, which are done by `on_key` and `on_action`."""
        others = [action for action in self._given_actions() if action.run is None]
        return [self._name_errors(self._bind(each)) for action in others for each in _split(action)]

    def _given_actions(self) -> list[Action]:
        given = getattr(self.item, "actions", ())
        return [each for each in given if isinstance(each, Action)] if isinstance(given, Sequence) else []

    @property
    def keys(self) -> Mapping[str, str]:
        keys = getattr(self.item, "keys", None)
        if isinstance(keys, Mapping) and keys:
            return cast("Mapping[str, str]", keys)
        return keys_of(self._own_actions)

    def status(self) -> Mapping[str, Any]:
        if not self.actions:
            return {}
        if self._methods["status"] is None:
            return states_of(self._own_actions)
        return self.call("status", "failed on status") or {}

    def on_key(self, key: str) -> Answer:
        """Do the object's action with that key, or offer the key to its `on_key`."""
        try:
            if find_by_key(self._own_actions, key.lower()):
                return run_key(self._own_actions, key.lower())
            return self.call("on_key", f"failed on key {key}", key) or False
        except InputError as error:  # a missing file, for instance, is no reason to end the run
            return str(error)

    def on_pointer(self, name: str, *place: float) -> Answer:
        """Offer something done with the pointer in the window to the object's method `name`."""
        try:
            return self.call(name, "failed on " + _POINTER[name], *place) or False
        except InputError as error:
            return str(error)

    def _bind(self, action: Action) -> Action:
        """Return an action that is done by the object's `on_key`, `on_action` and `status`."""
        item: Any = self.item

        def run(argument: str | bool = "") -> Answer:
            if action.keys and (action.is_switch or not argument):
                return item.on_key(action.keys[0])
            return item.on_action(action.name, argument)

        def state() -> Any:
            return (self.call("status", "failed on status") or {}).get(action.name)

        return action.bind(run, state if action.is_switch else None)

    def _name_errors(self, action: Action) -> Action:
        """Return the action with errors that name the object."""
        run = action.run

        def guarded(*arguments: Any) -> Answer:
            assert run is not None
            with _named_errors(self.item, f"failed on {action.name}"):
                return run(*arguments)

        return action.bind(guarded, action.state)


def _split(action: Action) -> list[Action]:
    """Return one action for each name of an action with a tuple of names, with as many keys."""
    names = cast("str | tuple[str, ...]", action.name)
    if isinstance(names, str):
        return [action]
    if len(names) == 1:
        return [replace(action, name=names[0])]
    keys = action.keys or ((),) * len(names)
    return [replace(action, name=name, keys=tuple(key)) for name, key in zip(names, keys, strict=True)]


class ObjectChain(Actor):
    """Custom objects in order.

    Raises:
        InputError: one of them cannot be called.
    """

    def __init__(self, objects: Sequence[CustomObject]) -> None:
        self.objects = list(objects)
        self._adapters = [ObjectAdapter(item) for item in objects]
        self._where = ""
        self._opened: list[ObjectAdapter] = []

    @property
    def makes_alpha(self) -> bool:
        """Whether results may have an alpha channel."""
        return any(adapter.makes_alpha for adapter in self._adapters)

    @property
    def takes_planes(self) -> bool:
        """Whether every object processes planes without conversion to an image."""
        return all(adapter.takes_planes for adapter in self._adapters)

    @property
    def lookahead(self) -> int:
        """Number of frames of a video file by which results lag behind."""
        return sum(adapter.lookahead for adapter in self._adapters)

    def split_for_lookahead(self) -> list[ObjectChain]:
        """Return the chain in pieces, of which all but the first begin with an object that sees later frames."""
        places = [n for n, adapter in enumerate(self._adapters) if adapter.lookahead]
        ends = [*places, len(self.objects)]
        return [ObjectChain(self.objects[start:end]) for start, end in zip([0, *places], ends, strict=True)]

    @property
    def actions(self) -> Sequence[Action]:
        """The actions of all objects."""
        return [action for adapter in self._adapters for action in adapter.actions]

    @property
    def keys(self) -> Mapping[str, str]:
        """Rows for the list of keys; of two objects that use one key, the first is named."""
        keys: dict[str, str] = {}
        for adapter in self._adapters:
            keys = {**adapter.keys, **keys}
        return keys

    @property
    def badges(self) -> Sequence[str]:
        """The badges of all objects."""
        return [badge for adapter in self._adapters for badge in adapter.badges]

    def status(self) -> Mapping[str, Any]:
        """Return the status of all objects; of two values with one name the first object's."""
        status: dict[str, Any] = {}
        for adapter in self._adapters:
            status = {**adapter.status(), **status}
        return status

    def open(self, info: StreamInfo) -> None:
        """Introduce the objects to each other, and begin a stream.

        Raises:
            ProcessingError: one of them failed; those that were opened are closed by `close`.
        """
        for adapter in self._adapters:
            adapter.call("meet", "could not be opened", self.objects)
        for adapter in self._adapters:
            self._opened.append(adapter)
            adapter.call("open", "could not be opened", info)

    def __call__(self, frame: Frame) -> Frame:
        """Process one frame; errors name it. See `apply`."""
        self.at(frame)
        return replace(frame, picture=self.apply(frame.picture), processed=True)

    def at(self, frame: Frame) -> None:
        """Announce the frame of the next `apply`."""
        self._where = _where(frame)
        for adapter in self._adapters:
            adapter.call("at", f"failed{self._where}", frame.seconds)

    def foresee(self, frame: Frame) -> Frame:
        """Show a frame to the first object ahead of time; return the frame that is to be processed later."""
        first = self._adapters[0]
        if not first.takes_planes:
            frame = replace(frame, picture=frame.image)
        first.call("foresee", f"failed{_where(frame)}", frame.picture, frame.seconds)
        return frame

    def apply(self, picture: np.ndarray | Planes) -> np.ndarray | Planes:
        """Pass one frame through the objects.

        Args:
            picture: uint8 (H, W, 3) BGR, or planes.

        Returns:
            uint8 (H, W, 3) BGR or (H, W, 4) BGRA, contiguous and writable; planes if that was planes, and every object
            has returned planes.

        Raises:
            ProcessingError: an object raised, or returned something that is not an image; the message names it.
        """
        for adapter in self._adapters:
            picture = adapter.process(picture, self._where)
        return picture

    def matte(self) -> np.ndarray | None:
        """Return the matte of the last frame as a grey image, uint8 (H, W, 3); None if no object has one."""
        return self.picture("matte_picture", "matte")

    def picture(self, name: str, noun: str) -> np.ndarray | None:
        """Return the first image that an object's method `name` gives; None if none does."""
        for adapter in self._adapters:
            picture = adapter.call(name, f"could not give its {noun}{self._where}")
            if picture is not None:
                return picture
        return None

    def view(self, picture: np.ndarray | Planes) -> np.ndarray | Planes:
        """Return the preview that the window shows in place of a result."""
        for adapter in self._adapters:
            picture = adapter.view(picture)
        return picture

    def on_key(self, key: str) -> Answer:
        """Offer a key to every object; return whether one used it, or the message of the last one with a message."""
        return _merge_answers(adapter.on_key(key) for adapter in self._adapters)

    def on_click(self, x: float, y: float) -> Answer:
        """Offer a click into the window to every object; returns as `on_key`."""
        return self._offer("on_click", x, y)

    def on_mark(self, x: float, y: float) -> Answer:
        """Offer a click with Ctrl to every object; returns as `on_key`."""
        return self._offer("on_mark", x, y)

    def on_drag(self, across: float, down: float) -> Answer:
        """Offer a movement of the pressed pointer to every object; returns as `on_key`."""
        return self._offer("on_drag", across, down)

    def on_wheel(self, notches: float) -> Answer:
        """Offer a turn of the wheel to every object; returns as `on_key`."""
        return self._offer("on_wheel", notches)

    def _offer(self, name: str, *place: float) -> Answer:
        return _merge_answers(adapter.on_pointer(name, *place) for adapter in self._adapters)

    def close(self) -> None:
        """End the stream for all opened objects, the last one first.

        Raises:
            ProcessingError: an object could not be closed; the others were all the same.
        """
        self._where = ""
        failure: BackgroundRemovalError | None = None
        while self._opened:
            try:
                self._opened.pop().call("close", "could not be closed")
            except BackgroundRemovalError as error:
                if failure is not None:
                    log.warning("%s", error)
                failure = failure or error
        if failure is not None:
            raise failure


def _where(frame: Frame) -> str:
    """Return the place of a frame, for errors."""
    return f" on frame {frame.index} ({frame.seconds:.3f} s)"


def _merge_answers(answers: Iterable[Answer]) -> Answer:
    merged: Answer = False
    for answer in answers:
        if answer:
            merged = answer if isinstance(answer, str) else merged or True
    return merged


def optional_method(item: object, name: str) -> Callable[..., Any] | None:
    """Return an object's method of the contract; None if it has none, or an attribute of that name is no such method.

    Args:
        item: The object.
        name: Name of a method of `FrameObject`.
    """
    method = getattr(item, name, None)
    if name == "on_planes" and _has_newer_call(type(item)):
        return None
    if not callable(method) or getattr(method, "__func__", None) is getattr(FrameObject, name):
        return None
    try:
        signature = inspect.signature(method)
    except (TypeError, ValueError):  # compiled code without a signature
        return None
    try:
        signature.bind(*[None] * _ARGUMENT_COUNTS[name])
    except TypeError:
        log.debug("custom object %s: its %s%s takes other arguments and is not called", name_of(item), name, signature)
        return None
    return method


def _has_newer_call(kind: type) -> bool:
    """Return whether a class overrides `__call__` and only inherits `on_planes`."""
    first = next((base for base in kind.__mro__ if {"__call__", "on_planes"} & vars(base).keys()), object)
    return "on_planes" not in vars(first)


def name_of(item: object) -> str:
    """Return the name of a custom object for messages."""
    return getattr(item, "__name__", type(item).__name__)


@dataclass(slots=True)
class _named_errors:  # noqa: N801 - used as a function; a generator would mistake StopIteration for its own
    item: object
    failure: str

    def __enter__(self) -> None: ...
    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        # sys.exit(0), too: there would be no result, and the exit code of success.
        if error is not None and not isinstance(error, BackgroundRemovalError | KeyboardInterrupt):
            raise ProcessingError(
                f"custom object {name_of(self.item)} {self.failure}: {describe_error(error)}"
            ) from error
