"""Process pictures one at a time, with a bounded queue and a bounded cache of mattes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import anyio
import anyio.to_thread
import cv2
import numpy as np
from starlette.requests import Request

from background_removal.effects.portrait_crop import SHAPES, Crop, PortraitCropper, person_bounds
from background_removal.files.video.still import read_frame
from background_removal.look import Look
from background_removal.page.http_errors import PageError
from background_removal.page.image_codec import read_picture, shrink
from background_removal.page.pool import RendererPool
from background_removal.page.settings import Limits
from background_removal.page.store import Upload
from background_removal.pipeline.frame import StreamInfo

_Result = TypeVar("_Result")
# Photos with a cached matte; a new background then takes less than a second.
_MAX_STILLS = 6
# Pixels of all cached photos together.
_MAX_PIXELS = 60_000_000


# Grey of strokes that says nothing.
_UNKNOWN_GREY = 128
# Maximum difference of the aspect ratios of a photo and its strokes, as a ratio: rounding to whole pixels.
_MAX_ASPECT_RATIO = 1.05


@dataclass(frozen=True, slots=True)
class Rendered:
    """A photo in a look.

    Attributes:
        image: uint8 (H, W, 3) or (H, W, 4).
        found_person: Whether a person was found in it; None if nothing was looked for.
        crop: Where it was cropped; None for the whole.
        size: Width and height before that, in pixels.
        per_metre: Pixels per metre on paper; 0 for any.
        person: Left, top, right, bottom of the person before it was cropped, in pixels; None without one.
    """

    image: np.ndarray
    found_person: bool | None
    crop: Crop | None
    size: tuple[int, int]
    person: tuple[float, float, float, float] | None
    per_metre: int = 0


def pack_hints(hints: np.ndarray, size: tuple[int, int]) -> bytes:
    """Return strokes as a grey PNG, a thousandth of their size in memory.

    Args:
        hints: White keeps, black erases, grey (128) and transparent say nothing, uint8 (H, W, 3) or (H, W, 4).
        size: Width and height of their photo.

    Raises:
        PageError: they have another shape than it.
    """
    height, width = hints.shape[:2]
    ratio = width * size[1] / (height * size[0])
    if max(ratio, 1 / ratio) > _MAX_ASPECT_RATIO:
        raise PageError(400, f"hints: is {width}x{height}, another shape than the photo, {size[0]}x{size[1]}")
    grey = cv2.cvtColor(np.ascontiguousarray(hints[..., :3]), cv2.COLOR_BGR2GRAY)
    if hints.shape[2] == 4:
        unknown = np.full_like(grey, _UNKNOWN_GREY)
        share = hints[..., 3] * np.float32(1 / 255)
        grey = cv2.blendLinear(grey, unknown, share, 1 - share)
    return cv2.imencode(".png", grey, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


class Still:
    """A photo, opened like a stream of one picture that is shown again in each requested look.

    Args:
        image: uint8 (H, W, 3) BGR, or (H, W, 4) BGRA.
        name: The visitor's name for it.
        pool: Lends the renderer.
        look: The first look.

    Attributes:
        hints: Number of the version of the strokes that correct its matte; 0 for none.
    """

    def __init__(self, image: np.ndarray, name: str, pool: RendererPool, look: Look) -> None:
        self.image = image
        self.hints = 0
        self._pool = pool
        self._renderer = pool.acquire(look, "photo")
        height, width, channels = image.shape
        self._renderer.open(StreamInfo(name, width, height, frames=1, still=True, alpha=channels == 4))

    def set_hints(self, hints: bytes, number: int) -> None:
        """Correct the matte by strokes of any size, as `pack_hints` returns them; `number` is that of their version."""
        picture = None
        if hints:
            picture = cv2.imdecode(np.frombuffer(hints, np.uint8), cv2.IMREAD_GRAYSCALE)
            assert picture is not None
            picture = cv2.resize(picture, self.image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        self._renderer.set_hints(picture)
        self.hints = number

    def render(self, look: Look) -> np.ndarray:
        """Return the photo in a look, uint8 (H, W, 3) or (H, W, 4)."""
        if look != self._renderer.look:
            self._renderer.change_look(look)
        self._renderer.at(0.0)
        return self._renderer(self.image.copy())

    @property
    def found_person(self) -> bool | None:
        """Whether a person was found in it."""
        return self._renderer.found_person

    @property
    def matte(self) -> np.ndarray | None:
        """The matte of the last result, uint8 (H, W, 3)."""
        return self._renderer.matte_picture()

    def close(self) -> None:
        """Release the renderer."""
        self._renderer.close()
        self._pool.release(self._renderer)


class PhotoService:
    """Processes pictures one at a time and caches the last ones.

    Args:
        pool: Lends renderers.
        limits: Length of the queue, and size of a picture.
    """

    def __init__(self, pool: RendererPool, limits: Limits) -> None:
        self._pool = pool
        self._limits = limits
        self._stills: OrderedDict[tuple[str, int], Still] = OrderedDict()
        self._last_read: tuple[str, np.ndarray] | None = None
        self._hints: dict[str, tuple[int, bytes]] = {}
        self._cropper = PortraitCropper()
        self._limiter = anyio.CapacityLimiter(1)

    @property
    def waiting(self) -> int:
        """Number of pictures that wait."""
        return self._limiter.statistics().tasks_waiting

    async def run(self, work: Callable[[], _Result], request: Request | None = None) -> _Result:
        """Run `work` in a thread, one at a time.

        Args:
            work: The work.
            request: The request that it answers; None for one that is done even if its sender has gone.

        Raises:
            PageError: too many wait, or the sender has gone.
        """
        if self.waiting >= self._limits.waiting:
            raise PageError(503, f"{self._limits.waiting} pictures are waiting already; try again in a moment")
        async with self._limiter:
            if request is not None and await request.is_disconnected():
                raise PageError(400, "the sender has gone")
            return await anyio.to_thread.run_sync(work)

    # -- called inside `run` -------------------------------------------------------------------------

    def render(
        self, photo: Upload, look: Look, max_side: int, seconds: float | None = None, *, crop: str = ""
    ) -> Rendered:
        """Return a photo, or a frame of a video, in a look.

        Args:
            photo: The photo or video.
            look: The look.
            max_side: Longest side in pixels; a preview of a large photo takes a fraction of the time.
            seconds: Time of the frame; None for a photo.
            crop: Name of the shape that the result is cropped to; "" for none.
        """
        key = _cache_name(photo, seconds), min(max_side, max(photo.width, photo.height))
        still = self._stills.get(key)
        if still is None:
            still = Still(shrink(self.read(photo, seconds), max_side), photo.name, self._pool, look)
            self._stills[key] = still
        self._stills.move_to_end(key)
        self._evict()
        number, hints = self._hints.get(photo.id, (0, b""))
        try:
            if still.hints != number:
                still.set_hints(hints, number)
            return self._finish(still.render(look), still, crop)
        except BaseException:
            self._stills.pop(key).close()
            raise

    def set_hints(self, photo: Upload, picture: np.ndarray | None) -> None:
        """Correct the matte of a photo from now on, at every size of it.

        Args:
            photo: The photo.
            picture: The strokes, uint8 (H, W, 3) or (H, W, 4), of any size in the photo's shape; None for none.

        Raises:
            PageError: it has another shape.
        """
        hints = b"" if picture is None else pack_hints(picture, (photo.width, photo.height))
        number, _ = self._hints.get(photo.id, (0, b""))
        self._hints[photo.id] = number + 1, hints

    def render_once(
        self,
        image: np.ndarray,
        name: str,
        look: Look,
        hints: np.ndarray | None = None,
        *,
        crop: str = "",
        pool: RendererPool | None = None,
    ) -> np.ndarray:
        """Return a picture in a look, without caching it.

        Args:
            image: uint8 (H, W, 3) or (H, W, 4).
            name: The visitor's name for it.
            look: The look.
            hints: As for `set_hints`.
            crop: As for `render`.
            pool: Lends the renderer; None for the page's own.
        """
        packed = b"" if hints is None else pack_hints(hints, (image.shape[1], image.shape[0]))
        still = Still(image, name, pool or self._pool, look)
        try:
            if packed:
                still.set_hints(packed, 1)
            return self._finish(still.render(look), still, crop).image
        finally:
            still.close()

    def read(self, upload: Upload, seconds: float | None = None) -> np.ndarray:
        """Return an uploaded picture, or a frame of an uploaded video, and cache the last one."""
        name = _cache_name(upload, seconds)
        if self._last_read is None or self._last_read[0] != name:
            if seconds is None:
                image = read_picture(upload.path(), upload.name, self._limits.pixels)
            else:
                image = read_frame(upload.path(), seconds, upload.name)
            self._last_read = name, image
        return self._last_read[1]

    def forget(self, upload_id: str) -> None:
        """Remove a picture from the caches."""
        self._hints.pop(upload_id, None)
        for key in [key for key in self._stills if key[0].partition("@")[0] == upload_id]:
            self._stills.pop(key).close()
        if self._last_read is not None and self._last_read[0].partition("@")[0] == upload_id:
            self._last_read = None

    def _finish(self, image: np.ndarray, still: Still, crop: str) -> Rendered:
        matte, size = still.matte, (image.shape[1], image.shape[0])
        person = None if matte is None else person_bounds(matte)
        place = self._cropper.find(image, matte, SHAPES[crop]) if crop else None
        per_metre = 0
        if place is not None:
            left, top, right, bottom = place.box
            image = np.ascontiguousarray(image[top:bottom, left:right])
            printed = SHAPES[crop].printed
            per_metre = round((bottom - top) * 1000 / printed) if printed else 0
        return Rendered(image, still.found_person, place, size, person, per_metre)

    def _evict(self) -> None:
        def pixels() -> int:
            return sum(still.image.shape[0] * still.image.shape[1] for still in self._stills.values())

        while len(self._stills) > _MAX_STILLS or (len(self._stills) > 1 and pixels() > _MAX_PIXELS):
            self._stills.popitem(last=False)[1].close()


def _cache_name(upload: Upload, seconds: float | None) -> str:
    return upload.id if seconds is None else f"{upload.id}@{seconds:.3f}"
