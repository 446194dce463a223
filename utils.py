"""FPSmetric, under the name that a main.py imports it by: ``from utils import FPSmetric``."""

from background_removal.fps import FPSmetric

__all__ = ["FPSmetric"]
