"""Tone mapping of high dynamic range (PQ and HLG) to the range of ordinary screens."""

from __future__ import annotations

import os
import tempfile
from typing import cast

import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from background_removal.files.video.color.yuv import swscale_matrix
from background_removal.pipeline.frame import ColorDescription

# Code points of ITU-T H.273, as in FFmpeg's AVCOL_TRC_*.
PQ, HLG = 16, 18
# Colours of the result: BT.709, limited range.
SDR = ColorDescription(matrix=1, range=1, primaries=1, transfer=1)

# Peak brightness of a typical master, cd/m2.
_PEAK = 1000.0
# Brightness of diffuse white, such as a page, cd/m2 (ITU-R BT.2408); nearly the white of the result.
_WHITE = 203.0
# Steps per axis of the lookup table.
_GRID = 33
# BT.2020 to BT.709, linear light (ITU-R BT.2087).
_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
)


def map_tones(signal: np.ndarray, transfer: int) -> np.ndarray:
    """Map an HDR signal to standard dynamic range.

    Light is computed according to ITU-R BT.2100. The curve of ITU-R BT.2390 (section 5.4.1) maps the largest of a
    colour's three components below diffuse white, and the others in proportion, which preserves hues. Then the
    primaries are converted to BT.709, and the result is encoded for a BT.1886 screen (gamma 2.4).

    Args:
        signal: R'G'B' of BT.2020 in [0, 1], (..., 3).
        transfer: `PQ` or `HLG`.

    Returns:
        R'G'B' of BT.709 in [0, 1], (..., 3).
    """
    light = _pq_to_light(signal) if transfer == PQ else _hlg_to_light(signal)
    brightest = light.max(axis=-1, keepdims=True)
    light = light * (_roll_off(brightest) / np.maximum(brightest, 1e-6))
    linear = np.clip(light @ _TO_BT709.T / _WHITE, 0, 1)
    return linear ** (1 / 2.4)


# Constants of SMPTE ST 2084.
_M1, _M2, _C1, _C2, _C3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128


def _pq_to_light(signal: np.ndarray) -> np.ndarray:
    """Convert PQ to cd/m2."""
    power = np.clip(signal, 0, 1) ** (1 / _M2)
    return 10000 * (np.maximum(power - _C1, 0) / (_C2 - _C3 * power)) ** (1 / _M1)


def _light_to_pq(light: np.ndarray) -> np.ndarray:
    power = (light / 10000) ** _M1
    return ((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2


def _hlg_to_light(signal: np.ndarray) -> np.ndarray:
    """Convert HLG to cd/m2 on a screen of 1000 cd/m2 (BT.2100, table 5: inverse OETF, OOTF with gamma 1.2)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    luminance = scene @ (0.2627, 0.6780, 0.0593)
    return _PEAK * np.maximum(luminance, 1e-9)[..., None] ** 0.2 * scene


def _roll_off(light: np.ndarray) -> np.ndarray:
    """Compress cd/m2 up to `_PEAK` below `_WHITE`; dark and middle tones stay (BT.2390's EETF)."""
    whole = _light_to_pq(np.array(_PEAK))
    value = np.minimum(_light_to_pq(light) / whole, 1)
    top = _light_to_pq(np.array(_WHITE)) / whole
    knee = 1.5 * top - 0.5
    t = np.maximum((value - knee) / (1 - knee), 0)
    curve = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (-2 * t**3 + 3 * t**2) * top
    )  # fmt: skip
    return _pq_to_light(np.where(value < knee, value, curve) * whole)


class HdrToBgr:
    """Converts decoded HDR frames to BGR, with a lookup table in FFmpeg.

    Args:
        color: The frames' colour description.
        width, height: Size of the images; frames of another size are scaled.
    """

    def __init__(self, color: ColorDescription, width: int, height: int) -> None:
        self._color = color
        self._size = (width, height)
        self._into, self._out = VideoReformatter(), VideoReformatter()
        self._graph = Graph()
        # FFmpeg reads the table only when the filter is created.
        handle, path = tempfile.mkstemp(suffix=".cube")
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(_cube(color.transfer))
            source = self._graph.add("buffer", f"video_size={width}x{height}:pix_fmt=gbrp10le:time_base=1/1000")
            table = self._graph.add("lut3d", file=path, interp="tetrahedral")
        finally:
            os.remove(path)
        source.link_to(table)
        table.link_to(self._graph.add("buffersink"))
        self._graph.configure()

    def __call__(self, frame: VideoFrame) -> np.ndarray:
        """Return the frame as uint8 (H, W, 3) BGR, in a new array."""
        rgb = self._into.reformat(
            frame,
            *self._size,
            format="gbrp10le",
            src_colorspace=swscale_matrix(self._color.matrix),
            src_color_range=self._color.range,
            dst_color_range=ColorRange.JPEG,
            interpolation=Interpolation.BILINEAR,
        )
        rgb.pts = None
        self._graph.push(rgb)
        mapped = cast("VideoFrame", self._graph.pull())
        return np.ascontiguousarray(self._out.reformat(mapped, format="bgr24").to_ndarray())


def _cube(transfer: int) -> str:
    """Return the table of `map_tones` in the .cube format, red changing fastest."""
    steps = np.linspace(0, 1, _GRID)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    values = map_tones(np.stack([red, green, blue], axis=-1), transfer).reshape(-1, 3)
    return "\n".join([f"LUT_3D_SIZE {_GRID}", *("{:.6f} {:.6f} {:.6f}".format(*row) for row in values), ""])
