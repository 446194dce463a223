"""Draws the icons of the installed page, PNG, as static/icon.svg has it: ``python tools/make_icons.py``."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

STATIC = Path(__file__).resolve().parent.parent / "background_removal" / "page" / "static"
# Side of icon.svg, in its units.
SIDE = 32
# Colours, blue, green, red and alpha.
BLUE, WHITE = (0xEB, 0x6F, 0x2F, 255), (255, 255, 255, 255)
# Pixels drawn for each pixel of the icon, across and down, before they are averaged.
OVERSAMPLING = 8
# Size of the person in a maskable icon, of which systems show a circle of 80 % at least.
MASKABLE_SCALE = 0.72


def bezier(points: list[tuple[float, float]]) -> np.ndarray:
    """Return 64 points of a cubic curve, float (64, 2)."""
    t = np.linspace(0, 1, 64)[:, None]
    start, first, second, end = np.array(points)
    return (1 - t) ** 3 * start + 3 * (1 - t) ** 2 * t * first + 3 * (1 - t) * t**2 * second + t**3 * end


def draw_icon(pixels: int, maskable: bool) -> np.ndarray:
    """Return an icon, uint8 (pixels, pixels, 4) BGRA; a maskable one is blue to its edges."""
    scale = pixels * OVERSAMPLING / SIDE
    image = np.zeros((pixels * OVERSAMPLING,) * 2 + (4,), np.uint8)
    image[..., :3] = BLUE[:3]  # also where it is transparent, or the corners would darken

    def place(points: np.ndarray) -> np.ndarray:
        shrunk = (points - SIDE / 2) * (MASKABLE_SCALE if maskable else 1) + SIDE / 2
        return np.rint(shrunk * scale).astype(np.int32)

    if maskable:
        image[:] = BLUE
    else:
        radius = round(7 * scale)
        end = image.shape[0] - 1 - radius
        cv2.rectangle(image, (radius, 0), (end, image.shape[0]), BLUE, -1)
        cv2.rectangle(image, (0, radius), (image.shape[0], end), BLUE, -1)
        for corner in ((radius, radius), (end, radius), (radius, end), (end, end)):
            cv2.circle(image, corner, radius, BLUE, -1)
    turn = np.linspace(0, 2 * np.pi, 256)[:, None]
    head = np.hstack([16 + 5.5 * np.cos(turn), 12 + 5.5 * np.sin(turn)])
    shoulders = np.vstack(
        [bezier([(5, 29), (6, 22), (10, 19), (16, 19)]), bezier([(16, 19), (22, 19), (26, 22), (27, 29)])]
    )
    cv2.fillPoly(image, [place(head)], WHITE)
    cv2.fillPoly(image, [place(shoulders)], WHITE)
    return cv2.resize(image, (pixels, pixels), interpolation=cv2.INTER_AREA)


def main() -> None:
    """Write the icons."""
    for name, pixels, maskable in (
        ("icon-192", 192, False), ("icon-512", 512, False), ("icon-maskable-512", 512, True),
    ):  # fmt: skip
        cv2.imwrite(str(STATIC / f"{name}.png"), draw_icon(pixels, maskable), [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    main()
