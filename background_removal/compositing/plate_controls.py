"""The empty room of a segmentation: read from a file, estimated from a video, taken from a camera, or kept."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from background_removal.errors import InputError, InputNotFoundError
from background_removal.files import storage
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.guidance.steps import MatteStep, MatteSteps
from background_removal.matting.pyramid import Pyramid
from background_removal.pipeline import actions
from background_removal.pipeline.actions import Action
from background_removal.pipeline.frame import StreamInfo
from background_removal.support import limits

if TYPE_CHECKING:
    from background_removal.matting.guidance.plate import PlateStep
    from background_removal.matting.guidance.plate_room import Plate
    from background_removal.matting.guidance.plate_taking import PlateTaking

log = logging.getLogger(__name__)

AUTO, NONE = "auto", "none"
KEEP_CHAIR = ("yes", "no")
# Difference of two shapes, share of the width to the height, up to which a plate is scaled to the frames.
_MAX_SHAPE_DIFFERENCE = 0.02
# Frames from which a room is estimated.
_SAMPLES = 40
# Time for which a badge says what has become of the picture, seconds.
_BADGE_SECONDS = 4.0


class PlateControls(MatteStep):
    """Has the plate of each stream, and does the action that takes one.

    It joins the steps of the matte when there is a plate, or one is being taken.

    Args:
        plate: A picture, uint8 (H, W, 3), or the path or URL of one; "auto" estimates it from a video; "none" does
            without, also without the kept one of a camera; None or "" uses that one if it agrees.
        keep_chair: "yes", or "no" for things that stand still to be part of the room.
        steps: The steps of the matte, which the plate joins.
        find_matte: Returns the matte of a frame by itself; None where mattes are given, and need no plate.

    Raises:
        InputError: the picture cannot be used, or `keep_chair` is something else.
        InputNotFoundError: there is no such file.
    """

    # Replaced by tests.
    clock: Callable[[], float] = staticmethod(time.monotonic)

    def __init__(
        self,
        plate: np.ndarray | str | os.PathLike[str] | None,
        keep_chair: str,
        steps: MatteSteps,
        find_matte: Callable[[Pyramid], Matte] | None,
    ) -> None:
        if keep_chair not in KEEP_CHAIR:
            raise InputError(f"`keep_chair` {keep_chair}: must be yes or no")
        self._keep_chair = keep_chair == "yes"
        self._steps = steps
        self._find_matte = find_matte
        self._name = os.fspath(plate) if isinstance(plate, (str, os.PathLike)) else ""
        self._given: Plate | None = None
        if isinstance(plate, np.ndarray):
            self._given = _from_array(plate)
        elif self._name not in ("", AUTO, NONE):
            self._given = _read_plate(self._name)
        self._has_looked = False
        self._info: StreamInfo | None = None
        self._step: PlateStep | None = None
        self._taking: PlateTaking | None = None
        self._badge, self._badge_until = "", 0.0
        if self._given is not None:
            self._use(self._given)

    # -- streams -----------------------------------------------------------------------------------

    def open(self, info: StreamInfo) -> None:
        """Get the plate of a stream.

        Raises:
            InputError: the given plate has another shape than the frames.
        """
        self._info = info
        self._taking = None
        if self._given is not None:
            _check_shape(self._given, self._name, (info.width, info.height))
            self._leave_out_people(self._given)
        plate, offered = self._given, ""
        looks_first = self._name == AUTO or (plate is not None and not self._keep_chair)
        if looks_first and self._find_matte is not None and not (info.live or info.still):
            plate = self._estimate(info, plate, self._find_matte)
        elif self._name == AUTO and not info.live:
            log.warning("`plate` auto: one picture does not show the room without the person; it goes on without")
        elif info.live and plate is None and self._name in ("", AUTO) and info.device:
            from background_removal.compositing.kept_plates import find_kept

            if found := find_kept(info.device, info.width, info.height):
                plate, offered = found
        self._use(plate, offered)
        self.begin(info.still, info.live)

    def _leave_out_people(self, plate: Plate) -> None:
        """Look once whether people are in the given plate, such as a frame of the video itself; leave them out."""
        if self._has_looked or self._find_matte is None:
            return
        self._has_looked = True
        matte = self._find_matte(Pyramid(plate.image))
        if not matte.shows_person:
            return
        from background_removal.matting.guidance.plate_people import leave_out_people

        name = f"`plate` {self._name}".strip()
        self._given = leave_out_people(plate.image, matte.full())
        if self._given is None:
            log.warning("%s: a person fills it, so it does not show the empty room and is not used", name)
        else:
            log.warning("%s: a person is in it; the room behind them is not known", name)

    def _estimate(self, info: StreamInfo, plate: Plate | None, find_matte: Callable[[Pyramid], Matte]) -> Plate | None:
        """Return the room as the whole file shows it, over `plate` if there is one."""
        from background_removal.compositing.plate_video import sample_frames
        from background_removal.matting.guidance.plate_estimate import estimate_plate, lay_over

        if not info.name or info.name == storage.STANDARD or not storage.is_file(info.name):
            log.warning(
                "%s: is read once only, so the empty room cannot be estimated from it", info.name or "the video"
            )
            return plate
        with storage.local_file(info.name) as local:
            estimate = estimate_plate(sample_frames(local, info.name, _SAMPLES), find_matte)
        if estimate is None:
            log.warning("%s: the camera moves, so `plate` auto finds no empty room, and it goes on without", info.name)
            return plate
        return estimate if plate is None else lay_over(plate, estimate)

    def _use(self, plate: Plate | None, offered: str = "") -> None:
        """Use a plate from now on; `offered` is the day of a kept one, "" for others."""
        if plate is None:
            self._step = None
            return
        from background_removal.matting.guidance.plate import PlateStep

        def believe() -> None:
            log.warning("the picture of the empty room of %s fits and is used; key e takes another", offered)
            self._say(f"the empty room of {offered} is used")

        self._step = PlateStep(plate, self._keep_chair, bool(offered), believe)
        self._steps.put("plate", self)

    def begin(self, still: bool, live: bool) -> None:
        if self._step is not None:
            self._step.begin(still, live)

    def __call__(self, view: Pyramid, matte: Matte) -> Matte:
        if self._taking is not None:
            self._take_frame(self._taking, view, matte)
        return matte if self._step is None else self._step(view, matte)

    def end(self) -> None:
        self._taking = None
        if self._step is not None:
            self._step.end()
        self._info = None

    # -- the action --------------------------------------------------------------------------------

    @property
    def plate(self) -> np.ndarray | None:
        """The picture of the empty room in use, uint8 (H, W, 3); None without one."""
        return None if self._step is None else self._step.image

    @plate.setter
    def plate(self, image: np.ndarray | None) -> None:
        self._use(None if image is None else _from_array(image))
        if self._info is not None:
            self.begin(self._info.still, self._info.live)

    @property
    def actions(self) -> tuple[Action, ...]:
        """The action that takes a picture of the empty room."""
        return (actions.PLATE.bind(self.act),)

    @property
    def badges(self) -> tuple[str, ...]:
        """What the user is to do while a picture is taken, or what has become of it."""
        if self._taking is not None:
            return (self._taking.message,)
        return (self._badge,) if self.clock() < self._badge_until else ()

    @property
    def state(self) -> str:
        """ "none", "taking", "used", or "dropped" while it shows another room."""
        if self._taking is not None:
            return "taking"
        if self._step is None:
            return "none"
        return "dropped" if self._step.is_dropped else "used"

    def act(self, argument: str = "") -> str:
        """Take a picture ("" or "now"), stop taking it, or forget it ("off"); return the message."""
        if argument not in ("", "now", "off"):
            raise InputError(f"plate {argument}: must be now or off")
        if argument == "off":
            return self._forget()
        if self._info is None or not self._info.live:
            return "the empty room can be taken from a camera only; for a file give --plate"
        if self._taking is not None:
            self._taking = None
            return "the empty room is not taken"
        from background_removal.matting.guidance.plate_taking import COUNTDOWN_SECONDS, PlateTaking

        self._taking = PlateTaking(self.clock)
        self._steps.put("plate", self)
        return f"step aside: the empty room is taken in {COUNTDOWN_SECONDS:g} seconds"

    def _forget(self) -> str:
        had_one = self._step is not None
        self._step = self._taking = self._given = None
        self._steps.put("plate", None)
        if self._info is not None and self._info.device:
            from background_removal.compositing.kept_plates import forget

            forget(self._info.device, self._info.width, self._info.height)
        return "the empty room is forgotten" if had_one else "there is no picture of the empty room"

    def _take_frame(self, taking: PlateTaking, view: Pyramid, matte: Matte) -> None:
        plate = taking(view, matte)
        if not taking.is_done:
            return
        self._taking = None
        self._say(taking.message)
        log.info("%s", taking.message)
        if plate is None:
            return
        self._use(plate)
        self.begin(False, True)
        if self._info is not None and self._info.device:
            from background_removal.compositing.kept_plates import keep

            keep(plate, self._info.device)

    def _say(self, text: str) -> None:
        self._badge, self._badge_until = text, self.clock() + _BADGE_SECONDS


def _read_plate(path: str) -> Plate:
    from background_removal.files.images import read_image
    from background_removal.matting.guidance.plate_room import Plate

    limits.check_regular_file(path, f"`plate` {path}")
    if not storage.is_file(path):
        raise InputNotFoundError(f"`plate` {path}: no such file, nor auto or none")
    with storage.local_file(path) as local:
        try:
            return Plate(read_image(local, path))
        except InputError as error:
            raise InputError(f"`plate` {error}") from error


def _from_array(image: np.ndarray) -> Plate:
    from background_removal.matting.guidance.plate_room import Plate

    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise InputError(f"`plate`: must be uint8 (H, W, 3), not {image.dtype} {image.shape}")
    return Plate(image)


def _check_shape(plate: Plate, name: str, size: tuple[int, int]) -> None:
    height, width = plate.image.shape[:2]
    if abs(width / height / (size[0] / size[1]) - 1) > _MAX_SHAPE_DIFFERENCE:
        where = f"`plate` {name}".strip()
        raise InputError(f"{where}: is {width}x{height}, and the frames are {size[0]}x{size[1]}: another shape")
