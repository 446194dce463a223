"""Crop fade: blend the alpha across a move of the crop, so that still parts do not jump."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from background_removal.matting.alpha.matte import Matte
from background_removal.matting.boxes import mask_inside, resample_crop

# Values without a source were found by trial on the clips with known alpha that benchmarks/quality.py scores, and
# checked by eye on clips of other people.

# Duration of the blend after a move of the crop, frames.
_FADE_FRAMES = 10
# Initial weight of the old alpha.
_FADE_SHARE = 0.9
# Change of brightness, of 255, from which the old alpha has no weight.
_FADE_MOTION = 3.0
# Window over which brightness is averaged before it is compared, pixels; crops differ in sharpness.
_FADE_WINDOW = (7, 7)


class CropFade:
    """Blends each matte with the one before for some frames after the crop has moved."""

    def __init__(self) -> None:
        self._last: Matte | None = None
        self._frames_left = 0

    def blend(self, matte: Matte) -> Matte:
        """Return the matte of the next frame, blended with the last one where the frame is still."""
        last = self._last
        if last is not None and last.box != matte.box:
            self._frames_left = _FADE_FRAMES
        if self._frames_left and last is not None:
            matte = _blend_still(matte, last, _FADE_SHARE * self._frames_left / _FADE_FRAMES)
            self._frames_left -= 1
        self._last = matte
        return matte


def _blend_still(now: Matte, last: Matte, share: float) -> Matte:
    """Return a matte with up to `share` of the last one's alpha where the images agree."""
    alpha, image = last.alpha, last.image
    if last.box != now.box:
        alpha = resample_crop(alpha, last.box, now.box)
        image = resample_crop(image, last.box, now.box)
    greys = [cv2.cvtColor(item, cv2.COLOR_BGR2GRAY) for item in (now.image, image)]
    motion = cv2.absdiff(cv2.blur(greys[0], _FADE_WINDOW), cv2.blur(greys[1], _FADE_WINDOW))
    keep = np.clip(1 - motion.astype(np.float32) / _FADE_MOTION, 0, 1)
    if last.box != now.box:
        keep *= mask_inside(last.box, now.box, keep.shape)
    keep *= share
    return replace(now, alpha=now.alpha + (alpha - now.alpha) * keep)
