"""Ways to blur what is behind a person, for compare.py: ours, the original's, and those of other libraries.

Each takes a frame, uint8 (H, W, 3) BGR, returns the finished one, and keeps the alpha that it has used. Libraries that
bring a network but no blur get the plain one of their own examples: a Gaussian at full size, blended by NumPy.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from matte import Original

from background_removal.errors import BackgroundRemovalError
from background_removal.matting.networks.segmenters import make_segmenter
from background_removal.pipeline.frame import StreamInfo
from background_removal.segmentation import MPSegmentation

# Kernel of the plain blur, pixels; the original's.
KERNEL = (45, 45)
# Height to which backgroundremover reduces a video's frames before its network, pixels; iter_frames in its bg.py.
BACKGROUNDREMOVER_HEIGHT = 320
# Network of people that rembg and backgroundremover share.
U2NET = "u2net_human_seg"
NEEDS_DOWNLOAD = "its network is not on this computer; --download fetches it"


class UnavailableError(Exception):
    """A way that this computer cannot go; its text says what is missing."""


class Way(Protocol):
    """Blurs one frame of a clip after another."""

    def __call__(self, frame: np.ndarray) -> np.ndarray: ...

    def alpha(self) -> np.ndarray:
        """Return the alpha of the last frame, float32 (H, W) in [0, 1]."""
        ...


class Ours:
    """MPSegmentation as the command line makes it, for the frames of a camera or of a file."""

    def __init__(self, *, live: bool) -> None:
        self._segmentation = MPSegmentation(blur="medium")
        self._live = live
        self._count = 0

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        rate = None if self._live else Fraction(30)
        if not self._count:
            self._segmentation.open(StreamInfo("clip", *frame.shape[1::-1], rate=rate, live=self._live))
        self._segmentation.at(self._count / 30)
        self._count += 1
        return self._segmentation(frame)

    def alpha(self) -> np.ndarray:
        return self._segmentation.last_alpha()


class Masked:
    """A network's mask of the frame, and the plain blur behind it."""

    def __init__(self, mask: Callable[[np.ndarray], np.ndarray]) -> None:
        self._mask = mask
        self._alpha = np.zeros((0, 0), np.float32)

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        self._alpha = self._mask(frame)
        alpha = self._alpha[..., None]
        return (frame * alpha + cv2.GaussianBlur(frame, KERNEL, 0) * (1 - alpha)).astype(np.uint8)

    def alpha(self) -> np.ndarray:
        return self._alpha


def mediapipe_way() -> Way:
    """MediaPipe Tasks' ImageSegmenter with its own landscape network, which returns a mask of the frame's size."""
    try:
        return Masked(make_segmenter("landscape", "mediapipe"))
    except BackgroundRemovalError as error:  # it is missing, or one that sends statistics
        raise UnavailableError(str(error).replace("`runtime` mediapipe: ", "")) from error


def rembg_way(model: str) -> Way:
    """rembg with a session that is kept, as its documentation advises for many pictures; the mask alone."""
    rembg = import_rival("rembg", "'rembg[cpu]'")
    session = rembg.new_session(model)

    def mask(frame: np.ndarray) -> np.ndarray:
        rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        return rembg.remove(rgb, session=session, only_mask=True).astype(np.float32) / 255

    return Masked(mask)


def backgroundremover_way(*, download: bool) -> Way:
    """backgroundremover as it does a video, frame by frame: a network that is kept, on frames 320 pixels high."""
    if importlib.util.find_spec("backgroundremover") and not download:
        weights = os.environ.get("U2NET_PATH") or Path.home() / ".u2net" / f"{U2NET}.pth"
        if not Path(weights).is_file():
            raise UnavailableError(NEEDS_DOWNLOAD)
    library = import_rival("backgroundremover.bg", "backgroundremover")
    network = library.Net(U2NET)

    def mask(frame: np.ndarray) -> np.ndarray:
        height, width = frame.shape[:2]
        small = cv2.resize(frame, (round(width * BACKGROUNDREMOVER_HEIGHT / height), BACKGROUNDREMOVER_HEIGHT))
        found = library.remove_many([cv2.cvtColor(small, cv2.COLOR_BGR2RGB)], network)[0]
        return cv2.resize(found, (width, height)).astype(np.float32) / 255

    return Masked(mask)


def import_rival(module: str, package: str) -> Any:
    """Import a library that is no part of the project."""
    name = module.partition(".")[0]
    if importlib.util.find_spec(name) is None:
        raise UnavailableError(f"not installed: python -m pip install {package}")
    return importlib.import_module(module)


def make_way(name: str, *, download: bool) -> Way:
    """Make a way of WAYS.

    Args:
        name: Its name.
        download: Whether a library may fetch its network; without it nothing in this process reaches the network from
            now on.

    Raises:
        UnavailableError: it cannot be used here.
    """
    refused: list[str] = []
    if not download:

        def refuse(event: str, _: object) -> None:
            if event in ("socket.connect", "socket.getaddrinfo"):
                refused.append(event)
                raise OSError(NEEDS_DOWNLOAD)

        sys.addaudithook(refuse)
    try:
        return WAYS[name](download)
    except UnavailableError:
        raise
    except (Exception, SystemExit) as error:  # whatever another library does where it cannot be used
        text = str(error).strip().partition("\n")[0] or type(error).__name__
        raise UnavailableError(NEEDS_DOWNLOAD if refused else f"does not load: {text}") from error


# Ways by name; the first is what the others are compared with.
WAYS: dict[str, Callable[[bool], Way]] = {
    "ours, a camera's frames": lambda _: Ours(live=True),
    "ours, a file's frames": lambda _: Ours(live=False),
    "MediaPipe Tasks": lambda _: mediapipe_way(),
    "the original's way": lambda _: Original(),
    "rembg, u2net_human_seg": lambda _: rembg_way(U2NET),
    "rembg, isnet-general-use": lambda _: rembg_way("isnet-general-use"),
    "backgroundremover": lambda download: backgroundremover_way(download=download),
}
