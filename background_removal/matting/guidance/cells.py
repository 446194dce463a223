"""Cells: the pixels around an edge, gathered from an image, and smooth fields in them."""

from __future__ import annotations

import functools

import cv2
import numpy as np


class Cells:
    """Squares of an image's pixels, as many as there are pixels of a smaller image in a mask.

    Work on the gathered pixels costs what the edge costs, not what the frame does.

    Args:
        mask: The squares, bool (rows, columns), not empty.
        side: Pixels along a square's side.

    Attributes:
        shape: Height and width in pixels of the image that all squares cover.
    """

    def __init__(self, mask: np.ndarray, side: int) -> None:
        self._side = side
        self._grid = mask.shape
        self._cells = np.flatnonzero(mask)
        self.shape = mask.shape[0] * side, mask.shape[1] * side
        rows, columns = np.divmod(self._cells, mask.shape[1])
        corners = rows * (side * self.shape[1]) + columns * side
        inside = np.add.outer(np.arange(side) * self.shape[1], np.arange(side)).ravel()
        self._pixels = np.add.outer(inside, corners)

    def gather(self, image: np.ndarray) -> np.ndarray:
        """Return the pixels of an image of `shape`, (H, W) or (H, W, C), as (side * side, count) or with C behind."""
        return image.reshape(-1, *image.shape[2:]).take(self._pixels, axis=0)

    def scatter(self, values: np.ndarray, image: np.ndarray) -> None:
        """Put pixels as `gather` returns them back into a contiguous image, in place."""
        if image.ndim == 3:  # as single values of several bytes, which is four times as fast
            kind = np.dtype((np.void, image.shape[2] * image.itemsize))
            image, values = image.reshape(-1).view(kind), np.ascontiguousarray(values).reshape(-1).view(kind)
        np.put(image, self._pixels, values)

    def interpolate(self, fields: np.ndarray) -> np.ndarray:
        """Return fields between their pixels, float32 (C, side * side, count).

        Args:
            fields: float32 (rows, columns, C), one pixel for each square.
        """
        rows, columns = self._grid
        padded = cv2.copyMakeBorder(fields.reshape(rows, -1), 1, 1, 0, 0, cv2.BORDER_REPLICATE)
        padded = np.pad(padded.reshape(rows + 2, columns, -1), ((0, 0), (1, 1), (0, 0)), mode="edge")
        flat = padded.reshape(-1, fields.shape[2])
        row, column = np.divmod(self._cells, columns)
        first = row * (columns + 2) + column
        near = [flat.take(first + down * (columns + 2) + across, axis=0) for down in range(3) for across in range(3)]
        stacked = np.stack(near).transpose(2, 0, 1)  # channels, neighbours, squares
        return np.matmul(_bilinear_weights(self._side), np.ascontiguousarray(stacked))


@functools.cache
def _bilinear_weights(side: int) -> np.ndarray:
    """Return the weights of a square's neighbours and itself in each of its pixels, float32 (side * side, 9)."""
    place = (np.arange(side) + 0.5) / side - 0.5  # from the square's middle, in squares
    line = np.stack([np.maximum(-place, 0), 1 - np.abs(place), np.maximum(place, 0)], axis=1)
    return np.einsum("ya,xb->yxab", line, line).reshape(side * side, 9).astype(np.float32)
