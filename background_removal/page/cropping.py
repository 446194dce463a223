"""Parts of pictures by HTTP: what headers say of a cropped result, and boxes in queries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from background_removal.page.http_errors import PageError
from background_removal.page.photo_service import Rendered


def result_headers(rendered: Rendered) -> dict[str, str]:
    """Return what the headers of a result say of it."""
    headers = {}
    if rendered.found_person is not None:
        headers["X-Found-Person"] = _yes_no(rendered.found_person)
    if rendered.person is not None:
        headers["X-Person"] = _shares(rendered.person, rendered.size)
    if (crop := rendered.crop) is not None:
        headers["X-Crop"] = _shares(crop.box, rendered.size)
        headers["X-Crop-Around"] = crop.around
        headers["X-Crop-Head"] = f"{crop.head:g}"
        headers["X-Crop-Fits"] = _yes_no(crop.fits)
    return headers


def _shares(box: Sequence[float], size: tuple[int, int]) -> str:
    """Return left, top, right, bottom as shares of a picture of (width, height)."""
    return ",".join(f"{side / length:.6f}" for side, length in zip(box, size * 2, strict=True))


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"


def parse_box(text: str) -> tuple[float, float, float, float]:
    """Return the left, top, right and bottom of a part of a picture, shares of its sides.

    >>> parse_box("0.25,0,0.75,1")
    (0.25, 0.0, 0.75, 1.0)

    Raises:
        PageError: it is none.
    """
    try:
        left, top, right, bottom = (float(part) for part in text.split(","))
    except ValueError:
        left = top = right = bottom = -1.0
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise PageError(400, f"box {text[:60]}: must be LEFT,TOP,RIGHT,BOTTOM, shares from 0 to 1")
    return left, top, right, bottom


def cut(image: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """Return the part of an image, (H, W, C), that a box of shares marks; at least a pixel of it."""
    height, width = image.shape[:2]
    left, top = min(round(box[0] * width), width - 1), min(round(box[1] * height), height - 1)
    right, bottom = max(left + 1, round(box[2] * width)), max(top + 1, round(box[3] * height))
    return np.ascontiguousarray(image[top:bottom, left:right])
