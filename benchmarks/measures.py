"""Figures that the referee does not have: boundary F, and flicker along the motion; and the plain ones, without it."""

from __future__ import annotations

import math

import cv2
import numpy as np

# Distance at which two contours still match, as a share of the image's diagonal; DAVIS (Perazzi et al., "A Benchmark
# Dataset and Evaluation Methodology for Video Object Segmentation", CVPR 2016).
BOUNDARY_TOLERANCE = 0.008

# Size at which optical flow is computed, as a share of the frame's; it costs a quarter, and the errors that it carries
# are wider than two pixels.
FLOW_SCALE = 0.5


def mad(alpha: np.ndarray, truth: np.ndarray) -> float:
    """Return the mean absolute difference of two alphas, float (H, W) in [0, 1], times 1000."""
    return float(np.abs(alpha - truth).mean()) * 1e3


def iou(alpha: np.ndarray, truth: np.ndarray) -> float:
    """Return intersection over union of two alphas, float (H, W), cut at 0.5, in percent; 100 if both are empty."""
    found, true = alpha > 0.5, truth > 0.5
    either = np.count_nonzero(found | true)
    return 100.0 * np.count_nonzero(found & true) / either if either else 100.0


def contour(mask: np.ndarray) -> np.ndarray:
    """Return the contour of a mask: the pixels that differ from a neighbour to the right, below, or both.

    The picture's own border is no contour, so that a person cut off by it is not penalised there.

    Args:
        mask: bool (H, W).

    Returns:
        bool (H, W).
    """
    padded = np.pad(mask, ((0, 1), (0, 1)), mode="edge")
    return (mask != padded[:-1, 1:]) | (mask != padded[1:, :-1]) | (mask != padded[1:, 1:])


def boundary_f(alpha: np.ndarray, truth: np.ndarray, tolerance: float = BOUNDARY_TOLERANCE) -> float:
    """Return the boundary F of DAVIS: precision and recall of the contour at 0.5, as their harmonic mean in percent.

    A pixel of one contour matches if the other contour is within `tolerance` times the image's diagonal, rounded up to
    pixels. DAVIS counts the same way, with both contours widened by a disc.

    Args:
        alpha: float (H, W) in [0, 1], as found.
        truth: float (H, W) in [0, 1].
        tolerance: Share of the image's diagonal.
    """
    reach = math.ceil(tolerance * math.hypot(*truth.shape))
    found, true = contour(alpha > 0.5), contour(truth > 0.5)
    precision, recall = _share_near(found, true, reach), _share_near(true, found, reach)
    return 200.0 * precision * recall / (precision + recall) if precision + recall else 0.0


def _share_near(pixels: np.ndarray, others: np.ndarray, reach: int) -> float:
    """Return the share of `pixels` that have one of `others`, both bool (H, W), within `reach` pixels; 1 of none."""
    if not pixels.any():
        return 1.0
    if not others.any():
        return 0.0
    distance = cv2.distanceTransform((~others).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # The transform is exact up to float32; a disc of this radius contains the pixels at the radius itself.
    return float(np.count_nonzero(distance[pixels] <= reach + 1e-3)) / np.count_nonzero(pixels)


def backward_flow(image: np.ndarray, previous: np.ndarray) -> np.ndarray:
    """Return where each pixel of a frame was in the frame before it.

    Dense inverse search (Kroeger et al., ECCV 2016) on the brightness at half size.

    Args:
        image: uint8 (H, W, 3) BGR.
        previous: The frame before it, of the same size.

    Returns:
        float32 (H, W, 2), x and y of the shift in pixels.
    """
    height, width = image.shape[:2]
    size = max(16, round(width * FLOW_SCALE)), max(16, round(height * FLOW_SCALE))
    now, before = (
        cv2.resize(cv2.cvtColor(each, cv2.COLOR_BGR2GRAY), size, interpolation=cv2.INTER_AREA)
        for each in (image, previous)
    )
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = search.calc(now, before, np.zeros((size[1], size[0], 2), np.float32))
    flow = cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR)
    return flow * np.array((width / size[0], height / size[1]), np.float32)


def warp(values: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Return the values of the frame before, moved to where they are now.

    Args:
        values: float (H, W).
        flow: float32 (H, W, 2), as `backward_flow` returns it.

    Returns:
        float32 (H, W).
    """
    rows, columns = np.indices(values.shape, np.float32)
    moved = columns + flow[..., 0], rows + flow[..., 1]
    return cv2.remap(values.astype(np.float32), *moved, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def dtssd(error: np.ndarray, previous: np.ndarray) -> float:
    """Return dtSSD, how much the error of each pixel changes from frame to frame, times 100.

    Erofeev et al., "Perceptually Motivated Benchmark for Video Matting", BMVC 2015.

    Args:
        error: Found alpha minus true alpha, float (H, W).
        previous: The same of the frame before.
    """
    return float(np.sqrt(np.mean((error - previous) ** 2))) * 100


def flicker(error: np.ndarray, previous: np.ndarray, flow: np.ndarray) -> float:
    """Return dtSSD along the motion: how much the error of each point of the scene changes, times 100.

    dtSSD compares each pixel with the same pixel a frame ago, so that an unchanged fringe at a moving edge counts as
    flicker. Here the frame before is moved along by the optical flow of the input first.

    Args:
        error: Found alpha minus true alpha, float (H, W).
        previous: The same of the frame before.
        flow: float32 (H, W, 2), as `backward_flow` returns it.
    """
    return float(np.sqrt(np.mean((error - warp(previous, flow)) ** 2))) * 100


def messddt(error: np.ndarray, previous: np.ndarray, flow: np.ndarray) -> float:
    """Return MESSDdt, how much the squared error changes along the motion, as the mean of the pixels times 1000.

    Erofeev et al., "Perceptually Motivated Benchmark for Video Matting", BMVC 2015; the mean instead of their sum, so
    that frame sizes compare. As the sign of the error is lost in the square, an alpha that jumps from too much to as
    much too little goes unnoticed; `flicker` sees it.

    Args:
        error: Found alpha minus true alpha, float (H, W).
        previous: The same of the frame before.
        flow: float32 (H, W, 2), as `backward_flow` returns it.
    """
    return float(np.mean(np.abs(error**2 - warp(previous**2, flow)))) * 1e3
