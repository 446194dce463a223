"""One long video in several processes of this computer: each processes a part, and the parts are joined."""

from __future__ import annotations

import logging
from contextlib import closing

from background_removal.batch.cut import can_be_joined, name_parts, select_parts
from background_removal.batch.executor import run_plan
from background_removal.batch.items import BatchItem, not_done_if_changed, process_file
from background_removal.batch.plan import FileDone, FileFailed, Plan
from background_removal.batch.processes import ProcessExecutor
from background_removal.batch.tasks import Setup
from background_removal.engine import Engine
from background_removal.errors import InputError
from background_removal.files import storage
from background_removal.files.animations import animation_format
from background_removal.files.saving.outputs import check_result
from background_removal.files.saving.unfinished import unfinished_parts
from background_removal.files.video.completeness import read_expected_length
from background_removal.files.video.parts import plan_parts
from background_removal.pipeline.progress import progress_bar
from background_removal.recipe import Recipe
from background_removal.support.cores import count_cores
from background_removal.support.interrupt import Interrupt, report_results_on_interrupt

log = logging.getLogger(__name__)


def process_video(engine: Engine, item: BatchItem, recipe: Recipe, jobs: int) -> tuple[str, bool]:
    """Process a video in up to `jobs` processes, or in this one if it cannot be cut.

    Args:
        engine: Built by `recipe` for `item`, for this process.
        item: The video and its result.
        recipe: Builds the custom objects of further processes.
        jobs: Number of processes.

    Returns:
        The path of the result, and whether a piece of the source could not be read.
    """
    with not_done_if_changed(item):
        done = process_in_parallel(recipe, item, jobs, show_progress=engine.progress is True)
    if done is not None:
        return item.output, done.incomplete
    log.info("%s: too short, or with too few key frames, to be cut; one process does it", item.path)
    return process_file(engine, item)


def process_in_parallel(recipe: Recipe, item: BatchItem, jobs: int, show_progress: bool = True) -> FileDone | None:
    """Process a video in up to `jobs` processes and write its result.

    The result has the same frames, times and sound as that of one process; only the encoder starts again at every
    joint. Ctrl-C ends without a result.

    Args:
        recipe: What is done to the video, in each process.
        item: The video and its result.
        jobs: Number of processes.
        show_progress: Whether to show a progress bar on a terminal.

    Returns:
        None if the video cannot be cut: then nothing was done.

    Raises:
        InputError, ProcessingError: as for `Engine.process_video`.
        KeyboardInterrupt: Ctrl-C was typed.
    """
    output = item.output
    if not can_be_joined(output) and not animation_format(item.path):
        raise InputError(f"{output}: --jobs joins .mp4, .m4v, .mov, .mkv and .webm only")
    check_result(output, item.path, video=True, encoding=recipe.encoding)
    finished: list[FileDone] = []
    with storage.local_file(item.path) as local:
        if animation_format(local):
            return None
        parts = select_parts(plan_parts(local, jobs), recipe, item.path)
        if len(parts) < 2:
            read_expected_length(local, item.path)  # raises for a file that cannot be read at all
            return None
        setup = Setup(recipe, max(1, count_cores() // len(parts)), log_level=logging.getLogger().level, source=local)
        plan = Plan()
        with (
            report_results_on_interrupt(lambda message: f"complete: {output}" if finished else message),
            Interrupt() as interrupt,
            unfinished_parts(output) as folder,
            progress_bar(output, sum(part.frames for part in parts), show_progress) as bar,
            closing(ProcessExecutor(setup, len(parts))) as executor,
        ):
            plan.add_parts(item, name_parts(item, parts, folder, [str(number) for number in range(len(parts))]))
            run_plan(plan, executor, bar, interrupt, finished.append, _raise_error)
    return finished[0]


def _raise_error(failed: FileFailed) -> None:
    raise failed.error
