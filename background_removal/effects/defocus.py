"""Defocus: blurs the background more with the distance from the person, like a portrait lens."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from background_removal.compositing.background_blur import blur_background
from background_removal.compositing.blending import blend, blend_onto
from background_removal.compositing.blur import parse_blur
from background_removal.effects.effect import Effect
from background_removal.effects.subject import Subject
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.pyramid import Pyramid
from background_removal.pipeline import actions

# Width at which distances are measured, pixels; chosen by eye.
_WIDTH = 160
# Distance from the person from which the blur is full, share of the width; chosen by eye.
_FULL_BLUR_DISTANCE = 0.22
# Standard deviation beside the person, share of the full one.
_NEAR_SHARE = 1 / 3


class Defocus(Effect):
    """Blurs the background, little beside the person and more with the distance.

    It suggests depth: things on the floor near the person's feet, or the chair they lean on, stay nearly sharp.

    Args:
        strength: The full blur: "light", "medium", "strong", "N%" (the standard deviation in percent of the frame's
            shorter side), or a kernel in pixels.
        on: Whether it is on at the beginning; the key v switches it.

    Raises:
        InputError: it is none of these.
    """

    action = actions.DEFOCUS

    def __init__(self, strength: str | int = 61, *, on: bool = True) -> None:
        super().__init__(on)
        self._person = Subject()
        self._strength = parse_blur(strength)

    def meet(self, objects: Sequence[object]) -> None:
        """Take the alpha from one of these objects."""
        self._person.meet(objects)

    def apply(self, frame: np.ndarray) -> np.ndarray:
        """Return `frame`, uint8 (H, W, 3) BGR, with its background out of focus."""
        if self._person.background_is_replaced:
            return frame  # a key has replaced the background that it would blur
        height, width = frame.shape[:2]
        alpha = self._person.alpha(frame)
        small_size = (_WIDTH, max(1, round(_WIDTH * height / width)))
        small = cv2.resize(alpha, small_size, interpolation=cv2.INTER_AREA)
        outside = (small < 0.5).astype(np.uint8)
        if outside.all():
            distance = np.full(outside.shape, _WIDTH, np.float32)
        else:
            distance = cv2.distanceTransform(outside, cv2.DIST_L2, 3)
        near_weight = np.clip(1 - distance / (_FULL_BLUR_DISTANCE * _WIDTH), 0, 1).astype(np.float32)
        view = Pyramid(np.ascontiguousarray(frame[..., :3]))
        half = (max(1, width // 2), max(1, height // 2))
        matte = Matte(
            cv2.resize(alpha, half, interpolation=cv2.INTER_AREA),
            (0, 0, width, height),
            (width, height),
            cv2.resize(view.image, half, interpolation=cv2.INTER_AREA),
        )
        across, down = self._strength.sigmas(width, height)
        near = blur_background(view, matte, (across * _NEAR_SHARE, down * _NEAR_SHARE))
        far = blur_background(view, matte, (across, down))
        weight = cv2.convertScaleAbs(cv2.blur(near_weight, (5, 5)), alpha=255)
        out = blend(near, far, cv2.resize(weight, (width, height), interpolation=cv2.INTER_LINEAR))
        blend_onto(out, view.image, matte)
        return out
