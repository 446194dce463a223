"""A picture with transparency that lies before the person: a desk, a podium, a frame."""

from __future__ import annotations

import cv2
import numpy as np

from background_removal.errors import InputError
from background_removal.pipeline.planes import ColorDescription, Planes, bgr_to_yuv_matrix


class Foreground:
    """Covers frames with a picture, as wide as the frame and standing on its lower edge.

    Args:
        image: uint8 (H, W, 4) BGRA, not multiplied by alpha.
        name: The picture's name in messages.

    Raises:
        InputError: it is no image with an alpha channel, it hides everything, or nothing of it shows.
    """

    def __init__(self, image: np.ndarray, name: str) -> None:
        where = f"`foreground` {name}".strip()
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] not in (3, 4) or 0 in image.shape:
            raise InputError(f"{where}: must be uint8 (H, W, 4) with an alpha channel, not {image.dtype} {image.shape}")
        if image.shape[2] == 3 or image[..., 3].min() == 255:
            raise InputError(f"{where}: has no transparent part, so it would hide everything behind it")
        if image[..., 3].max() == 0:
            raise InputError(f"{where}: is transparent everywhere, so nothing of it would show")
        self._image = image
        self._key: tuple[tuple[int, int], ColorDescription | None] | None = None

    def cover(self, picture: np.ndarray | Planes) -> None:
        """Draw over a picture in place: BGR (H, W, 3), BGRA (H, W, 4) or planes, uint8."""
        height, width = picture.shape[:2]
        color = picture.color if isinstance(picture, Planes) else None
        if self._key != ((width, height), color):
            self._fit(width, height, color)
            self._key = (width, height), color
        top = height - self._rows
        if isinstance(picture, Planes):
            for layer, front, behind in zip(picture.layers, self._fronts, self._shares, strict=True):
                _cover(layer[layer.shape[0] - front.shape[0] :], front, behind)
        elif picture.shape[2] == 3:
            _cover(picture[top:], self._fronts[0], self._shares[0])
        else:
            part = picture[top:]
            part[:] = _over(self._fronts[0], self._shares[0], part)

    def _fit(self, width: int, height: int, color: ColorDescription | None) -> None:
        """Scale the picture to a frame; `_fronts` are multiplied by alpha, `_shares` are those of what is behind."""
        fitted = _scale_to_width(self._image, width, height)
        # From the first visible row on; an even number of rows, for chroma at half size.
        top = int(np.flatnonzero(fitted[..., 3].any(axis=1))[0]) if fitted[..., 3].any() else len(fitted) - 2
        rows = min(height, len(fitted) - top + (len(fitted) - top) % 2)
        fitted = fitted[max(0, len(fitted) - rows) :]
        if len(fitted) < rows:
            fitted = cv2.copyMakeBorder(fitted, rows - len(fitted), 0, 0, 0, cv2.BORDER_CONSTANT, value=(0, 0, 0, 0))
        self._rows = rows
        share = cv2.bitwise_not(cv2.extractChannel(fitted, 3))
        if color is None:
            self._fronts = [cv2.cvtColor(fitted, cv2.COLOR_BGRA2BGR)]
            self._shares = [cv2.merge([share] * 3)]
            return
        # Of colours multiplied by alpha, the constant terms are multiplied too.
        matrix = bgr_to_yuv_matrix(color.matrix, color.full_range) * (1, 1, 1, 1 / 255)
        half = cv2.resize(fitted, (width // 2, rows // 2), interpolation=cv2.INTER_AREA)
        luma = cv2.transform(fitted, matrix[:1])
        blue, red = cv2.split(cv2.transform(half, matrix[1:]))
        half_share = cv2.bitwise_not(cv2.extractChannel(half, 3))
        self._fronts, self._shares = [luma, blue, red], [share, half_share, half_share]


def _scale_to_width(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return a picture scaled to a width, at most `height` of its lower rows, uint8 (h, width, 4) times alpha."""
    rows = max(1, round(image.shape[0] * width / image.shape[1]))
    if rows > height:  # cropped first, so that only the visible part is scaled
        image = image[-max(1, round(image.shape[0] * height / rows)) :]
        rows = height
    alpha = cv2.extractChannel(image, 3)
    multiplied = cv2.multiply(image, cv2.merge([alpha, alpha, alpha, np.full_like(alpha, 255)]), scale=1 / 255)
    method = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_LINEAR
    return cv2.resize(multiplied, (width, rows), interpolation=method)


def _cover(part: np.ndarray, front: np.ndarray, share: np.ndarray) -> None:
    """Draw `front`, which is multiplied by alpha, over `part` in place; `share` is 255 minus that alpha."""
    cv2.multiply(part, share, dst=part, scale=1 / 255)
    cv2.add(part, front, dst=part)


def _over(front: np.ndarray, share: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Return `front` over a part of a transparent picture, uint8 (h, w, 4) not multiplied by alpha."""
    alpha = part[..., 3].astype(np.float32)
    behind = alpha * share[..., 0] / 255
    total = 255 - share[..., 0] + behind
    colors = (255 * front.astype(np.float32) + part[..., :3] * behind[..., None]) / np.maximum(total, 1)[..., None]
    return np.dstack([colors, total]).round().clip(0, 255).astype(np.uint8)
