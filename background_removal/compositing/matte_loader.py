"""Load mattes from elsewhere: an image, a video, a folder of pictures, or a sequence of them."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import ExitStack

import cv2
import numpy as np

from background_removal.errors import InputError, InputNotFoundError
from background_removal.files import storage
from background_removal.files.image_decoding import read_picture
from background_removal.files.images import format_picture_name, is_sequence
from background_removal.files.kinds import IMAGE_SUFFIXES, is_video
from background_removal.matting.guidance.given import AlphaFrames, GivenMatting
from background_removal.support import limits


def load_mattes(path: str) -> GivenMatting:
    """Return a matting that takes its mattes from `path`.

    Args:
        path: An image or a video, local or remote, a folder of pictures in name order, or the pictures' names as
            ``matte/%06d.png``, numbered from 0 or 1. Where anything is transparent the alpha counts, else the
            brightness.

    Raises:
        InputError, InputNotFoundError: it cannot be used, or does not exist.
    """
    files = ExitStack()
    try:
        if is_sequence(path) and not storage.is_remote(path):
            pictures = list(_sequence(path))
            if not pictures:
                raise InputNotFoundError(f"`matte_in` {path}: there is no such picture")
            local = ""
        elif storage.is_folder(path):
            local = files.enter_context(storage.local_folder(path))
            pictures = [file for file in storage.list_files(local) if file.lower().endswith(IMAGE_SUFFIXES)]
            if not pictures:
                raise InputError(f"`matte_in` {path}: there is no picture in this folder")
        else:
            limits.check_regular_file(path, f"`matte_in` {path}")
            if not storage.is_file(path):
                raise InputNotFoundError(f"`matte_in` {path}: no such file or folder")
            local = files.enter_context(storage.local_file(path, may_change=True))
            pictures = [] if is_video(local) else [local]
    except BaseException:
        files.close()
        raise

    def open_frames(rate: float | None) -> AlphaFrames:
        return _read_pictures(pictures, rate, path) if pictures else _read_video(local, path)

    matting = GivenMatting(open_frames, path)
    weakref.finalize(matting, files.close)
    return matting


def _sequence(pattern: str) -> Iterator[str]:
    """Yield the pictures of a sequence, in order, up to the first gap."""
    folder, name = os.path.split(pattern)
    number = 0 if os.path.isfile(os.path.join(folder, format_picture_name(name, 0))) else 1
    while os.path.isfile(picture := os.path.join(folder, format_picture_name(name, number))):
        yield picture
        number += 1


def _read_pictures(pictures: list[str], rate: float | None, name: str) -> AlphaFrames:
    for number, picture in enumerate(pictures):
        shown = name if len(pictures) == 1 else picture
        yield _alpha_of(read_picture(picture, f"`matte_in` {shown}").image), number / rate if rate else np.nan


def _read_video(path: str, name: str) -> AlphaFrames:
    from background_removal.files.video.animation_source import video_source

    with video_source(path, f"`matte_in` {name}", keep_alpha=True) as video:
        for frame in video:
            yield _alpha_of(frame.image), frame.seconds


def _alpha_of(image: np.ndarray) -> np.ndarray:
    """Return the alpha that a picture, uint8 (H, W, 3) or (H, W, 4), stands for, uint8 (H, W)."""
    return image[..., 3].copy() if image.shape[2] == 4 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
