"""Who has a device open."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path


def is_open_elsewhere(path: str, otherwise: bool) -> bool:
    """Tell whether another process has the file or device at `path` open; `otherwise` where that cannot be known.

    Linux tells of the processes of one's own user, which cameras and meeting programs belong to.
    """
    if not sys.platform.startswith("linux") or not os.path.exists(path):
        return otherwise
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
