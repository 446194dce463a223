"""Video formats: the container of each suffix with its codecs, and the settings of encoders."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from background_removal.errors import InputError
from background_removal.support.cores import core_limit

PRESETS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ContainerFormat:
    """The codecs that files of one suffix can contain.

    Attributes:
        codecs: Names of the video codecs, the default first.
        sound: FFmpeg's names of the sound codecs that are copied; None for all.
        sound_encoder: FFmpeg's name of the encoder for other sound; "" for no sound.
        alpha: The codec that stores transparency; "" for none.
    """

    codecs: tuple[str, ...]
    sound: frozenset[str] | None
    sound_encoder: str
    alpha: str = ""


_MP4_SOUND = frozenset({"aac", "mp3", "mp3float", "ac3", "eac3", "alac", "opus", "libopus", "flac"})
_PCM = frozenset(f"pcm_{kind}" for kind in ("s16le", "s16be", "s24le", "s24be", "s32le", "s32be", "f32le", "f32be"))
_MOV_SOUND = (_MP4_SOUND - {"opus", "libopus", "flac"}) | _PCM
_APNG = ContainerFormat(("apng",), frozenset(), "", "apng")
_MP4 = ContainerFormat(("h264", "h265", "av1"), _MP4_SOUND, "aac")

CONTAINER_FORMATS: Mapping[str, ContainerFormat] = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": ContainerFormat(("h264", "h265", "prores"), _MOV_SOUND, "aac", "prores"),
    ".mkv": ContainerFormat(("h264", "h265", "av1", "vp9"), None, "aac"),
    ".webm": ContainerFormat(("vp9", "av1"), frozenset({"opus", "libopus", "vorbis"}), "libopus", "vp9"),
    ".gif": ContainerFormat(("gif",), frozenset(), "", "gif"),
    ".webp": ContainerFormat(("webp",), frozenset(), "", "webp"),
    ".png": _APNG,
    ".apng": _APNG,
}
# Formats of animated pictures, without sound, which are complete only at their end.
ANIMATION_SUFFIXES = (".gif", ".webp", ".png", ".apng")
ALPHA_SUFFIXES = tuple(suffix for suffix, container in CONTAINER_FORMATS.items() if container.alpha)

# Software encoder of each codec, with the quality on its scale that is about equal to x264's 20.
_SOFTWARE = {
    "h264": ("libx264", 20),
    "h265": ("libx265", 24),
    "av1": ("libsvtav1", 32),
    "vp9": ("libvpx-vp9", 30),
    "prores": ("prores_ks", 0),
    "gif": ("gif", 0),
    "webp": ("libwebp_anim", 20),
    "apng": ("apng", 0),
}
# Other names of the codecs, of people, containers and encoders, in lower case letters and digits only.
_CODEC_ALIASES = {
    "h264": ("avc", "avc1", "x264", "libx264", "mpeg4avc"),
    "h265": ("hevc", "hvc1", "hev1", "x265", "libx265"),
    "av1": ("av01", "svtav1", "libsvtav1"),
    "vp9": ("vp09", "libvpxvp9"),
    "prores": ("appleprores", "proresks"),
}
# Highest frame rate of a GIF; browsers show frames shorter than 1/50 s for 1/10 s.
_MAX_GIF_FPS = 50
# Worst quality of encoders with another scale than x264's, which ends at 51.
_MAX_CRF = {"libsvtav1": 63, "libvpx-vp9": 63}

# Hardware encoders that may exist, FFmpeg's names.
_HARDWARE = tuple(
    f"{codec}_{maker}"
    for maker in ("nvenc", "qsv", "videotoolbox", "amf", "mf", "vaapi", "v4l2m2m")
    for codec in ("h264", "hevc", "av1")
)


# Width in pixels and rate in frames per second that a GIF of a video has at most, unless the user says otherwise. A GIF
# stores every frame as a whole picture: four seconds of 1920x1080 at 30 fps take 97 MB, with these limits 7.
GIF_WIDTH, GIF_FPS = 640, 15
# What may be done with interlaced video.
INTERLACED = ("deinterlace", "keep")
# What may be done with the metadata of a source, EXIF and XMP of pictures, titles and places of videos.
METADATA = ("keep", "none")


@dataclass(frozen=True, slots=True)
class Encoding:
    """The encoding of a video, and what else is written into results.

    Attributes:
        codec: "h264", "h265", "av1", "vp9" or "prores"; "" for the container's default.
        encoder: FFmpeg's name of an encoder, "auto" for the codec's software encoder.
        crf: Quality on the encoder's own scale, 0 (best) to 51 or, for VP9 and AV1, 63; None for about x264's 20.
        preset: Speed, from "ultrafast" to "veryslow" (the smallest file).
        gif_width: Maximum width of a GIF, pixels; wider frames are scaled down. None for GIF_WIDTH, or for the width of
            a source that is an animation itself.
        gif_fps: Maximum frame rate of a GIF, at most 50. None for GIF_FPS, or for every frame of an animation.
        interlaced: One of INTERLACED: the fields of interlaced video are made whole frames, or kept.
        metadata: One of METADATA: those of the source are kept or left out, of pictures too.
    """

    codec: str = ""
    encoder: str = "auto"
    crf: int | None = None
    preset: str = "veryfast"
    gif_width: int | None = None
    gif_fps: float | None = None
    interlaced: str = "deinterlace"
    metadata: str = "keep"


def parse_codec(text: str) -> str:
    """Return the codec that a user's text names; `text` itself if it is unknown.

    >>> parse_codec("HEVC"), parse_codec("H.264"), parse_codec("x265"), parse_codec("MPEG-4 AVC"), parse_codec("divx")
    ('h265', 'h264', 'h265', 'h264', 'divx')
    """
    plain = re.sub(r"[^a-z0-9]", "", text.lower())
    return next((codec for codec, names in _CODEC_ALIASES.items() if plain == codec or plain in names), text)


def check_video_format(path: str, encoding: Encoding) -> None:
    """Raise InputError unless this computer can write files of the suffix of `path` with this encoding."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in CONTAINER_FORMATS:
        raise InputError(f"{path}: cannot write a video as '{suffix}'; use {', '.join(CONTAINER_FORMATS)}")
    known = CONTAINER_FORMATS[suffix].codecs
    if encoding.codec and encoding.codec not in known:
        raise InputError(f"`codec` {encoding.codec}: {suffix} takes {', '.join(known)}")
    check_choices(encoding)
    if encoding.gif_width is not None and encoding.gif_width < 1:
        raise InputError(f"`gif_width` {encoding.gif_width}: must be at least 1")
    if encoding.gif_fps is not None and not 0 < encoding.gif_fps <= _MAX_GIF_FPS:
        raise InputError(f"`gif_fps` {encoding.gif_fps:g}: must be above 0 and at most {_MAX_GIF_FPS}")
    name = encoder_name(encoding, known[0])
    worst = _MAX_CRF.get(name, 51)
    if encoding.crf is not None and not 0 <= encoding.crf <= worst:
        raise InputError(f"`crf` {encoding.crf}: must be between 0 (best) and {worst} (worst)")
    if encoding.encoder != "auto":
        _check_encoder(encoding, suffix)


