"""An edge as fine as the frame, where the matte is coarser."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from background_removal.matting.alpha.matte import Matte

# Values without a source were chosen by eye on hair before the sky, and are such as hardly change the figures of stills
# with known alpha (benchmarks/stills.py).

# From so many pixels of the frame to one of the matte on (a guess): a matte of one to one was fitted to these very
# pixels.
_MIN_SCALE = 1.5
# Neighbourhood, at half the matte's size, in which the brightness of either side is looked for.
_SURROUNDINGS = (3, 3)
# Difference of both sides' brightness (of 255) at which a pixel's own counts half; see `matting.alpha.edge`.
_APART = 120.0
# What the fit adds to the person counts for so much; see `matting.alpha.refine`.
_OUTWARD = 0.25


def is_coarse(matte: Matte) -> bool:
    """Tell whether a matte has pixels much larger than its frame's, and the network does not tell the colours."""
    return matte.foreground is None and matte.box[2] - matte.box[0] >= _MIN_SCALE * matte.alpha.shape[1]


def refine_at_full_size(
    alpha: np.ndarray, layer: np.ndarray, matte: Matte, values: Callable[[np.ndarray], Sequence[np.ndarray]]
) -> None:
    """Change an alpha in place so that its edge follows the frame's own pixels, and no rim of steps is left.

    As `matting.alpha.edge.snap_to_edges` does at the matte's size, with brightness alone, which shows nearly all
    of a rim.

    Args:
        alpha: The matte's alpha at the size that its box has in the frame, uint8 (h, w); contiguous; what is 0 or 255
            stays.
        layer: The frame, uint8 (H, W, 3) BGR, or its luma, uint8 (H, W).
        matte: Where the person is.
        values: Gives a small BGR picture in layers like the frame's; the first one is looked at.
    """
    height, width = alpha.shape
    left, top, _, _ = matte.box
    half = (max(1, matte.alpha.shape[1] // 2), max(1, matte.alpha.shape[0] // 2))
    small = values(cv2.resize(matte.image, half, interpolation=cv2.INTER_AREA))[0]
    gain, offset, share = _ways(small, cv2.resize(matte.alpha, half, interpolation=cv2.INTER_AREA))
    flat = alpha.reshape(-1)
    edge = np.flatnonzero((flat - np.uint8(1)) < 254)  # 0 becomes 255
    rows = edge // width
    columns = edge - rows * width
    near = (np.arange(height) * half[1] // height * half[0]).take(rows)
    near += (np.arange(width) * half[0] // width).take(columns)
    pixels = (rows + top) * layer.shape[1] + columns + left
    if layer.ndim == 3:
        pixels = pixels * 3 + 1  # green is most of brightness
    place = layer.reshape(-1).take(pixels) * gain.take(near) - offset.take(near)
    before = flat.take(edge) * np.float32(1 / 255)
    change = np.clip(place, 0, 1) - before
    change = np.minimum(change, change * np.float32(_OUTWARD))
    flat[edge] = np.rint(255 * (before + change * share.take(near) * before * (1 - before)))


def _ways(image: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return for each pixel how its neighbours' brightness tells how much of them is person, three flat float32.

    That is ``brightness * gain - offset``, and counts ``share`` times ``alpha * (1 - alpha)``.
    """
    bright = (image if image.ndim == 2 else cv2.extractChannel(image, 1)).astype(np.float32)
    # As in `matting.alpha.edge.side_colors`.
    front = np.clip(2 * alpha - 1, 1e-3, 1) * alpha
    back = np.clip(1 - 2 * alpha, 1e-3, 1) * (1 - alpha)
    behind = _local_mean(bright, back)
    way = _local_mean(bright, front) - behind
    square = way * way
    gain = way / (square + 1)
    share = 4 * square / (square + np.float32(_APART**2))
    return gain.ravel(), (behind * gain).ravel(), share.ravel()


def _local_mean(bright: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return cv2.blur(bright * weight, _SURROUNDINGS) / (cv2.blur(weight, _SURROUNDINGS) + 1e-6)
