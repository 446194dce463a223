"""The one loop that images, videos and cameras go through: source, objects, sinks."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

from background_removal.errors import InputError, Stopped
from background_removal.pipeline.frame import Frame, Sink, Source, StreamInfo
from background_removal.pipeline.objects import ObjectChain
from background_removal.pipeline.worker import Reader
from background_removal.support.interrupt import Interrupt, report_results_on_interrupt

log = logging.getLogger(__name__)


def run_loop(
    source: Source,
    chain: ObjectChain,
    pass_on: Callable[[Frame, StreamInfo], Frame],
    make_sinks: Callable[[StreamInfo], Sequence[Sink]],
    *,
    last_frame: int | None = None,
    keep_partial: bool = True,
) -> None:
    """Pass every frame of `source` on and hand it to all sinks.

    Everything is opened here, and closed whatever happens, in the opposite order; the error that came first is the
    one that is raised.

    Args:
        source: Where frames come from.
        chain: The custom objects, which are opened before the sinks and closed after them.
        pass_on: Returns what becomes of a frame.
        make_sinks: Returns who takes the frames, in order, once the stream is known.
        last_frame: Number of the frame to end with, unless the source is live; None for the source's last one.
        keep_partial: Whether what is ended early, by a sink or Ctrl-C, leaves results.

    Raises:
        BackgroundRemovalError: something could not be opened, read, processed or written.
        KeyboardInterrupt: Ctrl-C was typed; what was done until then was completed, or else discarded, as it says.
    """
    tally = _Tally()
    with report_results_on_interrupt(tally.told), Interrupt() as interrupt:
        try:
            with ExitStack() as stack:
                frames = _opened(stack, source, interrupt)
                sinks = make_sinks(source.info)
                open_in_stack(stack, lambda: chain.open(source.info), lambda error: chain.close())
                for sink in sinks:
                    open_in_stack(stack, functools.partial(sink.open, source.info), sink.close)
                tally.info, tally.sinks = source.info, sinks
                try:
                    for frame in frames:
                        if frame is None:
                            for sink in sinks:
                                sink.idle(source.status)
                        else:
                            done = pass_on(frame, source.info)
                            for sink in sinks:
                                sink.write(done)
                            tally.frames += 1
                        interrupt.raise_if_requested()
                        if frame is not None and frame.index == last_frame and not source.info.live:
                            break
                    else:
                        tally.complete = True
                        return
                except Stopped:
                    if not keep_partial:
                        raise KeyboardInterrupt from None
                    raise
                tally.complete = True
                raise Stopped(complete=True)  # by the last frame
        except Stopped:
            pass


def _opened(stack: ExitStack, source: Source, interrupt: Interrupt) -> Iterator[Frame | None]:
    """Open a source, as it wants to be read, and return its frames."""
    if source.read_mode == "inline":
        return iter(stack.enter_context(source))
    return stack.enter_context(Reader(source, interrupt.raise_if_requested)).frames()


def open_in_stack(
    stack: ExitStack, open_it: Callable[[], object], close_it: Callable[[BaseException | None], object]
) -> None:
    """Open something that is closed with `stack`, and told the error on its way, which stays the one that is raised."""

    def exit_process(exc_type: object, error: BaseException | None, traceback: object) -> None:
        try:
            close_it(error)
        except Exception as failure:
            if error is None or isinstance(error, Stopped):
                raise
            log.warning("%s", failure)

    stack.push(exit_process)
    open_it()


class _Tally:
    """What there is of the results when a run is interrupted."""

    def __init__(self) -> None:
        self.info: StreamInfo | None = None
        self.sinks: Sequence[Sink] = ()
        self.frames = 0
        self.complete = False

    def told(self, said: str) -> str:
        """Return it in words; nothing of a camera, whose recordings are told of when they are complete."""
        results = " and ".join(sink.result for sink in self.sinks if sink.result)
        if self.info is None or self.info.live or not results:
            return said
        if self.complete or self.info.still:  # it came too late to spoil anything
            return f"complete: {results}"
        frames = "frame is" if self.frames == 1 else f"{self.frames} frames are"
        return f"the first {frames} in {results}"


class LastImage(Sink):
    """Keeps the last result.

    Attributes:
        image: uint8 (H, W, 3) or (H, W, 4); None before the first.
    """

    image = None

    def write(self, frame: Frame) -> None:
        self.image = frame.image


class ProcessedFrameCheck(Sink):
    """Spoils the results of a whole stream in which no frame was processed.

    Args:
        first_frame: The number of the first one that would have been.
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
        """Raise InputError, which discards what other sinks have written."""
        if error is None and not self._processed:
            raise InputError(
                f"{self._name}: it has {self._count} frames; `start_video_frame` {self._first_frame} is behind them"
            )
