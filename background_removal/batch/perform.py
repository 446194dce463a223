"""Perform the tasks of a batch, in whatever process they are handed to."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, cast

from background_removal.batch.cut import cut_file, part_encoding, parts_folder
from background_removal.batch.items import BatchItem, process_file
from background_removal.batch.run_folder import fetched_source, use_run_folder
from background_removal.batch.tasks import Cut, Failed, FileTask, JoinTask, Outcome, PartTask, Setup, Task, Written
from background_removal.engine import Engine
from background_removal.errors import BackgroundRemovalError, ProcessingError
from background_removal.files import storage
from background_removal.files.saving.unfinished import unfinished_output
from background_removal.files.video.completeness import describe_missing, read_expected_length
from background_removal.files.video.parts import PartSink, count_frames, join_parts
from background_removal.files.video.video_sink import VideoSink
from background_removal.files.video.video_source import VideoSource
from background_removal.pipeline.objects import CustomObject, ObjectChain
from background_removal.recipe import Recipe, found_person
from background_removal.support import limits
from background_removal.support.cores import limit_cores

log = logging.getLogger(__name__)

# Interval between two reports of a task's progress, seconds.
_REPORT_SECONDS = 0.5
# Modules that say what they have found out about a whole video: a screen, another room, a camera that moves. By name,
# as they are imported only where they are used; tests/test_parallel.py notices when one is renamed.
_GUIDANCE = (
    "background_removal.matting.guidance.green_screen",
    "background_removal.matting.guidance.plate",
    "background_removal.compositing.plate_controls",
)


def prepare_process(setup: Setup) -> None:
    """Apply the limits of a run to this process, before its first task."""
    limit_cores(setup.cores)
    limits.set_limits(**setup.limits)
    if setup.run:
        use_run_folder(setup.run)


def perform_task(setup: Setup, task: Task, on_progress: Callable[[int], object] = lambda frames: None) -> Outcome:
    """Do one task; errors are returned as `Failed`.

    Args:
        setup: The settings of the run.
        task: The task.
        on_progress: Called now and then with the number of frames written so far.
    """
    counter = _FrameCounter(on_progress)
    try:
        if isinstance(task, FileTask):
            return _process_or_cut(setup, task, counter)
        if isinstance(task, PartTask):
            return _process_part_once(setup, task, counter)
        return _join(setup, task)
    except BackgroundRemovalError as error:
        return Failed(error)
    except Exception as error:  # not all exceptions can be pickled; the other files can still be processed
        log.debug("", exc_info=True)
        return Failed(ProcessingError(f"{task.item.path}: {error!r}"))


def process_part(setup: Setup, task: PartTask, on_frame: Callable[[], object] = lambda: None) -> Written:
    """Process one part of a video into a file without sound.

    Args:
        setup: The settings; `recipe`, `source` and `run` matter here.
        task: The part.
        on_frame: Called after every written frame.

    Raises:
        InputError, ProcessingError: as for `Engine.process_video`.
        KeyboardInterrupt: Ctrl-C was typed, or the process was asked to end.
    """
    recipe, item = setup.recipe, task.item
    encoding = part_encoding(recipe.encoding, item.output)
    arguments: dict[str, Any] = {**recipe.engine_arguments, "encoding": encoding}
    engine = Engine(video_path=item.path, custom_objects=_objects(setup), keep_partial=False, **arguments)
    alpha = ObjectChain(engine.custom_objects).makes_alpha
    sink = PartSink(VideoSink(task.path, encoding=encoding, alpha=alpha), task.part, on_frame)
    with _open_source(setup, item) as local:
        source = VideoSource(
            local,
            item.path,
            task.part,
            later_frames=engine.lookahead,
            keep_planes=engine.keeps_frame_in_planes,
            interlaced=encoding.interlaced,
        )
        with _collect_notes() as notes:
            engine.process(source, [sink])
    return Written(sink.written, found_person(engine.custom_objects), sink.end, notes=tuple(notes))


def _process_or_cut(setup: Setup, task: FileTask, counter: _FrameCounter) -> Outcome:
    recipe, item = setup.recipe, task.item
    parts = cut_file(recipe, item, setup.part_seconds)
    if parts:
        return Cut(parts)
    objects = _objects(setup)
    progress = cast("Any", counter)  # it has the methods of a progress bar that the engine calls
    engine = recipe.build_engine(item.path, item.output, objects, progress=progress, keep_partial=False)
    with _collect_notes() as notes:
        _, incomplete = process_file(engine, item)
    return Written(counter.frames, found_person(objects), incomplete=incomplete, notes=tuple(notes))


def _process_part_once(setup: Setup, task: PartTask, counter: _FrameCounter) -> Written:
    """Process a part, unless an earlier run has."""
    if setup.resume and storage.is_file(task.path):
        counter.update(task.part.frames)
        return Written(task.part.frames)
    return process_part(setup, task, counter.update)


def _join(setup: Setup, task: JoinTask) -> Written:
    item = task.item
    with ExitStack() as stack:
        source = stack.enter_context(_open_source(setup, item))
        files = [stack.enter_context(storage.local_file(part.path)) for part in task.parts]
        if setup.run:  # parts on shared storage may be of an earlier run
            _check_parts(task.parts, files)
        unfinished = stack.enter_context(unfinished_output(item.output))
        to_the_end = setup.recipe.frame_range.end is None
        names = {"finished_path": unfinished.finished_path, "source_name": item.path}
        keeps = setup.recipe.encoding.metadata == "keep"
        join_parts(
            files, unfinished.path, source, item.output, with_whole_sound=to_the_end, keep_metadata=keeps, **names
        )
        expected = read_expected_length(source, item.path) if to_the_end and task.end is not None else None
        missing = describe_missing(source, expected, task.frames, task.end) if expected and task.end else ""
    if setup.run:
        storage.remove_folder(parts_folder(item.output))
    if missing:
        log.warning("%s: %s", item.path, missing)
    return Written(task.frames, incomplete=bool(missing))


def _check_parts(parts: Sequence[PartTask], files: Sequence[str]) -> None:
    for part, file in zip(parts, files, strict=True):
        found = count_frames(file)
        if found != part.part.frames:
            raise ProcessingError(f"{part.path}: holds {found} of {part.part.frames} frames; nothing was written")


@contextmanager
def _open_source(setup: Setup, item: BatchItem) -> Iterator[str]:
    """Yield a local path of an item's source."""
    if setup.source:
        yield setup.source
        return
    with fetched_source(item.path) if setup.run else storage.local_file(item.path) as local:
        yield local


