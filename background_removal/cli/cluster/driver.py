"""The one that hands out the work: files and parts to the computers of a cluster, again where one is lost."""

from __future__ import annotations

import logging
import os
import secrets
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from background_removal.batch.items import BatchItem
from background_removal.cli.cluster import places, tasks
from background_removal.cli.cluster.connection import Size, connected, runtime_modules, size_of_cluster
from background_removal.cli.cluster.tasks import FileTask, JoinTask, Outcome, PartTask, Setup, Task
from background_removal.cli.engines import warn_if_no_person
from background_removal.errors import InputError, reason
from background_removal.files import storage
from background_removal.recipe import Recipe
from background_removal.support import limits
from background_removal.support.interrupt import Interrupt

log = logging.getLogger(__name__)

# How often a task is done again whose computer or process was lost.
_MAX_TRIES = 3
# One core encodes while the other draws; more of them gain a single file little.
_CORES = 2
# Tasks that wait at the computers, for each that is at work there: none waits for us.
_AHEAD = 2
_LOOK_SECONDS = 0.5
# Computers come and go; they are counted so often.
_COUNT_SECONDS = 5.0
# How long each computer may take to answer at the beginning, its environment made included.
_ANSWER_SECONDS = 120.0
# How long tasks that are told to end may take to clear up.
_ENDING_SECONDS = 5.0
_ON_GPU = ("cuda", "tensorrt", "migraphx")


