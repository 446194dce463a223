"""The driver of a run on a cluster: an executor that hands its tasks to the computers, through Ray."""

from __future__ import annotations

import logging
import os
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing, redirect_stdout, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from background_removal.batch.cluster import worker
from background_removal.batch.cluster.connection import ClusterSize, connect, measure_cluster, runtime_modules
from background_removal.batch.executor import Result, run_plan
from background_removal.batch.items import BatchItem
from background_removal.batch.plan import FileDone, FileFailed, Plan
from background_removal.batch.run_folder import remove_run_folder
from background_removal.batch.tasks import Failed, JoinTask, Lost, Setup, Task
from background_removal.errors import InputError, ProcessingError, reason
from background_removal.files import storage
from background_removal.recipe import Recipe
from background_removal.support import limits
from background_removal.support.interrupt import Interrupt

if TYPE_CHECKING:
    from tqdm import tqdm

log = logging.getLogger(__name__)

# Number of retries of a task after its computer or process was lost.
_MAX_RETRIES = 3
# Cores per task; one encodes while the other draws, and more gain a single file little.
_TASK_CORES = 2
# Submitted tasks per task that can run, to keep the computers busy.
_TASKS_PER_SLOT = 2
# Timeout for the end of a task, seconds; then Ctrl-C and the progress are checked.
_WAIT_SECONDS = 0.5
# Interval between two measurements of the cluster, seconds, as computers come and go.
_MEASURE_SECONDS = 5.0
# Timeout for a computer's first answer, seconds; it sets up its environment before.
_ANSWER_SECONDS = 120.0
# Timeout for the end of cancelled tasks, and for the removal of temporary folders, seconds.
_END_SECONDS = 5.0
# Devices that are graphics cards.
_GPU_DEVICES = ("cuda", "tensorrt", "migraphx")


def run_on_cluster(
    recipe: Recipe,
    items: Sequence[BatchItem],
    total: int | None,
    on_result: Callable[[str], object],
    describe: Callable[[str], str],
    *,
    address: str,
    part_seconds: float,
    resume: bool = False,
    quiet: bool = False,
) -> tuple[int, bool]:
    """Process all items on a cluster.

    Args:
        recipe: What is done to each file.
        items: The files.
        total: Number of frames in all of them; None if unknown.
        on_result: Called with the path of every finished result.
        describe: Puts the names of options for the parameters in an error's message.
        address: The cluster's address, as `connection.connect` takes it.
        part_seconds: Length of a long video's parts.
        resume: Whether parts of an earlier run are kept.
        quiet: Whether there is no progress bar.

    Returns:
        Number of files that failed, and whether a piece of another one could not be read.

    Raises:
        InputError: the cluster cannot be reached, or a computer in it has no access to the files.
        KeyboardInterrupt: Ctrl-C was typed.
    """
    from tqdm import tqdm

    stdout = sys.stdout  # it is redirected while connected
    failed: list[FileFailed] = []
    done: list[FileDone] = []

    def report_result(file: FileDone) -> None:
        done.append(file)
        with redirect_stdout(stdout):
            on_result(file.item.output)

    def report_failure(file: FileFailed) -> None:
        failed.append(file)
        log.error("%s", describe(str(file.error)))

    items = [BatchItem(_absolute(item.path), _absolute(item.output)) for item in items]
    plan = Plan(_MAX_RETRIES)
    for item in items:
        plan.add_file(item)
    with connect(address, recipe.objects) as ray:
        size = measure_cluster(ray)
        setup = Setup(
            _with_absolute_paths(recipe),
            min(_TASK_CORES, size.smallest),
            limits.get_limits(),
            logging.getLogger().level,
            part_seconds=part_seconds,
            resume=resume,
            run=secrets.token_hex(4),
        )
        with (
            tqdm(total=total, unit="frame", disable=True if quiet else None) as bar,
            Interrupt() as interrupt,
            closing(RayExecutor(ray, setup, size)) as executor,
        ):
            executor.check_nodes([items[0], items[-1]], describe)
            log.info("cluster: %s; %d file%s", size, len(items), "s"[: len(items) != 1])
            run_plan(plan, executor, bar, interrupt, report_result, report_failure)
    return len(failed), any(file.incomplete for file in done)


