"""Source of an animated WebP, PNG or AVIF; FFmpeg reads no WebP, and of the others neither profile nor all alpha."""

from __future__ import annotations

import functools
import io
import itertools
import logging
import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from background_removal.errors import InputError, reason
from background_removal.files.animations import Animation, animation_format, read_animation
from background_removal.files.code_points import read_code_points
from background_removal.pipeline.frame import Frame, Source, StreamInfo
from background_removal.support import limits
from background_removal.support.transparency import WHITE, flatten

# Pillow, and what is based on it, is imported where an animation is read: other videos pass through here, too.
if TYPE_CHECKING:
    from PIL import Image, ImageFile

    from background_removal.files.video.video_source import VideoSource

log = logging.getLogger(__name__)

# Finest time base, units per second; denominators of a PNG's delays that have no smaller common one are rounded to it.
_MAX_TICKS_PER_SECOND = 1_000_000


def is_read_here(path: str) -> bool:
    """Return whether a local file is an animation that `AnimationSource` reads: GIFs and HDR are FFmpeg's."""
    kind = animation_format(path)
    return kind == "WEBP" or (kind in ("PNG", "AVIF") and not _is_hdr(path, kind))


def _is_hdr(path: str, kind: str) -> bool:
    from background_removal.files.image_decoding import HDR_TRANSFERS

    points = read_code_points(Path(path).read_bytes(), kind)
    return points is not None and points.transfer in HDR_TRANSFERS


def video_source(path: str, name: str = "", **options: Any) -> AnimationSource | VideoSource:
    """Return the source of a video or an animation.

    Args:
        path: A local file.
        name: Its name in messages, `path` if empty.
        options: Those of `files.video.video_source.VideoSource`; animations need `keep_alpha` and `warns` only.
    """
    if is_read_here(path):
        known = {key: value for key, value in options.items() if key in ("keep_alpha", "warns")}
        return AnimationSource(path, name, **known)
    from background_removal.files.video.video_source import VideoSource

    return VideoSource(path, name, **options)


