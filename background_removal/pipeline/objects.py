"""The contract of a custom object, and the chain that every frame goes through.

A custom object is anything that takes an image and returns one: a function is enough. What else it may have is in
`FrameObject`, which one may subclass for an editor and a type checker to help, or merely imitate.

What becomes of an object that misbehaves, in any of its methods:

- It raises, calls sys.exit, or returns no image: the run ends with ProcessingError, which names the object and the
  frame; no file is written. KeyboardInterrupt counts as Ctrl-C.
- It returns another size than before: pictures, a window and recordings take it; a video file ends as above.
- It keeps an image, or returns the same array again: it may, and may change it once it is called again, not earlier.
- It blocks: the run waits. A second Ctrl-C interrupts it and ends the run.
- It starts threads: it ends them in `close`. What one raises is told and ends nothing. The command line waits five
  seconds for those that are left, then says so and ends without them.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from background_removal.errors import BackgroundRemovalError, InputError, ProcessingError, describe_error
from background_removal.pipeline.actions import Action
from background_removal.pipeline.frame import Frame, Planes, StreamInfo, to_image
from background_removal.pipeline.planes import describe_picture_problem

log = logging.getLogger(__name__)


class CustomObject(Protocol):
    """What every frame goes through.

    Only the call is needed; the optional methods are those of `FrameObject`. They are looked up once, when a stream
    begins, and called only if they take the arguments that stand there: something else of such a name stays alone.
    """

    def __call__(self, image: np.ndarray, /) -> np.ndarray:
        """Return what becomes of one picture.

        Args:
            image: uint8 (H, W, 3), blue green red, contiguous; (H, W, 4) after an object that makes transparency.
                It may be drawn upon.

        Returns:
            uint8 (H, W, 3) or (H, W, 4), of any size.
        """
        ...


class FrameObject:
    """A custom object with every optional method of the contract, each doing nothing: write those that you need.

    Attributes:
        keys: What keys typed in the window do, for the list of them: ``{"x": "what it does"}``.
        makes_alpha: Whether what it returns has an alpha channel, (H, W, 4), at least for some frames.
        actions: What it does, with names for `python main.py control`; `pipeline.actions.keys_of` makes `keys` of them.
    """

    keys: Mapping[str, str] = {}
    actions: Sequence[Action] = ()
    makes_alpha: bool = False

    def meet(self, objects: Sequence[object]) -> None:
        """Know the others: called first of all, with all custom objects in order."""

    def open(self, info: StreamInfo) -> None:
        """A stream begins."""

    def at(self, seconds: float) -> None:
        """The next frame is shown so many seconds after the stream's beginning."""

    def __call__(self, image: np.ndarray, /) -> np.ndarray:
        """Return what becomes of one picture; see `CustomObject`."""
        return image

    def on_planes(self, planes: Planes) -> Planes | np.ndarray:
        """Return what becomes of a picture in a codec's planes, instead of being called with it as an image.

        A video's frames then need not be turned into BGR and back, which is quicker, and exact where nothing changes.

        Args:
            planes: They are not to be written into. `planes.image` is the picture as an image, if it comes to that.

        Returns:
            Planes of the same size, or an image.
        """
        return planes

    def moved(self, picture: np.ndarray) -> np.ndarray:
        """Do to `picture`, uint8 (H, W, 3), what was done to the last frame's geometry: a matte moves along so."""
        return picture

    def matte_picture(self) -> np.ndarray | None:
        """Return the matte of the last frame, uint8 (H, W, 3) of the result's size; None if there is none."""
        return None

    def room_picture(self) -> np.ndarray | None:
        """Return a picture of what is behind the people of the last frame, uint8 (H, W, 3); None if there is none."""
        return None

    def view(self, picture: Any) -> Any:
        """Return what the window shows in place of the result `picture`, which is not to be changed.

        Args:
            picture: uint8 (H, W, 3) BGR or (H, W, 4) BGRA; for an object that has `on_planes` it may be planes.

        Returns:
            The same, or another image.
        """
        return picture

    def on_key(self, key: str) -> bool | str:
        """Use a key that was typed in the window.

        Returns:
            Whether it was used; a text is shown in the window for a moment.
        """
        return False

    def on_action(self, name: str, argument: str) -> bool | str:
        """Do one of `actions` with what is said after its name; without that its key comes to `on_key`."""
        return False

    def status(self) -> Mapping[str, Any]:
        """Return what there is to tell, if there are `actions`."""
        return {}

    def on_click(self, x: float, y: float) -> bool | str:
        """Use a click into the window, at these shares of the result's width and height; returns as `on_key`."""
        return False

    def close(self) -> None:
        """The stream has ended, whatever the reason."""


