"""Messages in the words of the command line: what is `bg_blur_ratio` in Python is --blur there."""

from __future__ import annotations

import functools
import re

from background_removal.cli.options import build_parser

# Parameters whose option has another name.
_OTHERWISE = {
    "bg_blur_ratio": "blur", "start_video_frame": "start_frame", "end_video_frame": "end_frame",
    "output_path": "output", "webcam_id": "webcam", "record_path": "record",
}  # fmt: skip
_PARAMETER = re.compile(r"`(\w+)(=False)?`")


def rename_parameters(message: str) -> str:
    """Return a message with the options of the command line in place of Python's parameters.

    >>> rename_parameters("`start_video_frame` 9: is after `end_video_frame` 3; leave `show=False`, `frobnicate` out")
    '--start-frame 9: is after --end-frame 3; leave --no-show, `frobnicate` out'
    """

    def option(found: re.Match[str]) -> str:
        known = _options().get(_OTHERWISE.get(found[1], found[1]))
        if known is None:
            return found[0]
        return f"--no{known[1:]}" if found[2] else known

    return _PARAMETER.sub(option, message)


@functools.lru_cache(maxsize=1)
def _options() -> dict[str, str]:
    """Return what each option is called, by the name of its value."""
    return {action.dest: action.option_strings[0] for action in build_parser()._actions if action.option_strings}
