"""Engine: passes every frame of an image, a video or a camera through custom objects."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from fractions import Fraction
from types import FrameType, TracebackType
from typing import Any, TypeAlias

import cv2
import numpy as np
from tqdm import tqdm

import storage
from controls import Controls
from errors import BackgroundRemovalError, CameraError, InputError, ProcessingError
from media.camera import CameraOptions, CameraSource
from media.formats import CONTAINERS, Encoding, check_video_output
from media.frame import Frame, StreamInfo
from media.images import ImageSink, ImageSource, SequenceSink, check_image_output, is_sequence
from media.microphone import Microphone
from media.prefetch import Prefetch
from media.segments import Segment
from media.video_sink import VideoSink
from media.video_source import VideoSource
from media.virtual_camera import VirtualCamera
from media.window import ESCAPE, Window

log = logging.getLogger(__name__)

CustomObject: TypeAlias = Callable[[np.ndarray], np.ndarray]

# How long the window of a camera may go without looking at its keys while no frame comes.
_KEY_SECONDS = 0.05
_STILL_KEY_MS = 50
_REOPEN_SECONDS = 1.0
# Why the live loop ended: nobody looks at the virtual camera.
_UNWATCHED = "unwatched"
# What the pictures of a sequence are called where only their folder is given.
_PICTURE_NAMES = "%06d.png"


class Engine:
    """Reads frames, calls every custom object on each in order, and shows or writes what comes out.

    A custom object is any callable that takes an image, uint8 (H, W, 3) BGR, and returns one (or BGRA,
    (H, W, 4), for transparency). It may also have `open(info)`, called with a `media.frame.StreamInfo`
    before the first frame, `at(seconds)`, called before each frame with its time, `on_key(key)`, called with every
    key typed in the window, which returns whether it used the key, or what to say of it for a second, `keys`, a
    mapping from keys to what they do for the list of them, `view(image)`, which returns what the window shows
    instead of the result, `meet(custom_objects)`, called first of all with all objects, and `close()`, called at the
    end whatever happens.

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
        codec: Of a video: "h264", "h265", "av1", "vp9" or "prores"; "" takes the usual one for the suffix.
        encoder: FFmpeg's name of the video's encoder, "h264_nvenc" for instance; "auto" takes a software one.
        crf: Quality of a video on its encoder's own scale, from 0 (best) to 51, or 63 for VP9 and AV1; None for a
            good one.
        preset: Speed of the video's encoder, from "ultrafast" to "veryslow" (the smaller file).
        progress: Show a progress bar for a video when stderr is a terminal; or a bar of your own to update.
        side_outputs: Further results: for the path of each, what to call after every frame that went through the
            objects for the picture to be written there, uint8 (H, W, 3) BGR; a matte for instance. Frames outside
            the range are white there.
        keep_partial: Whether a video that is ended early, by ``q`` or Ctrl-C, leaves a result.
        camera: What is asked of the camera, a `media.camera.CameraOptions`.
        record_path: Record what becomes of the camera's frames in this video file.
        microphone: Whose sound goes into recordings: a name, "default" for the usual one, "" for none.
        snapshots: The folder for pictures that are saved by a key.
        virtual_camera: Show the result to meeting programs on the virtual camera of this name, "" for the first one
            there is; None for not at all.
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
        codec: str = "",
        encoder: str = "auto",
        crf: int | None = None,
        preset: str = "veryfast",
        progress: bool | tqdm[Any] = True,
        side_outputs: Mapping[str, Callable[[], np.ndarray]] | None = None,
        keep_partial: bool = True,
        camera: CameraOptions = CameraOptions(),  # noqa: B008 - it cannot be changed
        record_path: str | os.PathLike[str] = "",
        microphone: str = "",
        snapshots: str | os.PathLike[str] = "snapshots",
        virtual_camera: str | None = None,
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
        self.encoding = Encoding(codec, encoder, crf, preset)
        self.progress = progress
        self.side_outputs = dict(side_outputs or {})
        for item in self.custom_objects:
            if not callable(item):
                raise InputError(f"custom object {_name(item)}: must be callable with an image")
        if start_video_frame < 0 or end_video_frame < 0:
            raise InputError("start_video_frame and end_video_frame count from 0 and cannot be negative")
        if end_video_frame and start_video_frame > end_video_frame:
            raise InputError(f"start_video_frame {start_video_frame} is after end_video_frame {end_video_frame}")
        self.keep_partial = keep_partial
        self.camera = camera
        self.microphone = microphone
        self.virtual_camera = virtual_camera
        self.record_path = os.fspath(record_path)
        if self.record_path:
            check_video_output(self.record_path, self.encoding)
            storage.check_output(self.record_path, "")
        self._controls = Controls(self.custom_objects, os.fspath(snapshots), self.record_path, self.encoding)
        self._original: np.ndarray | None = None
        self._result: np.ndarray | None = None
        self._views: list[tuple[CustomObject, Callable[..., Any]]] = []
        self._window: Window | None = None
        self._interrupted = False
        self._key_was_used = False
        self._clocks: list[tuple[CustomObject, Callable[..., Any]]] = []
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
        output = self.image_output()
        with self._session() as stack:
            source = stack.enter_context(ImageSource(stack.enter_context(storage.local_file(path)), path))
            for target in (output, *self.side_outputs):
                check_image_output(target)
                storage.check_output(target, path)
            self._begin(stack, source.info)
            sinks = [
                stack.enter_context(ImageSink(stack.enter_context(storage.staged_output(target)), target))
                for target in (output, *self.side_outputs)
            ]
            [original] = source

            def process() -> Frame:
                result = self._processed(original.with_image(original.image.copy()))
                sinks[0].write(result)
                self._controls.frame(result)
                for sink, picture in zip(sinks[1:], self.side_outputs.values(), strict=True):
                    sink.write(result.with_image(picture()))
                return result

            going_on = self.display(process().image)
            while self.show and going_on and not self._interrupted:
                if self._key_was_used:
                    self._result = process().image
                self._redraw()
                going_on = self._keys_say_go_on(_STILL_KEY_MS)
        return output

    def process_video(self) -> str:
        """Process `video_path` and write the result with its sound; return its path.

        ``q`` in the window or Ctrl-C ends early; what has been done until then is kept. An `output_path` such as
        ``frames/%06d.png``, or a folder, gives a sequence of pictures.

        Raises:
            InputError: the video or the output cannot be used.
            ProcessingError: an object failed, or the result cannot be written.
            KeyboardInterrupt: Ctrl-C was typed; the result so far has been written.
        """
        path = self.video_path
        output = self.video_output()
        with self._session() as stack:
            local = stack.enter_context(storage.local_file(path))
            source = stack.enter_context(VideoSource(local, path))
            self.check_video_outputs()
            self._begin(stack, source.info)
            sink = stack.enter_context(self._video_sink(stack, output, source.info, local))
            side_sinks = [
                stack.enter_context(self._video_sink(stack, target, source.info, None)) for target in self.side_outputs
            ]
            ahead = stack.enter_context(Prefetch(source))
            bar = stack.enter_context(self.progress_bar(source.info.name, source.info.frames))
            processed = 0
            for frame in ahead.frames():
                assert frame is not None
                done = frame
                wanted = self.check_video_frames_range(frame.index)
                if wanted:
                    done = self._processed(frame)
                    processed += 1
                for side_sink, picture in zip(side_sinks, self.side_outputs.values(), strict=True):
                    side_sink.write(frame.with_image(picture() if wanted else np.full_like(frame.image, 255)))
                sink.write(done)
                self._controls.frame(done)
                bar.update()
                at_end = self.break_on_end and 0 < self.end_video_frame <= frame.index
                stopped = not self.display(done.image) or self._interrupted
                if stopped and not self.keep_partial:
                    raise KeyboardInterrupt
                if at_end or stopped:
                    sink.end_early()
                    break
            if not processed and not self._interrupted:
                log.warning("%s: it ends before frame %d; nothing was processed", path, self.start_video_frame)
        return output

    def process_segment(
        self, segment: Segment, output: str, name: str = "", on_frame: Callable[[], object] = lambda: None
    ) -> None:
        """Process one part of `video_path`, without its sound, for `media.segments.join_segments`.

        Args:
            segment: Which part; the frames of its run-up go through the objects and are not written.
            output: The local file to write.
            name: What to call the whole result in messages, `output` if empty.
            on_frame: Called after every frame that is written.

        Raises:
            InputError, ProcessingError: as for `process_video`.
        """
        with self._session() as stack:
            source = stack.enter_context(VideoSource(self.video_path, segment=segment))
            self._begin(stack, source.info)
            alpha = self._makes_alpha()
            sink = stack.enter_context(VideoSink(output, source.info, name=name, encoding=self.encoding, alpha=alpha))
            for frame in stack.enter_context(Prefetch(source)).frames():
                assert frame is not None
                done = self._processed(frame) if self.check_video_frames_range(frame.index) else frame
                if frame.pts >= segment.start:
                    sink.write(done)
                    on_frame()
                if self._interrupted or (self.break_on_end and 0 < self.end_video_frame <= frame.index):
                    break

    def image_output(self) -> str:
        """Return where the result of `process_image` goes."""
        return self.output_path or storage.result_path(self.image_path, self.output_extension)

    def video_output(self) -> str:
        """Return where the result of `process_video` goes."""
        output = self.output_path
        if not output:
            # What is read may be of any kind; what is written is MP4 unless `output_path` says otherwise.
            return storage.result_path(self.video_path, self.output_extension, self._video_suffix())
        named_as_video = os.path.splitext(output)[1].lower() in CONTAINERS
        if output.endswith(("/", os.sep)) or (os.path.isdir(output) and not named_as_video):
            return os.path.join(output, _PICTURE_NAMES)
        return output

    def picture_end(self, info: StreamInfo) -> Fraction | None:
        """Return about when the pictures end, in seconds, if `break_on_end` ends them; else None."""
        if not (self.break_on_end and self.end_video_frame and info.rate):
            return None
        return (self.end_video_frame + 1) / info.rate

    def check_video_outputs(self) -> None:
        """Raise InputError unless all results of `process_video` can be written where they are to go."""
        for output in (self.video_output(), *self.side_outputs):
            if is_sequence(output):
                check_image_output(output)
                storage.check_output_folder(os.path.dirname(output) or ".")
            else:
                check_video_output(output, self.encoding)
                storage.check_output(output, self.video_path)

    def process_webcam(self) -> None:
        """Process a camera's frames until ``q``, Esc, the window's closing or Ctrl-C.

        Raises:
            CameraError: the camera cannot be opened.
            ProcessingError: an object failed, or the camera stopped.
            KeyboardInterrupt: Ctrl-C was typed.
        """
        with self._session() as stack:
            capture = stack.enter_context(ExitStack())
            source = capture.enter_context(CameraSource(self.webcam_id, self.camera))
            ahead = capture.enter_context(Prefetch(source, newest_only=True))
            microphone = stack.enter_context(Microphone(self.microphone)) if self.microphone else None
            if microphone is not None:
                microphone.clock_start = source.clock_start
            virtual = stack.enter_context(self._open_virtual_camera(source.info))
            stack.callback(self._controls.end)
            self._begin(stack, source.info, microphone)
            while self._process_live(source, ahead, virtual) == _UNWATCHED:
                assert virtual is not None
                capture.close()  # the camera's light goes out
                while not virtual.watched and not self._interrupted:
                    time.sleep(_KEY_SECONDS)
                if self._interrupted:
                    break
                source = self._reopened(capture, source.clock_start)
                ahead = capture.enter_context(Prefetch(source, newest_only=True))

    def _reopened(self, capture: ExitStack, clock_start: float) -> CameraSource:
        """Open the camera again, which another program may hold for a while."""
        deadline = time.monotonic() + self.camera.reconnect
        while True:
            try:
                return capture.enter_context(CameraSource(self.webcam_id, self.camera, clock_start))
            except CameraError:
                if time.monotonic() > deadline or self._interrupted:
                    raise
                time.sleep(_REOPEN_SECONDS)

    def _process_live(self, source: CameraSource, ahead: Prefetch, virtual: VirtualCamera | None) -> str:
        """Process the newest frame again and again; return why it ended."""
        done: Frame | None = None
        for frame in ahead.frames(timeout=_KEY_SECONDS):
            if self._interrupted:
                return "interrupted"
            if virtual is not None and not virtual.watched and not self.show and not self._controls.recording:
                return _UNWATCHED
            if frame is None:  # the camera pauses; the window must not
                self._redraw(source.trouble)
                if not self._keys_say_go_on():
                    break
                continue
            if done is None or not self._controls.frozen:
                done = self._processed(frame)
            else:
                done = replace(frame, image=done.image)
            self._controls.frame(done)
            if virtual is not None:
                virtual.write(done)
            if not self.display(done.image, webcam=True):
                break
        return "ended"

    def _open_virtual_camera(self, info: StreamInfo) -> AbstractContextManager[VirtualCamera | None]:
        if self.virtual_camera is None:
            return nullcontext()
        width, height = self.camera.size or (info.width, info.height)
        return VirtualCamera(self.virtual_camera, width, height, float(info.rate or 30))

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
        self._shown_in()
        self._result = frame
        self._redraw()
        return self._keys_say_go_on()

    def check_video_frames_range(self, fnum: int) -> bool:
        """Tell whether frame `fnum`, counted from 0, is one that goes through the custom objects."""
        if fnum < self.start_video_frame:
            return False
        return not self.end_video_frame or fnum <= self.end_video_frame

    def progress_bar(self, name: str, frames: int | None) -> AbstractContextManager[tqdm[Any]]:
        """Return the bar of a run over `frames` frames, None if their number is unknown."""
        if isinstance(self.progress, tqdm):
            return nullcontext(self.progress)  # whoever made it closes it
        # tqdm's None means: unless stderr is not a terminal.
        hidden = None if self.progress else True
        return tqdm(total=frames, unit="frame", desc=os.path.basename(name), disable=hidden)

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

    def _begin(self, stack: ExitStack, info: StreamInfo, microphone: Microphone | None = None) -> None:
        """Open the window and the objects for a source that has been opened."""
        if self.show:
            # Closed before the source, whose thread may take seconds to end when its camera stalls.
            stack.callback(self.close)
            self._shown_in()
        for item in self.custom_objects:
            meet = _hook(item, "meet")
            if meet is not None:
                with _named_errors(item, "could not be opened"):
                    meet(self.custom_objects)
        for item in self.custom_objects:
            close = _hook(item, "close")
            if close is not None:
                stack.push(_closer(item, close))
            opened = _hook(item, "open")
            if opened is not None:
                with _named_errors(item, "could not be opened"):
                    opened(info)
        self._clocks = [(item, at) for item in self.custom_objects if (at := _hook(item, "at")) is not None]
        self._views = [(item, view) for item in self.custom_objects if (view := _hook(item, "view")) is not None]
        self._controls.begin(info, microphone)

    def _processed(self, frame: Frame) -> Frame:
        """Flip `frame` and pass it through the objects."""
        self._where = f" on frame {frame.index} ({frame.seconds:.3f} s)"
        for item, at in self._clocks:
            with _named_errors(item, f"failed{self._where}"):
                at(frame.seconds)
        image = self.flip(frame.image)
        # Objects may draw on what they are given.
        self._original = image.copy() if self.show else None
        return frame.with_image(self.custom_processing(image))

    def _redraw(self, trouble: str = "") -> None:
        """Show the last result, and what the keys have asked for over it."""
        if self._window is None or self._result is None:
            return
        image = self._result
        for item, view in self._views:
            with _named_errors(item, "failed on what the window shows"):
                image = view(image)
                problem = _not_an_image(image)
                if problem:
                    raise TypeError(f"it returned {problem}")
        self._window.show(self._controls.drawn(image, self._original, trouble))

    def _video_sink(
        self, stack: ExitStack, output: str, info: StreamInfo, source: str | None
    ) -> VideoSink | SequenceSink:
        """Return the sink for an output that has been checked; it appears there when `stack` is left."""
        if is_sequence(output):
            folder, pattern = os.path.split(output)
            return SequenceSink(stack.enter_context(storage.staged_folder(folder or ".")), pattern, output)
        staged = stack.enter_context(storage.staged_output(output))
        return VideoSink(
            staged,
            info,
            name=output,
            source=source,
            encoding=self.encoding,
            alpha=self._makes_alpha() and source is not None,
            chapters_until=self.picture_end(info),
        )

    def _makes_alpha(self) -> bool:
        return any(getattr(item, "makes_alpha", False) for item in self.custom_objects)

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
            self._offer(key)
            wait_ms = 1
        return not self._window.closed

    def _offer(self, key: str) -> None:
        """Let every object use `key`, and the engine if none did."""
        used = False
        for item in self.custom_objects:
            on_key = _hook(item, "on_key")
            if on_key is not None:
                try:
                    with _named_errors(item, f"failed on key {key}"):
                        answer = on_key(key)
                except InputError as error:  # a file that is not there is no reason to end
                    answer = str(error)
                used |= bool(answer)
                if isinstance(answer, str):
                    self._controls.say(answer)
        self._key_was_used |= used
        if used:
            return
        if key == "F":
            self._shown_in().toggle_full_screen()
        elif key == "f":
            self.flip_view = not self.flip_view
            self._key_was_used = True
            self._controls.say("mirrored" if self.flip_view else "not mirrored")
        else:
            answer = self._controls.on_key(key)
            if isinstance(answer, str):
                self._controls.say(answer)

    def _video_suffix(self) -> str:
        suffix = os.path.splitext(self.video_path)[1]
        return suffix if suffix.lower() in (".mp4", ".m4v", ".mov") else ".mp4"


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


def _hook(item: object, name: str) -> Callable[..., Any] | None:
    """Return an object's optional method of that name; what is no method is something of its own."""
    method = getattr(item, name, None)
    return method if callable(method) else None


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
