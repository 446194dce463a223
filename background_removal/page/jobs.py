"""Video queue: one job runs at a time; waiting jobs report their position."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import get_args

import cv2

from background_removal.engine import Engine
from background_removal.errors import BackgroundRemovalError, ProcessingError
from background_removal.files.saving.outputs import MatteSink
from background_removal.files.video.cut import Cut
from background_removal.look import Look
from background_removal.page.http_errors import PageError, plain_message
from background_removal.page.image_codec import shrink
from background_removal.page.models import Video, VideoFormat
from background_removal.page.pool import RendererPool
from background_removal.page.probe import VideoInfo
from background_removal.page.settings import Limits
from background_removal.page.store import Store, Upload
from background_removal.pipeline.frame import Frame, Sink

log = logging.getLogger(__name__)

# Longer side of the preview of the current frame, pixels.
_PREVIEW_PIXELS = 640
# JPEG quality of the preview, of 100.
_PREVIEW_QUALITY = 80
# Interval between previews, seconds.
_PREVIEW_SECONDS = 0.5
# Window over which the frame rate is measured, seconds.
_RATE_SECONDS = 5.0
# Join timeout in `close`, seconds.
_JOIN_SECONDS = 2.0


class VideoJob:
    """An uploaded video and the state of its processing.

    Attributes:
        upload: Its files.
        info: Its properties.
        state: As in `models.Video`.
        result, matte: File names of the results, "" for none.
        preview: The last frame as a small JPEG, empty for none.
        cancelled: Whether it is to end.
    """

    def __init__(self, upload: Upload, info: VideoInfo) -> None:
        self.upload = upload
        self.info = info
        self.state = "uploaded"
        self.result = self.matte = ""
        self.preview = b""
        self.cancelled = False
        self.position = 0
        self.done = 0
        self.error = ""
        self.warnings: list[str] = []
        self.look: Look | None = None
        self.format = ""
        self.wants_matte = False
        self.cut = Cut()
        self.times: deque[tuple[float, int]] = deque()

    @property
    def is_open(self) -> bool:
        """Whether it waits or is being processed."""
        return self.state in ("queued", "working")

    @property
    def rate(self) -> float:
        """Processed frames a second, 0 if unknown."""
        times = list(self.times)
        if self.state != "working" or len(times) < 2 or times[-1][0] == times[0][0]:
            return 0.0
        return (times[-1][1] - times[0][1]) / (times[-1][0] - times[0][0])

    def describe(self) -> Video:
        """Return the state for the visitor."""
        rate, frames = self.rate, self._count_frames()
        left = max(0, frames - self.done) / rate if frames and rate else None
        return Video.model_validate(
            {
                "id": self.upload.id,
                "name": self.upload.name,
                "state": self.state,
                "width": self.info.width,
                "height": self.info.height,
                "frames": frames,
                "seconds": self.info.seconds,
                "sound": self.info.sound,
                "place": self.position,
                "done": self.done,
                "rate": round(rate, 2),
                "seconds_left": None if left is None else round(left, 1),
                "error": self.error,
                "warnings": list(self.warnings),
                "look": self.look,
                "start": self.cut.start,
                "end": self.cut.end,
                "format": self.format,
                "result": bool(self.result),
                "matte": bool(self.matte),
            }
        )

    def _count_frames(self) -> int | None:
        """Return the expected number of frames of the result."""
        frames, seconds = self.info.frames, self.info.seconds
        if not frames or not seconds or not self.cut:
            return frames
        return max(1, round(frames * (min(self.cut.end or seconds, seconds) - self.cut.start) / seconds))


class VideoQueue:
    """Processes videos one after another, in a thread of its own.

    Args:
        store: Holds the files.
        pool: Lends renderers.
        limits: Longest duration.
    """

    def __init__(self, store: Store, pool: RendererPool, limits: Limits) -> None:
        self._store = store
        self._pool = pool
        self._limits = limits
        self._jobs: dict[str, VideoJob] = {}
        self._waiting: deque[VideoJob] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="videos", daemon=True)

    def add(self, upload: Upload, info: VideoInfo) -> VideoJob:
        """Return the job of a new video."""
        job = self._jobs[upload.id] = VideoJob(upload, info)
        return job

    @property
    def waiting(self) -> int:
        """Number of videos that wait."""
        return len(self._waiting)

    def find(self, upload_id: str) -> VideoJob | None:
        """Return the job of a video, None if there is none."""
        return self._jobs.get(upload_id)

    def start(self, job: VideoJob, look: Look, kind: str, matte: bool, cut: Cut) -> None:
        """Put a job into the queue; raises PageError if it is there already."""
        with self._changed:
            if job.is_open:
                raise PageError(409, "this video is being processed; cancel that first")
            job.state, job.look, job.format, job.wants_matte, job.cut = "queued", look, kind, matte, cut
            job.upload.busy, job.cancelled = True, False
            job.done, job.error, job.warnings, job.preview = 0, "", [], b""
            job.result = job.matte = ""
            job.times.clear()
            self._waiting.append(job)
            self._update_positions()
            if not self._thread.is_alive() and not self._closed:
                self._thread.start()
            self._changed.notify_all()

    def cancel(self, job: VideoJob) -> None:
        """Take a job out of the queue, or end its processing."""
        with self._changed:
            job.cancelled = True
            if job in self._waiting:
                self._waiting.remove(job)
                job.state, job.upload.busy, job.position = "cancelled", False, 0
                self._update_positions()

    def remove(self, job: VideoJob) -> None:
        """Remove a video and its results, after its processing has ended."""
        self.cancel(job)
        self._jobs.pop(job.upload.id, None)
        if not job.is_open:
            self._store.remove(job.upload.id)
            return
        # The visitor no longer sees it; the thread removes the files when it has closed them.
        job.upload.visitor = ""

    def forget(self, upload_id: str) -> None:
        """Drop the job of a video that has been removed from the store."""
        self._jobs.pop(upload_id, None)

    def close(self) -> None:
        """End all jobs; calling it again does nothing."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            for job in self._jobs.values():
                job.cancelled = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(_JOIN_SECONDS)

    # -- inside ------------------------------------------------------------------------------------

    def _update_positions(self) -> None:
        for position, job in enumerate(self._waiting, 1):
            job.position = position

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                job = self._waiting.popleft()
                job.state, job.position = "working", 0
                self._update_positions()
            try:
                self._process(job)
                state = "done"
            except _Cancelled:
                state = "cancelled"
            except BackgroundRemovalError as error:
                job.error = plain_message(error, **self._names(job))
                state = "failed"
            except Exception as error:  # the queue goes on
                log.exception("a video failed")
                job.error, state = f"{type(error).__name__}: {error}", "failed"
            with self._changed:
                job.state, job.upload.busy = state, False
                job.upload.used = time.monotonic()
            if job.upload.id not in self._jobs:
                self._store.remove(job.upload.id)

    def _process(self, job: VideoJob) -> None:
        assert job.look is not None
        result, matte = f"result.{job.format}", "matte.mp4" if job.wants_matte else ""
        for old in map(job.upload.path, _RESULT_NAMES):
            if os.path.exists(old):
                os.remove(old)
        sinks: list[Sink] = [_ProgressSink(job, self._limits.video_seconds, self._check_space)]
        if matte:
            sinks.append(MatteSink(job.upload.path(matte)))
        with self._pool.lease(job.look, "video") as renderer:
            engine = Engine(
                video_path=job.upload.path(),
                output_path=job.upload.path(result),
                custom_objects=[renderer],
                sinks=sinks,
                progress=False,
                keep_partial=False,
                cut=job.cut,
            )
            engine.process_video()
            found_person = renderer.found_person
        job.result, job.matte = result, matte
        if found_person is False:
            job.warnings.append("no person was found in it")
        if engine.incomplete:
            job.warnings.append(engine.incomplete)

    def _check_space(self) -> None:
        try:
            self._store.check_space()
        except PageError as error:
            raise ProcessingError(str(error)) from error

    def _names(self, job: VideoJob) -> dict[str, str]:
        path = job.upload.path
        return {**{path(name): "the result" for name in _RESULT_NAMES}, path("matte.mp4"): "the matte",
                path(): job.upload.name}  # fmt: skip


