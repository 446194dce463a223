"""The plan of a batch: which task is next, and what an outcome leads to. It starts no process and opens no file."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TypeAlias

from background_removal.batch.items import BatchItem
from background_removal.batch.tasks import Cut, Failed, FileTask, JoinTask, Lost, Outcome, PartTask, Task, Written
from background_removal.errors import BackgroundRemovalError, ProcessingError


@dataclass(frozen=True, slots=True)
class TaskRetried:
    """A lost task waits for another try; `message` names it."""

    message: str


@dataclass(frozen=True, slots=True)
class FileFailed:
    """A file has failed, for the first time."""

    item: BatchItem
    error: BackgroundRemovalError


@dataclass(frozen=True, slots=True)
class FileDone:
    """The result of a file is written.

    Attributes:
        item: The file.
        incomplete: Whether a piece of the source could not be read.
        found_person: Whether each of its parts has a person; () for a file that was not cut.
    """

    item: BatchItem
    incomplete: bool
    found_person: tuple[bool | None, ...] = ()


Event: TypeAlias = TaskRetried | FileFailed | FileDone


@dataclass(slots=True)
class _File:
    """The state of a file.

    Attributes:
        parts: The tasks of its parts; () for a file that is not cut.
        pending: Number of parts that are not written.
        frames: Number of frames in the written parts.
        found_person: Whether each written part has a person.
        end: End of the last frame of the written parts, in seconds; None if a part does not know it.
        failed: Whether the file has failed; the rest of its tasks is dropped.
    """

    parts: tuple[PartTask, ...] = ()
    pending: int = 0
    frames: int = 0
    found_person: list[bool | None] = field(default_factory=list)
    end: Fraction | None = Fraction(0)
    failed: bool = False


class Plan:
    """The tasks of a batch, from the files to the joined results.

    Args:
        max_retries: Number of retries of a task after its process or computer was lost.
    """

    def __init__(self, max_retries: int = 0) -> None:
        self._max_retries = max_retries
        self._files: dict[BatchItem, _File] = {}
        self._waiting: deque[Task] = deque()
        self._running: set[Task] = set()
        self._losses: Counter[Task] = Counter()

    def add_file(self, item: BatchItem) -> None:
        """Add a file after the others."""
        self._files[item] = _File()
        self._waiting.append(FileTask(item))

    def add_parts(self, item: BatchItem, parts: Sequence[PartTask]) -> None:
        """Add the parts of a video before all other tasks: a video that was begun is finished first."""
        self._files[item] = _File(tuple(parts), len(parts))
        self._waiting.extendleft(reversed(parts))

    @property
    def is_finished(self) -> bool:
        """Whether there is no task left, waiting or running."""
        self._drop_tasks_of_failed_files()
        return not self._waiting and not self._running

    def start_next(self) -> Task | None:
        """Return the next task, which counts as running from now on; None if none waits."""
        self._drop_tasks_of_failed_files()
        if not self._waiting:
            return None
        task = self._waiting.popleft()
        self._running.add(task)
        return task

    def record(self, task: Task, outcome: Outcome) -> Event | None:
        """Record the outcome of a running task, and add the tasks that follow from it.

        Returns:
            What the user may want to know.
        """
        self._running.discard(task)
        match outcome:
            case Lost(reason):
                return self._retry(task, reason)
            case Failed(error):
                return self._fail(task.item, error)
            case Cut(parts):
                self.add_parts(task.item, parts)
                return None
            case Written() if isinstance(task, PartTask):
                self._record_part(task, outcome)
                return None
            case Written(incomplete=incomplete):
                return FileDone(task.item, incomplete, tuple(self._files[task.item].found_person))

    def _drop_tasks_of_failed_files(self) -> None:
        while self._waiting and self._files[self._waiting[0].item].failed:
            self._waiting.popleft()

    def _retry(self, task: Task, reason: str) -> Event | None:
        lost = f"{self._describe(task)}: {reason}"
        self._losses[task] += 1
        if self._losses[task] > self._max_retries:
            return self._fail(task.item, ProcessingError(f"{lost} each time it was tried; given up"))
        if self._files[task.item].failed:
            return None
        self._waiting.appendleft(task)
        return TaskRetried(f"{lost}; it is done again ({self._losses[task]} of {self._max_retries})")

    def _fail(self, item: BatchItem, error: BackgroundRemovalError) -> Event | None:
        file = self._files[item]
        if file.failed:
            return None
        file.failed = True
        return FileFailed(item, error)

    def _record_part(self, task: PartTask, written: Written) -> None:
        file = self._files[task.item]
        file.pending -= 1
        file.frames += written.frames
        file.found_person.append(written.found_person)
        file.end = None if file.end is None or written.end is None else max(file.end, written.end)
        if not file.pending and not file.failed:
            self._waiting.appendleft(JoinTask(task.item, file.parts, file.frames, file.end))

    def _describe(self, task: Task) -> str:
        if isinstance(task, PartTask):
            parts = self._files[task.item].parts
            return f"{task.item.path}, part {parts.index(task) + 1} of {len(parts)}"
        return f"{task.item.path}{', joining its parts' if isinstance(task, JoinTask) else ''}"
