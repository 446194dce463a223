#!/usr/bin/env python3
"""Make docs/before_after.jpg: the sample portrait, and what the program makes of it.

python tools/make_readme_pictures.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from engine import Engine  # noqa: E402
from media.window import over_checkerboard  # noqa: E402
from selfieSegmentation import MPSegmentation  # noqa: E402

LOOKS = ("blur", "backgrounds/3_bokeh.jpg", "transparent")


def main() -> int:
    portrait = cv2.imread(str(ROOT / "samples" / "portrait.jpg"))
    assert portrait is not None
    panels = [portrait]
    for look in LOOKS:
        spec = str(ROOT / look) if "/" in look else look
        image = Engine(custom_objects=[MPSegmentation(background=spec)]).custom_processing(portrait.copy())
        panels.append(over_checkerboard(image) if image.shape[2] == 4 else image)
    picture = np.hstack([cv2.resize(panel, (400, 400), interpolation=cv2.INTER_AREA) for panel in panels])
    target = ROOT / "docs" / "before_after.jpg"
    target.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(target), picture, [cv2.IMWRITE_JPEG_QUALITY, 90])
    print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
