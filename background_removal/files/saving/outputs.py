"""Paths of results, and the sinks that write them."""

from __future__ import annotations

import os
from typing import Any

import cv2
import numpy as np

from background_removal.errors import InputError, ProcessingError
from background_removal.files.animations import animation_format
from background_removal.files.images import ALPHA_SUFFIXES, ImageSink, SequenceSink, check_image_output, is_sequence
from background_removal.files.saving.atomic import check_output
from background_removal.files.storage import STANDARD, check_bucket, is_remote, path_for_naming
from background_removal.files.video.formats import CONTAINER_FORMATS, Encoding, check_choices, codec_of_encoder
from background_removal.pipeline.frame import Frame, Sink, StreamInfo

# Pattern of the pictures of a sequence where only their folder is given.
PICTURE_NAMES = "%06d.png"
# Suffixes of pictures, often with transparency, that are not written and become PNG.
_LOSSLESS_SUFFIXES = (".gif", ".ico", ".cur", ".icns", ".qoi", ".tga", ".dds", ".pcx", ".sgi", ".rgb", ".bw")
# Video suffixes that a result keeps; all others become MP4, which plays everywhere.
_KEPT_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm")
# Suffixes for the results of animations, by Pillow's name of their format, the usual one first. No encoder writes AVIF
# with transparency as a stream; a WebP holds all that it can be.
_ANIMATION_SUFFIXES = {"WEBP": (".webp",), "PNG": (".png", ".apng"), "AVIF": (".webp",)}


def names_folder(output: str) -> bool:
    """Return whether an output is a folder for results: it exists, ends with a slash, or has no suffix.

    >>> names_folder("results/"), names_folder("results"), names_folder("result.mp4"), names_folder("")
    (True, True, False, False)
    """
    if not output or output == STANDARD or is_sequence(output):
        return False
    if output.endswith(("/", os.sep)):
        return True
    if not is_remote(output) and os.path.exists(output):
        return os.path.isdir(output)
    return not os.path.splitext(output)[1]


def result_path(
    path: str,
    output: str = "",
    *,
    video: bool,
    tag: str = "out",
    alpha: bool = False,
    encoding: Encoding | None = None,
    frames: bool = False,
) -> str:
    """Return the path of the result of `path`.

    Args:
        path: The image or video, local or remote.
        output: The user's choice: the result itself, or a folder for results. "" is the folder of the source, the
            current folder for a web address, and standard output for standard input.
        video: Whether `path` is a video.
        tag: Added to the name of a result beside its source; in another folder it keeps the plain name.
        alpha: Whether the result has an alpha channel, which decides the format.
        encoding: The encoding of a video, which decides the format too.
        frames: Whether a video becomes a folder of pictures.

    >>> result_path("shots/a.mp4.MP4", video=True), result_path("clip.avi", video=True, tag="new")
    ('shots/a.mp4_out.MP4', 'clip_new.mp4')
    >>> result_path("photo.jpg", video=False, alpha=True), result_path("clip.mp4", video=True, alpha=True)
    ('photo_out.png', 'clip_out.webm')
    """
    check_bucket(output)
    if output and not names_folder(output):
        return output
    if path == STANDARD and not output and not (video and frames):
        return STANDARD
    path = path_for_naming(path)
    stem, suffix = os.path.splitext(path)
    if video:
        suffix = _animation_suffix(path, encoding) or _video_suffix(suffix, alpha, encoding)
    else:
        suffix = _image_suffix(suffix, alpha)
    # The dirname of a bare name is "", the current folder.
    folder = output.rstrip("/" + os.sep) or output if output else os.path.dirname(path)
    name = os.path.basename(stem)
    if not output or _same_folder(folder, os.path.dirname(path)):
        name = f"{name}_{tag}"
    name = f"{name}/{PICTURE_NAMES}" if video and frames else name + suffix
    return f"{folder}/{name}" if is_remote(folder) else os.path.join(folder, name)


def check_result(path: str, source: str, *, video: bool, encoding: Encoding | None = None) -> None:
    """Raise InputError unless a result can be written at `path`.

    Args:
        path: The path of the result.
        source: Its source, which it must not replace.
        video: Whether it is a video, or the pictures of one.
        encoding: The encoding of a video.
    """
    if video and path == STANDARD:
        _check_y4m_output(source, encoding or Encoding())
    elif video and not is_sequence(path):
        from background_removal.files.video.video_sink import check_video_output

        check_video_output(path, source, encoding or Encoding())
    else:
        check_image_output(path, source)