def check_choices(encoding: Encoding) -> None:
    """Raise InputError for a word that is none of those to choose from."""
    if encoding.preset not in PRESETS:
        raise InputError(f"`preset` {encoding.preset}: must be one of {', '.join(PRESETS)}")
    if encoding.metadata not in METADATA:
        raise InputError(f"`metadata` {encoding.metadata}: must be {' or '.join(METADATA)}")
    if encoding.interlaced not in INTERLACED:
        raise InputError(f"`interlaced` {encoding.interlaced}: must be {' or '.join(INTERLACED)}")


def _check_encoder(encoding: Encoding, suffix: str) -> None:
    """Raise InputError unless the encoder named by the user opens here and fits codec and suffix."""
    if not _can_open(encoding.encoder):
        others = [other for other in _HARDWARE if _can_open(other)]
        available = ", ".join(others) if others else "none of a graphics card, so leave `encoder` out"
        raise InputError(f"`encoder` {encoding.encoder}: does not open on this computer; those that do: {available}")
    if encoding.codec and codec_of_encoder(encoding.encoder) != encoding.codec:
        raise InputError(f"`encoder` {encoding.encoder}: does not write `codec` {encoding.codec}")
    known = CONTAINER_FORMATS[suffix].codecs
    if codec_of_encoder(encoding.encoder) not in known:
        raise InputError(f"`encoder` {encoding.encoder}: {suffix} takes {', '.join(known)}")


