"""The cameras of this computer, what they can do, and who has a device open."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

import av

_LINUX_CAMERAS = Path("/sys/class/video4linux")


def list_cameras() -> dict[int, str]:
    """Return the names of this computer's cameras by their numbers; what cannot be known is left out."""
    if sys.platform == "linux":
        devices = {int(device.name.removeprefix("video")): device for device in _LINUX_CAMERAS.glob("video*")}
        return {
            number: (device / "name").read_text(errors="replace").strip() for number, device in sorted(devices.items())
        }
    found = av.enumerate_input_devices("avfoundation" if sys.platform == "darwin" else "dshow")
    return dict(enumerate(device.description or device.name for device in found if "video" in device.media_types))


def list_camera_modes(number: int) -> list[str]:
    """Tell the sizes that a camera can give, largest first, each as ``1920x1080 at 30 (MJPEG), 5 (YUYV)``.

    Only Linux tells, with the package linuxpy, and only of sizes that the driver counts one by one; else the list is
    empty, as it is for what is no camera.
    """
    if sys.platform != "linux":
        return []
    try:
        from linuxpy.video.device import Device
    except ImportError:
        return []
    rates: dict[tuple[int, int], dict[float, list[str]]] = {}
    try:
        with Device(f"/dev/video{number}", read_write=False) as camera:
            assert camera.info is not None
            for mode in camera.info.frame_types:
                rate = float(max(mode.min_fps, mode.max_fps))  # linuxpy takes the shortest interval for the least rate
                formats = rates.setdefault((mode.width, mode.height), {}).setdefault(rate, [])
                if mode.pixel_format.name not in formats:
                    formats.append(mode.pixel_format.name)
    except (OSError, ValueError, ArithmeticError):  # no permission, gone meanwhile, or its driver tells nonsense
        return []
    modes = []
    for (width, height), by_rate in sorted(rates.items(), reverse=True):
        fastest_first = sorted(by_rate.items(), reverse=True)
        told = [f"{rate:g} ({', '.join(sorted(names))})" for rate, names in fastest_first if rate]
        modes.append(f"{width}x{height}" + (f" at {', '.join(told)}" if told else ""))
    return modes


def is_open_elsewhere(path: str, default: bool) -> bool:
    """Tell whether another process has the file or device at `path` open; `default` where that cannot be known.

    Linux tells of the processes of one's own user, which cameras and meeting programs belong to.
    """
    if not sys.platform.startswith("linux") or not os.path.exists(path):
        return default
    target = os.path.realpath(path)
    own = str(os.getpid())
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or process.name == own:
            continue
        try:
            handles = list((process / "fd").iterdir())
        except OSError:  # gone meanwhile, or another user's
            continue
        for handle in handles:
            with suppress(OSError):  # closed meanwhile
                if os.readlink(handle) == target:
                    return True
    return False
