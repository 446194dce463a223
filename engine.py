"""Engine: passes every frame of an image, a video or a camera through custom objects."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType, TracebackType
from typing import Any, TypeAlias

import cv2
import numpy as np
from tqdm import tqdm

import storage
from errors import BackgroundRemovalError, InputError, ProcessingError
from media.camera import CameraSource
from media.frame import Frame, StreamInfo
from media.images import ImageSink, ImageSource, check_image_output
from media.prefetch import Prefetch
from media.video_sink import VIDEO_SUFFIXES, VideoSink, check_video_output
from media.video_source import VideoSource
from media.window import ESCAPE, Window

log = logging.getLogger(__name__)

CustomObject: TypeAlias = Callable[[np.ndarray], np.ndarray]

# How long the window of a camera may go without looking at its keys while no frame comes.
_KEY_SECONDS = 0.05
_STILL_KEY_MS = 50


class Engine:
    """Reads frames, calls every custom object on each in order, and shows or writes what comes out.

    A custom object is any callable that takes an image, uint8 (H, W, 3) BGR, and returns one (or BGRA,
    (H, W, 4), for transparency). It may also have `open(info)`, called with a `media.frame.StreamInfo`
    before the first frame, `at(seconds)`, called before each frame with its time, `on_key(key) -> bool`, called
    with every key typed in the window, and `close()`, called at the end whatever happens.

    Args:
        image_path: The image that `process_image` reads; a local path or s3://bucket/key.
        video_path: The video that `process_video` reads; likewise.
        webcam_id: The camera that `process_webcam` reads: a number or the URL of a stream.
        show: Open a window with the results.
        flip_view: Mirror every frame, left to right, before the objects see it.
        custom_objects: What each frame goes through.
        output_extension: Goes into the name of the result: clip.mp4 becomes clip_<output_extension>.mp4.
        start_video_frame: First frame of a video, counted from 0, that goes through the objects.
        end_video_frame: Last one, 0 for no end. Frames outside are written as they are.
        break_on_end: Stop after `end_video_frame`.
        output_path: Where the result goes, instead of beside the source; its suffix decides the format.
        crf: Quality of a video, from 0 (lossless) to 51; 18 to 24 is usual.
        preset: Speed of the video's encoder, from "ultrafast" to "veryslow" (the smaller file).
        progress: Show a progress bar for a video when stderr is a terminal.
    """

    def __init__(
        self,
        image_path: str | os.PathLike[str] = "",
        video_path: str | os.PathLike[str] = "",
        webcam_id: int | str = 0,
        show: bool = False,
        flip_view: bool = False,
        custom_objects: Sequence[CustomObject] = [],
        output_extension: str = "out",
        start_video_frame: int = 0,
        end_video_frame: int = 0,
        break_on_end: bool = False,
        *,
        output_path: str | os.PathLike[str] = "",
        crf: int = 20,
        preset: str = "veryfast",
        progress: bool = True,
    ) -> None:
        self.image_path = os.fspath(image_path)
        self.video_path = os.fspath(video_path)
        self.webcam_id = webcam_id
        self.show = show
        self.flip_view = flip_view
        self.custom_objects = list(custom_objects)
        self.output_extension = output_extension
        self.start_video_frame = start_video_frame
        self.end_video_frame = end_video_frame
        self.break_on_end = break_on_end
        self.output_path = os.fspath(output_path)
        self.crf = crf
        self.preset = preset
        self.progress = progress
        for item in self.custom_objects:
            if not callable(item):
                raise InputError(f"custom object {_name(item)}: must be callable with an image")
        if start_video_frame < 0 or end_video_frame < 0:
            raise InputError("start_video_frame and end_video_frame count from 0 and cannot be negative")
        if end_video_frame and start_video_frame > end_video_frame:
            raise InputError(f"start_video_frame {start_video_frame} is after end_video_frame {end_video_frame}")
        self._window: Window | None = None
        self._interrupted = False
        self._key_was_used = False
        self._clocks: list[tuple[CustomObject, Callable[[float], None]]] = []
        self._where = ""  # which frame is in work, for messages

    # -- running ---------------------------------------------------------------------------------

    def run(self) -> str | None:
        """Process the video if there is one, else the image, else the webcam.

        Returns:
            The path of the result; None for the webcam.
        """
        if self.video_path:
            return self.process_video()
        if self.image_path:
            return self.process_image()
        return self.process_webcam()

    def process_image(self) -> str:
        """Process `image_path` and write the result; return its path.

        With `show` the window stays until it is closed; a key that an object uses processes the image anew.

        Raises:
            InputError: the image or the output cannot be used.
            ProcessingError: an object failed, or the result cannot be written.
        """
        path = self.image_path
        output = self.output_path or storage.result_path(path, self.output_extension)
        with self._session() as stack:
            source = stack.enter_context(ImageSource(stack.enter_context(storage.local_file(path)), path))
            check_image_output(output)
            storage.check_output(output, path)
            self._begin(stack, source.info)
            staged = stack.enter_context(storage.staged_output(output))
            sink = stack.enter_context(ImageSink(staged, output))
            [original] = source
            image = original.image
            result = self._processed(original.with_image(image.copy()))
            sink.write(result)
            going_on = self.display(result.image)
            while self.show and going_on and not self._interrupted:
                if self._key_was_used:
                    result = self._processed(original.with_image(image.copy()))
                    sink.write(result)
                    self._shown_in().show(result.image)
                going_on = self._keys_say_go_on(_STILL_KEY_MS)
        return output

    def process_video(self) -> str:
        """Process `video_path` and write the result with its sound; return its path.

        ``q`` in the window or Ctrl-C ends early; what has been done until then is kept.

        Raises:
            InputError: the video or the output cannot be used.
            ProcessingError: an object failed, or the result cannot be written.
            KeyboardInterrupt: Ctrl-C was typed; the result so far has been written.
        """
        path = self.video_path
        # What is read may be of any kind; what is written is MP4 unless `output_path` says otherwise.
        output = self.output_path or storage.result_path(path, self.output_extension, self._video_suffix())
        with self._session() as stack:
            local = stack.enter_context(storage.local_file(path))
            source = stack.enter_context(VideoSource(local, path))
            check_video_output(output, self.crf, self.preset)
            storage.check_output(output, path)
            self._begin(stack, source.info)
            staged = stack.enter_context(storage.staged_output(output))
            sink = stack.enter_context(
                VideoSink(staged, source.info, name=output, sound_from=local, crf=self.crf, preset=self.preset)
            )
            ahead = stack.enter_context(Prefetch(source))
            bar = stack.enter_context(self._progress_bar(source.info))
            processed = 0
            for frame in ahead.frames():
                assert frame is not None
                done = frame
                if self.check_video_frames_range(frame.index):
                    done = self._processed(frame)
                    processed += 1
                sink.write(done)
                bar.update()
                at_end = self.break_on_end and 0 < self.end_video_frame <= frame.index
                if at_end or not self.display(done.image) or self._interrupted:
                    sink.end_early()
                    break
            if not processed and not self._interrupted:
                log.warning("%s: it ends before frame %d; nothing was processed", path, self.start_video_frame)
        return output

    def process_webcam(self) -> None:
        """Process a camera's frames until ``q``, Esc, the window's closing or Ctrl-C.

        Raises:
            CameraError: the camera cannot be opened.
            ProcessingError: an object failed, or the camera stopped.
            KeyboardInterrupt: Ctrl-C was typed.
        """
        with self._session() as stack:
            source = stack.enter_context(CameraSource(self.webcam_id))
            ahead = stack.enter_context(Prefetch(source, newest_only=True))
            self._begin(stack, source.info)
            for frame in ahead.frames(timeout=_KEY_SECONDS):
                if self._interrupted:
                    break
                if frame is None:  # the camera pauses; the window must not
                    if not self._keys_say_go_on():
                        break
                elif not self.display(self._processed(frame).image, webcam=True):
                    break

    # -- steps -----------------------------------------------------------------------------------

    def custom_processing(self, frame: np.ndarray) -> np.ndarray:
        """Pass one image through the custom objects in order.

        Args:
            frame: uint8 (H, W, 3) BGR.

        Returns:
            uint8 (H, W, 3) BGR or (H, W, 4) BGRA.

        Raises:
            ProcessingError: an object raised, or returned something that is not an image; the message names
                it and, while a stream is processed, the frame.
        """
        for item in self.custom_objects:
            try:
                frame = item(frame)
            except BackgroundRemovalError:
                raise
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
                raise ProcessingError(f"custom object {_name(item)} failed{self._where}: {reason}") from error
            problem = _not_an_image(frame)
            if problem:
                raise ProcessingError(f"custom object {_name(item)} returned {problem}{self._where}")
            frame = np.require(frame, requirements=["C", "W"])
        return frame

    def flip(self, frame: np.ndarray) -> np.ndarray:
        """Return `frame` mirrored left to right if `flip_view` is set, else as it is."""
        return cv2.flip(frame, 1) if self.flip_view else frame

    def display(self, frame: np.ndarray, webcam: bool = False) -> bool:
        """Show `frame` in the window if `show` is set, and give the objects the key typed in it.

        Args:
            frame: uint8 (H, W, 3) BGR or (H, W, 4) BGRA.
            webcam: Whether the frame comes from a camera; kept for callers that pass it.

        Returns:
            Whether to go on: False once ``q`` or Esc was typed or the window was closed.
        """
        if not self.show:
            return True
        self._shown_in().show(frame)
        return self._keys_say_go_on()

    def check_video_frames_range(self, fnum: int) -> bool:
        """Tell whether frame `fnum`, counted from 0, is one that goes through the custom objects."""
        if fnum < self.start_video_frame:
            return False
        return not self.end_video_frame or fnum <= self.end_video_frame

    def close(self) -> None:
        """Close the window; calling it again does nothing."""
        if self._window is not None:
            self._window.close()
            self._window = None

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # -- inside ----------------------------------------------------------------------------------

    @contextmanager
    def _session(self) -> Iterator[ExitStack]:
        """Hold everything that one run opens, and close it in the opposite order whatever happens.

        Ctrl-C (or SIGTERM) lets the frame at hand be finished and the result be completed, and is raised after
        that as KeyboardInterrupt; a second one stops at once.
        """
        self._interrupted = False
        try:
            with ExitStack() as stack:
                stack.enter_context(self._graceful_interrupt())
                yield stack
        finally:
            self._where = ""
        if self._interrupted:
            raise KeyboardInterrupt

    @contextmanager
    def _graceful_interrupt(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield  # signals reach the main thread only
            return

        def interrupt(number: int, frame: FrameType | None) -> None:
            if self._interrupted:
                raise KeyboardInterrupt
            self._interrupted = True

        before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _begin(self, stack: ExitStack, info: StreamInfo) -> None:
        """Open the window and the objects for a source that has been opened."""
        if self.show:
            # Closed before the source, whose thread may take seconds to end when its camera stalls.
            stack.callback(self.close)
            self._shown_in()
        for item in self.custom_objects:
            close = getattr(item, "close", None)
            if close is not None:
                stack.push(_closer(item, close))
            opened = getattr(item, "open", None)
            if opened is not None:
                with _named_errors(item, "could not be opened"):
                    opened(info)
        hooks = [(item, getattr(item, "at", None)) for item in self.custom_objects]
        self._clocks = [(item, at) for item, at in hooks if at is not None]

    def _processed(self, frame: Frame) -> Frame:
        """Flip `frame` and pass it through the objects."""
        self._where = f" on frame {frame.index} ({frame.seconds:.3f} s)"
        for item, at in self._clocks:
            with _named_errors(item, f"failed{self._where}"):
                at(frame.seconds)
        return frame.with_image(self.custom_processing(self.flip(frame.image)))

    def _shown_in(self) -> Window:
        """Return the window, opened if need be."""
        if self._window is None:
            self._window = Window()
            self._window.__enter__()
        return self._window

    def _keys_say_go_on(self, wait_ms: int = 1) -> bool:
        """Hand the typed key to the objects; return False when it, or the closed window, ends the run."""
        self._key_was_used = False
        if self._window is None:
            return True
        # Several keys may have been typed since the last frame.
        while key := self._window.key(wait_ms):
            if key == ESCAPE or key.lower() == "q":
                return False
            for item in self.custom_objects:
                on_key = getattr(item, "on_key", None)
                if on_key is not None:
                    with _named_errors(item, f"failed on key {key}"):
                        self._key_was_used |= bool(on_key(key))
            wait_ms = 1
        return not self._window.closed

    def _video_suffix(self) -> str:
        suffix = os.path.splitext(self.video_path)[1]
        return suffix if suffix.lower() in (".mp4", ".m4v", ".mov") else VIDEO_SUFFIXES[0]

    def _progress_bar(self, info: StreamInfo) -> tqdm[Any]:
        # tqdm's None means: unless stderr is not a terminal.
        hidden = None if self.progress else True
        return tqdm(total=info.frames, unit="frame", desc=os.path.basename(info.name), disable=hidden)


def _closer(item: CustomObject, close: Callable[[], None]) -> Callable[..., None]:
    """Return what an ExitStack calls to close `item`: an error on its way stays the one that the user reads."""

    def leave(exc_type: object, exc: BaseException | None, traceback: object) -> None:
        try:
            with _named_errors(item, "could not be closed"):
                close()
        except BackgroundRemovalError as error:
            if exc is None:
                raise
            log.warning("%s", error)

    return leave


@contextmanager
def _named_errors(item: CustomObject, what: str) -> Iterator[None]:
    try:
        yield
    except BackgroundRemovalError:
        raise
    except Exception as error:
        raise ProcessingError(f"custom object {_name(item)} {what}: {type(error).__name__}: {error}") from error


def _name(item: object) -> str:
    return getattr(item, "__name__", type(item).__name__)


def _not_an_image(result: object) -> str:
    """Say what is wrong with an object's result, "" if it is an image."""
    if not isinstance(result, np.ndarray):
        return f"{type(result).__name__} instead of an image"
    if result.dtype != np.uint8:
        return f"an array of {result.dtype} instead of uint8"
    if result.ndim != 3 or result.shape[2] not in (3, 4) or 0 in result.shape:
        return f"an array of shape {result.shape} instead of (height, width, 3) or (height, width, 4)"
    return ""
