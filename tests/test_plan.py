"""The plan of a batch: which task is next, and what an outcome leads to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import pytest
from tqdm import tqdm

from background_removal.batch.executor import Result, run_plan
from background_removal.batch.items import BatchItem
from background_removal.batch.plan import Event, FileDone, FileFailed, Plan, TaskRetried
from background_removal.batch.tasks import Cut, Failed, FileTask, JoinTask, Lost, Outcome, PartTask, Task, Written
from background_removal.errors import InputError, ProcessingError
from background_removal.files.video.parts import Part
from background_removal.support.interrupt import Interrupt

A, B = BatchItem("a.mp4", "a_out.mp4"), BatchItem("b.mp4", "b_out.mp4")


def parts_of(item: BatchItem, count: int = 2) -> tuple[PartTask, ...]:
    parts = [Part(n * 100, n * 100, None, n * 100, n * 50, n * 50, 50) for n in range(count)]
    return tuple(PartTask(item, part, f"{n}.mp4") for n, part in enumerate(parts))


def plan_of(*items: BatchItem, max_retries: int = 0) -> Plan:
    plan = Plan(max_retries)
    for item in items:
        plan.add_file(item)
    return plan


def start(plan: Plan, count: int = 9) -> list[Task]:
    tasks = [plan.start_next() for _ in range(count)]
    return [task for task in tasks if task is not None]


def lose(plan: Plan, times: int) -> list[Event | None]:
    """Start the next task and lose it, again and again."""
    events = []
    for _ in range(times):
        task = plan.start_next()
        assert task is not None
        events.append(plan.record(task, Lost("Crash")))
    return events


def test_files_are_started_in_order_and_done_in_any() -> None:
    plan = plan_of(A, B)
    assert start(plan) == [FileTask(A), FileTask(B)]
    assert not plan.is_finished
    assert plan.record(FileTask(B), Written(5, incomplete=True)) == FileDone(B, True)
    assert not plan.is_finished
    assert plan.record(FileTask(A), Written(5, True)) == FileDone(A, False)
    assert plan.is_finished


def test_a_cut_file_leads_to_its_parts_before_other_files_and_to_their_joining() -> None:
    plan = plan_of(A, B)
    parts = parts_of(A)
    assert plan.start_next() == FileTask(A)
    assert plan.record(FileTask(A), Cut(parts)) is None
    assert start(plan) == [*parts, FileTask(B)]
    assert plan.record(parts[1], Written(50, False, Fraction(4))) is None
    assert plan.start_next() is None  # the other part still runs
    assert plan.record(parts[0], Written(49, True, Fraction(2))) is None
    join = JoinTask(A, parts, 99, Fraction(4))
    assert start(plan) == [join]
    assert plan.record(join, Written(99)) == FileDone(A, False, (False, True))


def test_parts_can_be_added_at_once() -> None:
    plan = Plan()
    parts = parts_of(A, 3)
    plan.add_parts(A, parts)
    assert start(plan) == list(parts)
    for part in parts:
        plan.record(part, Written(50, None, Fraction(1)))
    assert start(plan) == [JoinTask(A, parts, 150, Fraction(1))]


def test_the_end_is_unknown_if_it_is_of_one_part() -> None:
    plan = Plan()
    parts = parts_of(A)
    plan.add_parts(A, parts)
    start(plan)
    plan.record(parts[0], Written(50))  # a part of an earlier run
    plan.record(parts[1], Written(50, None, Fraction(4)))
    assert start(plan) == [JoinTask(A, parts, 100, None)]


def test_a_failed_file_does_not_stop_the_others_and_is_reported_once() -> None:
    plan = plan_of(A, B)
    parts = parts_of(A, 3)
    plan.start_next()
    plan.record(FileTask(A), Cut(parts))
    assert start(plan, 2) == list(parts[:2])
    error = ProcessingError("a.mp4: damaged")
    assert plan.record(parts[0], Failed(error)) == FileFailed(A, error)
    assert plan.record(parts[1], Failed(InputError("also"))) is None
    assert start(plan) == [FileTask(B)]  # the third part is dropped
    assert plan.record(FileTask(B), Written(5)) == FileDone(B, False)
    assert plan.is_finished


def test_parts_of_a_failed_file_are_not_joined() -> None:
    plan = Plan()
    parts = parts_of(A)
    plan.add_parts(A, parts)
    start(plan)
    assert isinstance(plan.record(parts[0], Failed(ProcessingError("damaged"))), FileFailed)
    assert plan.record(parts[1], Written(50)) is None
    assert start(plan) == []
    assert plan.is_finished


def test_a_lost_task_is_retried_first_and_given_up_in_the_end() -> None:
    plan = plan_of(A, B, max_retries=3)
    events = lose(plan, 4)
    again = [f"a.mp4: Crash; it is done again ({number} of 3)" for number in (1, 2, 3)]
    assert events[:3] == [TaskRetried(message) for message in again]
    assert isinstance(events[3], FileFailed)
    assert str(events[3].error) == "a.mp4: Crash each time it was tried; given up"
    assert start(plan) == [FileTask(B)]


@pytest.mark.parametrize("number", [0, 1])
def test_messages_name_the_part(number: int) -> None:
    plan = Plan(max_retries=1)
    parts = parts_of(A)
    plan.add_parts(A, parts)
    start(plan)
    event = plan.record(parts[number], Lost("Crash"))
    assert event == TaskRetried(f"a.mp4, part {number + 1} of 2: Crash; it is done again (1 of 1)")
    assert start(plan) == [parts[number]]


def test_messages_name_the_joining() -> None:
    plan = Plan(max_retries=1)
    parts = parts_of(A, 1)
    plan.add_parts(A, parts)
    start(plan)
    plan.record(parts[0], Written(50))
    assert lose(plan, 1) == [TaskRetried("a.mp4, joining its parts: Crash; it is done again (1 of 1)")]


def test_lost_tasks_of_a_failed_file_are_dropped_in_silence() -> None:
    plan = Plan(max_retries=3)
    parts = parts_of(A)
    plan.add_parts(A, parts)
    start(plan)
    plan.record(parts[0], Failed(ProcessingError("damaged")))
    assert plan.record(parts[1], Lost("Crash")) is None
    assert plan.is_finished


class Clerk:
    """An executor without processes: `perform` returns the outcome of a task; one task at a time, or several."""

    def __init__(self, perform: Callable[[Task], Outcome], slots: int = 1) -> None:
        self._perform = perform
        self._slots = slots
        self._tasks: list[Task] = []
        self.performed: list[Task] = []

    def has_capacity(self) -> bool:
        return len(self._tasks) < self._slots

    def submit(self, task: Task) -> None:
        assert self.has_capacity()
        self._tasks.append(task)

    def wait(self) -> Sequence[Result]:
        tasks, self._tasks = self._tasks, []
        self.performed += tasks
        return [Result(task, self._perform(task), (f"{task.item.path}: a warning",)) for task in tasks]

    def show_progress(self, bar: tqdm[Any]) -> None:
        bar.update()

    def close(self) -> None: ...


@pytest.mark.parametrize("slots", [1, 3])
def test_one_loop_drives_every_executor(slots: int, caplog: pytest.LogCaptureFixture) -> None:
    parts, error, losses = parts_of(A), ProcessingError("b.mp4: damaged"), [Lost("Crash")]

    def perform(task: Task) -> Outcome:
        if task == FileTask(B):
            return Failed(error)
        if task == parts[0] and losses:
            return losses.pop()
        return Cut(parts) if isinstance(task, FileTask) else Written(50, False, Fraction(1))

    clerk = Clerk(perform, slots)
    done: list[FileDone] = []
    failed: list[FileFailed] = []
    with caplog.at_level(logging.WARNING), Interrupt() as interrupt, tqdm(disable=True) as bar:
        run_plan(plan_of(A, B, max_retries=1), clerk, bar, interrupt, done.append, failed.append)
    assert done == [FileDone(A, False, (False, False))]
    assert failed == [FileFailed(B, error)]
    assert clerk.performed.count(parts[0]) == 2
    assert "a.mp4, part 1 of 2: Crash; it is done again (1 of 1)" in caplog.messages
    assert caplog.messages.count("b.mp4: a warning") == 1
    assert "no person was found in a.mp4" in caplog.messages


def test_the_loop_ends_with_the_error_of_a_callback_and_with_ctrl_c() -> None:
    def stop(failed: FileFailed) -> None:
        raise failed.error

    clerk = Clerk(lambda task: Failed(ProcessingError("damaged")))
    with Interrupt() as interrupt, tqdm(disable=True) as bar, pytest.raises(ProcessingError, match="damaged"):
        run_plan(plan_of(A, B), clerk, bar, interrupt, repr, stop)
    assert clerk.performed == [FileTask(A)]
    interrupt.requested = True
    clerk = Clerk(lambda task: Written(1))
    with tqdm(disable=True) as bar, pytest.raises(KeyboardInterrupt):
        run_plan(plan_of(A, B), clerk, bar, interrupt, repr, stop)
    assert clerk.performed == [FileTask(A)]
