"""MPSegmentation, under the name that a main.py imports it by: ``from selfieSegmentation import MPSegmentation``."""

from background_removal.segmentation import MPSegmentation

__all__ = ["MPSegmentation"]
