"""Where pictures are processed, one after another: how many may wait is bounded, and so is what is kept of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread
import numpy as np

from background_removal.page.http_errors import PageError
from background_removal.page.image_codec import read_picture, shrunk
from background_removal.page.looks import Look
from background_removal.page.pool import Pool
from background_removal.page.settings import Limits
from background_removal.page.store import Item
from background_removal.pipeline.frame import StreamInfo

_Result = TypeVar("_Result")
# Photos whose matte is kept, so that another background takes no second; of all together no more than this.
_MAX_STILLS, _MAX_PIXELS = 6, 60_000_000


class Still:
    """One photo, opened like a stream of one picture, which is shown again in every look that is asked for.

    Args:
        image: uint8 (H, W, 3) BGR.
        name: What it is called.
        pool: Lends it a look.
        look: Which one it begins with.
    """

    def __init__(self, image: np.ndarray, name: str, pool: Pool, look: Look) -> None:
        self.image = image
        self._pool = pool
        self._showing = showing = pool.take(look)
        showing.open(StreamInfo(name, image.shape[1], image.shape[0], frames=1, still=True))

    def result(self, look: Look) -> np.ndarray:
        """Return it in a look, uint8 (H, W, 3) or (H, W, 4)."""
        if look != self._showing.look:
            self._showing.change(look)
        self._showing.at(0.0)
        return self._showing(self.image.copy())

    @property
    def found_person(self) -> bool | None:
        """Whether a person was found in it."""
        return self._showing.found_person

    def close(self) -> None:
        """Give back its networks."""
        self._showing.close()
        self._pool.give_back(self._showing)


class PhotoService:
    """Processes pictures in one thread after another, and remembers the last ones.

    Args:
        pool: Lends looks.
        limits: How many may wait, and how large they may be.
    """

    def __init__(self, pool: Pool, limits: Limits) -> None:
        self._pool = pool
        self._limits = limits
        self._stills: OrderedDict[tuple[str, int], Still] = OrderedDict()
        self._read: tuple[str, np.ndarray] | None = None
        self._one = anyio.CapacityLimiter(1)

    async def do(self, work: Callable[[], _Result]) -> _Result:
        """Do something in the thread of pictures; raises PageError if too many wait for it."""
        if self._one.statistics().tasks_waiting >= self._limits.waiting:
            raise PageError(503, f"{self._limits.waiting} pictures are waiting already; try again in a moment")
        return await anyio.to_thread.run_sync(work, limiter=self._one)

    def result(self, item: Item, look: Look, longest: int) -> tuple[np.ndarray, bool | None]:
        """Return a photo in a look, and whether a person was found in it; in the thread of pictures.

        Args:
            item: The photo.
            look: The look.
            longest: Its longer side is no longer; a large photo that is only looked at takes a fraction of the time.
        """
        key = item.id, min(longest, max(item.width, item.height))
        still = self._stills.get(key)
        if still is None:
            still = Still(shrunk(self.read(item), longest), item.name, self._pool, look)
            self._stills[key] = still
        self._stills.move_to_end(key)
        self._make_room()
        try:
            return still.result(look), still.found_person
        except BaseException:
            self._stills.pop(key).close()
            raise

    def result_of(self, image: np.ndarray, name: str, look: Look) -> np.ndarray:
        """Return a picture in a look that will not be asked for again; in the thread of pictures."""
        still = Still(image, name, self._pool, look)
        try:
            return still.result(look)
        finally:
            still.close()

    def read(self, item: Item) -> np.ndarray:
        """Return a picture as it came, and remember the last one; in the thread of pictures."""
        if self._read is None or self._read[0] != item.id:
            self._read = item.id, read_picture(item.path(), item.name, self._limits.pixels)
        return self._read[1]

    def forget(self, item_id: str) -> None:
        """Forget a photo, if it is known; in the thread of pictures."""
        for key in [key for key in self._stills if key[0] == item_id]:
            self._stills.pop(key).close()
        if self._read is not None and self._read[0] == item_id:
            self._read = None

    def forget_all(self) -> None:
        """Forget every photo."""
        while self._stills:
            self._stills.popitem()[1].close()

    def _make_room(self) -> None:
        def pixels() -> int:
            return sum(still.image.shape[0] * still.image.shape[1] for still in self._stills.values())

        while len(self._stills) > _MAX_STILLS or (len(self._stills) > 1 and pixels() > _MAX_PIXELS):
            self._stills.popitem(last=False)[1].close()