@contextmanager
def _collect_notes() -> Iterator[list[str]]:
    """Collect what source and guidance say of the video, which each part would say, instead of printing it."""
    notes: list[str] = []

    def collect(record: logging.LogRecord) -> bool:
        # A source's warnings, of damage, are for the caller.
        wanted = record.levelno == logging.INFO or (record.levelno == logging.WARNING and record.name in _GUIDANCE)
        if wanted:
            notes.append(record.getMessage())
        return not wanted

    loggers = [logging.getLogger(name) for name in (VideoSource.__module__, *_GUIDANCE)]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addFilter(collect)
        logger.setLevel(logging.INFO)
    try:
        yield notes
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeFilter(collect)
            logger.setLevel(level)


class _FrameCounter:
    """Counts frames as a progress bar does, and reports their number at intervals."""

    def __init__(self, report: Callable[[int], object]) -> None:
        self._report = report
        self._reported_at = time.monotonic()
        self.frames = 0

    def update(self, count: int = 1) -> None:
        self.frames += count
        now = time.monotonic()
        if now - self._reported_at >= _REPORT_SECONDS:
            self._reported_at = now
            self._report(self.frames)


def _objects(setup: Setup) -> list[CustomObject]:
    """Return the custom objects; on a cluster they are built once in each process, as networks take long to load."""
    return _build_objects(setup.run, setup.recipe) if setup.run else setup.recipe.build_objects()


@functools.lru_cache(maxsize=1)
def _build_objects(run: str, recipe: Recipe) -> list[CustomObject]:
    return recipe.build_objects()
