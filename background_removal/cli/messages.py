"""Format of messages: one line each, on standard error."""

from __future__ import annotations

import logging
import warnings

from background_removal.support.wording import escape_unprintable


class _OneLine(logging.Formatter):
    """Escapes control characters in names, and names options as typed; a traceback keeps its lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        from background_removal.cli.words import rename_parameters

        return escape_unprintable(rename_parameters(super().formatMessage(record)))


def set_up_messages(debug: bool, quiet: bool) -> None:
    """Print the package's notes and all warnings; with `quiet` only errors, with `debug` everything."""
    level = logging.DEBUG if debug else logging.ERROR if quiet else logging.WARNING
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("%(levelname)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    for number, name in ((logging.INFO, "note"), (logging.WARNING, "warning"), (logging.ERROR, "error")):
        logging.addLevelName(number, name)
    if level == logging.WARNING:
        logging.getLogger("background_removal").setLevel(logging.INFO)  # but not the notes of libraries
    # It logs a failed transfer at length; the exception has it in one line.
    logging.getLogger("stow").setLevel(logging.NOTSET if debug else logging.CRITICAL)
    if not debug:
        warnings.simplefilter("ignore")  # from libraries, for programmers
