"""Executors do the tasks of a plan, in processes of this computer or on a cluster; one loop drives both."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from background_removal.batch.items import warn_if_no_person
from background_removal.batch.plan import FileDone, FileFailed, Plan, TaskRetried
from background_removal.batch.tasks import Outcome, Task, Written
from background_removal.support.interrupt import Interrupt

if TYPE_CHECKING:
    from tqdm import tqdm

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Result:
    """A task that has ended, its outcome, and the warnings that were logged meanwhile."""

    task: Task
    outcome: Outcome
    warnings: tuple[str, ...] = ()


class Executor(Protocol):
    """Does tasks somewhere else, several at once."""

    def has_capacity(self) -> bool:
        """Return whether another task may be submitted."""
        ...

    def submit(self, task: Task) -> None:
        """Begin a task."""
        ...

    def wait(self) -> Sequence[Result]:
        """Return the tasks that have ended; where none has, wait for a moment."""
        ...

    def show_progress(self, bar: tqdm[Any]) -> None:
        """Bring a progress bar up to date, without waiting."""
        ...

    def close(self) -> None:
        """End what still runs, and remove what it leaves."""
        ...


def run_plan(
    plan: Plan,
    executor: Executor,
    bar: tqdm[Any],
    interrupt: Interrupt,
    on_done: Callable[[FileDone], object],
    on_failed: Callable[[FileFailed], object],
) -> None:
    """Let an executor do all tasks of a plan.

    Args:
        plan: The plan.
        executor: The executor; it is not closed.
        bar: A bar that counts frames.
        interrupt: Asked between two tasks.
        on_done: Called with every finished file.
        on_failed: Called with every file that has failed; it may raise to end the run.

    Raises:
        KeyboardInterrupt: Ctrl-C was typed.
    """
    noted: set[str] = set()
    while not plan.is_finished:
        while executor.has_capacity() and (task := plan.start_next()) is not None:
            executor.submit(task)
        for result in executor.wait():
            for warning in result.warnings:
                log.warning("%s", warning)
            _log_notes(result.outcome, noted)
            match plan.record(result.task, result.outcome):
                case TaskRetried(message):
                    log.warning("%s", message)
                case FileFailed() as failed:
                    on_failed(failed)
                case FileDone() as done:
                    warn_if_no_person(done.item.path, *done.found_person)
                    on_done(done)
        executor.show_progress(bar)
        if interrupt.requested:
            raise KeyboardInterrupt


def _log_notes(outcome: Outcome, noted: set[str]) -> None:
    """Log what several parts say once, as one whole file would; `noted` holds the beginnings of what was logged."""
    for note in outcome.notes if isinstance(outcome, Written) else ():
        beginning = note.partition(";")[0]  # which sizes, or what can be done, follows
        if beginning not in noted:
            noted.add(beginning)
            log.info("%s", note)