def encoder_name(encoding: Encoding, usual_codec: str) -> str:
    """Return FFmpeg's name of the encoder for `encoding`."""
    if encoding.encoder != "auto":
        return encoding.encoder
    return _SOFTWARE[encoding.codec or usual_codec][0]


def codec_of_encoder(encoder: str) -> str:
    """Return the codec that an encoder writes.

    >>> codec_of_encoder("hevc_nvenc"), codec_of_encoder("libx264")
    ('h265', 'h264')
    """
    for codec, (name, _) in _SOFTWARE.items():
        if name == encoder:
            return codec
    return {"hevc": "h265"}.get(found := encoder.split("_")[0], found)


def encoder_options(encoder: str, encoding: Encoding, alpha: bool) -> dict[str, str]:
    """Return FFmpeg's options for an encoder, with similar quality and speed for each."""
    limit = core_limit()
    if limit is None:
        return _quality_options(encoder, encoding, alpha)
    options = {**_quality_options(encoder, encoding, alpha), "threads": str(limit)}
    # These two ignore the number of threads and have their own setting.
    if encoder == "libx265":
        options["x265-params"] += f":pools={limit}"
    if encoder == "libsvtav1":
        options["svtav1-params"] = f"lp={limit}"
    return options


def _quality_options(encoder: str, encoding: Encoding, alpha: bool) -> dict[str, str]:
    quality = encoding.crf
    if quality is None:
        quality = dict(_SOFTWARE.values()).get(encoder, 23)
    crf, step = str(quality), PRESETS.index(encoding.preset)
    if encoder == "libx264":
        return {"crf": crf, "preset": encoding.preset}
    if encoder == "libx265":
        return {"crf": crf, "preset": encoding.preset, "x265-params": "log-level=error"}
    if encoder == "libsvtav1":
        os.environ.setdefault("SVT_LOG", "1")  # errors only
        return {"crf": crf, "preset": str(12 - step)}
    if encoder == "libvpx-vp9":
        # The realtime mode has speeds from 5 to 9, the good mode from 0 to 5.
        mode, speed = ("realtime", 8 - step) if step < 3 else ("good", 8 - step)
        # Alternate reference frames, which are never shown, have no alpha.
        reference = {"auto-alt-ref": "0"} if alpha else {}
        return {"crf": crf, "b": "0", "deadline": mode, "cpu-used": str(speed), "row-mt": "1", **reference}
    if encoder == "prores_ks":
        return {"profile": "4444" if alpha else "hq", "vendor": "apl0"}
    if encoder == "libwebp_anim":
        return {"quality": str(100 - quality), "loop": "0"}
    if encoder.endswith("_nvenc"):
        return {"rc": "vbr", "cq": crf, "b": "0"}
    if encoder.endswith("_qsv"):
        return {"global_quality": crf}
    if encoder.endswith("_videotoolbox"):
        return {"global_quality": str(round(118 * (100 - 1.5 * quality))), "flags": "+qscale"}
    if encoder.endswith("_amf"):
        return {"rc": "cqp", "qp_i": crf, "qp_p": crf, "qp_b": crf}
    return {}


def pixel_format(encoder: str, alpha: bool) -> str:
    """Return the pixel format of an encoder's input frames."""
    if encoder == "prores_ks":
        return "yuva444p10le" if alpha else "yuv422p10le"
    if encoder == "gif":
        return "pal8"
    if encoder == "apng":
        return "rgba" if alpha else "rgb24"
    if alpha:
        return "yuva420p"
    from av.codec import Codec

    known = Codec(encoder, "w").video_formats or []
    return "yuv420p" if any(item.name == "yuv420p" for item in known) else "nv12"


@functools.cache
def _can_open(encoder: str) -> bool:
    """Return whether FFmpeg has a video encoder of this name that opens on this computer."""
    import av.error
    from av.codec.context import CodecContext
    from av.video.codeccontext import VideoCodecContext

    try:
        context = CodecContext.create(encoder, "w")
        if not isinstance(context, VideoCodecContext):
            return False
        context.width, context.height = 640, 480
        context.pix_fmt = pixel_format(encoder, alpha=False)
        context.time_base = Fraction(1, 25)
        context.options = encoder_options(encoder, Encoding(), alpha=False)
        context.open()
    except (av.error.FFmpegError, ValueError, OSError):
        return False
    return True
