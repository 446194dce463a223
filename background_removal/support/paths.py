"""Folders: data that ship with the program, in the installed package or at the top of a checkout; the cache."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def data_folder(name: str) -> Path:
    """Return the folder `name` ("models", "backgrounds", "samples"): in the installed package, else beside it."""
    installed = PACKAGE / name
    return installed if installed.is_dir() else PACKAGE.parent / name


def cache_folder() -> Path:
    """Return the user's cache folder for this program; it may not exist yet."""
    import platformdirs  # what pooch.os_cache asks; pooch takes 0.1 s to import

    return Path(platformdirs.user_cache_dir("background-removal"))


def user_folder() -> Path:
    """Return the user's folder for data that this program keeps; it may not exist yet."""
    import platformdirs

    return Path(platformdirs.user_data_dir("background-removal", appauthor=False))
