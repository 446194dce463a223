"""What is asked of a camera, and of what its frames become."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class CameraOptions:
    """What is asked of a camera.

    Attributes:
        size: Width and height in pixels; None leaves it to the camera. It gives the nearest that it can.
        rate: Frames per second; None leaves it to the camera.
        backend: The system's interface that is used: "auto", "v4l2", "gstreamer", "dshow", "msmf", "avfoundation".
        reconnect: For so many seconds a camera that gives no frames is opened again and again.
    """

    size: tuple[int, int] | None = None
    rate: float | None = None
    backend: str = "auto"
    reconnect: float = 30.0


@dataclass(frozen=True, slots=True)
class LiveOptions(CameraOptions):
    """What is asked of a camera, and where its frames go beside the window; for `Engine(live=...)`.

    Attributes:
        record_path: Record what becomes of the frames in this video file; "" for not before the key r asks for it.
        overwrite: Let it take the place of an existing file, instead of getting a number.
        microphone: Whose sound goes into recordings: a name, part of it, or number of `list_microphones`,
            "default" for the usual one, "" for none.
        snapshots: The folder for pictures that are saved by the key s.
        virtual_camera: Show the result to meeting programs on the virtual camera of this name, "" for the first one
            there is; None for not at all.
        show_fps: Whether the window, and it alone, tells how many frames a second it shows; of files too.
        card: The picture, uint8 (H, W, 3) BGR, that the virtual camera shows instead of you when the key x asks for it,
            and while the camera is lost; None makes one of the room, blurred, without anybody in it.
        transparent_color: (B, G, R), each 0 to 255, that the virtual camera shows where the result is transparent.
        mirror_preview: Whether the window shows a camera's frames mirrored, and it alone.
        control_port: Take actions from programs on this computer at this TCP port, 0 for any free one; None for not.
    """

    record_path: str | os.PathLike[str] = ""
    overwrite: bool = False
    microphone: str = ""
    snapshots: str | os.PathLike[str] = "snapshots"
    virtual_camera: str | None = None
    show_fps: bool = False
    card: np.ndarray | None = None
    transparent_color: tuple[int, int, int] = (64, 177, 0)  # the green of broadcast studios, which OBS takes out
    mirror_preview: bool = False
    control_port: int | None = None