def _check_y4m_output(source: str, encoding: Encoding) -> None:
    """Raise InputError unless a video can go to standard output, without an encoder."""
    if encoding.codec or encoding.encoder != "auto" or encoding.crf is not None:
        raise InputError("`output_path` -: is raw video; leave out `codec`, `encoder` and `crf`, or give a file")
    check_choices(encoding)
    check_output(STANDARD, source)


def video_sink(path: str, **options: Any) -> Sink:
    """Return a sink that writes a video at `path`, or its pictures.

    Args:
        path: A video file, the pictures' names as ``frames/%06d.png``, or standard output for a Y4M.
        options: Arguments for `files.video.video_sink.VideoSink`.
    """
    if path == STANDARD:
        from background_removal.files.video.opening import has_sound
        from background_removal.files.video.y4m import Y4mSink

        source = options.get("source")
        return Y4mSink(alpha=bool(options.get("alpha")), has_sound=source is not None and has_sound(source))
    if is_sequence(path):
        return SequenceSink(path, flattens=not options.get("alpha"))
    from background_removal.files.video.video_sink import VideoSink

    return VideoSink(path, **options)


class MatteSink(Sink):
    """Writes the matte of every frame, white for a frame that did not pass the custom objects.

    Args:
        path: An image, a video, or the pictures of one.
        encoding: The encoding of a video.
    """

    needs_matte = True

    def __init__(self, path: str, encoding: Encoding | None = None) -> None:
        self._path = path
        self._encoding = encoding
        self._sink: Sink | None = None

    def open(self, info: StreamInfo) -> None:
        check_result(self._path, info.name, video=not info.still, encoding=self._encoding)
        if info.still:
            self._sink = ImageSink(self._path)
        else:
            self._sink = video_sink(self._path, encoding=self._encoding)
        self._sink.open(info)

    def write(self, frame: Frame) -> None:
        """Write the matte of a frame.

        Raises:
            ProcessingError: there is none, its size differs from the frame's, or it cannot be written.
        """
        assert self._sink is not None
        height, width = frame.shape[:2]
        picture = frame.matte if frame.processed else np.full((height, width, 3), 255, np.uint8)
        if picture is None:
            raise ProcessingError(f"{self._path}: no custom object makes a matte (see FrameObject.matte_picture)")
        if picture.shape[:2] != (height, width):
            raise ProcessingError(
                f"{self._path}: the matte is {picture.shape[1]}x{picture.shape[0]} and the result {width}x{height}; "
                "the object that changes the size must say how (see FrameObject.moved)"
            )
        self._sink.write(frame.with_image(picture))

    def close(self, error: BaseException | None = None) -> None:
        if self._sink is not None:
            self._sink.close(error)
            self.result = self._sink.result


def _image_suffix(suffix: str, alpha: bool) -> str:
    if alpha:
        return suffix if suffix.lower() in ALPHA_SUFFIXES else ".png"
    if suffix.lower() in _LOSSLESS_SUFFIXES:
        return ".png"
    return suffix if cv2.haveImageWriter(f"image{suffix.lower()}") else ".jpg"


def _animation_suffix(path: str, encoding: Encoding | None) -> str:
    """Return the suffix for the result of a local animation.

    "" if it is none, is a GIF, which becomes a video as ever, or if the user chose a codec.
    """
    suffix = os.path.splitext(path)[1]
    known = _ANIMATION_SUFFIXES.get(animation_format(path))
    if known is None or (encoding and (encoding.codec or encoding.encoder != "auto")):
        return ""
    return suffix if suffix.lower() in known else known[0]


def _video_suffix(suffix: str, alpha: bool, encoding: Encoding | None) -> str:
    if alpha:
        return suffix if suffix.lower() in (".mov", ".webm") else ".webm"
    suffix = suffix if suffix.lower() in _KEPT_SUFFIXES else ".mp4"
    encoding = encoding or Encoding()
    codec = encoding.codec or (codec_of_encoder(encoding.encoder) if encoding.encoder != "auto" else "")
    if not codec or codec in CONTAINER_FORMATS[suffix.lower()].codecs:
        return suffix
    return next((known for known, container in CONTAINER_FORMATS.items() if codec in container.codecs), suffix)


def _same_folder(a: str, b: str) -> bool:
    if is_remote(a) or is_remote(b):
        return a.rstrip("/") == b.rstrip("/")
    return os.path.realpath(a) == os.path.realpath(b)