class RayExecutor:
    """Hands tasks to the computers of a cluster.

    Args:
        ray: The connected module.
        setup: The settings of the run.
        size: The size of the cluster.
    """

    def __init__(self, ray: Any, setup: Setup, size: ClusterSize) -> None:
        self._ray = ray
        self._setup = setup
        self._shared_setup = ray.put(setup)
        self._size = size
        self._measured_at = time.monotonic()
        self._tasks: dict[Any, Task] = {}
        self._perform = ray.remote(worker.perform_remotely)
        options = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1}
        self._progress = ray.remote(worker.FrameTotal).options(**options).remote()
        self._total: Any = None

    def check_nodes(self, items: Sequence[BatchItem], describe: Callable[[str], str]) -> None:
        """Raise InputError, naming each, for computers that cannot read the files or write the results."""
        check = self._ray.remote(worker.check_node)
        answers = {}
        for node in self._ray.nodes():
            if node["Alive"] and node["Resources"].get("CPU"):
                answer = _on_node(check, node, max_retries=0).remote(self._shared_setup, items)
                answers[answer] = node["NodeManagerAddress"]
        problems = []
        for answer, address in answers.items():
            try:
                problem = describe(self._ray.get(answer, timeout=_ANSWER_SECONDS))
            except self._ray.exceptions.RayError as error:
                problem = f"does not answer ({reason(error, first_line=True)})"
            if problem:
                problems.append(f"{address}: {problem}")
        if problems:
            # The address of the only computer says nothing.
            raise InputError("; ".join(problems) if len(answers) > 1 else problems[0].partition(": ")[2])

    def has_capacity(self) -> bool:
        slots = max(1, self._size.cores // self._setup.cores)
        return len(self._tasks) < _TASKS_PER_SLOT * slots

    def submit(self, task: Task) -> None:
        cores = 1 if isinstance(task, JoinTask) else self._setup.cores
        perform = self._perform.options(num_cpus=cores, num_gpus=self._gpu_share(task), max_retries=0)
        self._tasks[perform.remote(self._shared_setup, task, self._progress)] = task

    def wait(self) -> Sequence[Result]:
        ended, _ = self._ray.wait(list(self._tasks), num_returns=len(self._tasks), timeout=_WAIT_SECONDS)
        return [self._collect(answer) for answer in ended]

    def show_progress(self, bar: tqdm[Any]) -> None:
        with suppress(self._ray.exceptions.RayError):
            if self._total is not None and self._ray.wait([self._total], timeout=0)[0]:
                bar.update(max(0, self._ray.get(self._total) - bar.n))
                self._total = None
            if self._total is None:
                self._total = self._progress.total.remote()
            if time.monotonic() - self._measured_at > _MEASURE_SECONDS:
                self._measured_at = time.monotonic()
                self._size = measure_cluster(self._ray)
                bar.set_postfix_str(f"{self._size}, {len(self._tasks)} tasks")

    def close(self) -> None:
        with suppress(self._ray.exceptions.RayError):
            for answer in self._tasks:
                self._ray.cancel(answer)
            if self._tasks:
                self._ray.wait(list(self._tasks), num_returns=len(self._tasks), timeout=_END_SECONDS)
            remove = self._ray.remote(remove_run_folder)
            nodes = [node for node in self._ray.nodes() if node["Alive"]]
            answers = [_on_node(remove, node).remote(self._setup.run) for node in nodes]
            self._ray.wait(answers, num_returns=len(answers), timeout=_END_SECONDS)

    def _collect(self, answer: Any) -> Result:
        task = self._tasks.pop(answer)
        try:
            outcome, warnings = self._ray.get(answer)
        except self._ray.exceptions.RayTaskError as error:
            return Result(
                task, Failed(ProcessingError(f"{task.item.path}: {reason(error.cause or error, first_line=True)}"))
            )
        except self._ray.exceptions.RayError as error:  # the process, its computer, or its input was lost
            return Result(task, Lost(type(error).__name__))
        return Result(task, outcome, warnings)

    def _gpu_share(self, task: Task) -> float:
        """Return the share of a graphics card for a task: a card is shared by as many tasks as there are cores for."""
        device = self._setup.recipe.network.device
        if device not in _GPU_DEVICES or isinstance(task, JoinTask):
            return 0
        if not self._size.gpus:
            raise InputError(f"--device {device}: the cluster has no graphics card")
        return max(0.01, min(1.0, int(100 * self._size.gpus * self._setup.cores / self._size.cores) / 100))


def _on_node(function: Any, node: Any, **options: Any) -> Any:
    """Return a remote function that runs on one computer only, however busy it is."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
    return function.options(num_cpus=0, scheduling_strategy=strategy, **options)


def _with_absolute_paths(recipe: Recipe) -> Recipe:
    """Return a recipe that means the same on every computer of the cluster, in every folder."""
    return replace(
        recipe,
        look=replace(
            recipe.look,
            background=_absolute_if_local(recipe.look.background),
            foreground=_absolute_if_local(recipe.look.foreground),
        ),
        network=replace(recipe.network, model=_absolute_if_local(recipe.network.model or "") or None),
        guidance=replace(recipe.guidance, plate=_absolute_if_local(recipe.guidance.plate)),
        logo=_absolute_if_local(recipe.logo),
        objects=tuple(runtime_modules(recipe.objects)[0]),
    )


def _absolute_if_local(path: str) -> str:
    """Return the absolute path of a file on this computer; names and addresses unchanged."""
    return os.path.abspath(path) if path and not storage.is_remote(path) and os.path.exists(path) else path


def _absolute(path: str) -> str:
    return path if storage.is_remote(path) else os.path.abspath(path)
