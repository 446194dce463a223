"""Recording what a camera's frames have become, without holding up the camera."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
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
from background_removal.pipeline.actions import RECORD, keys_of
from background_removal.pipeline.frame import Frame, Planes, Sink, StreamInfo, to_image
from background_removal.pipeline.worker import Worker

log = logging.getLogger(__name__)

# So much may wait for the encoder, and no more memory than that; when it cannot keep up, further frames are left out
# and counted. In planes 2 s of 1920x1080 at 30 frames a second are 187 MB.
_MAX_WAITING_SECONDS, _MAX_WAITING_BYTES = 2, 400_000_000
_UNSPECIFIED = 2  # in ITU-T H.273
# In an MP4 two pictures may lie 2^31 of these apart, which are two and a half days: the camera may have been lost in
# between.
_TIME_BASE = Fraction(1, 10_000)
# For so long after a frame was left out it is told that some are.
_LATELY_SECONDS = 2.0


class Recording:
    """One video file, written in a thread of its own, with the times at which its frames came.

    What was written before an error is completed and kept.

    Args:
        path: The file, which appears when the recording is finished; local or remote.
        info: The stream that the frames come from.
        encoding: How the video is encoded.
        microphone: Whose sound goes along, or None.

    Attributes:
        written: How many frames are in the file.
    """

    def __init__(self, path: str, info: StreamInfo, encoding: Encoding, microphone: Listener | None = None) -> None:
        self.path = path
        self.written = 0
        # Cameras have no rate of their own; encoders want to know about how much time a frame has.
        # JPEG's full range, which most cameras have, is shown wrongly by some players.
        color = info.color and replace(info.color, range=1)
        if color is not None and _UNSPECIFIED in (color.primaries, color.transfer):
            color = replace(color, primaries=1, transfer=1)  # as JPEG's are
        rate = info.rate or Fraction(30)
        self._info = replace(info, name=path, time_base=_TIME_BASE, rate=rate, color=color)
        self._encoding = encoding
        self._microphone = microphone
        self._start: Fraction | None = None
        self._size: tuple[int, int] | None = None
        self._pts = -1
        self._worker: Worker[Frame] = Worker(self._write_all, "recording", _most_waiting(self._info), "drop")
        self._worker.__enter__()

    @property
    def left_out(self) -> int:
        """How many frames the encoder had no time for."""
        return self._worker.dropped

    def write(self, frame: Frame) -> None:
        """Hand on one frame, which must not be changed afterwards; raises what went wrong with earlier ones."""
        self._worker.put(frame)

    @property
    def running(self) -> bool:
        """Whether the file is not complete yet."""
        return self._worker.running

    def end(self) -> None:
        """Say that no frame comes any more; the file is completed meanwhile."""
        self._worker.complete()

    def finish(self) -> None:
        """Wait until the file is complete.

        Raises:
            BackgroundRemovalError: something went wrong; what came before it is in the file.
        """
        self._worker.finish()
        if self.left_out:
            log.warning("%s: %d frames were left out, the encoder could not keep up", self.path, self.left_out)

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
                sink.write(self._prepared(frame))
                self.written += 1
        except BackgroundRemovalError as error:
            failure = error
        except Exception as error:  # nobody else would hear of it
            failure = ProcessingError(f"{self.path}: {type(error).__name__}: {error}")
        # Sound that comes after the last picture is not wanted, and what was written before an error is.
        try:
            sink.close(Stopped(complete=True))
        except BackgroundRemovalError as error:
            failure = failure or error
        if failure is not None and sink.result:
            raise ProcessingError(f"{failure}; what was recorded until then is in {sink.result}") from failure
        if failure is not None:
            raise failure

    def _prepared(self, frame: Frame) -> Frame:
        """Return a frame in the size of the first, with its time since the first."""
        at = frame.pts * frame.time_base
        if self._start is None or self._size is None:
            self._start, self._size = at, (frame.shape[1], frame.shape[0])
            if self._microphone is not None:
                self._microphone.begin(self._info.clock_start + float(at))
        picture = frame.picture
        if not isinstance(picture, Planes) or picture.shape[1::-1] != self._size:
            image = to_image(picture)[..., :3]
            picture = np.ascontiguousarray(image if image.shape[1::-1] == self._size else letterbox(image, *self._size))
        self._pts = max(round((at - self._start) / _TIME_BASE), self._pts + 1)
        duration = round(frame.duration * frame.time_base / _TIME_BASE)
        return replace(frame, picture=picture, pts=self._pts, time_base=_TIME_BASE, duration=duration)


class Recorder(Sink):
    """Begins and ends recordings by the key r, or begins one at once.

    The first recording has the name that the options give, and begins at once; further ones, and those whose file
    exists, are numbered. Without such a name they are named by the time, and wait for the key.

    Args:
        options: What to record, and with whose sound.
        encoding: How recordings are encoded.
        say: Called with what there is to tell the user; None where nobody looks: a failure then ends the run.
    """

    actions = (RECORD,)
    keys: Mapping[str, str] = keys_of(actions)
    alters = False

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
        self._began = self._left_out_until = 0.0
        self._left_out = 0

    @property
    def has_viewers(self) -> bool:
        """Whether a recording is going on."""
        return self._recording is not None

    def status(self) -> dict[str, Any]:
        return {"record": self._recording is not None, "recording": self._recording.path if self._recording else ""}

    @property
    def signs(self) -> Sequence[str]:
        """How long the recording goes on, and how many frames have been left out lately."""
        if self._recording is None:
            return ()
        now = time.monotonic()
        minutes, seconds = divmod(int(now - self._began), 60)
        signs = [f"{DOT} {minutes:02}:{seconds:02}"]
        if now < self._left_out_until:
            signs.append(f"frames left out: {self._left_out}")
        if self._microphone is not None:
            signs.append(self._microphone.sign)
        return signs

    def open(self, info: StreamInfo) -> None:
        self._info = info
        if not info.live:
            return
        self._stack.enter_context(Recovery(self._path, self._say))
        check_video_format(self._path or f"recording{self._usual_suffix()}", self._encoding)
        if self._path:
            check_video_output(self._path, "", self._encoding)
        if self._microphone_name:
            self._microphone = self._stack.enter_context(Microphone(self._microphone_name))
        if self._path:
            self._begin()

    def write(self, frame: Frame) -> None:
        self._look_after_the_ending()
        if self._recording is None:
            return
        try:
            self._recording.write(replace(frame, picture=_kept(frame.picture), original=None, matte=None))
        except BackgroundRemovalError as error:
            self._recording = None
            self._failed(error)
            return
        if self._recording.left_out > self._left_out:
            self._left_out = self._recording.left_out
            self._left_out_until = time.monotonic() + _LATELY_SECONDS

    def idle(self, status: str) -> None:
        self._look_after_the_ending()

    def close(self, error: BaseException | None = None) -> None:
        """Complete the recordings, whatever else went wrong.

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

    def on_key(self, key: str) -> bool | str:
        """Begin or end a recording by the key r."""
        if key != "r":
            return False
        if self._info is None or not self._info.live:
            return "only cameras are recorded"
        return self._begin() if self._recording is None else self._end()

    def _end(self) -> str:
        assert self._recording is not None
        recording, self._recording = self._recording, None
        recording.end()
        self._ending.append(recording)
        return f"completing {recording.path}"

    def _look_after_the_ending(self) -> None:
        for recording in [recording for recording in self._ending if not recording.running]:
            self._ending.remove(recording)
            self._finish(recording)

    def _finish(self, recording: Recording) -> None:
        try:
            recording.finish()
        except BackgroundRemovalError as error:
            self._failed(error)
        else:
            told = f"recorded {recording.path}" if recording.written else "no picture came; nothing is recorded"
            log.info("%s", told)
            if self._say is not None:
                self._say(told)

    def _failed(self, error: BackgroundRemovalError) -> None:
        """Tell of a recording that has failed, at once, and again when the stream ends."""
        self._error = self._error or error
        if self._say is None:
            raise error
        log.warning("the recording has ended: %s", error)
        self._say(str(error))

    def _begin(self) -> str:
        assert self._info is not None
        wanted = path = self._path or f"recording_{format_timestamp()}{self._usual_suffix()}"
        if not self._overwrite:
            ending = [recording.path for recording in self._ending]
            path = free_name(path, lambda name: name in ending or path_exists(name))
        self._overwrite = False
        try:
            check_video_output(path, "", self._encoding)
        except InputError as error:
            return str(error)
        if path != wanted:
            log.info("%s exists; recording %s", wanted, path)
        microphone = None if self._microphone is None else self._microphone.listener()
        self._recording = Recording(path, self._info, self._encoding, microphone)
        self._began, self._left_out, self._left_out_until = time.monotonic(), 0, 0.0
        return f"recording {path}"

    def _usual_suffix(self) -> str:
        return next(known for known, kinds in CONTAINER_FORMATS.items() if self._encoding.codec in ("", *kinds.codecs))


def _kept(picture: np.ndarray | Planes) -> np.ndarray | Planes:
    """Return a picture that nobody changes while it waits."""
    if isinstance(picture, Planes):
        return picture.with_layers(picture.layers)  # without the image that somebody may have asked for
    return picture.copy()  # objects may use their arrays again


def _most_waiting(info: StreamInfo) -> int:
    """Return how many frames may wait for the encoder."""
    size = info.width * info.height * (3 if info.color is None else 1.5)
    return int(min(_MAX_WAITING_SECONDS * (info.rate or 30), max(8, _MAX_WAITING_BYTES / max(1, size))))


def format_timestamp() -> str:
    """Return the time as it stands in the names of recordings and snapshots."""
    return datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
