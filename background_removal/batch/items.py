"""The items of a batch: which result each file gets, which are done, and one after the other."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from background_removal.errors import BackgroundRemovalError, InputError, SourceChangedError
from background_removal.files import storage
from background_removal.files.images import format_picture_name, is_sequence
from background_removal.files.saving.names import free_name
from background_removal.files.saving.unfinished import is_incomplete_name
from background_removal.recipe import found_person

if TYPE_CHECKING:
    from background_removal.engine import Engine

log = logging.getLogger(__name__)

# Coarsest resolution of a file's time, seconds; FAT stores even seconds only.
_COARSEST_SECONDS = 2


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One file and the path of its result."""

    path: str
    output: str


def plan_items(files: Sequence[tuple[str, str]], name: Callable[[str, str], str]) -> list[BatchItem]:
    """Return the items for `files`; where results would collide, later ones get a number.

    Args:
        files: As `find.find_files` returns them.
        name: Returns the result's path for a file's path and folder.

    Raises:
        InputError: a result would replace one of the files.
    """
    items: list[BatchItem] = []
    taken: set[str] = set()
    sources = {_identity(path) for path, _ in files}
    for path, inner in files:
        output = _free_output(name(path, inner), taken)
        if _identity(output) in sources:
            raise InputError(f"{path}: its result would replace {output}, which is to be processed too")
        taken.add(_identity(output))
        items.append(BatchItem(path, output))
    return items


def run_items(
    items: Sequence[BatchItem],
    work: Callable[[BatchItem], object],
    describe: Callable[[str], str],
    resume: bool = False,
) -> int:
    """Process one item after the other; an error is logged at once and does not stop the rest.

    Args:
        items: What to process.
        work: Processes one.
        describe: Puts the names of options for the parameters in an error's message.
        resume: Leave out items whose result exists and is not older than its source.

    Returns:
        Number of items that failed.
    """
    failed = 0
    for item in items:
        if resume and is_done(item):
            log.info("%s: is done", item.output)
            continue
        try:
            work(item)
        except BrokenPipeError:  # the reader of our output has gone
            raise
        except Exception as error:  # the other files can still be processed
            failed += 1
            expected = isinstance(error, BackgroundRemovalError)
            log.error("%s", describe(str(error)) if expected else f"{item.path}: {error!r}")
            log.debug("", exc_info=True)
    return failed


def is_done(item: BatchItem) -> bool:
    """Return whether an item's result exists and is not older than its source."""
    if not _is_local(item):
        return storage.is_file(item.output)
    output = _first_file(item)
    return os.path.isfile(output) and os.path.getmtime(output) >= os.path.getmtime(item.path)


def process_file(engine: Engine, item: BatchItem) -> tuple[str, bool]:
    """Process one whole file with an engine built for it.

    Returns:
        The path of the result, and whether a piece of the source could not be read.
    """
    with not_done_if_changed(item):
        engine.run()
    warn_if_no_person(item.path, found_person(engine.custom_objects))
    if is_incomplete_name(engine.result):
        log.info("%s: ended early; what there is of it is %s", item.output, engine.result)
    return engine.result, bool(engine.incomplete)


def warn_if_no_person(path: str, *found: bool | None) -> None:
    """Warn that there is no person in a file, by the results of `found_person` for it or for its parts."""
    if False in found and True not in found:
        log.warning("no person was found in %s", path)


@contextmanager
def not_done_if_changed(item: BatchItem) -> Iterator[None]:
    """Make a result older than its source if the source changed while it was read, so that it is processed again."""
    try:
        yield
    except SourceChangedError:
        if _is_local(item) and is_done(item):
            older = os.path.getmtime(item.path) - _COARSEST_SECONDS
            os.utime(_first_file(item), (older, older))
        raise


def _is_local(item: BatchItem) -> bool:
    return not (storage.is_remote(item.output) or storage.is_remote(item.path) or item.path == storage.STANDARD)


def _first_file(item: BatchItem) -> str:
    """Return the file whose time stands for the whole result; the pictures of a video appear together."""
    return format_picture_name(item.output, 1) if is_sequence(item.output) else item.output


def _free_output(output: str, taken: set[str]) -> str:
    """Return `output`, with a number if it is taken; of a sequence the folder gets the number."""
    suffix = output[len(os.path.dirname(output)) :] if is_sequence(output) else None
    return free_name(output, lambda path: _identity(path) in taken, suffix=suffix)


def _identity(path: str) -> str:
    """Return a string that is equal for two paths of one file, which need not exist."""
    return path if storage.is_remote(path) else os.path.normcase(os.path.realpath(path))
