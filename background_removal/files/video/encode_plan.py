"""Encoding of a video, planned from its first frame and applied to FFmpeg's stream."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from background_removal.errors import InputError
from background_removal.files.square import square_size
from background_removal.files.video.formats import (
    ALPHA_SUFFIXES,
    ANIMATION_SUFFIXES,
    CONTAINER_FORMATS,
    GIF_FPS,
    GIF_WIDTH,
    Encoding,
    codec_of_encoder,
    encoder_name,
    encoder_options,
    pixel_format,
)
from background_removal.pipeline.frame import ColorDescription, StreamInfo

# Colours of frames that never were YUV.
DEFAULT_COLOR = ColorDescription(matrix=1, range=ColorRange.MPEG, primaries=1, transfer=1)
# Colours of a WebP, which has no others.
_WEBP_COLOR = ColorDescription(matrix=6, range=ColorRange.MPEG, primaries=1, transfer=13)
# Colours of a PNG: sRGB, as FFmpeg writes the chunk of that name for these numbers; there is no matrix.
_PNG_COLOR = ColorDescription(matrix=0, range=ColorRange.JPEG, primaries=1, transfer=13)
_COLORS = {".webp": _WEBP_COLOR, ".png": _PNG_COLOR, ".apng": _PNG_COLOR}
# Frame rate of a video without one, frames per second.
_DEFAULT_RATE = Fraction(30)
# Time bases of formats with their own, seconds.
_TIME_BASES = {".gif": Fraction(1, 100), ".webp": Fraction(1, 1000)}
# Shortest duration of a GIF's frame, units of 1/100 s; browsers show shorter ones slowly.
_MIN_GIF_STEP = 2
# Formats in which players take all pixels for square.
_SQUARE_SUFFIXES = (".webm", *ANIMATION_SUFFIXES)
# Encoders that can say that frames are interlaced.
_FIELD_ENCODERS = ("libx264", "prores_ks")
# 4:2:0 encoders that accept odd sizes.
_ODD_SIZE_ENCODERS = ("libvpx-vp9", "libwebp_anim")


@dataclass(frozen=True, slots=True)
class EncodePlan:
    """The encoding of one video.

    Attributes:
        encoder: FFmpeg's name of the encoder.
        options: FFmpeg's options for it.
        pix_fmt: FFmpeg's name of its pixel format.
        frame_format: FFmpeg's name of the pixel format that frames are converted to; differs for a GIF's palette.
        picture_size: Width and height that frames are scaled to, larger than theirs where their pixels become square.
        frame_size: Width and height of converted frames, even where the encoder requires it.
        size: Width and height of the video, smaller than `frame_size` for a limited GIF.
        time_base: Time base of the video, seconds.
        min_step: Shortest distance of two frames with rounded times, units of `time_base`.
        rate: Frames per second.
        pixel_aspect: Width of a pixel divided by its height.
        color: Colour description of the video.
        has_alpha: Whether the video is transparent.
        first_field: "tff" or "bff" if the encoder marks frames as interlaced, "" otherwise.
    """

    encoder: str
    options: Mapping[str, str]
    pix_fmt: str
    frame_format: str
    picture_size: tuple[int, int]
    frame_size: tuple[int, int]
    size: tuple[int, int]
    time_base: Fraction
    min_step: int
    rate: Fraction
    pixel_aspect: Fraction
    color: ColorDescription
    has_alpha: bool
    first_field: str = ""

    @property
    def is_gif(self) -> bool:
        """Whether frames need a palette."""
        return self.pix_fmt == "pal8"

    def apply_to(self, stream: VideoStream) -> None:
        """Set the properties of FFmpeg's stream, which was added with `encoder`, `rate` and `options`."""
        stream.width, stream.height = self.size
        stream.pix_fmt = self.pix_fmt
        stream.codec_context.time_base = self.time_base
        stream.codec_context.framerate = self.rate
        stream.sample_aspect_ratio = self.pixel_aspect
        stream.colorspace = self.color.matrix
        stream.color_primaries = self.color.primaries
        stream.color_trc = self.color.transfer
        stream.color_range = self.color.range


