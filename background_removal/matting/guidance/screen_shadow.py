"""Shadows on a screen, kept as a dark layer behind the person."""

from __future__ import annotations

import cv2
import numpy as np

from background_removal.matting.guidance.garbage_matte import PersonShape

# Widest shadow that is kept as one, share of the picture's width; chosen by eye, as the others.
_WINDOW = 0.4
# Darkest unevenness that is no shadow, share of the light: folds.
_MIN_SHARE = 0.12
# Farthest that a shadow is kept from the person, share of their size; it fades from half of it on.
_REACH = 1.5


def find_shadow(luma: np.ndarray, screen: np.ndarray, person: PersonShape) -> np.ndarray:
    """Return how much darker a screen is than around, float32 (h, w) in [0, 1].

    Args:
        luma: The screen's luma in each region, float32 (h, w).
        screen: Where it shows, bool (h, w).
        person: What the network sees.
    """
    pixels = max(3, round(_WINDOW * luma.shape[1]) | 1)
    # Closing fills places darker than all around, and keeps light that falls off to one side.
    lit = cv2.morphologyEx(luma, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (pixels, pixels)))
    share = 1 - luma / np.maximum(lit, 1)
    shadow = np.clip((share - _MIN_SHARE) / (1 - _MIN_SHARE), 0, 1)
    shadow *= np.clip(2 - 2 * person.reach / (_REACH * person.size), 0, 1)
    return shadow * cv2.blur((screen | (person.reach < 3)).astype(np.float32), (3, 3))


def lay_behind(alpha: np.ndarray, foreground: np.ndarray, shadow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return alpha and colours of a person with a shadow, a black layer behind them.

    Args:
        alpha: float32 (h, w).
        foreground: The person's own colours, uint8 (h, w, 3).
        shadow: float32 (h, w).
    """
    both = alpha + shadow * (1 - alpha)
    share = alpha / np.maximum(both, 1e-3)
    return both, cv2.convertScaleAbs(foreground * share[..., None])
