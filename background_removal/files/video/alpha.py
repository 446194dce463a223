"""The alpha of decoded frames."""

from __future__ import annotations

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from background_removal.support.transparency import WHITE, flatten


class AlphaReader:
    """Reads the alpha of decoded frames of one stream, in any of FFmpeg's pixel formats."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def is_transparent(self, frame: VideoFrame) -> bool:
        """Return whether any part of a frame is transparent."""
        return _has_alpha(frame) and bool(self._read(frame).min() < 255)

    def add_to(self, image: np.ndarray, frame: VideoFrame, keep: bool) -> np.ndarray:
        """Return a frame's image with its transparency, without the colours hidden under it.

        Args:
            image: The converted frame, uint8 (H, W, 3) BGR.
            frame: The frame.
            keep: Whether the result is BGRA with white where alpha is 0; otherwise it is BGR, on white.
        """
        if not _has_alpha(frame):
            return np.dstack([image, np.full(image.shape[:2], 255, np.uint8)]) if keep else image
        alpha = self._read(frame, image.shape[1], image.shape[0])
        if alpha.min() == 255 and not keep:
            return image
        image = np.dstack([image, alpha])
        image[alpha == 0, :3] = 255
        return image if keep else flatten(image, WHITE)

    def _read(self, frame: VideoFrame, width: int | None = None, height: int | None = None) -> np.ndarray:
        return self._reformatter.reformat(frame, width, height, format="bgra").to_ndarray()[..., 3]


def may_be_transparent(stream: VideoStream) -> bool:
    """Return whether a stream's format, or its container, says that it has alpha."""
    known = stream.codec_context.format
    return stream.metadata.get("alpha_mode") == "1" or (
        known is not None and any(component.is_alpha for component in known.components)
    )


def _has_alpha(frame: VideoFrame) -> bool:
    # A palette need not have transparent colours; FFmpeg says that it may.
    return any(component.is_alpha for component in frame.format.components) or frame.format.has_palette
