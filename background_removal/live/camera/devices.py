"""The cameras of this computer, their modes, and whether a device is in use."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

import av

_LINUX_CAMERAS = Path("/sys/class/video4linux")


def list_cameras() -> dict[int, str]:
    """Return the names of this computer's cameras by number; unknown ones are left out."""
    if sys.platform == "linux":
        devices = {int(device.name.removeprefix("video")): device for device in _LINUX_CAMERAS.glob("video*")}
        return {
            number: (device / "name").read_text(errors="replace").strip() for number, device in sorted(devices.items())
        }
    found = av.enumerate_input_devices("avfoundation" if sys.platform == "darwin" else "dshow")
    return dict(enumerate(device.description or device.name for device in found if "video" in device.media_types))


def list_camera_modes(number: int) -> list[str]:
    """Return the sizes of a camera, largest first, each as ``1920x1080 at 30 (MJPEG), 5 (YUYV)``.

    Available only on Linux, with the package linuxpy, and only for sizes that the driver enumerates; otherwise the
    list is empty, as it is for a device that is no camera.
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
                rate = float(max(mode.min_fps, mode.max_fps))  # linuxpy swaps them
                formats = rates.setdefault((mode.width, mode.height), {}).setdefault(rate, [])
                if mode.pixel_format.name not in formats:
                    formats.append(mode.pixel_format.name)
    except (OSError, ValueError, ArithmeticError):  # no permission, unplugged, or invalid values of its driver
        return []
    modes = []
    for (width, height), by_rate in sorted(rates.items(), reverse=True):
        fastest_first = sorted(by_rate.items(), reverse=True)
        described = [f"{rate:g} ({', '.join(sorted(names))})" for rate, names in fastest_first if rate]
        modes.append(f"{width}x{height}" + (f" at {', '.join(described)}" if described else ""))
    return modes


def is_open_elsewhere(path: str, default: bool) -> bool:
    """Return whether another process has the file or device at `path` open; `default` if unknown.

    Linux shows only processes of the same user, which meeting programs usually are.
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
        except OSError:  # ended meanwhile, or another user's
            continue
        for handle in handles:
            with suppress(OSError):  # closed meanwhile
                if os.readlink(handle) == target:
                    return True
    return False
