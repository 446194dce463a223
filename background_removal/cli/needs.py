"""Needs: conditions without which an option has no effect, each with its message."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from background_removal.cli.request import Request


@dataclass(frozen=True, slots=True, eq=False)
class Need:
    """A condition of options.

    Attributes:
        message: Follows the option's name in the error.
        is_met: Returns whether a request fulfils the condition.
    """

    message: str
    is_met: Callable[[Request], bool]


def _records_or_may(request: Request) -> bool:
    return bool(request.live.record_path) or request.shows or request.is_controlled


def _has_own_model(request: Request) -> bool:
    return os.path.splitext(request.recipe.network.model or "")[1].lower() == ".onnx"


PAGE = Need("goes with --serve", lambda request: request.is_page)
PAGE_CAMERA = Need("goes with --webcam", lambda request: not request.is_page or request.webcam is not None)
RESULT = Need("goes with files; a webcam is recorded with --record", lambda request: not request.is_live)
FILES = Need("goes with files, and not with a webcam", lambda request: not request.is_live)
CAMERA_FOR_RECORD = Need(
    "goes with --record; the result of a file replaces an older one anyway", lambda request: request.is_live
)
CAMERA = Need("goes with a webcam", lambda request: request.is_live or request.is_page)
ENCODER = Need("goes with --record", lambda request: not request.is_live or _records_or_may(request))
LOCAL_CAMERA = Need(
    "goes with a camera of this computer; a URL's decides itself",
    lambda request: request.is_page or "://" not in (request.webcam or ""),
)
RECORD = Need("goes with --record", lambda request: bool(request.live.record_path))
VIRTUAL_CAMERA = Need("goes with --virtual-camera", lambda request: request.live.virtual_camera is not None)
SNAPSHOTS = Need("goes with a window: --show", lambda request: request.shows or request.is_controlled)
WINDOW = Need("says how the window shows it; add --show", lambda request: request.shows)
WINDOW_FPS = Need("is shown in the window alone; add --show", lambda request: request.shows)
END_FRAME = Need("goes with --end-frame", lambda request: request.recipe.frame_range.last > 0)
SEGMENTATION = Need(
    "needs the segmentation; leave out --no-segmentation",
    lambda request: request.is_page or not request.recipe.no_segmentation,
)
KEY = Need("goes with --key", lambda request: bool(request.recipe.look.key))
OWN_MODEL = Need("goes with --model FILE.onnx", _has_own_model)
PLATE = Need(
    "goes with --plate",
    lambda request: request.is_live or request.recipe.guidance.plate not in ("", "none"),
)
CLUSTER = Need("goes with --cluster", lambda request: bool(request.cluster))
# Checked by `checks.check_images_only`, once the kinds of the files are known.
VIDEO = Need("goes with videos", lambda request: True)

# In the order in which they are checked.
NEEDS = (
    PAGE, PAGE_CAMERA, RESULT, FILES, CAMERA_FOR_RECORD, CAMERA, ENCODER, LOCAL_CAMERA, RECORD, VIRTUAL_CAMERA,
    SNAPSHOTS, WINDOW, WINDOW_FPS, END_FRAME, SEGMENTATION, KEY, OWN_MODEL, PLATE, CLUSTER, VIDEO,
)  # fmt: skip
