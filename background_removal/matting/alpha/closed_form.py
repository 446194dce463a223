"""Closed-form matting: solve the alpha of unknown pixels from the colours around them."""

from __future__ import annotations

import cv2
import numpy as np

# Regularisation of a 3x3 window, variance of colour (of 1); below it edge and noise are not separable. It is a
# photograph's own noise, about (1/255) squared; on frames with a known alpha, a tenth and ten times of it are worse.
_EPSILON = 2e-5
# Residual at which conjugate gradients have converged, share of the first one.
_CONVERGED = 1e-3

# The pixels of a 3x3 window.
_WINDOW = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
# Rows of the stencil by the offset between two pixels of a window.
_STENCIL_ROW = {(y, x): number for number, (y, x) in enumerate((y, x) for y in range(-2, 3) for x in range(-2, 3))}


def solve_alpha(
    image: np.ndarray, alpha: np.ndarray, band: np.ndarray, prior: np.ndarray, trust: np.ndarray, iterations: int
) -> np.ndarray:
    """Solve `alpha` inside the unknown `band`.

    In every window of 3x3 pixels alpha is modelled as a linear function of the colour (Levin, Lischinski, Weiss:
    A Closed-Form Solution to Natural Image Matting, TPAMI 2008), which holds wherever the colours of the person, and
    those of the background, lie on lines. Alpha outside the band is given; inside it a prior pulls with its own weight
    in every pixel. The unknowns are solved by conjugate gradients, with the diagonal as preconditioner.

    Args:
        image: uint8 (h, w, 3).
        alpha: float32 (h, w) in [0, 1]: known outside the band, the initial value inside it.
        band: bool (h, w).
        prior: float32 (h, w) in [0, 1].
        trust: Weight of the prior, float32 (h, w), above 0; 1 weighs about as much as the colours.
        iterations: The maximum number of them.

    Returns:
        float32 (h, w) in [0, 1], a new array.
    """
    out = alpha.copy()
    height, width = band.shape
    if not band.any() or height < 3 or width < 3:
        return out
    stencil, neighbours, known = _build_system(image, alpha, band)
    weight = trust[band]
    right_side = weight * prior[band] - known

    def apply_matrix(values: np.ndarray) -> np.ndarray:
        # The last value stands for all pixels outside the band, which count on the right side.
        padded = np.append(values, np.float32(0))
        return np.einsum("kn,kn->n", stencil, padded[neighbours]) + weight * values

    inverse = 1 / (stencil[_STENCIL_ROW[0, 0]] + weight)
    values = alpha[band]
    residual = right_side - apply_matrix(values)
    step = direction = inverse * residual
    first = error = float(residual @ step)
    for _ in range(iterations):
        if error <= _CONVERGED**2 * first:
            break
        image_of_direction = apply_matrix(direction)
        length = error / float(direction @ image_of_direction)
        values = values + length * direction
        residual = residual - length * image_of_direction
        step = inverse * residual
        before, error = error, float(residual @ step)
        direction = step + (error / before) * direction
    out[band] = np.clip(values, 0, 1)
    return out


def _build_system(image: np.ndarray, alpha: np.ndarray, band: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the matting Laplacian's rows for the n pixels of the band.

    Returns:
        The weights of the 25 pixels around each, float32 (25, n); their indices among the unknowns, (25, n), n for
        known pixels; and the weighted sum of the known ones, float32 (n,).
    """
    height, width = band.shape
    stride = width + 4
    unknown = np.zeros((height + 4, stride), bool)
    unknown[2:-2, 2:-2] = band
    pixels = np.flatnonzero(unknown)
    count = len(pixels)
    place = np.full(unknown.size, count, np.intp)
    place[pixels] = np.arange(count)
    # Windows that touch the band and lie inside the image.
    touching = cv2.dilate(band.view(np.uint8), np.ones((3, 3), np.uint8)).view(bool)
    touching[[0, -1]] = touching[:, [0, -1]] = False
    rows, columns = np.nonzero(touching)
    middles = (rows + 2) * stride + columns + 2
    colors = np.stack([image[rows + y, columns + x] for y, x in _WINDOW]).transpose(2, 0, 1) * np.float32(1 / 255)
    centred = colors - colors.mean(axis=1, keepdims=True)
    whitened = _apply_inverse_covariance(centred)
    places = [place[middles + y * stride + x] for y, x in _WINDOW]
    stencil = np.zeros((25, count + 1), np.float32)
    for j, (y, x) in enumerate(_WINDOW):
        for k, (other_y, other_x) in enumerate(_WINDOW[: j + 1]):
            affinity = np.einsum("cn,cn->n", centred[:, j], whitened[:, k])
            entry = np.float32(j == k) - (1 + affinity) * np.float32(1 / 9)
            # A pixel has each position of a window at most once; those outside the band use the last, unused column.
            stencil[_STENCIL_ROW[other_y - y, other_x - x], places[j]] += entry
            if j != k:
                stencil[_STENCIL_ROW[y - other_y, x - other_x], places[k]] += entry
    stencil = np.ascontiguousarray(stencil[:, :count])
    offsets = np.array([y * stride + x for y, x in _STENCIL_ROW])[:, None]
    given = np.zeros(unknown.shape, np.float32)
    given[2:-2, 2:-2] = np.where(band, 0, alpha)
    known = np.einsum("kn,kn->n", stencil, given.ravel()[pixels + offsets])
    return stencil, place[pixels + offsets], known


def _apply_inverse_covariance(centred: np.ndarray) -> np.ndarray:
    """Return the inverse covariance of the colours of each window times those colours, float32 (3, 9, n)."""
    # In float64: for colours on a line the determinant is the small difference of large numbers.
    covariance = np.einsum("cjn,djn->cdn", centred, centred).astype(np.float64) / 9
    covariance[[0, 1, 2], [0, 1, 2]] += _EPSILON / 9
    (a, b, c), (_, d, e), (_, _, f) = covariance
    inverse = np.stack([d * f - e * e, c * e - b * f, b * e - c * d, a * f - c * c, b * c - a * e, a * d - b * b])
    inverse /= a * inverse[0] + b * inverse[1] + c * inverse[2]
    symmetric = inverse[[0, 1, 2, 1, 3, 4, 2, 4, 5]].reshape(3, 3, -1).astype(np.float32)
    return np.einsum("cdn,djn->cjn", symmetric, centred)
