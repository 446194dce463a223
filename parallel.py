"""One long video in several processes at once: each works on a segment, and the results are joined."""

from __future__ import annotations

import logging
import multiprocessing
import os
import queue
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Any

import storage
from engine import CustomObject, Engine
from errors import BackgroundRemovalError, InputError, ProcessingError
from media.formats import CONTAINERS
from media.images import is_sequence
from media.segments import Segment, join_segments, plan_segments

MakeObjects = Callable[[], Sequence[CustomObject]]


def process_segment(
    path: str,
    segment: Segment,
    output: str,
    make_objects: MakeObjects,
    options: Mapping[str, Any],
    name: str = "",
    on_frame: Callable[[], object] = lambda: None,
) -> None:
    """Process one segment of the local video `path` into the local file `output`, without its sound.

    Args:
        path: A local video.
        segment: One of those that `media.segments.plan_segments` gives.
        output: Where its pictures go, for `media.segments.join_segments`.
        make_objects: Makes the custom objects; called in the process that uses them.
        options: Further arguments for `Engine`.
        name: What to call the whole result in messages, `output` if empty.
        on_frame: Called after every frame that is written.
    """
    engine = Engine(video_path=path, custom_objects=make_objects(), **options)
    engine.process_segment(segment, output, name, on_frame)


def process_in_parallel(engine: Engine, jobs: int, make_objects: MakeObjects, options: Mapping[str, Any]) -> str | None:
    """Process the video of `engine` in up to `jobs` processes and write its result; return its path.

    The result has the same frames, times and sound as that of one process; only the encoder begins anew at every
    joint. Ctrl-C ends without a result.

    Args:
        engine: Knows the video, the output and the range of frames; its own objects are not used.
        jobs: How many processes.
        make_objects: Makes the custom objects in each process; it must be one that can be pickled.
        options: Arguments for the `Engine` of each process.

    Returns:
        The path of the result; None if the video cannot be cut, and nothing was done.

    Raises:
        InputError, ProcessingError: as for `Engine.process_video`.
    """
    output = engine.video_output()
    suffix = os.path.splitext(output)[1].lower()
    with storage.local_file(engine.video_path) as local:
        engine.check_video_outputs()
        if suffix in (".gif", ".webp") or is_sequence(output):
            raise InputError(f"{output}: --jobs joins .mp4, .m4v, .mov, .mkv and .webm only")
        last_wanted = engine.end_video_frame if engine.break_on_end and engine.end_video_frame else None
        segments = plan_segments(local, jobs)
        if last_wanted is not None:
            segments = [segment for segment in segments if segment.first <= last_wanted]
        if len(segments) < 2:
            return None
        encoding = engine.encoding
        if not encoding.codec and encoding.encoder == "auto" and suffix != ".mov":
            # What the output's suffix means, for parts of another one; in .mov it also depends on transparency.
            encoding = replace(encoding, codec=CONTAINERS[suffix].codecs[0])
        options = {**options, **asdict(encoding)}
        with (
            tempfile.TemporaryDirectory(prefix="background-removal-") as folder,
            storage.staged_output(output) as staged,
        ):
            # These keep exact times, and hold whatever is joined from them.
            kind = ".mov" if suffix == ".mov" else ".mp4"
            parts = [os.path.join(folder, f"{number}{kind}") for number in range(len(segments))]
            with _sigterm_interrupts():
                with engine.progress_bar(output, sum(segment.frames for segment in segments)) as bar:
                    _run(local, segments, parts, output, make_objects, options, bar.update)
                join_segments(parts, staged, local, output, with_whole_sound=last_wanted is None)
    return output


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """Let SIGTERM end all processes as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread only
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(
    path: str,
    segments: list[Segment],
    parts: list[str],
    name: str,
    make_objects: MakeObjects,
    options: Mapping[str, Any],
    on_frame: Callable[[], object],
) -> None:
    """Work on all segments at once, each in a process; raise the first error and end the others."""
    context = multiprocessing.get_context("spawn")
    messages: multiprocessing.Queue[BackgroundRemovalError | None] = context.Queue()
    level = logging.getLogger().level
    workers: list[SpawnProcess] = []
    try:
        for segment, part in zip(segments, parts, strict=True):
            work = (messages, level, path, segment, part, name, make_objects, options)
            worker = context.Process(target=_work, args=work, daemon=True)
            worker.start()
            workers.append(worker)
        ended = False
        while True:
            try:
                message = messages.get(timeout=0.2)
            except queue.Empty:
                if ended:
                    break
                ended = not any(worker.is_alive() for worker in workers)
                failed = [worker.exitcode for worker in workers if worker.exitcode]
                if failed:
                    raise ProcessingError(f"{path}: a process ended with code {failed[0]}") from None
                continue
            if message is not None:
                raise message
            on_frame()
    finally:
        for worker in workers:
            if worker.is_alive():
                worker.terminate()
        for worker in workers:
            worker.join()


def _work(
    messages: multiprocessing.Queue[BackgroundRemovalError | None],
    level: int,
    path: str,
    segment: Segment,
    part: str,
    name: str,
    make_objects: MakeObjects,
    options: Mapping[str, Any],
) -> None:
    logging.basicConfig(level=max(level, logging.ERROR))  # each would tell of the same damage
    try:
        process_segment(path, segment, part, make_objects, options, name, lambda: messages.put(None))
    except KeyboardInterrupt:
        pass  # the parent knows
    except BackgroundRemovalError as error:
        messages.put(error)
    except Exception as error:  # it crosses to the parent as text: not every exception can be pickled
        messages.put(ProcessingError(f"{type(error).__name__}: {error}"))
