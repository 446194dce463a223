"""Custom object of the page: segmentation and effects in a look that can change between two frames."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

import numpy as np

from background_removal.compositing.shipped import shipped_picture, shipped_pictures
from background_removal.effects.auto_frame import AutoFrame
from background_removal.effects.color_balance import ColorBalance
from background_removal.effects.defocus import Defocus
from background_removal.effects.effect import Effect
from background_removal.effects.low_light import LowLight
from background_removal.errors import BackgroundRemovalError, InputError
from background_removal.look import EFFECTS, NAMES, Look
from background_removal.page.http_errors import plain_message
from background_removal.page.looks import UPLOAD
from background_removal.pipeline.actions import (
    KEEP_AT,
    NEXT_BACKGROUND,
    PREVIOUS_BACKGROUND,
    Action,
    Answer,
    find_by_key,
)
from background_removal.pipeline.frame import Frame, Planes, StreamInfo, to_image
from background_removal.pipeline.objects import CustomObject, FrameObject, ObjectChain
from background_removal.segmentation import MPSegmentation

_TIME_BASE = Fraction(1, 1_000_000)
# Backgrounds that show the frame's own.
_ROOM = ("blur", "none")
# Frame of `at`, which needs the time only.
_NO_IMAGE = np.zeros((1, 1, 3), np.uint8)


def _ignore(value: object) -> None:
    pass


class LookRenderer(FrameObject):
    """Renders frames in a look that any thread may change between two frames.

    Args:
        look: The first look.
        picture_path: Returns the path of an uploaded background by its id.
        network: Arguments of `MPSegmentation` for the networks and their device.

    Attributes:
        on_message: Called with messages about changes, in the thread of the frames.
        on_frame: Called after each frame with the seconds that it took.

    Raises:
        BackgroundRemovalError: the look cannot be shown.
    """

    def __init__(self, look: Look, picture_path: Callable[[str], str], network: Mapping[str, Any]) -> None:
        self._picture_path = picture_path
        self._network = network
        self.on_message: Callable[[str], object] = _ignore
        self.on_frame: Callable[[float], object] = _ignore
        self._lock = threading.Lock()
        self._requested: Look | None = None
        self._info: StreamInfo | None = None
        self._look = look
        self._must_rebuild = False  # after a change that failed half-way
        self._hints: np.ndarray | None = None
        self._build(look)

    @property
    def look(self) -> Look:
        """The current look."""
        return self._look

    @property
    def makes_alpha(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the results have an alpha channel."""
        return self._chain.makes_alpha

    @property
    def found_person(self) -> bool | None:
        """Whether any frame has shown a person; None before the first."""
        return self._segmentation.found_person

    def request_look(self, look: Look) -> None:
        """Change the look at the next frame; may be called in any thread."""
        with self._lock:
            self._requested = look

    def change_look(self, look: Look) -> None:
        """Change the look now, in the thread of the frames; raises BackgroundRemovalError if it cannot be shown."""
        before, self._look = self._look, look
        try:
            changed = {field.name for field in fields(Look) if getattr(look, field.name) != getattr(before, field.name)}
            if self._must_rebuild or not changed <= self._changeable(before, look):
                self._rebuild(look)
            else:
                self._change_in_place(look)
            self._must_rebuild = False
        except BaseException:
            self._look, self._must_rebuild = before, True
            raise

    def set_hints(self, hints: np.ndarray | None) -> None:
        """Correct the matte of a still by a picture of strokes of its size, as `MPSegmentation.set_hints` takes it."""
        self._hints = hints
        self._segmentation.set_hints(hints)

    def reset(self) -> None:
        """Forget the frames and the visitor, after `close`."""
        self.set_hints(None)
        self.on_message = self.on_frame = _ignore
        self._requested = None
        self._segmentation.reset()
        # Breaks the cycle between effects and segmentation, so that both are freed without the garbage collector.
        self._segmentation.meet([])

    # -- called by the engine ------------------------------------------------------------------------

    def open(self, info: StreamInfo) -> None:
        """Begin a stream."""
        self._info = info
        self._chain.open(info)

    def at(self, seconds: float) -> None:
        """Set the time of the next frame, and apply a requested look."""
        with self._lock:
            look, self._requested = self._requested, None
        if look is not None:
            try:
                self.change_look(look)
            except BackgroundRemovalError as error:
                self.on_message(plain_message(error))
        self._chain.at(Frame(_NO_IMAGE, pts=round(seconds / _TIME_BASE), time_base=_TIME_BASE))

    def __call__(self, image: np.ndarray, /) -> np.ndarray:
        """Return the image, uint8 (H, W, 3), in the look; (H, W, 4) with a transparent background."""
        return to_image(self._apply(image))

    def on_planes(self, planes: Planes) -> Planes | np.ndarray:
        """Return planes in the look, or an image."""
        return self._apply(planes)

    @property
    def badges(self) -> Sequence[str]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What the visitor is to do while a picture of the empty room is taken, and that a kept thing is lost."""
        return self._chain.badges

    def matte_picture(self) -> np.ndarray | None:
        """Return the matte of the last frame, uint8 (H, W, 3)."""
        return self._chain.matte()

    def view(self, picture: np.ndarray | Planes) -> np.ndarray | Planes:
        """Return the visitor's preview: the matte while key m has switched it on."""
        return self._chain.view(picture)

    @property
    def actions(self) -> Sequence[Action]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The actions of the segmentation and the effects; a and d step through the shipped pictures."""
        steps = {
            NEXT_BACKGROUND.name: lambda: self._step_background(1),
            PREVIOUS_BACKGROUND.name: lambda: self._step_background(-1),
        }
        return [action.bind(steps[action.name]) if action.name in steps else action for action in self._chain.actions]

    def perform(self, name: str, argument: str = "") -> Answer:
        """Do an action; only keep-at takes an argument, as values are set by `request_look`, which checks them.

        Returns:
            Whether anything was done, or a message.

        Raises:
            InputError: there is no such action, or it needs an argument.
        """
        action = next((action for action in self.actions if action.name == name), None)
        if action is None:
            raise InputError(f"{name}: there is no such action here")
        if argument and name != KEEP_AT.name:
            raise InputError(f"{name}: nothing can be said after it here")
        answer = action.perform(argument)
        if answer:
            self._look = self._read_look()
        return answer

    def on_key(self, key: str) -> Answer:
        """Do the action bound to a key; return its answer, False if there is none."""
        action = find_by_key(self.actions, key.lower())
        return False if action is None else self.perform(action.name)

    def close(self) -> None:
        """End the stream."""
        self._info = None
        self._chain.close()

    # -- inside ------------------------------------------------------------------------------------

    def _apply(self, picture: np.ndarray | Planes) -> np.ndarray | Planes:
        start = time.monotonic()
        result = self._chain.apply(picture)
        self.on_frame(time.monotonic() - start)
        return result

    def _changeable(self, before: Look, look: Look) -> set[str]:
        """Return the settings that can change in place now."""
        names = set(NAMES)
        if self._info is None:
            names -= {"people"}
        elif self._info.still:  # its best matte does not separate people, and its effects must not fade in
            names -= {"people", "effects"}
        if "defocus" in (*look.effects, *before.effects):  # which replaces the blur
            names -= {"blur", "background", "effects"}
        return names

    def _build(self, look: Look) -> None:
        # Defocus then replaces the blur.
        self._is_defocused = "defocus" in look.effects and look.background == "blur"
        self._segmentation = MPSegmentation(
            background="none" if self._is_defocused else self._spec(look.background),
            blur=look.blur,
            threshold=look.threshold,
            edge_softness=look.edge_softness,
            light_wrap=look.light_wrap,
            people=look.people,
            grow=look.grow,
            shrink=look.shrink,
            key=look.key,
            invert=look.invert,
            # Before the frame's own background the person stays where they are.
            place="" if look.background in _ROOM else look.place,
            shadow=0.0 if look.background in _ROOM else look.shadow,
            foreground=self._spec(look.foreground),
            **self._network,
        )
        self._segmentation.keeps_alpha = False  # the visitor sees the background that they have chosen
        # In the order of the command line.
        before: list[Effect] = [
            LowLight(on="low-light" in look.effects),
            ColorBalance(on="color-balance" in look.effects),
        ]
        after: list[Effect] = [Defocus(look.blur)] if self._is_defocused else []
        after.append(AutoFrame(on="auto-frame" in look.effects))
        self._effects = [*before, *after]
        objects: list[CustomObject] = [*before, self._segmentation, *after]
        self._chain = ObjectChain(objects)

    def _rebuild(self, look: Look) -> None:
        before, segmentation, info = self._chain, self._segmentation, self._info
        plate = segmentation.plate
        self._build(look)
        self._segmentation.set_hints(self._hints)
        if info is not None:
            before.close()
            self._chain.open(info)
            if plate is not None:
                self._segmentation.plate = plate
        segmentation.meet([])  # see `reset`

    def _change_in_place(self, look: Look) -> None:
        for effect in self._effects:
            if effect.on != (effect.name in look.effects):
                effect.switch(effect.name in look.effects)
        background = self._segmentation.look.background if self._is_defocused else self._spec(look.background)
        self._segmentation.look = replace(
            look, background=background, foreground=self._spec(look.foreground), effects=()
        )

    def _step_background(self, step: int) -> Answer:
        names, now = list(shipped_pictures()), self._look.background
        if not names:
            return False
        position = names.index(now) + step if now in names else 0
        self.change_look(replace(self._look, background=names[position % len(names)]))
        return f"background: {self._look.background}"

    def _spec(self, background: str) -> str:
        """Return a background or foreground as `MPSegmentation` takes it: pictures by path, which no folder shadows."""
        if background.startswith(UPLOAD):
            return self._picture_path(background[len(UPLOAD) :])
        return shipped_picture(background) or background

    def _read_look(self) -> Look:
        """Return the look after an action."""
        now = self._segmentation.look
        background = self._look.background
        if now.background != ("none" if self._is_defocused else self._spec(background)):
            shipped = {path: name for name, path in shipped_pictures().items()}
            background = shipped.get(now.background, now.background)
        foreground = self._look.foreground if now.foreground == self._spec(self._look.foreground) else ""
        switches = {effect.name: effect.on for effect in self._effects}
        effects = tuple(name for name in EFFECTS if switches.get(name, name in self._look.effects))
        return replace(now, background=background, foreground=foreground, effects=effects)
