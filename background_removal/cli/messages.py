"""Format of messages: one line each, on standard error."""

from __future__ import annotations

import logging
import sys
import warnings
from typing import TYPE_CHECKING

from background_removal.support.wording import escape_unprintable

if TYPE_CHECKING:
    from typing import TextIO

    Handler = logging.StreamHandler[TextIO]
else:
    Handler = logging.StreamHandler


class _OneLine(logging.Formatter):
    """Escapes control characters in names, and names options as typed; a traceback keeps its lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        from background_removal.cli.words import rename_parameters

        return escape_unprintable(rename_parameters(super().formatMessage(record)))


class _AboveBars(Handler):
    """Writes above the progress bars that there are, instead of into them."""

    def emit(self, record: logging.LogRecord) -> None:
        tqdm = getattr(sys.modules.get("tqdm"), "tqdm", None)  # loaded with the first bar
        if tqdm is None:
            super().emit(record)
            return
        with tqdm.external_write_mode(file=self.stream):
            super().emit(record)


def set_up_messages(debug: bool, quiet: bool) -> None:
    """Print the package's notes and all warnings; with `quiet` only errors, with `debug` everything."""
    level = logging.DEBUG if debug else logging.ERROR if quiet else logging.WARNING
    handler = _AboveBars()
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