# The methods of `FrameObject` that are optional, and how many arguments each is called with.
_OPTIONAL = {
    "meet": 1, "open": 1, "at": 1, "on_planes": 1, "moved": 1, "matte_picture": 0, "room_picture": 0,
    "view": 1, "on_key": 1, "on_click": 2, "close": 0,
}  # fmt: skip


class ObjectChain:
    """Custom objects in order, and all that they may want to be told.

    Raises:
        InputError: one of them cannot be called.
    """

    alters = True  # for the window, which hands it keys: they change what becomes of frames, and need no signs
    signs: Sequence[str] = ()

    def __init__(self, objects: Sequence[CustomObject]) -> None:
        for item in objects:
            if not callable(item):
                raise InputError(f"custom object {name_of(item)}: must be callable with an image")
        self.objects = list(objects)
        self._where = ""
        self._methods: dict[str, list[tuple[CustomObject, Callable[..., Any]]]] = {
            name: [(item, method) for item in self.objects if (method := optional_method(item, name)) is not None]
            for name in _OPTIONAL
        }
        self._on_planes = {id(item): method for item, method in self._methods["on_planes"]}
        self._to_close: list[tuple[CustomObject, Callable[..., Any]]] = []

    @property
    def makes_alpha(self) -> bool:
        """Whether results may have an alpha channel."""
        return any(getattr(item, "makes_alpha", False) is True for item in self.objects)

    @property
    def takes_planes(self) -> bool:
        """Whether every object can do without images."""
        return len(self._methods["on_planes"]) == len(self.objects)

    @property
    def keys(self) -> Mapping[str, str]:
        """What the objects' keys do; of two objects that use one key, the first is named."""
        keys: dict[str, str] = {}
        for item in self.objects:
            mine = getattr(item, "keys", None)
            if isinstance(mine, Mapping):
                keys = {**mine, **keys}
        return keys

    def open(self, info: StreamInfo) -> None:
        """Let the objects know each other, and that a stream begins.

        Raises:
            ProcessingError: one of them failed; those that were opened are closed by `close`.
        """
        for item, meet in self._methods["meet"]:
            with _named_errors(item, "could not be opened"):
                meet(self.objects)
        opens = {id(item): method for item, method in self._methods["open"]}
        closes = {id(item): method for item, method in self._methods["close"]}
        for item in self.objects:
            if id(item) in closes:
                self._to_close.append((item, closes[id(item)]))
            if id(item) in opens:
                with _named_errors(item, "could not be opened"):
                    opens[id(item)](info)

    def __call__(self, frame: Frame) -> Frame:
        """Return what becomes of one frame; errors name it. See `apply`."""
        self.at(frame)
        return replace(frame, picture=self.apply(frame.picture), processed=True)

    def at(self, frame: Frame) -> None:
        """Say which frame the next `apply` is for."""
        self._where = f" on frame {frame.index} ({frame.seconds:.3f} s)"
        for item, at in self._methods["at"]:
            with _named_errors(item, f"failed{self._where}"):
                at(frame.seconds)

    def apply(self, picture: np.ndarray | Planes) -> np.ndarray | Planes:
        """Pass one picture through the objects.

        Args:
            picture: uint8 (H, W, 3) BGR, or planes.

        Returns:
            uint8 (H, W, 3) BGR or (H, W, 4) BGRA, contiguous and writable; planes if that was planes, and every object
            has left them.

        Raises:
            ProcessingError: an object raised, or returned something that is not an image; the message names it.
        """
        for item in self.objects:
            with _named_errors(item, f"failed{self._where}"):
                if not isinstance(picture, Planes):
                    picture = item(picture)
                elif id(item) in self._on_planes:
                    picture = self._on_planes[id(item)](picture)
                else:
                    picture = item(picture.image)
            if problem := describe_picture_problem(picture):
                raise ProcessingError(f"custom object {name_of(item)} returned {problem}{self._where}")
            if not isinstance(picture, Planes):
                picture = np.require(picture, requirements=["C", "W"])
        return picture

    def matte(self) -> np.ndarray | None:
        """Return the matte of the last frame as a grey picture, uint8 (H, W, 3); None if no object has one."""
        return self.picture("matte_picture", "matte")

    def picture(self, name: str, what: str) -> np.ndarray | None:
        """Return the first picture that an object gives by that method; None if none does."""
        for item, method in self._methods[name]:
            with _named_errors(item, f"could not give its {what}{self._where}"):
                picture = method()
            if picture is not None:
                return picture
        return None

    def view(self, picture: np.ndarray | Planes) -> np.ndarray | Planes:
        """Return what the window shows in place of a result."""
        for item, view in self._methods["view"]:
            with _named_errors(item, "failed on what the window shows"):
                picture = view(picture if id(item) in self._on_planes else to_image(picture))
                if problem := describe_picture_problem(picture):
                    raise TypeError(f"it returned {problem}")
        return picture

    def on_key(self, key: str) -> bool | str:
        """Offer a key to every object; return whether one used it, or what the last of them has to say."""
        return self._offered("on_key", f"key {key}", key)

    def on_click(self, x: float, y: float) -> bool | str:
        """Offer a click into the window to every object; see `FrameObject.on_click` and `on_key`."""
        return self._offered("on_click", "a click", x, y)

    def _offered(self, name: str, what: str, *arguments: Any) -> bool | str:
        used: bool | str = False
        for item, method in self._methods[name]:
            try:
                with _named_errors(item, f"failed on {what}"):
                    answer = method(*arguments)
            except InputError as error:  # a file that is not there is no reason to end
                answer = str(error)
            if answer:
                used = answer if isinstance(answer, str) else used or True
        return used

    def close(self) -> None:
        """Tell the objects that the stream has ended, the last one first.

        Raises:
            ProcessingError: an object could not be closed; the others were all the same.
        """
        self._where = ""
        failure: BackgroundRemovalError | None = None
        while self._to_close:
            item, close = self._to_close.pop()
            try:
                with _named_errors(item, "could not be closed"):
                    close()
            except BackgroundRemovalError as error:
                if failure is not None:
                    log.warning("%s", error)
                failure = failure or error
        if failure is not None:
            raise failure