def plan_encoding(path: str, info: StreamInfo, shape: tuple[int, ...], encoding: Encoding) -> EncodePlan:
    """Plan the encoding of a video from its first frame.

    Args:
        path: The path of the result; its suffix decides the container.
        info: Information on the source.
        shape: Shape of the first frame, (height, width, channels).
        encoding: The user's choice.

    Raises:
        InputError: the frames are transparent, which container or encoder cannot store.
    """
    suffix = os.path.splitext(path)[1].lower()
    height, width, channels = shape
    has_alpha = channels == 4
    encoder = _choose_encoder(path, suffix, encoding, has_alpha)
    pix_fmt = pixel_format(encoder, has_alpha)
    pixel_aspect = info.pixel_aspect
    if suffix in _SQUARE_SUFFIXES:
        (width, height), pixel_aspect = square_size(width, height, pixel_aspect), Fraction(1)
    max_width = _max_gif_width(info, encoding) if pix_fmt == "pal8" else width
    if has_alpha:  # FFmpeg would mix colours from under transparent pixels in
        width, height = _limit_width(width, height, max_width)
    picture_size = width, height
    is_whole = (height, width) == (info.height, info.width)  # fields do not survive scaling
    first_field = info.first_field if encoder in _FIELD_ENCODERS and is_whole else ""
    if pix_fmt in ("yuv420p", "nv12") and encoder not in _ODD_SIZE_ENCODERS:
        width, height = width + width % 2, height + height % 2
    size = _limit_width(width, height, max_width) if pix_fmt == "pal8" else (width, height)
    return EncodePlan(
        encoder=encoder,
        options={
            **encoder_options(encoder, encoding, has_alpha),
            **_field_options(encoder, first_field),
            **({"loop": str(info.plays or 0)} if encoder == "libwebp_anim" else {}),
        },
        pix_fmt=pix_fmt,
        frame_format="bgra" if pix_fmt == "pal8" else pix_fmt,
        picture_size=picture_size,
        frame_size=(width, height),
        size=size,
        time_base=_TIME_BASES.get(suffix, info.time_base),
        min_step=_MIN_GIF_STEP if suffix == ".gif" else 1,
        rate=info.rate or _DEFAULT_RATE,
        pixel_aspect=pixel_aspect,
        color=_COLORS.get(suffix) or info.color or DEFAULT_COLOR,
        has_alpha=has_alpha,
        first_field=first_field,
    )


def stores_alpha(path: str, encoding: Encoding) -> bool:
    """Return whether a video of the suffix of `path`, encoded as the user chose, can be transparent."""
    container = CONTAINER_FORMATS[os.path.splitext(path)[1].lower()]
    is_chosen = encoding.codec or encoding.encoder != "auto"
    codec = codec_of_encoder(encoder_name(encoding, container.codecs[0]))
    return bool(container.alpha) and (codec == container.alpha or not is_chosen)


def _choose_encoder(path: str, suffix: str, encoding: Encoding, has_alpha: bool) -> str:
    container = CONTAINER_FORMATS[suffix]
    encoder = encoder_name(encoding, container.codecs[0])
    if not has_alpha:
        return encoder
    if not container.alpha:
        # Not .gif, which has all of it or nothing, and not both names of an animated PNG.
        *others, last = (able for able in ALPHA_SUFFIXES if able not in (".gif", ".apng"))
        raise InputError(
            f"{path}: {suffix} cannot store transparency; choose {', '.join(others)}, or {last}, "
            "or pictures: `output_path` folder/%06d.png"
        )
    is_chosen = encoding.codec or encoding.encoder != "auto"
    if codec_of_encoder(encoder) != container.alpha and is_chosen:
        raise InputError(f"{path}: only {container.alpha} stores transparency in {suffix}")
    return encoder_name(Encoding(container.alpha), container.alpha)


def _field_options(encoder: str, first_field: str) -> dict[str, str]:
    """Return FFmpeg's options for frames of two fields, by the field that is shown first; none for whole frames."""
    if not first_field:
        return {}
    # x264 writes the order into its header before it sees the first frame's.
    return {"flags": "+ildct+ilme", **({"x264-params": f"{first_field}=1"} if encoder == "libx264" else {})}


def gif_rate(info: StreamInfo, encoding: Encoding) -> float | None:
    """Return the highest rate of a GIF, frames per second; None for that of its source, an animation."""
    return encoding.gif_fps or (None if info.is_animation else GIF_FPS)


def _max_gif_width(info: StreamInfo, encoding: Encoding) -> int:
    """Return the largest width of a GIF, pixels; a source that is an animation keeps its own."""
    return encoding.gif_width or (info.width if info.is_animation else GIF_WIDTH)


def _limit_width(width: int, height: int, max_width: int) -> tuple[int, int]:
    limited = min(width, max_width)
    return limited, max(1, round(height * limited / width))
