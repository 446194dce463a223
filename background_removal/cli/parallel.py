"""One long video in several processes at once: each works on a part, and the results are joined."""

from __future__ import annotations

import logging
import multiprocessing
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from multiprocessing.context import SpawnProcess
from typing import Any, TypeAlias

from background_removal.cli.engines import warn_if_no_person
from background_removal.engine import Engine
from background_removal.errors import BackgroundRemovalError, InputError, ProcessingError
from background_removal.files import storage
from background_removal.files.images import is_sequence
from background_removal.files.saving.outputs import check_result
from background_removal.files.saving.unfinished import unfinished_output, unfinished_parts
from background_removal.files.video.completeness import describe_missing, read_expected_length
from background_removal.files.video.formats import CONTAINER_FORMATS, Encoding
from background_removal.files.video.parts import Part, PartSink, count_frames, join_parts, plan_parts
from background_removal.files.video.video_sink import VideoSink
from background_removal.files.video.video_source import VideoSource
from background_removal.pipeline.objects import CustomObject, ObjectChain
from background_removal.pipeline.progress import progress_bar
from background_removal.recipe import found_person
from background_removal.support import limits
from background_removal.support.cores import count_cores, limit_cores
from background_removal.support.interrupt import Interrupt, report_results_on_interrupt

log = logging.getLogger(__name__)

MakeObjects = Callable[[], Sequence[CustomObject]]

# How long a process that was told to end is waited for; then it is killed.
_ENDING_SECONDS = 5.0
# How often it is looked whether a process has ended, or Ctrl-C was typed, while none has anything to tell.
_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class PartJob:
    """What one process does.

    Attributes:
        path: A local video.
        part: One of those that `files.video.parts.plan_parts` gives.
        output: Where its pictures go, for `files.video.parts.join_parts`.
        name: What the whole result is called in messages.
        make_objects: Makes the custom objects in the process that uses them; it must be one that can be pickled.
        options: Further arguments for `Engine`.
        cores: How many cores are for it.
        allowed: What files may ask for, as `support.limits.set_limits` takes it.
    """

    path: str
    part: Part
    output: str
    name: str
    make_objects: MakeObjects
    options: Mapping[str, Any]
    cores: int
    allowed: Mapping[str, Any] = field(default_factory=limits.get_limits)


@dataclass(frozen=True, slots=True)
class PartResult:
    """What has become of a part.

    Attributes:
        frames: How many were written.
        end: When the last one ends, in seconds.
        found_person: Whether anybody is in them; None if nobody was looked for.
    """

    frames: int
    end: Fraction
    found_person: bool | None


def process_part(job: PartJob, on_frame: Callable[[], object] = lambda: None) -> PartResult:
    """Process one part of a local video into a file without sound.

    Args:
        job: Which part.
        on_frame: Called after every frame that is written.

    Raises:
        InputError, ProcessingError: as for `Engine.process_video`.
        KeyboardInterrupt: it was told to end.
    """
    engine = Engine(video_path=job.path, custom_objects=job.make_objects(), keep_partial=False, **job.options)
    alpha = ObjectChain(engine.custom_objects).makes_alpha
    sink = PartSink(VideoSink(job.output, encoding=engine.encoding, alpha=alpha), job.part, on_frame)
    engine.process(VideoSource(job.path, job.name, job.part, keep_planes=engine.keeps_frame_in_planes), [sink])
    return PartResult(sink.written, sink.end, found_person(engine.custom_objects))