class AnimationSource(Source):
    """Yields the frames of an animation whole, in sRGB, upright, each for as long as the file says.

    What can be read of a damaged file is yielded; a warning says that frames are missing.

    Args:
        path: A local file.
        name: Its name in messages, `path` if empty.
        keep_alpha: Whether the frames are BGRA if any of them is transparent in parts; otherwise they are on white.
        warns: Whether warnings are logged.
    """

    def __init__(self, path: str, name: str = "", *, keep_alpha: bool = False, warns: bool = True) -> None:
        self._path = path
        self._name = name or path
        self._keep_alpha = keep_alpha
        self._warns = warns
        self._info: StreamInfo | None = None
        self._images: Iterator[np.ndarray] | None = None
        self._stopped = threading.Event()

    def open(self) -> None:
        """Open the file; raises InputError if it is no animation, too large, or no frame of it can be read."""
        self._animation = self._read()
        images = self._decode()
        try:
            first = next(images)
        except StopIteration:
            raise InputError(f"{self._name}: no frame of it can be decoded") from None
        self._images = itertools.chain([first], images)
        # Any frame may be the first with transparent parts, as frames may remove what was there before.
        self._keep_alpha = self._keep_alpha and (first.shape[2] == 4 or self._turns_transparent())
        height, width = first.shape[:2]
        durations = self._animation.durations
        self._info = StreamInfo(
            self._name,
            width,
            height,
            time_base=_time_base(durations),
            rate=Fraction(len(durations)) / sum(durations, Fraction(0)),
            frames=len(durations),
            alpha=self._keep_alpha,
            plays=self._animation.plays,
        )

    @property
    def info(self) -> StreamInfo:
        if self._info is None:
            raise RuntimeError("the animation must be opened before it is used")
        return self._info

    def __iter__(self) -> Iterator[Frame]:
        """Yield every frame once; a source can be iterated only once."""
        info = self.info
        assert self._images is not None
        pts = index = 0
        end = Fraction(0)
        for image in self._images:
            if self._stopped.is_set():
                return
            end += self._animation.durations[index]
            following = max(pts + 1, round(end / info.time_base))
            yield Frame(self._finish(image), index, pts, info.time_base, following - pts)
            pts, index = following, index + 1
        self.missing = self._describe_missing(index)

    def stop(self) -> None:
        """Stop an iteration in another thread after its current frame."""
        self._stopped.set()

    def close(self) -> None:
        self._images = None
        if self.missing and self._warns:
            log.warning("%s: %s", self._name, self.missing)
            self._warns = False

    def _read(self) -> Animation:
        try:
            animation = read_animation(self._path)
        except OSError as error:
            raise InputError(f"{self._name}: not a readable video ({error.strerror})") from error
        if animation is None or not animation.durations:
            raise InputError(f"{self._name}: no frame of it can be decoded")
        limits.check_pixels(self._name, *animation.size)
        return animation

    def _decode(self) -> Iterator[np.ndarray]:
        """Decode the frames as far as possible, uint8 (H, W, 3) BGR or, if transparent in parts, (H, W, 4) BGRA."""
        from background_removal.files.color_profiles import find_profile
        from background_removal.files.image_decoding import open_picture, orient, orientation_of, to_bgr

        animation = self._animation
        with open_picture(animation.data, self._name) as header:
            limits.check_pixels(self._name, *header.size)
            turn = orientation_of(header)
            profile = find_profile(header, read_code_points(animation.data, animation.kind))
            pictures = _png_frames(animation.data) if animation.kind == "PNG" else _seek_all(header)
            for _ in animation.durations:
                try:
                    picture = next(pictures, None)
                    if picture is None:
                        return
                    image = to_bgr(picture, profile, self._name)
                except Exception as error:  # of any type, on damaged files
                    log.debug("%s: %s", self._name, reason(error))
                    return
                yield orient(image, turn)

    def _turns_transparent(self) -> bool:
        """Return whether a frame is transparent in parts."""
        with closing(self._decode()) as images:  # pyright: ignore[reportArgumentType]
            return any(image.shape[2] == 4 for image in images)

    def _finish(self, image: np.ndarray) -> np.ndarray:
        if not self._keep_alpha:
            return flatten(image, WHITE)
        if image.shape[2] == 4:
            return image
        return np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])

    def _describe_missing(self, frames: int) -> str:
        promised = self._animation.promised or len(self._animation.durations)
        if frames < promised:
            return f"only {frames} of {promised} frames could be read"
        return f"its end is missing; only {frames} frames could be read" if self._animation.is_cut_off else ""


def _seek_all(picture: ImageFile.ImageFile) -> Iterator[Image.Image]:
    """Yield each frame of a picture that Pillow composes itself; raises errors of any type."""
    for number in range(getattr(picture, "n_frames", 1)):
        picture.seek(number)
        picture.load()
        yield picture


def _png_frames(data: bytes) -> Iterator[Image.Image]:
    """Yield each frame of a PNG, laid over those before by FFmpeg; Pillow 13 errs on transparent ones.

    Raises:
        FFmpegError: the file is damaged.
    """
    from PIL import Image

    options = {"max_pixels": str(limits.max_decoded_pixels())}
    with av.open(io.BytesIO(data), format="apng", options=options) as container:
        stream = container.streams.video[0]
        stream.codec_context.options = options
        for frame in container.decode(stream):
            yield Image.fromarray(frame.to_ndarray(format="rgba"))


def _time_base(durations: Sequence[Fraction]) -> Fraction:
    """Return the time base in which all durations are whole, or the finest one that is allowed."""
    ticks = functools.reduce(math.lcm, (duration.denominator for duration in durations), 1000)
    return Fraction(1, ticks if ticks <= _MAX_TICKS_PER_SECOND else _MAX_TICKS_PER_SECOND)
