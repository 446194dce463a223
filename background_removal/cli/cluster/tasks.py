"""What the computers of a cluster do: one file, one part of a long video, or the joining of parts.

Only paths and numbers come and go with a task; pictures stay where they are, in files that all computers see.
"""

from __future__ import annotations

import functools
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeAlias, cast

from background_removal.batch.items import BatchItem
from background_removal.cli.cluster.places import digest, source_here, use_run_folder
from background_removal.cli.engines import process
from background_removal.cli.parallel import PartJob, encoding_of_parts, needed_parts, process_part
from background_removal.cli.words import rename_parameters
from background_removal.errors import BackgroundRemovalError, InputError, ProcessingError
from background_removal.files import storage
from background_removal.files.images import is_sequence
from background_removal.files.saving.atomic import atomic_output
from background_removal.files.saving.outputs import check_result
from background_removal.files.saving.unfinished import unfinished_output
from background_removal.files.video.completeness import describe_missing, read_expected_length
from background_removal.files.video.parts import Part, count_frames, join_parts, plan_parts_by_length
from background_removal.pipeline.objects import CustomObject
from background_removal.recipe import Recipe, found_person
from background_removal.support import limits
from background_removal.support.cores import limit_cores

log = logging.getLogger(__name__)

# A remote file below this many bytes is not brought only to see whether it is long: about a minute of 1080p.
_SMALL_BYTES = 50_000_000
# How often a process tells how far it is.
_REPORT_SECONDS = 0.5
_NOT_JOINED = (".gif", ".webp")


@dataclass(frozen=True, slots=True)
class Setup:
    """What is the same for all tasks of a run.

    Attributes:
        recipe: What is done to each file; all paths in it are absolute.
        part_seconds: The length of a long video's parts.
        resume: Whether parts that are there already are kept.
        cores: How many cores each task may use.
        run: The name of the run, which its temporary folders bear.
        level: The level of messages that are wanted.
        allowed: What files may ask for, as `support.limits.set_limits` takes it.
    """

    recipe: Recipe
    part_seconds: float
    resume: bool
    cores: int
    run: str
    level: int
    allowed: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FileTask:
    """A file, which is done, or found to be long enough to be cut."""

    job: BatchItem


@dataclass(frozen=True, slots=True)
class PartTask:
    """One part of a video, which goes to `place`."""

    job: BatchItem
    part: Part
    place: str


@dataclass(frozen=True, slots=True)
class JoinTask:
    """The joining of a video's parts, in order, into its result.

    Attributes:
        job: The video.
        parts: Its parts.
        end: When the last picture of its parts ends, in seconds; None if that is not known.
    """

    job: BatchItem
    parts: tuple[PartTask, ...]
    end: Fraction | None


