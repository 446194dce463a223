"""The queue of videos: one is processed at a time, the others wait with their place told."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import cv2

from background_removal.engine import Engine
from background_removal.errors import BackgroundRemovalError, ProcessingError
from background_removal.files.saving.outputs import MatteSink
from background_removal.page.http_errors import PageError, plain
from background_removal.page.image_codec import shrunk
from background_removal.page.looks import Look
from background_removal.page.pool import Pool
from background_removal.page.probe import VideoInfo
from background_removal.page.settings import Limits
from background_removal.page.store import Item, Store
from background_removal.pipeline.frame import Frame, Sink

log = logging.getLogger(__name__)

FORMATS = ("mp4", "webm", "mov")
# The picture of the frame at hand: its longer side in pixels, its quality, and how often there is a new one.
_PICTURE_SIDE, _PICTURE_QUALITY, _PICTURE_SECONDS = 640, 80, 0.5
# The rate is that of the last seconds.
_RATE_SECONDS = 5.0
_LEAVING_SECONDS = 2.0


class Job:
    """One video and what becomes of it.

    Attributes:
        item: Its files.
        info: What is known of it.
        state: "uploaded", "queued", "working", "done", "failed" or "cancelled".
        result, matte: Names of the files that there are, "" for none.
        picture: The last frame as a small JPEG, empty for none.
        cancelled: Whether it is to end.
    """

    def __init__(self, item: Item, info: VideoInfo) -> None:
        self.item = item
        self.info = info
        self.state = "uploaded"
        self.result = self.matte = ""
        self.picture = b""
        self.cancelled = False
        self.place = 0
        self.done = 0
        self.error = ""
        self.warnings: list[str] = []
        self.look: Look | None = None
        self.format = ""
        self.wants_matte = False
        self.times: deque[tuple[float, int]] = deque()

    @property
    def is_open(self) -> bool:
        """Whether it waits or is worked on."""
        return self.state in ("queued", "working")

    @property
    def rate(self) -> float:
        """How many frames a second are processed at the moment, 0 if that is not known."""
        times = list(self.times)
        if self.state != "working" or len(times) < 2 or times[-1][0] == times[0][0]:
            return 0.0
        return (times[-1][1] - times[0][1]) / (times[-1][0] - times[0][0])

    @property
    def told(self) -> dict[str, Any]:
        """What a visitor is told of it."""
        rate, frames = self.rate, self.info.frames
        left = max(0, frames - self.done) / rate if frames and rate else None
        return {
            "id": self.item.id,
            "name": self.item.name,
            "state": self.state,
            "width": self.info.width,
            "height": self.info.height,
            "frames": frames,
            "seconds": self.info.seconds,
            "sound": self.info.sound,
            "place": self.place,
            "done": self.done,
            "rate": round(rate, 2),
            "seconds_left": None if left is None else round(left, 1),
            "error": self.error,
            "warnings": list(self.warnings),
            "look": self.look.told if self.look else None,
            "format": self.format,
            "result": bool(self.result),
            "matte": bool(self.matte),
        }


class Jobs:
    """Processes videos in a thread of its own, one after another.

    Args:
        store: Where they are kept.
        pool: Lends looks.
        limits: How long they may be.
    """

    def __init__(self, store: Store, pool: Pool, limits: Limits) -> None:
        self._store = store
        self._pool = pool
        self._limits = limits
        self._jobs: dict[str, Job] = {}
        self._waiting: deque[Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="videos", daemon=True)

    def add(self, item: Item, info: VideoInfo) -> Job:
        """Return the job of a video that has arrived."""
        job = self._jobs[item.id] = Job(item, info)
        return job

    def of(self, item_id: str) -> Job | None:
        """Return the job of a video, None if there is none."""
        return self._jobs.get(item_id)

    def start(self, job: Job, look: Look, kind: str, matte: bool) -> None:
        """Let a video wait for its turn; raises PageError if it does already."""
        with self._changed:
            if job.is_open:
                raise PageError(409, "this video is being processed; cancel that first")
            job.state, job.look, job.format, job.wants_matte = "queued", look, kind, matte
            job.item.busy, job.cancelled = True, False
            job.done, job.error, job.warnings, job.picture = 0, "", [], b""
            job.result = job.matte = ""
            job.times.clear()
            self._waiting.append(job)
            self._count_places()
            if not self._thread.is_alive() and not self._closed:
                self._thread.start()
            self._changed.notify_all()

    def cancel(self, job: Job) -> None:
        """End the work on a video, if there is any."""
        with self._changed:
            job.cancelled = True
            if job in self._waiting:
                self._waiting.remove(job)
                job.state, job.item.busy, job.place = "cancelled", False, 0
                self._count_places()

    def remove(self, job: Job) -> None:
        """Remove a video and its results, once nothing works on it any more."""
        self.cancel(job)
        self._jobs.pop(job.item.id, None)
        if not job.is_open:
            self._store.remove(job.item.id)
            return
        # Its visitor has it no longer; its files go when the thread has let go of them.
        job.item.visitor = ""

    def forget(self, item_id: str) -> None:
        """Forget a video whose files have been removed."""
        self._jobs.pop(item_id, None)

    def close(self) -> None:
        """End all work; calling it again does nothing."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            for job in self._jobs.values():
                job.cancelled = True
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join(_LEAVING_SECONDS)

    # -- inside ------------------------------------------------------------------------------------

    def _count_places(self) -> None:
        for place, job in enumerate(self._waiting, 1):
            job.place = place

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                job = self._waiting.popleft()
                job.state, job.place = "working", 0
                self._count_places()
            try:
                self._process(job)
                state = "done"
            except _Cancelled:
                state = "cancelled"
            except BackgroundRemovalError as error:
                job.error = plain(error, **self._names(job))
                state = "failed"
            except Exception as error:  # the next one may be better
                log.exception("a video failed")
                job.error, state = f"{type(error).__name__}: {error}", "failed"
            with self._changed:
                job.state, job.item.busy = state, False
                job.item.used = time.monotonic()
            if job.item.id not in self._jobs:
                self._store.remove(job.item.id)

    def _process(self, job: Job) -> None:
        assert job.look is not None
        source = job.item.path()
        result, matte = f"result.{job.format}", "matte.mp4" if job.wants_matte else ""
        for old in (f"result.{kind}" for kind in FORMATS):
            if os.path.exists(job.item.path(old)):
                os.remove(job.item.path(old))
        sinks: list[Sink] = [_Watcher(job, self._limits.video_seconds, self._check_room)]
        if matte:
            sinks.append(MatteSink(job.item.path(matte)))
        with self._pool.lent(job.look) as showing:
            engine = Engine(
                video_path=source,
                output_path=job.item.path(result),
                custom_objects=[showing],
                sinks=sinks,
                progress=False,
                keep_partial=False,
            )
            engine.process_video()
            nobody = showing.found_person is False
        job.result, job.matte = result, matte
        if nobody:
            job.warnings.append("no person was found in it")
        if engine.incomplete:
            job.warnings.append(engine.incomplete)

    def _check_room(self) -> None:
        try:
            self._store.check_room()
        except PageError as error:
            raise ProcessingError(str(error)) from error

    def _names(self, job: Job) -> dict[str, str]:
        paths = {job.item.path(f"result.{kind}"): "the result" for kind in FORMATS}
        return {**paths, job.item.path("matte.mp4"): "the matte", job.item.path(): job.item.name}


