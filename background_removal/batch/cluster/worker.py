"""The functions that run on the computers of a cluster."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from background_removal.batch.items import BatchItem
from background_removal.batch.perform import perform_task, prepare_process
from background_removal.batch.tasks import JoinTask, Outcome, PartTask, Setup, Task, Written
from background_removal.errors import BackgroundRemovalError, InputError
from background_removal.files import storage
from background_removal.files.saving.atomic import atomic_output
from background_removal.files.saving.outputs import check_result


def perform_remotely(setup: Setup, task: Task, progress: Any) -> tuple[Outcome, tuple[str, ...]]:
    """Do one task; return its outcome and the warnings that were logged.

    Args:
        setup: The settings of the run.
        task: The task.
        progress: The remote `FrameTotal`.
    """
    prepare_process(setup)
    key = task.path if isinstance(task, PartTask) else task.item.output
    with _collect_warnings(setup.log_level) as warnings:
        outcome = perform_task(setup, task, lambda frames: progress.report.remote(key, frames))
    if isinstance(outcome, Written) and not isinstance(task, JoinTask):
        progress.report.remote(key, outcome.frames)
    return outcome, tuple(warnings)


def check_node(setup: Setup, items: Sequence[BatchItem]) -> str:
    """Return why this computer cannot read the files of a run, or write its results; "" if it can.

    Args:
        setup: The settings of the run.
        items: The files to check.
    """
    recipe = setup.recipe
    needed = [recipe.look.background, recipe.look.foreground, recipe.guidance.plate]
    needed += [recipe.logo, recipe.network.model or ""]
    try:
        for path in needed:
            if os.path.isabs(path) and not os.path.exists(path):
                raise InputError(f"{path}: no such file")
        for item in items:
            if not storage.is_url(item.path):
                storage.require_file(item.path)
            check_result(item.output, item.path, video=recipe.is_video(item.path), encoding=recipe.encoding)
            with atomic_output(item.output) as temporary:
                Path(temporary).touch()
                os.remove(temporary)  # so that nothing replaces the result
    except (BackgroundRemovalError, OSError) as error:
        return str(error)
    return ""


class FrameTotal:
    """The number of frames that all tasks have written, in a process of its own; a retried task counts once."""

    def __init__(self) -> None:
        self._frames: dict[str, int] = {}

    def report(self, task: str, frames: int) -> None:
        """Record the number of frames that a task has written."""
        self._frames[task] = frames

    def total(self) -> int:
        """Return the number of frames written by all tasks."""
        return sum(self._frames.values())


@contextmanager
def _collect_warnings(level: int) -> Iterator[list[str]]:
    """Collect the warnings that are logged in the block, instead of printing them on this computer."""
    messages: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    root, handler = logging.getLogger(), Collector(max(level, logging.WARNING))
    before = root.handlers[:]
    root.handlers[:] = [handler]
    try:
        yield messages
    finally:
        root.handlers[:] = before
