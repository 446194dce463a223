"""Options of a live stream: the camera, and the outputs of its frames."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class CameraOptions:
    """Options of a camera.

    Attributes:
        size: Requested width and height in pixels, of which the camera takes the nearest; None for its default.
        rate: Requested frames per second; None for the camera's default.
        backend: Capture interface: "auto", "v4l2", "gstreamer", "dshow", "msmf" or "avfoundation".
        reconnect: Timeout in seconds for reopening a camera that gives no frames.
    """

    size: tuple[int, int] | None = None
    rate: float | None = None
    backend: str = "auto"
    reconnect: float = 30.0


@dataclass(frozen=True, slots=True)
class LiveOptions(CameraOptions):
    """Options of a camera and of its outputs beside the window; for `Engine(live=...)`.

    Attributes:
        record_path: Video file to record the result in; "" records only on the key r.
        overwrite: Whether `record_path` may replace an existing file, instead of getting a number.
        microphone: Microphone of recordings: a name, part of it, or number of `list_microphones`; "default" for the
            system's default, "" for none.
        snapshots: Folder of the pictures saved by the key s.
        virtual_camera: Name of the virtual camera that shows the result to meeting programs; "" for the first one,
            None for none.
        show_fps: Whether the window shows its frames per second; also for files.
        card: Picture, uint8 (H, W, 3) BGR, that the virtual camera shows instead of the person on the key x, and while
            the camera is lost; None makes one of the blurred background without people.
        transparent_color: (B, G, R), each 0 to 255, that the virtual camera shows where the result is transparent.
        mirror_preview: Whether the window, and only the window, mirrors a camera's frames.
        control_port: TCP port for actions from programs on this computer; 0 for any free one, None for none.
    """

    record_path: str | os.PathLike[str] = ""
    overwrite: bool = False
    microphone: str = ""
    snapshots: str | os.PathLike[str] = "snapshots"
    virtual_camera: str | None = None
    show_fps: bool = False
    card: np.ndarray | None = None
    transparent_color: tuple[int, int, int] = (64, 177, 0)  # the green of broadcast studios, keyed out by OBS
    mirror_preview: bool = False
    control_port: int | None = None