class _Cancelled(ProcessingError):  # noqa: N818 - it is none
    """The visitor wants it no longer: what was written of it is discarded."""


class _Watcher(Sink):
    """Tells how far a video is, and ends it where that is wanted.

    Args:
        job: Whose video it is.
        most_seconds: How long it may be, whatever its header says.
        check_room: Raises ProcessingError if no more can be written.
    """

    def __init__(self, job: Job, most_seconds: float, check_room: Callable[[], object]) -> None:
        self._job = job
        self._most_seconds = most_seconds
        self._check_room = check_room
        self._next_picture = 0.0

    def write(self, frame: Frame) -> None:
        job, now = self._job, time.monotonic()
        if frame.seconds > self._most_seconds:
            raise ProcessingError(f"it takes longer than {self._most_seconds // 60:g} minutes; cut it")
        job.done += 1
        job.times.append((now, job.done))
        while now - job.times[0][0] > _RATE_SECONDS:
            job.times.popleft()
        if now >= self._next_picture:
            self._next_picture = now + _PICTURE_SECONDS
            self._check_room()
            image = shrunk(frame.image, _PICTURE_SIDE)[..., :3]
            done, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _PICTURE_QUALITY])
            job.picture = jpeg.tobytes() if done else b""
        self.idle("")

    def idle(self, status: str) -> None:
        if self._job.cancelled:
            raise _Cancelled("cancelled")