def optional_method(item: object, name: str) -> Callable[..., Any] | None:
    """Return an object's method of the contract; None if there is none, or what has that name is something else."""
    method = getattr(item, name, None)
    if name == "on_planes" and _calls_otherwise(type(item)):
        return None
    if not callable(method) or getattr(method, "__func__", None) is getattr(FrameObject, name):
        return None
    try:
        signature = inspect.signature(method)
    except (TypeError, ValueError):  # compiled code that does not tell
        return None
    try:
        signature.bind(*[None] * _OPTIONAL[name])
    except TypeError:
        log.debug("custom object %s: its %s%s takes other arguments and is not called", name_of(item), name, signature)
        return None
    return method


def _calls_otherwise(kind: type) -> bool:
    """Tell whether a class has another call than the one whose `on_planes` it has inherited."""
    first = next((base for base in kind.__mro__ if {"__call__", "on_planes"} & vars(base).keys()), object)
    return "on_planes" not in vars(first)


def name_of(item: object) -> str:
    """Return what to call a custom object in messages."""
    return getattr(item, "__name__", type(item).__name__)


@dataclass(slots=True)
class _named_errors:  # noqa: N801 - it is used as a function is; a generator would mistake StopIteration for its own
    item: object
    what: str

    def __enter__(self) -> None: ...
    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        # sys.exit(0), too: there would be no result, and the exit code of success.
        if error is not None and not isinstance(error, BackgroundRemovalError | KeyboardInterrupt):
            raise ProcessingError(f"custom object {name_of(self.item)} {self.what}: {describe_error(error)}") from error