def process_in_parallel(engine: Engine, jobs: int, make_objects: MakeObjects, options: Mapping[str, Any]) -> bool:
    """Process the video of `engine` in up to `jobs` processes and write its result.

    The result has the same frames, times and sound as that of one process; only the encoder begins anew at every
    joint. Ctrl-C ends without a result.

    Args:
        engine: Knows the video, the output and the range of frames; its own objects are not used.
        jobs: How many processes.
        make_objects: Makes the custom objects in each process; it must be one that can be pickled.
        options: Arguments for the `Engine` of each process.

    Returns:
        Whether it was done; if not, the video cannot be cut, and nothing was done.

    Raises:
        InputError, ProcessingError: as for `Engine.process_video`.
        KeyboardInterrupt: Ctrl-C was typed.
    """
    output = engine.result_path
    suffix = os.path.splitext(output)[1].lower()
    if suffix in (".gif", ".webp") or is_sequence(output):
        raise InputError(f"{output}: --jobs joins .mp4, .m4v, .mov, .mkv and .webm only")
    check_result(output, engine.video_path, video=True, encoding=engine.encoding)
    with storage.local_file(engine.video_path) as local:
        expected = read_expected_length(local, engine.video_path)
        last = engine.last_frame
        parts = needed_parts(plan_parts(local, jobs), engine.video_path, engine.start_video_frame, last)
        if len(parts) < 2:
            return False
        options = {**options, "encoding": encoding_of_parts(engine.encoding, suffix)}
        kept = ""
        with (
            report_results_on_interrupt(lambda said: f"complete: {kept}" if kept else said),
            Interrupt() as interrupt,
            unfinished_parts(output) as folder,
            unfinished_output(output) as unfinished,
        ):
            # These keep exact times, and hold whatever is joined from them.
            kind = ".mov" if suffix == ".mov" else ".mp4"
            cores = max(1, count_cores() // len(parts))
            work = [
                PartJob(local, part, os.path.join(folder, f"{number}{kind}"), output, make_objects, options, cores)
                for number, part in enumerate(parts)
            ]
            with progress_bar(output, sum(part.frames for part in parts), engine.progress is True) as bar:
                results = _run(work, interrupt, bar.update)
            files = [job.output for job in work]
            names = {"finished_path": unfinished.finished_path, "source_name": engine.video_path}
            join_parts(files, unfinished.path, local, output, with_whole_sound=last is None, **names)
            warn_if_no_person(engine.video_path, *(result.found_person for result in results))
            kept = output
        if expected is not None and last is None:
            frames = sum(result.frames for result in results)
            engine.incomplete = describe_missing(local, expected, frames, max(result.end for result in results))
            if engine.incomplete:
                log.warning("%s: %s", engine.video_path, engine.incomplete)
    return True


def needed_parts(parts: Sequence[Part], path: str, start_frame: int, last_frame: int | None) -> list[Part]:
    """Return those of a video's parts that are needed up to `last_frame`, None for all of them.

    Raises:
        InputError: `start_frame` is behind the end.
    """
    total = parts[-1].first + parts[-1].frames if parts else 0
    needed = [part for part in parts if last_frame is None or part.first <= last_frame]
    if needed and start_frame >= total:
        raise InputError(f"{path}: it has {total} frames; --start-frame {start_frame} is behind them")
    return needed


def encoding_of_parts(encoding: Encoding, suffix: str) -> Encoding:
    """Return how parts are encoded for a result of that suffix, in lower case."""
    if encoding.codec or encoding.encoder != "auto" or suffix == ".mov":
        return encoding  # in .mov the usual codec also depends on transparency
    return replace(encoding, codec=CONTAINER_FORMATS[suffix].codecs[0])


@dataclass(frozen=True, slots=True)
class _Done:
    """A process has come to the end of its part."""

    number: int
    result: PartResult


# What a process tells: an error, its end, or one frame more.
_Message: TypeAlias = BackgroundRemovalError | _Done | None


def _run(jobs: Sequence[PartJob], interrupt: Interrupt, on_frame: Callable[[], object]) -> Collection[PartResult]:
    """Do all jobs at once, each in a process; raise the first error and end the others.

    Raises:
        ProcessingError: a process has ended before its part, or its file is not what it says.
        KeyboardInterrupt: Ctrl-C was typed.
    """
    context = multiprocessing.get_context("spawn")
    messages: multiprocessing.Queue[_Message] = context.Queue()
    level = logging.getLogger().level
    workers: list[SpawnProcess] = []
    done: dict[int, PartResult] = {}
    try:
        with _sigint_blocked():
            for number, job in enumerate(jobs):
                worker = context.Process(target=_work, args=(messages, level, number, job), daemon=True)
                worker.start()
                workers.append(worker)
        while len(done) < len(jobs):
            # Looked at before the messages: a process that has ended has sent all of them.
            ended = [number for number, worker in enumerate(workers) if not worker.is_alive()]
            for message in _waiting(messages):
                if isinstance(message, _Done):
                    done[message.number] = message.result
                elif message is not None:
                    raise message
                else:
                    on_frame()
            if interrupt.requested:
                raise KeyboardInterrupt
            for number in ended:
                if number not in done:
                    raise ProcessingError(
                        f"{jobs[0].path}: process {number + 1} of {len(jobs)} ended early "
                        f"({_told(workers[number].exitcode)}); nothing was written"
                    )
        for number, job in enumerate(jobs):
            found, told = count_frames(job.output), done[number].frames
            if found != told:
                raise ProcessingError(
                    f"{job.path}: process {number + 1} wrote {found} of {told} frames; nothing was written"
                )
        return done.values()
    finally:
        _end(workers)


def _waiting(messages: multiprocessing.Queue[_Message]) -> Iterator[_Message]:
    """Yield the messages that are there; where there are none, the first of those that come soon."""
    try:
        yield messages.get(timeout=_LOOK_SECONDS)
        while True:
            yield messages.get_nowait()
    except queue.Empty:
        return


@contextmanager
def _sigint_blocked() -> Iterator[None]:
    """Start processes that do not hear the Ctrl-C of the terminal, which would interrupt them while they import."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(workers: Sequence[SpawnProcess]) -> None:
    """End the processes that still work."""
    for worker in workers:
        if worker.is_alive():
            worker.terminate()
    for worker in workers:
        worker.join(_ENDING_SECONDS)
        if worker.is_alive():
            worker.kill()
            worker.join(_ENDING_SECONDS)


def _told(code: int | None) -> str:
    return f"signal {-code}" if code is not None and code < 0 else f"code {code}"


def end_with_parent() -> None:
    """Let this process end as soon as the one that has started it is dead, and can tell it nothing any more."""
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, name="parent", daemon=True).start()


def _work(messages: multiprocessing.Queue[_Message], level: int, number: int, job: PartJob) -> None:
    end_with_parent()
    logging.basicConfig(level=max(level, logging.ERROR))  # each would tell of the same damage
    limit_cores(job.cores)
    limits.set_limits(**job.allowed)
    try:
        messages.put(_Done(number, process_part(job, lambda: messages.put(None))))
    except KeyboardInterrupt:
        sys.exit(130)  # it was told to; whether that was meant, the parent knows
    except BackgroundRemovalError as error:
        messages.put(error)
    except Exception as error:  # it crosses to the parent as text: not every exception can be pickled
        messages.put(ProcessingError(f"{type(error).__name__}: {error}"))
