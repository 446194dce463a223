"""People in a picture of the room: what is behind them is not known."""

from __future__ import annotations

import cv2
import numpy as np

from background_removal.matting.guidance.plate_room import Plate

# Alpha above which a pixel may be the person's.
_PERSON_ALPHA = 0.02
# Distance from a person within which the picture does not count, share of the width: soft edges, shadows at contact.
_MARGIN = 0.03
# Share of the picture that must be without people.
_MIN_KNOWN = 0.6


def is_near_person(alpha: np.ndarray) -> np.ndarray:
    """Return 1 where a person is or is near, else 0, uint8 (h, w), for their alpha, float32 (h, w)."""
    margin = 2 * round(_MARGIN * alpha.shape[1]) + 1
    return cv2.dilate((alpha > _PERSON_ALPHA).view(np.uint8), np.ones((margin, margin), np.uint8))


def leave_out_people(image: np.ndarray, alpha: np.ndarray) -> Plate | None:
    """Return a picture of a room, known where no person is near; None if too little of it is known.

    Args:
        image: uint8 (H, W, 3) BGR.
        alpha: Alpha of the people in it, float32 (H, W).
    """
    known = 255 * (1 - is_near_person(alpha))
    return Plate(image, known) if (known > 0).mean() >= _MIN_KNOWN else None
