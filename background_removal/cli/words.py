"""Messages with the options of the command line in place of Python's parameters."""

from __future__ import annotations

import re

from background_removal.cli.table import OPTIONS

_PARAMETER = re.compile(r"`(\w+)(=False)?`")
_FLAGS = {name: option.flag for option in OPTIONS for name in (option.name, *option.parameters)}


def rename_parameters(message: str) -> str:
    """Return a message with options in place of parameters.

    >>> rename_parameters("`start_video_frame` 9: is after `end_video_frame` 3; leave `show=False`, `frobnicate` out")
    '--start-frame 9: is after --end-frame 3; leave --no-show, `frobnicate` out'
    """

    def replace(found: re.Match[str]) -> str:
        flag = _FLAGS.get(found[1])
        if flag is None:
            return found[0]
        return f"--no{flag[1:]}" if found[2] else flag

    return _PARAMETER.sub(replace, message)
