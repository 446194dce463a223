"""An executor with a process of this computer for each task."""

from __future__ import annotations

import logging
import multiprocessing
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING, Any, TypeAlias

from background_removal.batch.executor import Result
from background_removal.batch.perform import perform_task, prepare_process
from background_removal.batch.tasks import Failed, JoinTask, Outcome, PartTask, Setup, Task, Written
from background_removal.errors import ProcessingError
from background_removal.files.video.parts import count_frames

if TYPE_CHECKING:
    from tqdm import tqdm

# Timeout for a process that was asked to end, seconds; then it is killed.
_END_SECONDS = 5.0
# Timeout for a message, seconds; then Ctrl-C and the ends of processes are checked.
_WAIT_SECONDS = 0.2

# A process's number, and its progress in frames or its outcome.
_Message: TypeAlias = tuple[int, int | Outcome]


class ProcessExecutor:
    """Starts a process for each task at once; parts are joined in this one.

    A process that ends early has failed: it is not replaced.

    Args:
        setup: The settings of the run.
        count: Number of processes in all, for messages.
    """

    def __init__(self, setup: Setup, count: int) -> None:
        self._setup = setup
        self._count = count
        context = multiprocessing.get_context("spawn")
        self._start_process = context.Process
        self._messages: multiprocessing.Queue[_Message] = context.Queue()
        self._processes: list[SpawnProcess] = []
        self._tasks: list[Task] = []
        self._frames: dict[int, int] = {}
        self._ended: set[int] = set()
        self._joined: list[Result] = []

    def has_capacity(self) -> bool:
        return True

    def submit(self, task: Task) -> None:
        if isinstance(task, JoinTask):
            self._joined.append(Result(task, perform_task(self._setup, task)))
            return
        number = len(self._processes)
        arguments = (self._messages, self._setup, number, task)
        with _sigint_blocked():
            process = self._start_process(target=_work, args=arguments, daemon=True)
            process.start()
        self._processes.append(process)
        self._tasks.append(task)

    def wait(self) -> Sequence[Result]:
        if self._joined:
            results, self._joined = self._joined, []
            return results
        # Checked before the messages: a process that has ended has sent all of its own.
        dead = {number for number, process in enumerate(self._processes) if not process.is_alive()}
        results = []
        for number, message in _receive(self._messages):
            if isinstance(message, int):
                self._frames[number] = message
            else:
                self._ended.add(number)
                results.append(Result(self._tasks[number], self._check(number, message)))
        for number in sorted(dead - self._ended):
            self._ended.add(number)
            reason = _describe_exit(self._processes[number].exitcode)
            results.append(
                Result(self._tasks[number], self._failure(number, f"of {self._count} ended early ({reason})"))
            )
        return results

    def show_progress(self, bar: tqdm[Any]) -> None:
        bar.update(max(0, sum(self._frames.values()) - bar.n))

    def close(self) -> None:
        for process in self._processes:
            if process.is_alive():
                process.terminate()
        for process in self._processes:
            process.join(_END_SECONDS)
            if process.is_alive():
                process.kill()
                process.join(_END_SECONDS)

    def _check(self, number: int, outcome: Outcome) -> Outcome:
        """Return the outcome of a process, or a failure if its file does not hold the frames that it reported."""
        task = self._tasks[number]
        if not (isinstance(task, PartTask) and isinstance(outcome, Written)):
            return outcome
        self._frames[number] = outcome.frames
        found = count_frames(task.path)
        if found == outcome.frames:
            return outcome
        return self._failure(number, f"wrote {found} of {outcome.frames} frames")

    def _failure(self, number: int, problem: str) -> Failed:
        path = self._tasks[number].item.path
        return Failed(ProcessingError(f"{path}: process {number + 1} {problem}; nothing was written"))


def end_with_parent() -> None:
    """End this process as soon as its parent is dead."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def _work(messages: multiprocessing.Queue[_Message], setup: Setup, number: int, task: Task) -> None:
    """Do one task, in a process of its own."""
    end_with_parent()
    # Each process would log the same damage of the file.
    logging.basicConfig(level=max(setup.log_level, logging.ERROR))
    prepare_process(setup)
    try:
        messages.put((number, perform_task(setup, task, lambda frames: messages.put((number, frames)))))
    except KeyboardInterrupt:
        sys.exit(130)  # the parent knows whether it has ended this process


def _receive(messages: multiprocessing.Queue[_Message]) -> Iterator[_Message]:
    """Yield the messages in a queue; if it is empty, wait for one for a moment."""
    try:
        yield messages.get(timeout=_WAIT_SECONDS)
        while True:
            yield messages.get_nowait()
    except queue.Empty:
        return


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """Block SIGINT for processes started in the block: the terminal's Ctrl-C would interrupt their imports."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _describe_exit(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"code {code}"
