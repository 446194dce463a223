"""Recording of a live stream's results, without delaying the camera."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from typing import Any

import numpy as np

from background_removal.errors import BackgroundRemovalError, InputError, ProcessingError, Stopped
from background_removal.files.images import letterbox
from background_removal.files.saving.names import free_name
from background_removal.files.storage import path_exists
from background_removal.files.video.formats import CONTAINER_FORMATS, Encoding, check_video_format
from background_removal.files.video.video_sink import VideoSink, check_video_output
from background_removal.live.audio.live_sound import LiveSound
from background_removal.live.audio.microphone import Listener, Microphone
from background_removal.live.options import LiveOptions
from background_removal.live.recording.recovery import Recovery
from background_removal.live.window.overlay import DOT
from background_removal.pipeline.actions import RECORD, Action, Actor
from background_removal.pipeline.frame import Frame, Planes, Sink, StreamInfo, to_image
from background_removal.pipeline.worker import Worker

log = logging.getLogger(__name__)

# Length of the encoder's queue, seconds; frames beyond it are dropped and counted.
_MAX_QUEUE_SECONDS = 2
# Size of the encoder's queue, bytes; 2 s of 1920x1080 planes at 30 frames a second are 187 MB.
_MAX_QUEUE_BYTES = 400_000_000
# Code point for unspecified primaries or transfer, ITU-T H.273.
_UNSPECIFIED = 2
# Time base of recordings, seconds; in an MP4 two frames may be 2^31 of these apart, two and a half days, as the camera
# may be lost in between.
_TIME_BASE = Fraction(1, 10_000)
# How long the window shows the number of dropped frames after the last one, seconds.
_DROPPED_SECONDS = 2.0


class Recording:
    """Writes one video file in a thread, with the arrival times of its frames.

    After an error the frames written before it are kept.

    Args:
        path: The file, local or remote; it appears when the recording is finished.
        info: Description of the live stream.
        encoding: Encoding of the video.
        microphone: Source of the sound, or None.

    Attributes:
        path: The file.
        written: Number of frames in the file.
    """

    def __init__(self, path: str, info: StreamInfo, encoding: Encoding, microphone: Listener | None = None) -> None:
        self.path = path
        self.written = 0
        # Some players show JPEG's full range, which most cameras have, wrongly.
        color = info.color and replace(info.color, range=1)
        if color is not None and _UNSPECIFIED in (color.primaries, color.transfer):
            color = replace(color, primaries=1, transfer=1)  # those of JPEG
        rate = info.rate or Fraction(30)  # cameras may have none, but encoders need an estimate
        self._info = replace(info, name=path, time_base=_TIME_BASE, rate=rate, color=color)
        self._encoding = encoding
        self._microphone = microphone
        self._start: Fraction | None = None
        self._size: tuple[int, int] | None = None
        self._pts = -1
        self._worker: Worker[Frame] = Worker(self._write_all, "recording", _queue_length(self._info), "drop")
        self._worker.__enter__()

    @property
    def dropped(self) -> int:
        """Number of frames dropped because the encoder was too slow."""
        return self._worker.dropped

    def write(self, frame: Frame) -> None:
        """Queue one frame, which must not be changed afterwards; raises the error of an earlier one."""
        self._worker.put(frame)

    @property
    def running(self) -> bool:
        """Whether the file is still being written."""
        return self._worker.running

    def end(self) -> None:
        """Mark the recording as complete; the thread finishes the file."""
        self._worker.complete()

    def finish(self) -> None:
        """Wait until the file is complete.

        Raises:
            BackgroundRemovalError: writing failed; earlier frames are in the file.
        """
        self._worker.finish()
        if self.dropped:
            log.warning("%s: %d frames were left out, the encoder could not keep up", self.path, self.dropped)

    def _write_all(self, worker: Worker[Frame]) -> None:
        make_sound = None
        if self._microphone is not None:
            microphone = self._microphone
            make_sound = lambda output, kinds: LiveSound(microphone, output, kinds)  # noqa: E731
        sink = VideoSink(self.path, encoding=self._encoding, make_sound=make_sound, keep_on_error=True, background=True)
        failure: BackgroundRemovalError | None = None
        try:
            sink.open(self._info)
            for frame in worker.items():
                assert frame is not None
                sink.write(self._prepare(frame))
                self.written += 1
        except BackgroundRemovalError as error:
            failure = error
        except Exception as error:  # a thread has no other caller to catch it
            failure = ProcessingError(f"{self.path}: {type(error).__name__}: {error}")
        # Sound after the last frame is dropped, and frames before an error are kept.
        try:
            sink.close(Stopped(complete=True))
        except BackgroundRemovalError as error:
            failure = failure or error
        if failure is not None and sink.result:
            raise ProcessingError(f"{failure}; what was recorded until then is in {sink.result}") from failure
        if failure is not None:
            raise failure

    def _prepare(self, frame: Frame) -> Frame:
        """Return a frame in the size of the first, timed from the first."""
        time = frame.pts * frame.time_base
        if self._start is None or self._size is None:
            self._start = time
            self._size = (frame.shape[1], frame.shape[0])
            if self._microphone is not None:
                self._microphone.begin(self._info.clock_start + float(time))
        picture = frame.picture
        if not isinstance(picture, Planes) or picture.shape[1::-1] != self._size:
            image = to_image(picture)[..., :3]
            picture = np.ascontiguousarray(image if image.shape[1::-1] == self._size else letterbox(image, *self._size))
        self._pts = max(round((time - self._start) / _TIME_BASE), self._pts + 1)
        duration = round(frame.duration * frame.time_base / _TIME_BASE)
        return replace(frame, picture=picture, pts=self._pts, time_base=_TIME_BASE, duration=duration)


class Recorder(Sink, Actor):
    """Begins and ends recordings on the key r.

    If the options name a file, the first recording begins at once; further ones, and existing files, are numbered.
    Otherwise recordings are named by their time.

    Args:
        options: Options with the file and the microphone.
        encoding: Encoding of recordings.
        say: Called with messages for the user; None without a window: a failure then ends the run.
    """

    def __init__(
        self,
        options: LiveOptions,
        encoding: Encoding | None = None,
        say: Callable[[str], object] | None = None,
    ) -> None:
        self._path = os.fspath(options.record_path)
        self._encoding = encoding or Encoding()
        self._microphone_name = options.microphone
        self._overwrite = options.overwrite
        self._say = say
        self._stack = ExitStack()
        self._microphone: Microphone | None = None
        self._info: StreamInfo | None = None
        self._recording: Recording | None = None
        self._ending: list[Recording] = []
        self._error: BackgroundRemovalError | None = None
        self._start_time = 0.0
        self._dropped = 0
        self._dropped_until = 0.0

    @property
    def has_viewers(self) -> bool:
        """Whether a recording is going on."""
        return self._recording is not None

    def status(self) -> dict[str, Any]:
        return {"record": self._recording is not None, "recording": self._recording.path if self._recording else ""}

    @property
    def badges(self) -> Sequence[str]:
        """Duration of the recording, number of frames dropped lately, and level of the microphone."""
        if self._recording is None:
            return ()
        now = time.monotonic()
        minutes, seconds = divmod(int(now - self._start_time), 60)
        badges = [f"{DOT} {minutes:02}:{seconds:02}"]
        if now < self._dropped_until:
            badges.append(f"frames left out: {self._dropped}")
        if self._microphone is not None:
            badges.append(self._microphone.level_bar)
        return badges

    def open(self, info: StreamInfo) -> None:
        self._info = info
        if not info.live:
            return
        self._stack.enter_context(Recovery(self._path, self._say))
        check_video_format(self._path or f"recording{self._default_suffix()}", self._encoding)
        if self._path:
            check_video_output(self._path, "", self._encoding)
        if self._microphone_name:
            self._microphone = self._stack.enter_context(Microphone(self._microphone_name))
        if self._path:
            self._begin()

    def write(self, frame: Frame) -> None:
        self._finish_ended()
        if self._recording is None:
            return
        try:
            self._recording.write(replace(frame, picture=_snapshot(frame.picture), original=None, matte=None))
        except BackgroundRemovalError as error:
            self._recording = None
            self._report_failure(error)
            return
        if self._recording.dropped > self._dropped:
            self._dropped = self._recording.dropped
            self._dropped_until = time.monotonic() + _DROPPED_SECONDS

    def idle(self, status: str) -> None:
        self._finish_ended()

    def close(self, error: BaseException | None = None) -> None:
        """Complete all recordings, even after an error.

        Raises:
            BackgroundRemovalError: one of them could not be completed.
        """
        if self._recording is not None:
            self._end()
        with self._stack:
            for recording in self._ending:
                self._finish(recording)
        self._ending.clear()
        failure, self._error = self._error, None
        if failure is not None:
            raise failure

    @property
    def actions(self) -> Sequence[Action]:
        return (RECORD.bind(self.switch, lambda: self._recording is not None),)

    def switch(self, on: bool) -> str:
        """Begin or end a recording; return the message."""
        if self._info is None or not self._info.live:
            return "only cameras are recorded"
        return self._begin() if on else self._end()

    def _end(self) -> str:
        assert self._recording is not None
        recording, self._recording = self._recording, None
        recording.end()
        self._ending.append(recording)
        return f"completing {recording.path}"

    def _finish_ended(self) -> None:
        for recording in [recording for recording in self._ending if not recording.running]:
            self._ending.remove(recording)
            self._finish(recording)

    def _finish(self, recording: Recording) -> None:
        try:
            recording.finish()
        except BackgroundRemovalError as error:
            self._report_failure(error)
        else:
            message = f"recorded {recording.path}" if recording.written else "no picture came; nothing is recorded"
            log.info("%s", message)
            if self._say is not None:
                self._say(message)

    def _report_failure(self, error: BackgroundRemovalError) -> None:
        """Report a failed recording at once, and raise its error at the end of the stream."""
        self._error = self._error or error
        if self._say is None:
            raise error
        log.warning("the recording has ended: %s", error)
        self._say(str(error))

    def _begin(self) -> str:
        assert self._info is not None
        requested = path = self._path or f"recording_{format_timestamp()}{self._default_suffix()}"
        if not self._overwrite:
            ending = [recording.path for recording in self._ending]
            path = free_name(path, lambda name: name in ending or path_exists(name))
        self._overwrite = False
        try:
            check_video_output(path, "", self._encoding)
        except InputError as error:
            return str(error)
        if path != requested:
            log.info("%s exists; recording %s", requested, path)
        microphone = None if self._microphone is None else self._microphone.listener()
        self._recording = Recording(path, self._info, self._encoding, microphone)
        self._start_time = time.monotonic()
        self._dropped = 0
        self._dropped_until = 0.0
        return f"recording {path}"

    def _default_suffix(self) -> str:
        return next(known for known, kinds in CONTAINER_FORMATS.items() if self._encoding.codec in ("", *kinds.codecs))


def _snapshot(picture: np.ndarray | Planes) -> np.ndarray | Planes:
    """Return a copy of a picture that stays unchanged in the queue."""
    if isinstance(picture, Planes):
        return picture.with_layers(picture.layers)  # immutable, but without a converted image
    return picture.copy()  # objects may reuse their arrays


def _queue_length(info: StreamInfo) -> int:
    """Return the number of frames that may wait for the encoder."""
    size = info.width * info.height * (3 if info.color is None else 1.5)
    return int(min(_MAX_QUEUE_SECONDS * (info.rate or 30), max(8, _MAX_QUEUE_BYTES / max(1, size))))


def format_timestamp() -> str:
    """Return the local time for the names of recordings and snapshots."""
    return datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
