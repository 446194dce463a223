"""Pictures of empty rooms that are kept in the cache folder, one for each camera and size."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import time
from pathlib import Path

import numpy as np

from background_removal.errors import BackgroundRemovalError, reason
from background_removal.files.image_decoding import read_picture
from background_removal.files.images import write_image
from background_removal.files.saving.atomic import atomic_output
from background_removal.matting.guidance.plate_room import Plate
from background_removal.support.paths import cache_folder

log = logging.getLogger(__name__)

# Environment variable with the folder of these pictures, in place of the system's cache folder.
FOLDER_VARIABLE = "BACKGROUND_REMOVAL_PLATES"
# Length of the readable part of a name, characters.
_MAX_NAME = 40


def kept_path(device: str, width: int, height: int) -> Path:
    """Return where the empty room of a camera is kept."""
    folder = Path(os.environ.get(FOLDER_VARIABLE) or cache_folder() / "plates")
    readable = re.sub(r"[^\w.-]+", "-", device).strip("-.")[:_MAX_NAME]
    digest = hashlib.sha256(device.encode()).hexdigest()[:8]  # of two cameras with similar names
    return folder / f"{readable}-{digest}-{width}x{height}.png"


def find_kept(device: str, width: int, height: int) -> tuple[Plate, str] | None:
    """Return the kept picture of a camera and the day it was taken; None without one that can be read."""
    path = kept_path(device, width, height)
    if not path.is_file():
        return None
    try:
        image = read_picture(str(path), str(path)).image
        day = time.strftime("%Y-%m-%d", time.localtime(path.stat().st_mtime))
    except (BackgroundRemovalError, OSError) as error:
        log.info("%s: the kept picture of the empty room cannot be read (%s)", path, reason(error))
        return None
    if image.shape[1::-1] != (width, height):
        return None
    if image.shape[2] == 4:
        return Plate(np.ascontiguousarray(image[..., :3]), np.ascontiguousarray(image[..., 3])), day
    return Plate(image), day


def keep(plate: Plate, device: str) -> None:
    """Keep the picture of a camera's empty room; a failure is reported and no more."""
    height, width = plate.image.shape[:2]
    path = kept_path(device, width, height)
    image = plate.image if plate.known is None else np.dstack([plate.image, plate.known])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_output(str(path)) as temporary:
            write_image(temporary, image, str(path))
    except (BackgroundRemovalError, OSError) as error:
        log.warning("the picture of the empty room is not kept for the next time: %s", reason(error))


def forget(device: str, width: int, height: int) -> None:
    """Delete the kept picture of a camera's empty room, if there is one."""
    kept_path(device, width, height).unlink(missing_ok=True)