Task: TypeAlias = FileTask | PartTask | JoinTask


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has become of a task.

    Attributes:
        frames: How many frames were written.
        found_person: Whether anybody is in them; None if nobody was looked for.
        cut: The parts of a file that is to be done in parts; nothing was written then.
        end: When its last picture ends, in seconds; None if that is not known.
        incomplete: Whether not all of the source could be read.
        failure: What went wrong by the task's own fault, "" if nothing did.
        warnings: What else there is to tell the user.
    """

    frames: int = 0
    found_person: bool | None = None
    cut: tuple[PartTask, ...] = ()
    end: Fraction | None = None
    incomplete: bool = False
    failure: str = ""
    warnings: tuple[str, ...] = ()


Report: TypeAlias = Callable[[int], object]


def perform(setup: Setup, task: Task, report: Report = lambda frames: None) -> Outcome:
    """Do one task.

    Args:
        setup: Of the run.
        task: Which one.
        report: Called now and then with the number of frames that have been written.

    Returns:
        What has become of it; what it fails by is in there, and is not raised.
    """
    limit_cores(setup.cores)
    limits.set_limits(**setup.allowed)
    use_run_folder(setup.run)
    counter = _Counter(report)
    with _collected(setup.level) as told:
        try:
            if isinstance(task, FileTask):
                outcome = _do_file(setup, task, counter)
            elif isinstance(task, PartTask):
                outcome = _do_part(setup, task, counter)
            else:
                outcome = _join(setup, task)
        except BackgroundRemovalError as error:
            outcome = Outcome(failure=rename_parameters(str(error)))
        except Exception as error:  # whatever it is, the other files can still be done
            outcome = Outcome(failure=f"{task.job.path}: {error!r}")
    return replace(outcome, warnings=tuple(told))


def parts_of(recipe: Recipe, part_seconds: float, job: BatchItem) -> tuple[PartTask, ...]:
    """Return the parts in which a video is to be done; none if it is done at once."""
    suffix = os.path.splitext(job.output)[1].lower()
    if not recipe.is_video(job.path) or suffix in _NOT_JOINED or is_sequence(job.output):
        return ()
    if recipe.look.is_transparent and suffix != ".mov":
        return ()
    if storage.is_remote(job.path) and storage.file_size(job.path) < _SMALL_BYTES:
        return ()
    frames = recipe.frame_range
    with source_here(job.path) as local:
        version = f"{os.path.getsize(local)} {os.path.getmtime(local) if local == job.path else ''}"
        parts = needed_parts(plan_parts_by_length(local, part_seconds), job.path, frames.first, frames.end)
    if len(parts) < 2:
        return ()
    kind = ".mov" if suffix == ".mov" else ".mp4"
    folder = parts_folder(job.output)
    # The output may be another one when a run goes on with --resume.
    work = replace(recipe, output="", kind="")
    return tuple(
        PartTask(job, part, f"{folder}/{number:05}-{digest((work, job.path, version, part))}{kind}")
        for number, part in enumerate(parts)
    )


def unseen(setup: Setup, jobs: Sequence[BatchItem]) -> str:
    """Return what this computer cannot read, or where it cannot write, of a run; "" if all is well.

    Args:
        setup: Of the run.
        jobs: Those that are asked about.
    """
    recipe = setup.recipe
    needed = [recipe.look.background, recipe.logo, recipe.network.model or ""]
    try:
        for path in [path for path in needed if os.path.isabs(path)]:
            if not os.path.exists(path):
                raise InputError(f"{path}: no such file")
        for job in jobs:
            if not storage.is_url(job.path):
                storage.require_file(job.path)
            check_result(job.output, job.path, video=recipe.is_video(job.path), encoding=recipe.encoding)
            with atomic_output(job.output) as staged:
                Path(staged).touch()
                os.remove(staged)  # nothing is to be put in place yet
    except (BackgroundRemovalError, OSError) as error:
        return rename_parameters(str(error))
    return ""


def parts_folder(output: str) -> str:
    """Return the folder beside a result in which its parts lie until they are joined."""
    folder, name = os.path.split(output)
    return f"{folder}/.{name}.parts"


# -- the tasks -----------------------------------------------------------------------------------


def _do_file(setup: Setup, task: FileTask, counter: _Counter) -> Outcome:
    recipe, job = setup.recipe, task.job
    cut = parts_of(recipe, setup.part_seconds, job)
    if cut:
        return Outcome(cut=cut)
    objects = _objects(setup)
    progress = cast("Any", counter)
    engine = recipe.build_engine(job.path, job.output, objects, progress=progress, keep_partial=False)
    _, code = process(engine, job, recipe)
    return Outcome(counter.frames, found_person(objects), incomplete=code != 0)


def _do_part(setup: Setup, task: PartTask, counter: _Counter) -> Outcome:
    recipe, job = setup.recipe, task.job
    if setup.resume and storage.is_file(task.place):
        counter.add(task.part.frames)
        return Outcome(task.part.frames)
    encoding = encoding_of_parts(recipe.encoding, os.path.splitext(job.output)[1].lower())
    more = {**recipe.engine_arguments, "encoding": encoding}
    with source_here(job.path) as local:
        make_objects = functools.partial(_objects, setup)
        part = PartJob(local, task.part, task.place, job.path, make_objects, more, setup.cores)
        result = process_part(part, counter.update)
    return Outcome(result.frames, result.found_person, end=result.end)


def _join(setup: Setup, task: JoinTask) -> Outcome:
    job, frames = task.job, 0
    with ExitStack() as stack:
        local = stack.enter_context(source_here(job.path))
        places = [stack.enter_context(storage.local_file(part.place)) for part in task.parts]
        for place, part in zip(places, task.parts, strict=True):
            found = count_frames(place)
            if found != part.part.frames:
                raise ProcessingError(f"{part.place}: holds {found} of {part.part.frames} frames; nothing was written")
            frames += found
        unfinished = stack.enter_context(unfinished_output(job.output))
        whole = setup.recipe.frame_range.end is None
        names = {"finished_path": unfinished.finished_path, "source_name": job.path}
        join_parts(places, unfinished.path, local, job.output, with_whole_sound=whole, **names)
        expected = read_expected_length(local, job.path) if whole and task.end is not None else None
        lacking = describe_missing(local, expected, frames, task.end) if expected and task.end else ""
    storage.remove_folder(parts_folder(job.output))
    if lacking:
        log.warning("%s: %s", job.path, lacking)
    return Outcome(frames, incomplete=bool(lacking))


# -- what they need ------------------------------------------------------------------------------


class _Counter:
    """Counts frames as a progress bar would, and tells of them now and then."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._told_at = time.monotonic()
        self.frames = 0

    def update(self) -> None:
        self.add(1)

    def add(self, count: int) -> None:
        self.frames += count
        now = time.monotonic()
        if now - self._told_at >= _REPORT_SECONDS:
            self._told_at = now
            self._report(self.frames)


_made: dict[str, list[CustomObject]] = {}


def _objects(setup: Setup) -> list[CustomObject]:
    """Return the custom objects, made once in each process: networks are not loaded for every task."""
    if setup.run not in _made:
        _made.clear()
        _made[setup.run] = setup.recipe.build_objects()
    return _made[setup.run]


@contextmanager
def _collected(level: int) -> Iterator[list[str]]:
    """Collect the warnings that are logged in the block, in place of showing them where nobody looks."""
    told: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.append(record.getMessage())

    root, handler = logging.getLogger(), Collector(max(level, logging.WARNING))
    before = root.handlers[:]
    root.handlers[:] = [handler]
    try:
        yield told
    finally:
        root.handlers[:] = before
