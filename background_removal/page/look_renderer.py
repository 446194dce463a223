"""A look at work: one custom object that holds the segmentation and the effects, and changes while frames go by."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from background_removal.compositing.shipped import shipped_picture, shipped_pictures
from background_removal.effects.auto_frame import AutoFrame
from background_removal.effects.color_balance import ColorBalance
from background_removal.effects.defocus import Defocus
from background_removal.effects.effect import Effect
from background_removal.effects.low_light import LowLight
from background_removal.errors import BackgroundRemovalError
from background_removal.page.http_errors import plain
from background_removal.page.looks import EFFECTS, UPLOAD, Look
from background_removal.pipeline.frame import Frame, Planes, StreamInfo, to_image
from background_removal.pipeline.objects import CustomObject, FrameObject, ObjectChain
from background_removal.segmentation import MPSegmentation

# What can be changed without new networks.
_IN_PLACE = ("background", "blur", "threshold", "edge_softness", "light_wrap", "people", "effects")
_TIME_BASE = Fraction(1, 1_000_000)


class LookRenderer(FrameObject):
    """Shows people in a look that may be changed at any time, from any thread, between two frames.

    Args:
        look: What it begins with.
        picture_path: Returns the path of a visitor's picture by its id.
        network: Arguments for `MPSegmentation` that say which networks run, and where.

    Attributes:
        say: Called with what there is to say of a change, in the thread of the frames.

    Raises:
        BackgroundRemovalError: that cannot be shown.
    """

    def __init__(
        self,
        look: Look,
        picture_path: Callable[[str], str],
        network: Mapping[str, Any],
    ) -> None:
        self._picture_path = picture_path
        self._network = network
        self.say: Callable[[str], object] = _hear
        self._lock = threading.Lock()
        self._wanted: Look | None = None
        self._info: StreamInfo | None = None
        self._look = look
        self._is_torn = False  # whether a change has failed half-way
        self._make(look)

    @property
    def look(self) -> Look:
        """What is shown."""
        return self._look

    @property
    def makes_alpha(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the results have an alpha channel."""
        return self._chain.makes_alpha

    @property
    def found_person(self) -> bool | None:
        """Whether any frame has shown a person; None before the first."""
        return self._segmentation.found_person

    def want(self, look: Look) -> None:
        """Show another look from the next frame on."""
        with self._lock:
            self._wanted = look

    def change(self, look: Look) -> None:
        """Show another look at once; for the thread of the frames. Raises BackgroundRemovalError if it cannot be."""
        before, self._look = self._look, look
        try:
            changed = [name for name in Look.__dataclass_fields__ if getattr(look, name) != getattr(before, name)]
            still = self._info is not None and self._info.still
            # The best matte of a still knows no single people, and its effects must not come little by little.
            fixed = {"people", "effects"} if still else set[str]() if self._info else {"people"}
            if "defocus" in (*look.effects, *before.effects):  # which is made of the blur
                fixed |= {"blur", "background", "effects"}
            if self._is_torn or any(name not in _IN_PLACE or name in fixed for name in changed):
                self._make_anew(look)
            else:
                self._change_in_place(look)
            self._is_torn = False
        except BaseException:
            self._look, self._is_torn = before, True
            raise

    def forget(self) -> None:
        """Forget what was seen, and who watched; once it is closed."""
        self.say = _hear
        self._wanted = None
        self._segmentation.reset()
        # The effects know the segmentation: without a circle all goes as soon as it is let go.
        self._segmentation.meet([])

    # -- what the engine calls ---------------------------------------------------------------------

    def open(self, info: StreamInfo) -> None:
        """A stream begins."""
        self._info = info
        self._chain.open(info)

    def at(self, seconds: float) -> None:
        """Say when in the stream the next frame is shown."""
        self._take_wish()
        self._chain.at(Frame(_NOTHING, pts=round(seconds / _TIME_BASE), time_base=_TIME_BASE))

    def __call__(self, image: np.ndarray, /) -> np.ndarray:
        """Return the picture, uint8 (H, W, 3), in the look; (H, W, 4) where that is transparent."""
        return to_image(self._chain.apply(image))

    def on_planes(self, planes: Planes) -> Planes | np.ndarray:
        """Return planes in the look, or an image."""
        return self._chain.apply(planes)

    def matte_picture(self) -> np.ndarray | None:
        """Return the matte of the last frame, uint8 (H, W, 3)."""
        return self._chain.matte()

    def view(self, picture: np.ndarray | Planes) -> np.ndarray | Planes:
        """Return what a visitor alone sees in place of the result: the matte while the key m has asked for it."""
        return self._chain.view(picture)

    def on_key(self, key: str) -> bool | str:
        """Use a key as the window does; a and d go through the shipped pictures."""
        if key in ("a", "d"):
            names = list(shipped_pictures())
            if not names:
                return False
            here = self._look.background
            place = names.index(here) + (1 if key == "a" else -1) if here in names else 0
            self.change(replace(self._look, background=names[place % len(names)]))
            return f"background: {self._look.background}"
        said = self._chain.on_key(key)
        if said:
            self._look = self._look_after_key()
        return said

    def close(self) -> None:
        """The stream has ended."""
        self._info = None
        self._chain.close()

    # -- inside ------------------------------------------------------------------------------------

    def _take_wish(self) -> None:
        with self._lock:
            look, self._wanted = self._wanted, None
        if look is not None:
            try:
                self.change(look)
            except BackgroundRemovalError as error:
                self.say(plain(error))

    def _make(self, look: Look) -> None:
        defocused = "defocus" in look.effects and look.background == "blur"
        self._segmentation = MPSegmentation(
            background="none" if defocused else self._spec(look.background),
            blur=look.blur,
            threshold=look.threshold,
            edge_softness=look.edge_softness,
            light_wrap=look.light_wrap,
            people=look.people,
            **self._network,
        )
        # In the order of the command line.
        before: list[Effect] = [
            LowLight(on="low-light" in look.effects),
            ColorBalance(on="color-balance" in look.effects),
        ]
        after: list[Effect] = [Defocus(look.blur)] if defocused else []
        after.append(AutoFrame(on="auto-frame" in look.effects))
        self._effects = [*before, *after]
        objects: list[CustomObject] = [*before, self._segmentation, *after]
        self._chain = ObjectChain(objects)

    def _make_anew(self, look: Look) -> None:
        before, segmentation, info = self._chain, self._segmentation, self._info
        self._make(look)
        if info is not None:
            before.close()
            self._chain.open(info)
        segmentation.meet([])  # see `forget`

    def _change_in_place(self, look: Look) -> None:
        for effect in self._effects:
            if effect.on != (effect.name in look.effects):
                effect.on_key(effect.action.keys[0])
        before = self._segmentation.look
        defocused = any(isinstance(effect, Defocus) for effect in self._effects)
        self._segmentation.look = replace(
            before,
            background=before.background if defocused else self._spec(look.background),
            blur=look.blur,
            threshold=look.threshold,
            edge_softness=look.edge_softness,
            light_wrap=look.light_wrap,
            people=look.people,
        )

    def _spec(self, background: str) -> str:
        """Return what `MPSegmentation` calls a background: a path for every picture, which no folder here can hide."""
        if background.startswith(UPLOAD):
            return self._picture_path(background[len(UPLOAD) :])
        return shipped_picture(background) or background

    def _look_after_key(self) -> Look:
        now = self._segmentation.look
        background = now.background
        if background == self._spec(self._look.background):
            background = self._look.background
        else:
            shipped = {path: name for name, path in shipped_pictures().items()}
            background = shipped.get(background, background)
        known = {effect.name: effect.on for effect in self._effects}
        effects = tuple(name for name in EFFECTS if known.get(name, name in self._look.effects))
        return replace(
            self._look,
            effects=effects,
            background=background,
            blur=str(now.blur),
            threshold=now.threshold,
            people=now.people,
        )


def _hear(text: str) -> None:
    """Stand in for who watches."""


_NOTHING = np.zeros((1, 1, 3), np.uint8)
