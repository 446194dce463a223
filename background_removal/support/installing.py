"""The command that installs an optional part of the program, for messages."""

from __future__ import annotations

from background_removal.support.paths import PACKAGE


def install_command(extra: str) -> str:
    """Return the pip command that installs an extra of pyproject.toml: in a checkout by its requirements file."""
    file = "requirements.txt" if extra == "mediapipe" else f"requirements-{extra}.txt"
    if (PACKAGE.parent / file).is_file():
        return f"python -m pip install -r {file}"
    return f'python -m pip install "background-removal[{extra}]"'
