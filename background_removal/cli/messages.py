"""How messages appear: one line each, on standard error."""

from __future__ import annotations

import logging
import warnings

from background_removal.support.wording import escape_unprintable


class _OneLine(logging.Formatter):
    """Escape control characters of names in a message; a traceback keeps its lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        return escape_unprintable(super().formatMessage(record))


def set_up_messages(debug: bool, quiet: bool) -> None:
    """Log our notes and warnings to stderr; with `quiet` only errors, with `debug` everything."""
    level = logging.DEBUG if debug else logging.ERROR if quiet else logging.WARNING
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("%(levelname)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for number, name in ((logging.INFO, "note"), (logging.WARNING, "warning"), (logging.ERROR, "error")):
        logging.addLevelName(number, name)
    if level == logging.WARNING:
        logging.getLogger("background_removal").setLevel(logging.INFO)  # libraries' notes are of no interest
    # It tells of a failed transfer by the pages; the exception says it once.
    logging.getLogger("stow").setLevel(logging.NOTSET if debug else logging.CRITICAL)
    if not debug:
        warnings.simplefilter("ignore")  # of libraries, meant for programmers
