"""Engine, under the name that a main.py imports it by: ``from engine import Engine``."""

from background_removal.engine import Engine

__all__ = ["Engine"]
