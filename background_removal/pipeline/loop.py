"""The one loop for images, videos and cameras: source, custom objects, sinks."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from enum import Enum, auto

from background_removal.errors import EndedEarlyError, InputError, Stopped
from background_removal.pipeline.frame import Frame, Sink, Source, StreamInfo
from background_removal.pipeline.objects import ObjectChain
from background_removal.pipeline.worker import Reader
from background_removal.support.interrupt import Interrupt, report_results_on_interrupt

log = logging.getLogger(__name__)


class RunEnd(Enum):
    """Reason why a run took no further frame."""

    FINISHED = auto()  # the source has no more frames
    LAST_FRAME = auto()  # the requested last frame was processed
    STOPPED = auto()  # a sink raised `Stopped`
    INTERRUPTED = auto()  # Ctrl-C or SIGTERM
    ENDED_EARLY = auto()  # an object raised `EndedEarlyError`


def run_loop(
    source: Source,
    chain: ObjectChain,
    process: Callable[[Frame, StreamInfo], Frame],
    make_sinks: Callable[[StreamInfo], Sequence[Sink]],
    *,
    look_ahead: Callable[[Iterator[Frame | None], StreamInfo], Iterator[Frame | None]] = lambda frames, info: frames,
    last_frame: int | None = None,
    keep_partial: bool = True,
) -> str:
    """Process every frame of `source` and write it to all sinks.

    Everything is opened here, and closed in reverse order whatever happens; the first error is the one raised.

    Args:
        source: Yields the frames.
        chain: The custom objects, opened before the sinks and closed after them.
        process: Returns the result of a frame.
        make_sinks: Returns the sinks of a stream, in order.
        look_ahead: Returns the frames for `process`, later than they come from the source.
        last_frame: Index of the frame to end with, unless the source is live; None for the source's last one.
        keep_partial: Whether a run ended early, by a sink or Ctrl-C, leaves partial results.

    Returns:
        Why it ended before the source did; "" if it did not.

    Raises:
        BackgroundRemovalError: something could not be opened, read, processed or written.
        KeyboardInterrupt: Ctrl-C was typed; the message says which results were completed or discarded.
    """
    run = _Run(source, process, last_frame)
    with (
        report_results_on_interrupt(run.describe_results),
        Interrupt() as interrupt,
        suppress(Stopped),
        ExitStack() as stack,
    ):
        frames = _open_source(stack, source, interrupt)
        sinks = make_sinks(source.info)
        open_in_stack(stack, lambda: chain.open(source.info), lambda error: chain.close())
        for sink in sinks:
            open_in_stack(stack, functools.partial(sink.open, source.info), sink.close)
        run.info, run.sinks = source.info, sinks
        run.end = run.pass_frames(look_ahead(frames, source.info), interrupt)
        error = _closing_error(run.end, keep_partial)
        stack.__exit__(type(error) if error else None, error, None)
        if isinstance(error, KeyboardInterrupt):
            raise error
    return run.problem


def _open_source(stack: ExitStack, source: Source, interrupt: Interrupt) -> Iterator[Frame | None]:
    """Open a source according to its `read_mode` and return its frames."""
    if source.read_mode == "inline":
        return iter(stack.enter_context(source))
    return stack.enter_context(Reader(source, interrupt.raise_if_requested)).frames()


def _closing_error(end: RunEnd, keep_partial: bool) -> BaseException | None:
    """Return the error that sinks are closed with: it decides whether their results are complete, partial or none."""
    if end is RunEnd.FINISHED:
        return None
    if end is RunEnd.LAST_FRAME:
        return Stopped(complete=True)
    if end is RunEnd.ENDED_EARLY:
        return Stopped()
    return Stopped() if keep_partial else KeyboardInterrupt()


def open_in_stack(
    stack: ExitStack, open_it: Callable[[], object], close_it: Callable[[BaseException | None], object]
) -> None:
    """Open something and let `stack` close it; `close_it` gets the error that ends the block, which stays the first."""

    def exit_process(exc_type: object, error: BaseException | None, traceback: object) -> None:
        try:
            close_it(error)
        except Exception as failure:
            if error is None or isinstance(error, Stopped):
                raise
            log.warning("%s", failure)

    stack.push(exit_process)
    open_it()


@dataclass
class _Run:
    """The state of one run, for the message of an interrupt."""

    source: Source
    process: Callable[[Frame, StreamInfo], Frame]
    last_frame: int | None
    info: StreamInfo | None = None
    sinks: Sequence[Sink] = ()
    frames: int = 0
    end: RunEnd | None = None
    problem: str = ""

    def pass_frames(self, frames: Iterator[Frame | None], interrupt: Interrupt) -> RunEnd:
        """Process all frames and write them to the sinks; return why it ended."""
        info = self.source.info
        try:
            for frame in frames:
                if frame is None:
                    for sink in self.sinks:
                        sink.idle(self.source.status)
                else:
                    result = self.process(frame, info)
                    for sink in self.sinks:
                        sink.write(result)
                    self.frames += 1
                if interrupt.requested:
                    return RunEnd.INTERRUPTED
                if frame is not None and frame.index == self.last_frame and not info.live:
                    return RunEnd.LAST_FRAME
        except Stopped:
            return RunEnd.STOPPED
        except EndedEarlyError as error:
            if info.still or not self.frames:
                raise
            log.warning("%s", error)
            self.problem = str(error)
            return RunEnd.ENDED_EARLY
        return RunEnd.FINISHED

    def describe_results(self, message: str) -> str:
        """Return which results there are, else `message`; a camera's recordings are reported when they are complete."""
        results = " and ".join(_describe_path(sink.result) for sink in self.sinks if sink.result)
        if self.info is None or self.info.live or not results:
            return message
        if self.info.still or self.end in (RunEnd.FINISHED, RunEnd.LAST_FRAME):  # interrupted after the last frame
            return f"complete: {results}"
        frames = "frame is" if self.frames == 1 else f"{self.frames} frames are"
        return f"the first {frames} in {results}"


def _describe_path(path: str) -> str:
    return "standard output" if path == "-" else path


class LastImage(Sink):
    """Keeps the last result.

    Attributes:
        image: uint8 (H, W, 3) or (H, W, 4); None before the first.
    """

    image = None

    def write(self, frame: Frame) -> None:
        self.image = frame.image


class ProcessedFrameCheck(Sink):
    """Rejects a stream in which no frame was processed.

    Args:
        first_frame: Index of the first frame to be processed.
    """

    def __init__(self, first_frame: int) -> None:
        self._first_frame = first_frame
        self._count = 0
        self._processed = False

    def open(self, info: StreamInfo) -> None:
        self._name = info.name

    def write(self, frame: Frame) -> None:
        self._count += 1
        self._processed |= frame.processed

    def close(self, error: BaseException | None = None) -> None:
        """Raise InputError, which makes the other sinks discard their results."""
        if error is None and not self._processed:
            raise InputError(
                f"{self._name}: it has {self._count} frames; `start_video_frame` {self._first_frame} is behind them"
            )
