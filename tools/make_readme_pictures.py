#!/usr/bin/env python3
"""Make docs/before_after.jpg and docs/effects.jpg: the sample portrait, and what the program makes of it.

python tools/make_readme_pictures.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from background_removal.effects.auto_frame import AutoFrame  # noqa: E402
from background_removal.effects.defocus import Defocus  # noqa: E402
from background_removal.effects.low_light import LowLight  # noqa: E402
from background_removal.effects.plate import NamePlate  # noqa: E402
from background_removal.engine import Engine  # noqa: E402
from background_removal.segmentation import MPSegmentation  # noqa: E402
from background_removal.support.transparency import flatten_on_squares  # noqa: E402

LOOKS = ("blur", "backgrounds/3_bokeh.jpg", "transparent")


def main() -> int:
    portrait = cv2.imread(str(ROOT / "samples" / "portrait.jpg"))
    assert portrait is not None
    panels = [portrait]
    for look in LOOKS:
        spec = str(ROOT / look) if "/" in look else look
        # As `python main.py photo.jpg` has it.
        segmentation = MPSegmentation(background=spec, blur="medium", quality="best")
        image = Engine(custom_objects=[segmentation]).custom_processing(portrait.copy())
        panels.append(flatten_on_squares(image, (160, 220)))
    picture = np.hstack([cv2.resize(panel, (400, 400), interpolation=cv2.INTER_AREA) for panel in panels])
    target = ROOT / "docs" / "before_after.jpg"
    target.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(target), picture, [cv2.IMWRITE_JPEG_QUALITY, 90])
    print(target)
    target = ROOT / "docs" / "effects.jpg"
    cv2.imwrite(str(target), effects(portrait), [cv2.IMWRITE_JPEG_QUALITY, 90])
    print(target)
    return 0


def effects(portrait: np.ndarray) -> np.ndarray:
    """Return six pictures in two rows: a room with the person, auto-frame, defocus; dark, lifted, a name plate."""
    office = cv2.imread(str(ROOT / "backgrounds" / "2_office.jpg"))
    assert office is not None
    room = cv2.resize(office, (1280, 720))
    alpha = MPSegmentation(quality="best").alpha(portrait)
    person, alpha = cv2.resize(portrait, (460, 460)), cv2.resize(alpha, (460, 460))
    place = room[260:, 180:640]
    place[:] = cv2.blendLinear(person, place.copy(), alpha, 1 - alpha)
    dark = cv2.convertScaleAbs(room, alpha=0.22)
    panels = [room, AutoFrame()(room.copy()), Defocus("medium")(room.copy())]
    panels += [dark, LowLight()(dark.copy()), NamePlate("Ada Lovelace")(room.copy())]
    small = [cv2.resize(panel, (533, 300), interpolation=cv2.INTER_AREA) for panel in panels]
    return np.vstack([np.hstack(small[:3]), np.hstack(small[3:])])


if __name__ == "__main__":
    sys.exit(main())
