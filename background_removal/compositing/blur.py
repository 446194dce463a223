"""Strength of the background blur: relative to the image's size, or a kernel in pixels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from background_removal.errors import InputError
from background_removal.support.wording import did_you_mean

# Named standard deviations, percent of the shorter side; they leave 14, 5 and 1 percent of the contrast of letters as
# high as an eighteenth of it (60 pixels at 1080): barely legible, hidden, gone.
STRENGTHS = {"light": 1.0, "medium": 2.0, "strong": 4.0}
# Standard deviations that the keys step through, percent of the shorter side.
_SCALE = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
# Step of the keys for a kernel, pixels.
_KERNEL_STEP_PIXELS = 10
# Maximum size of a kernel, pixels; it makes any image one colour.
MAX_KERNEL_PIXELS = 99_999


class BlurStrength(ABC):
    """The strength of a blur, a comparable and immutable value."""

    @property
    @abstractmethod
    def value(self) -> str | int:
        """The strength as the user writes it and `parse_blur` reads it."""

    @abstractmethod
    def sigmas(self, width: int, height: int) -> tuple[float, float]:
        """Return the standard deviations across and down, in pixels, for an image of that size.

        They are at most its shorter side, from which on everything is one colour.
        """

    @abstractmethod
    def step(self, more: bool) -> BlurStrength:
        """Return the next stronger one (True) or weaker one (False); at the end of the scale this one."""


@dataclass(frozen=True, slots=True)
class RelativeBlur(BlurStrength):
    """A blur that appears the same in images of every size.

    Attributes:
        percent: The standard deviation in percent of the image's shorter side, above 0, at most 100.
    """

    percent: float

    @property
    def value(self) -> str:
        names = [name for name, percent in STRENGTHS.items() if percent == self.percent]
        return names[0] if names else f"{self.percent:g}%"

    def sigmas(self, width: int, height: int) -> tuple[float, float]:
        sigma = min(width, height) * self.percent / 100
        return sigma, sigma

    def step(self, more: bool) -> RelativeBlur:
        if more:
            return RelativeBlur(min((step for step in _SCALE if step > self.percent), default=self.percent))
        return RelativeBlur(max((step for step in _SCALE if step < self.percent), default=self.percent))


@dataclass(frozen=True, slots=True)
class KernelBlur(BlurStrength):
    """A blur by a kernel in pixels, as OpenCV's GaussianBlur takes it.

    Attributes:
        width, height: Of the kernel in pixels, both odd.

    Raises:
        InputError: one of them is even, below 1 or above 99999.
    """

    width: int
    height: int

    def __post_init__(self) -> None:
        for size in (self.width, self.height):
            if size % 2 == 0 or not 0 < size <= MAX_KERNEL_PIXELS:
                raise InputError(f"`bg_blur_ratio`: {size} must be odd, from 1 to {MAX_KERNEL_PIXELS}")

    @property
    def value(self) -> int:
        return self.width

    def sigmas(self, width: int, height: int) -> tuple[float, float]:
        limit = min(width, height)
        return min(kernel_sigma(self.width), limit), min(kernel_sigma(self.height), limit)

    def step(self, more: bool) -> KernelBlur:
        step = _KERNEL_STEP_PIXELS if more else -_KERNEL_STEP_PIXELS
        width, height = (min(max(1, size + step), MAX_KERNEL_PIXELS) for size in (self.width, self.height))
        return KernelBlur(width, height)


def kernel_sigma(size: int) -> float:
    """Return the standard deviation that OpenCV gives a Gaussian kernel of `size` pixels (getGaussianKernel)."""
    return 0.3 * ((size - 1) * 0.5 - 1) + 0.8


def parse_blur(value: str | int) -> BlurStrength:
    """Parse a strength as the user writes it.

    Args:
        value: "light", "medium" or "strong"; "N%", the standard deviation in percent of the shorter side; or the size
            of a kernel in pixels, where an even one becomes the next odd one.

    Raises:
        InputError: it is none of these.

    >>> parse_blur("medium")
    RelativeBlur(percent=2.0)
    >>> parse_blur("44")
    KernelBlur(width=45, height=45)
    """
    text = str(value).strip().lower()
    if text in STRENGTHS:
        return RelativeBlur(STRENGTHS[text])
    try:
        if text.endswith("%") and 0 < (percent := float(text[:-1])) <= 100:
            return RelativeBlur(percent)
        if text.isdecimal() and 0 < (size := int(text)) <= MAX_KERNEL_PIXELS:
            return KernelBlur(size | 1, size | 1)
    except ValueError:
        pass
    shown = text if len(text) <= 20 else f"{text[:20]}…"
    raise InputError(
        f"{shown!r} is no blur: use light, medium, strong, N% of the shorter side (up to 100%), "
        f"or a kernel in pixels (up to {MAX_KERNEL_PIXELS}){did_you_mean(text, STRENGTHS)}"
    )


def parse_kernel(sizes: Sequence[int]) -> KernelBlur:
    """Parse the width and height of a kernel in pixels.

    Raises:
        InputError: they are not two odd numbers.
    """
    try:
        width, height = (int(size) for size in sizes)
    except (TypeError, ValueError):
        raise InputError(f"`bg_blur_ratio` {sizes!r}: must be a width and a height in pixels") from None
    return KernelBlur(width, height)
