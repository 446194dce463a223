"""Load the strokes with which a user corrects the matte of an image."""

from __future__ import annotations

import os

import numpy as np

from background_removal.errors import InputError, InputNotFoundError
from background_removal.files import storage
from background_removal.files.image_decoding import read_picture
from background_removal.matting.guidance.hints import HintStep
from background_removal.matting.guidance.strokes import parse_strokes
from background_removal.support import limits


def load_hints(hints: np.ndarray | str | os.PathLike[str], before: HintStep | None = None) -> HintStep:
    """Return the step that corrects a matte by strokes.

    Args:
        hints: A picture, uint8 (H, W), (H, W, 3) BGR or (H, W, 4) BGRA, or the path of one.
        before: The step that it replaces, if any.

    Raises:
        InputError, InputNotFoundError: it is no picture, or does not exist.
    """
    if isinstance(hints, np.ndarray):
        known = hints.ndim == 2 or (hints.ndim == 3 and hints.shape[2] in (3, 4))
        if hints.dtype != np.uint8 or not known or not hints.size:
            raise InputError(f"`hints`: must be uint8 (H, W), (H, W, 3) or (H, W, 4), not {hints.dtype} {hints.shape}")
        return HintStep(parse_strokes(hints), "array", before)
    path = os.fspath(hints)
    limits.check_regular_file(path, f"`hints` {path}")
    if not storage.is_file(path):
        raise InputNotFoundError(f"`hints` {path}: no such file")
    with storage.local_file(path) as local:
        return HintStep(parse_strokes(read_picture(local, f"`hints` {path}").image), path, before)