_RESULT_NAMES = [f"result.{kind}" for kind in get_args(VideoFormat)]


class _Cancelled(ProcessingError):  # noqa: N818 - not an error
    """Cancelled by the visitor; the unfinished result is discarded."""


class _ProgressSink(Sink):
    """Records a job's progress, and ends it when it is cancelled or exceeds a limit.

    Args:
        job: The job.
        max_seconds: Longest duration, whatever the header says.
        check_space: Raises ProcessingError if no more can be written.
    """

    def __init__(self, job: VideoJob, max_seconds: float, check_space: Callable[[], object]) -> None:
        self._job = job
        self._max_seconds = max_seconds
        self._check_space = check_space
        self._next_preview = 0.0

    def write(self, frame: Frame) -> None:
        job, now = self._job, time.monotonic()
        if frame.seconds > self._max_seconds:
            raise ProcessingError(f"it takes longer than {self._max_seconds // 60:g} minutes; cut it")
        job.done += 1
        job.times.append((now, job.done))
        while now - job.times[0][0] > _RATE_SECONDS:
            job.times.popleft()
        if now >= self._next_preview:
            self._next_preview = now + _PREVIEW_SECONDS
            self._check_space()
            image = shrink(frame.image, _PREVIEW_PIXELS)[..., :3]
            done, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _PREVIEW_QUALITY])
            job.preview = jpeg.tobytes() if done else b""
        self.idle("")

    def idle(self, status: str) -> None:
        if self._job.cancelled:
            raise _Cancelled("cancelled")