@dataclass(slots=True)
class _File:
    """A file at work.

    Attributes:
        parts: Those in which it is done, if it is.
        left: How many of them are not done.
        found: Whether anybody was found in each.
        end: When the last picture of its parts ends, in seconds; None if one has not told.
        failed: Whether it has failed, and the rest of its parts need not be done.
    """

    parts: tuple[PartTask, ...] = ()
    left: int = 0
    found: list[bool | None] = field(default_factory=list)
    end: Fraction | None = Fraction(0)
    failed: bool = False


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A task that was handed out, for the how-manyth time."""

    task: Task
    number: int


def run_on_cluster(
    recipe: Recipe,
    jobs: Sequence[BatchItem],
    total: int | None,
    on_result: Callable[[str], object],
    *,
    address: str,
    part_seconds: float,
    resume: bool = False,
    quiet: bool = False,
) -> tuple[int, int]:
    """Do all jobs on a cluster.

    Args:
        recipe: What is done to each file.
        jobs: What is to be done.
        total: How many frames that are, None if that is not known.
        on_result: Called with the path of every finished result.
        address: The cluster's address, as `connected` takes it.
        part_seconds: The length of a long video's parts.
        resume: Whether parts that are there already are kept.
        quiet: Whether there is no progress bar.

    Returns:
        How many have failed, and the exit code of the rest: 1 if not all of a file could be read.

    Raises:
        InputError: the cluster cannot be reached, or a computer in it does not see the files.
        KeyboardInterrupt: Ctrl-C was typed.
    """
    from tqdm import tqdm

    stdout = sys.stdout

    def tell(output: str) -> None:
        with redirect_stdout(stdout):
            on_result(output)

    jobs = [BatchItem(_absolute(job.path), _absolute(job.output)) for job in jobs]
    with connected(address, recipe.objects) as ray:
        size = size_of_cluster(ray)
        setup = Setup(
            _with_absolute_paths(recipe),
            part_seconds,
            resume,
            min(_CORES, size.smallest),
            secrets.token_hex(4),
            logging.getLogger().level,
            limits.get_limits(),
        )
        with tqdm(total=total, unit="frame", disable=True if quiet else None) as bar, Interrupt() as interrupt:
            run = _Run(ray, setup, size, bar, tell)
            try:
                run.ask_everybody([jobs[0], jobs[-1]])
                log.info("cluster: %s; %d file%s", _numbered(size), len(jobs), "s"[: len(jobs) != 1])
                return run.do(jobs, interrupt)
            finally:
                run.end()


class _Run:
    def __init__(self, ray: Any, setup: Setup, size: Size, bar: Any, on_result: Callable[[str], object]) -> None:
        self._ray = ray
        self._setup = setup
        self._shared = ray.put(setup)
        self._bar = bar
        self._on_result = on_result
        self._waiting: deque[_Attempt] = deque()
        self._flying: dict[Any, _Attempt] = {}
        self._files: dict[str, _File] = {}
        self._failed = self._code = 0
        self._progress = ray.remote(_Progress).options(num_cpus=0, max_restarts=-1, max_task_retries=-1).remote()
        self._shown: Any = None
        self._perform = ray.remote(_perform)
        self._size = size

    def ask_everybody(self, jobs: Sequence[BatchItem]) -> None:
        """Raise InputError, naming each, for computers that cannot read the files or write the results."""
        ask = self._ray.remote(tasks.unseen)
        asked = {}
        for node in self._ray.nodes():
            if node["Alive"] and node["Resources"].get("CPU"):
                answer = _on_node(ask, node, max_retries=0).remote(self._shared, jobs)
                asked[answer] = node["NodeManagerAddress"]
        complaints = []
        for answer, address in asked.items():
            try:
                missing = self._ray.get(answer, timeout=_ANSWER_SECONDS)
            except self._ray.exceptions.RayError as error:
                missing = f"does not answer ({reason(error, first_line=True)})"
            if missing:
                complaints.append(f"{address}: {missing}")
        if complaints:
            # On one computer the complaint alone says all.
            raise InputError("; ".join(complaints) if len(asked) > 1 else complaints[0].partition(": ")[2])

    def do(self, jobs: Sequence[BatchItem], interrupt: Interrupt) -> tuple[int, int]:
        """Do all jobs; return how many have failed, and the exit code of the rest."""
        self._files = {job.output: _File() for job in jobs}
        self._waiting.extend(_Attempt(FileTask(job), 1) for job in jobs)
        counted_at = time.monotonic()
        while self._waiting or self._flying:
            self._submit()
            if not self._flying:  # what was left belongs to files that have failed
                continue
            done, _ = self._ray.wait(list(self._flying), num_returns=len(self._flying), timeout=_LOOK_SECONDS)
            for answer in done:
                self._take(answer, self._flying.pop(answer))
            self._show()
            if interrupt.requested:
                raise KeyboardInterrupt
            if time.monotonic() - counted_at > _COUNT_SECONDS:
                counted_at = time.monotonic()
                self._count()
        return self._failed, self._code

    def end(self) -> None:
        """End what is still at work, and remove what the run has left on each computer."""
        with suppress(self._ray.exceptions.RayError):
            for answer in self._flying:
                self._ray.cancel(answer)
            if self._flying:
                self._ray.wait(list(self._flying), num_returns=len(self._flying), timeout=_ENDING_SECONDS)
            clean = self._ray.remote(places.clean_up)
            nodes = [node for node in self._ray.nodes() if node["Alive"]]
            cleaning = [_on_node(clean, node).remote(self._setup.run) for node in nodes]
            self._ray.wait(cleaning, num_returns=len(cleaning), timeout=_ENDING_SECONDS)

    # -- inside ----------------------------------------------------------------------------------

    def _submit(self) -> None:
        most = _AHEAD * max(1, self._size.cores // self._setup.cores)
        while self._waiting and len(self._flying) < most:
            attempt = self._waiting.popleft()
            if self._files[attempt.task.job.output].failed:
                continue
            cores = 1 if isinstance(attempt.task, JoinTask) else self._setup.cores
            wanted = self._perform.options(num_cpus=cores, num_gpus=self._gpu(attempt.task), max_retries=0)
            self._flying[wanted.remote(self._shared, attempt.task, self._progress)] = attempt

    def _gpu(self, task: Task) -> float:
        """Return the share of a graphics card that a task asks for: as many share one as there are cores for."""
        if self._setup.recipe.network.device not in _ON_GPU or isinstance(task, JoinTask):
            return 0
        if not self._size.gpus:
            raise InputError(f"--device {self._setup.recipe.network.device}: the cluster has no graphics card")
        return max(0.01, min(1.0, int(100 * self._size.gpus * self._setup.cores / self._size.cores) / 100))

    def _take(self, answer: Any, attempt: _Attempt) -> None:
        """See what has become of a task, and what comes of that."""
        task, job = attempt.task, attempt.task.job
        file = self._files[job.output]
        try:
            outcome: Outcome = self._ray.get(answer)
        except self._ray.exceptions.RayTaskError as error:
            outcome = Outcome(failure=f"{job.path}: {reason(error.cause or error, first_line=True)}")
        except self._ray.exceptions.RayError as error:  # the process, its computer, or what it needed was lost
            lost = f"{_described(task, file)}: {type(error).__name__}"
            if attempt.number <= _MAX_TRIES:
                if not file.failed:
                    log.warning("%s; it is done again (%d of %d)", lost, attempt.number, _MAX_TRIES)
                self._waiting.appendleft(_Attempt(task, attempt.number + 1))
                return
            outcome = Outcome(failure=f"{lost} each time it was tried; given up")
        for warning in outcome.warnings:
            log.warning("%s", warning)
        if outcome.failure:
            if not file.failed:
                self._failed += 1
                log.error("%s", outcome.failure)
            file.failed = True
        elif outcome.cut:
            file.parts, file.left = outcome.cut, len(outcome.cut)
            self._waiting.extendleft(_Attempt(part, 1) for part in reversed(outcome.cut))
        elif isinstance(task, PartTask):
            file.left -= 1
            file.found.append(outcome.found_person)
            file.end = None if file.end is None or outcome.end is None else max(file.end, outcome.end)
            if not file.left and not file.failed:
                self._waiting.appendleft(_Attempt(JoinTask(job, file.parts, file.end), 1))
        else:
            if isinstance(task, JoinTask):
                warn_if_no_person(job.path, *file.found)
            self._code = max(self._code, int(outcome.incomplete))
            self._on_result(job.output)

    def _show(self) -> None:
        """Bring the bar to where the tasks are, without waiting for it."""
        with suppress(self._ray.exceptions.RayError):
            if self._shown is not None and self._ray.wait([self._shown], timeout=0)[0]:
                self._bar.update(max(0, self._ray.get(self._shown) - self._bar.n))
                self._shown = None
            if self._shown is None:
                self._shown = self._progress.total.remote()

    def _count(self) -> None:
        with suppress(self._ray.exceptions.RayError):
            self._size = size_of_cluster(self._ray)
            self._bar.set_postfix_str(f"{_numbered(self._size)}, {len(self._flying)} tasks")


class _Progress:
    """How far all tasks are, in a process of the cluster; a task that is done again counts once."""

    def __init__(self) -> None:
        self._frames: dict[str, int] = {}

    def report(self, task: str, frames: int) -> None:
        """Take down how many frames a task has written."""
        self._frames[task] = frames

    def total(self) -> int:
        """Return how many frames have been written."""
        return sum(self._frames.values())


def _perform(setup: Setup, task: Task, progress: Any) -> Outcome:
    """Do one task in a process of the cluster."""
    key = task.place if isinstance(task, PartTask) else task.job.output
    outcome = tasks.perform(setup, task, lambda frames: progress.report.remote(key, frames))
    if outcome.frames and not isinstance(task, JoinTask):
        progress.report.remote(key, outcome.frames)
    return outcome


def _on_node(function: Any, node: Any, **more: Any) -> Any:
    """Return a remote function that runs on that computer alone, whatever else is at work there."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
    return function.options(num_cpus=0, scheduling_strategy=there, **more)


def _with_absolute_paths(recipe: Recipe) -> Recipe:
    """Return a recipe that means the same on every computer of the cluster, in every folder."""
    return replace(
        recipe,
        look=replace(recipe.look, background=_absolute_if_local(recipe.look.background)),
        network=replace(recipe.network, model=_absolute_if_local(recipe.network.model or "") or None),
        logo=_absolute_if_local(recipe.logo),
        objects=tuple(runtime_modules(recipe.objects)[0]),
    )


def _absolute_if_local(path: str) -> str:
    """Return the absolute path of a file on this computer; names and addresses unchanged."""
    return os.path.abspath(path) if path and not storage.is_remote(path) and os.path.exists(path) else path


def _absolute(path: str) -> str:
    return path if storage.is_remote(path) else os.path.abspath(path)


def _described(task: Task, file: _File) -> str:
    if isinstance(task, PartTask):
        return f"{task.job.path}, part {file.parts.index(task) + 1} of {len(file.parts)}"
    return f"{task.job.path}{', joining its parts' if isinstance(task, JoinTask) else ''}"


def _numbered(size: Size) -> str:
    return f"{size.nodes} computer{'s'[: size.nodes != 1]}, {size.cores} cores"
