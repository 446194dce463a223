"""GIF: limit the frame rate, scale frames, and choose a palette for each."""

from __future__ import annotations

from typing import cast

from av.filter import Graph
from av.video.frame import VideoFrame


class GifRateLimiter:
    """Selects the frames of a GIF so that on average no more than `fps` per second remain.

    Args:
        fps: Maximum frame rate, frames per second.
    """

    def __init__(self, fps: float) -> None:
        self._step = 1 / fps
        self._due: float | None = None

    def accepts(self, seconds: float) -> bool:
        """Return whether the next frame, shown at `seconds`, remains."""
        tolerance = self._step / 4  # of 30 frames per second every other one remains, in spite of jitter
        if self._due is not None and seconds < self._due - tolerance:
            return False
        self._due = max(seconds if self._due is None else self._due, seconds - tolerance) + self._step
        return True


class PaletteFilter:
    """Scales BGRA frames and quantises each to its own 256 colours, one of them transparent where the GIF has alpha.

    Args:
        frame_size: Width and height of the frames.
        size: Width and height of the GIF.
        has_alpha: Whether pixels with less than half of the full alpha become transparent, and all others opaque.
    """

    def __init__(self, frame_size: tuple[int, int], size: tuple[int, int], has_alpha: bool = False) -> None:
        graph = self._graph = Graph()
        source = graph.add("buffer", f"video_size={frame_size[0]}x{frame_size[1]}:pix_fmt=bgra:time_base=1/100")
        scale = graph.add("scale", f"{size[0]}:{size[1]}:flags=area")
        split = graph.add("split")
        reserve = {"reserve_transparent": str(int(has_alpha)), "transparency_color": "white"}
        palette = graph.add("palettegen", stats_mode="single", **reserve)
        use = graph.add("paletteuse", new="1", dither="sierra2_4a", alpha_threshold="128")
        source.link_to(scale)
        scale.link_to(split)
        split.link_to(palette, 0, 0)
        split.link_to(use, 1, 0)
        palette.link_to(use, 0, 1)
        use.link_to(graph.add("buffersink"))
        graph.configure()

    def apply(self, frame: VideoFrame) -> VideoFrame:
        """Return a frame with a palette."""
        self._graph.push(frame)
        return cast("VideoFrame", self._graph.pull())
