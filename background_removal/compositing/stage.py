"""The picture as a stage: the person elsewhere on a new background, with a shadow, and a picture before them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from background_removal.compositing.anchor import Anchor
from background_removal.compositing.backgrounds import Background, Blur, ImageBackground, Transparent
from background_removal.compositing.place import Move, Place, next_word, parse_place
from background_removal.errors import InputError
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.pyramid import Pyramid
from background_removal.pipeline.actions import FOREGROUND, PLACE, SHADOW, Action
from background_removal.pipeline.lookahead import own_copy
from background_removal.pipeline.planes import Planes
from background_removal.support.buffers import Buffers

if TYPE_CHECKING:
    from background_removal.compositing.foreground import Foreground
    from background_removal.compositing.shadow import Shadow

_NO_ROOM = (
    "needs a new background (a picture, a colour, a video or transparent): the room has nothing to show where the "
    "person stood"
)


class Stage:
    """Composes frames with the person at a place of the background; without any setting it changes nothing.

    Args:
        place: As `place.parse_place` takes it.
        shadow: Strength of the person's shadow, 0 (none) to 1.
        foreground: The picture before the person; None for none.
        foreground_spec: Its name; "" for none.
        load: Loads a foreground by its name; raises InputError.
    """

    def __init__(
        self,
        place: str,
        shadow: float,
        foreground: Foreground | None,
        foreground_spec: str,
        load: Callable[[str], Foreground],
    ) -> None:
        self._load = load
        self._anchor = Anchor()
        self._move: Move | None = None
        self._buffers = Buffers()
        self._place: Place | None = None
        self._shadow: Shadow | None = None
        self._strength = 0.0
        self._foreground, self._foreground_spec = foreground, foreground_spec
        self._loaded: tuple[str, Foreground | None] = foreground_spec, foreground
        self.place = place
        self.shadow = shadow

    def begin(self) -> None:
        """Begin a stream: find the person's place again."""
        self._anchor.release()
        self._move = None

    def check(self, background: Background | None) -> None:
        """Raise InputError if a setting needs a new background, and this is the frame's own."""
        if background is not None and not isinstance(background, Blur):
            return
        for name, value in (("place", self.place), ("shadow", self.shadow)):
            if value:
                raise InputError(f"`{name}` {value}: {_NO_ROOM}")

    # -- settings ------------------------------------------------------------------------------------

    @property
    def place(self) -> str:
        """The place of the person, as it is typed; "" for where the frame has them."""
        return "" if self._place is None else self._place.text

    @place.setter
    def place(self, place: str) -> None:
        parsed = parse_place(place)
        if parsed != self._place:
            self._place = parsed
            self.begin()

    @property
    def shadow(self) -> float:
        """Strength of the person's shadow, 0 to 1."""
        return self._strength

    @shadow.setter
    def shadow(self, strength: float) -> None:
        if strength:
            from background_removal.compositing.shadow import Shadow

            self._shadow = Shadow(strength)
        else:
            self._shadow = None
        self._strength = strength

    @property
    def foreground(self) -> str:
        """Name of the picture before the person; "" for none."""
        return self._foreground_spec

    @foreground.setter
    def foreground(self, spec: str) -> None:
        self.load(spec)
        self._foreground_spec, self._foreground = self._loaded

    def load(self, spec: str) -> None:
        """Load a foreground by its name, if it is not loaded yet, without showing it; raises InputError."""
        if spec != self._loaded[0]:
            self._loaded = spec, self._load(spec) if spec else None

    # -- frames --------------------------------------------------------------------------------------

    def compose(self, background: Background, view: Pyramid, matte: Matte) -> tuple[np.ndarray | Planes, Matte]:
        """Return a frame with its background replaced, and its matte as it is there; the foreground is still missing.

        Before the frame's own background, blurred, the person stays where they are, and has no further shadow.
        """
        is_room = isinstance(background, Blur)
        self._move = None
        if self._place is not None and not is_room:
            self._anchor.update(matte)
            self._move = self._anchor.move(self._place, view.size)
        if self._move is not None:
            from background_removal.compositing.placing import place_frame

            view, matte = place_frame(view, matte, self._move, self._buffers)
        background.shadow = None if is_room else self._shadow
        if self._shadow is not None:
            self._shadow.floor = None if self._move is None else float(self._move.top + self._move.size[1])
        return background.compose(view, matte), matte

    @property
    def is_moving(self) -> bool:
        """Whether the last frame has the person elsewhere."""
        return self._move is not None

    def cover(self, picture: np.ndarray | Planes, background: Background | None) -> np.ndarray | Planes:
        """Return a result with the foreground before it.

        Args:
            picture: From `compose`, or the frame itself.
            background: The one that has made it; None for the frame itself, which is not changed.
        """
        if self._foreground is None:
            return picture
        # Backgrounds of other programs may keep what they return.
        ours = (Blur.compose, ImageBackground.compose, Transparent.compose)
        if background is None or type(background).compose not in ours:
            picture = own_copy(picture)
        self._foreground.cover(picture)
        return picture

    def origin(self, x: float, y: float) -> tuple[float, float]:
        """Return where a place of the last result is in its frame, both as shares of width and height."""
        return (x, y) if self._move is None else self._move.origin(x, y)

    # -- actions -------------------------------------------------------------------------------------

    @property
    def actions(self) -> tuple[Action, ...]:
        """The actions that change the stage."""
        return PLACE.bind(self._go_to), SHADOW.bind(self._cast), FOREGROUND.bind(self._lay)

    def drag(self, background: Background | None, across: float, down: float) -> bool:
        """Move the person by shares of the frame's width and height; return whether the background allows it."""
        if background is None or isinstance(background, Blur):
            return False
        self._place = self._current().shift(across, down, self._anchor.y)
        return True

    def resize(self, background: Background | None, notches: float) -> bool | str:
        """Make the person larger or smaller by notches of a wheel; return whether the background allows it."""
        if background is None or isinstance(background, Blur):
            return False
        self._place = self._current().resize(notches, self._anchor.y)
        return f"size {self._place.scale:.2g}"

    def see(self, matte: Matte) -> None:
        """Find the person in a frame's matte before the first drag."""
        if self._place is None:
            self._anchor.release()
            self._anchor.update(matte)

    def _current(self) -> Place:
        return self._place or Place(self._anchor.x, self._anchor.y)

    def _go_to(self, place: str) -> str:
        self.place = place or next_word(self.place)
        self.begin()
        return f"place: {self.place or 'where the camera has it'}"

    def _cast(self, text: str) -> str:
        try:
            strength = float(text)
        except ValueError:
            strength = -1.0
        if not 0 <= strength <= 1:
            raise InputError(f"shadow {text}: must be a number from 0 to 1")
        self.shadow = strength
        return f"shadow {strength:g}"

    def _lay(self, spec: str) -> str:
        self.foreground = "" if spec == "off" else spec
        return f"foreground: {self.foreground or 'none'}"
