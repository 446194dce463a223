#!/usr/bin/env python3
"""Replace or blur what is behind a person: live from a webcam, in a video or in an image.

Run it as it is for the webcam, with files and options for more (see --help), or edit it: README.md, "Editing main.py",
shows how few lines do.
"""

from background_removal.cli.main import main, run_and_exit

__all__ = ["main"]

if __name__ == "__main__":
    run_and_exit()
