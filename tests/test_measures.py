"""The figures of the benchmarks, on masks small enough to count by hand, and the halves of the pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.halves import half_of, parts
from benchmarks.measures import backward_flow, boundary_f, contour, dtssd, flicker, iou, mad, messddt, warp
from benchmarks.tables import count_under, summarize

# 100 x 100: 0.008 of the diagonal is 1.13 pixels, rounded up to 2.
SIDE = 100


def square(left: int, top: int = 30, side: int = 40) -> np.ndarray:
    alpha = np.zeros((SIDE, SIDE))
    alpha[top : top + side, left : left + side] = 1
    return alpha


def test_contour_is_a_pixel_wide_and_ignores_the_border() -> None:
    mask = np.zeros((5, 6), bool)
    mask[2:4, 2:4] = True
    assert contour(mask).astype(int).tolist() == [
        [0, 0, 0, 0, 0, 0],
        [0, 1, 1, 1, 0, 0],
        [0, 1, 0, 1, 0, 0],
        [0, 1, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 0],
    ]
    assert not contour(np.ones((4, 4), bool)).any()


@pytest.mark.parametrize(("shift", "expected"), [(0, 100.0), (2, 100.0), (3, 52.5), (50, 0.0)])
def test_boundary_f_forgives_two_pixels_of_this_size(shift: int, expected: float) -> None:
    # The contour of either square is a ring of 160 pixels. Shifted by 3, 84 of them are within two pixels of the other
    # ring: 40 in each of the two rows, and two at each end of the column that is inside the other square.
    assert boundary_f(square(10 + shift), square(10)) == pytest.approx(expected)


def test_boundary_f_is_the_harmonic_mean_of_precision_and_recall() -> None:
    # A second square of the same size far away: everything is found, half of the contour is wrong.
    found = np.maximum(square(5, 5, 20), square(60, 60, 20))
    assert boundary_f(found, square(5, 5, 20)) == pytest.approx(100 * 2 * 0.5 / 1.5)
    assert boundary_f(square(5, 5, 20), found) == pytest.approx(100 * 2 * 0.5 / 1.5)


def test_boundary_f_of_nothing() -> None:
    nothing = np.zeros((SIDE, SIDE))
    assert boundary_f(nothing, nothing) == 100
    assert boundary_f(nothing, square(10)) == 0
    assert boundary_f(square(10), nothing) == 0


def test_dtssd_is_of_the_error_alone() -> None:
    error = square(30) - square(20)
    assert dtssd(error, error) == 0
    assert dtssd(error, 0 * error) == pytest.approx(100 * np.sqrt(2 * 10 * 40 / SIDE**2))


def test_mad_and_iou() -> None:
    assert mad(square(30), square(20)) == pytest.approx(2 * 10 * 40 / SIDE**2 * 1e3)
    assert iou(square(30), square(20)) == pytest.approx(100 * 30 / 50)
    assert iou(np.zeros((4, 4)), np.zeros((4, 4))) == 100


def test_flicker_without_motion_is_the_change_of_the_error() -> None:
    still = np.zeros((SIDE, SIDE, 2), np.float32)
    before, now = 0.1 * square(30), -0.1 * square(30)
    share = 40**2 / SIDE**2
    assert flicker(now, before, still) == pytest.approx(100 * 0.2 * share**0.5, rel=1e-5)
    assert flicker(now, now, still) == pytest.approx(0, abs=1e-6)
    # The square of the error is the same: MESSDdt does not see the jump.
    assert messddt(now, before, still) == pytest.approx(0, abs=1e-6)
    assert messddt(2 * now, before, still) == pytest.approx(1e3 * (0.04 - 0.01) * share, rel=1e-4)


def test_a_fringe_that_moves_with_the_person_does_not_flicker() -> None:
    noise = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 255, (120, 160, 3), np.uint8), (0, 0), 3)
    noise = cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX)
    shift = 6
    previous, image = noise[:, shift:], noise[:, :-shift]  # everything moves to the right
    flow = backward_flow(image, previous)
    assert np.median(flow[..., 0]) == pytest.approx(-shift, abs=0.3)
    assert np.median(flow[..., 1]) == pytest.approx(0, abs=0.3)
    error = np.zeros((120, 160 + shift))
    error[30:90, 60:90] = 0.5
    before, now = error[:, 2 * shift :], error[:, shift:-shift]
    unwarped = float(np.sqrt(np.mean((now - before) ** 2))) * 100
    assert flicker(now, before, flow) < 0.5 * unwarped
    assert messddt(now, before, flow) < 0.25 * unwarped**2 / 10


def test_warp_moves_the_frame_before_to_where_it_is_now() -> None:
    flow = np.full((SIDE, SIDE, 2), (-10, 0), np.float32)
    assert (warp(square(20), flow) == square(30)).all()


def test_halves_do_not_overlap_and_leave_nothing_out() -> None:
    assert parts("groundtruth_real/parkour", 100) == {"choose": range(50), "report": range(50, 100)}
    assert parts("groundtruth_harder/entering", 60) == {"choose": range(60)}
    assert parts("groundtruth/dancer_office", 60) == {"report": range(60)}
    for item in ("groundtruth_real/dance-twirl", "groundtruth/portrait_porch", "own/clip"):
        cut = parts(item, 80)
        assert [n for part in cut.values() for n in part] == list(range(80))
        assert all(half_of(item, n) == half for half, part in cut.items() for n in part)


def test_every_second_photo_is_for_choosing(shared: Path) -> None:
    names = sorted(path.stem for path in (shared / "groundtruth_real" / "stills" / "input").iterdir())
    halves = [half_of(f"groundtruth_real/stills/{name}") for name in names]
    assert halves == ["choose", "report"] * (len(names) // 2)


def test_summary_knows_which_way_is_worse() -> None:
    rows = [{"MAD": 1.0, "IoU": 99.0}, {"MAD": 2.0, "IoU": 89.0}, {"MAD": 6.0, "IoU": 60.0, "dtSSD": 4.0}]
    summary = summarize(rows, ("MAD", "IoU", "dtSSD", "F"))
    assert summary["mean"] == pytest.approx({"MAD": 3.0, "IoU": 82.667, "dtSSD": 4.0}, abs=0.001)
    assert summary["median"] == {"MAD": 2.0, "IoU": 89.0, "dtSSD": 4.0}
    assert summary["worst"] == {"MAD": 6.0, "IoU": 60.0, "dtSSD": 4.0}
    assert count_under(row["IoU"] for row in rows) == (2, 1)
