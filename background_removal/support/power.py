"""Whether the computer runs on its battery, and whether its processor is busy."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from background_removal.support.cores import count_cores

# Where Linux describes power supplies (Documentation/ABI/testing/sysfs-class-power).
_SUPPLIES = Path("/sys/class/power_supply")
# Timeout of macOS's pmset, seconds.
_TIMEOUT = 1.0


def is_on_battery(supplies: Path = _SUPPLIES) -> bool:
    """Return whether a battery powers the computer; False where it has none, or cannot say.

    Args:
        supplies: The folder in which Linux describes power supplies.
    """
    with suppress(OSError, ValueError, subprocess.SubprocessError):
        if sys.platform == "win32":
            return _is_on_battery_windows()
        if sys.platform == "darwin":
            done = subprocess.run(["pmset", "-g", "ps"], capture_output=True, text=True, timeout=_TIMEOUT)
            return "'Battery Power'" in done.stdout
        # The computer's own battery; that of a mouse has the scope "Device".
        batteries = [each for each in supplies.iterdir() if _read(each / "type") == "Battery"]
        return any(_read(each / "status") == "Discharging" and _read(each / "scope") != "Device" for each in batteries)
    return False


def processor_load() -> float:
    """Return how many programs want each core, over the last minute: 1 is all there is; 0 where nothing says so."""
    if not hasattr(os, "getloadavg"):  # Windows
        return 0.0
    return os.getloadavg()[0] / count_cores()


def _read(path: Path) -> str:
    return path.read_text().strip() if path.is_file() else ""


def _is_on_battery_windows() -> bool:
    """Ask Windows (SYSTEM_POWER_STATUS of winbase.h: its first byte is 0 without mains, 1 with, 255 if unknown)."""
    import ctypes

    status = (ctypes.c_ubyte * 12)()
    windows = getattr(ctypes, "windll").kernel32  # noqa: B009 - exists on Windows only
    return bool(windows.GetSystemPowerStatus(status)) and status[0] == 0
