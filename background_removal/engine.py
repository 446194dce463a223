"""Engine: passes every frame of an image, a video or a camera through custom objects."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from background_removal.errors import InputError, Stopped
from background_removal.files import storage
from background_removal.files.images import ImageSink, ImageSource
from background_removal.files.saving.outputs import check_result, result_path, video_sink
from background_removal.files.video.formats import Encoding
from background_removal.live.options import LiveOptions
from background_removal.pipeline.frame import Frame, Planes, Sink, Source, StreamInfo, mirror, to_image
from background_removal.pipeline.loop import LastImage, ProcessedFrameCheck, run_loop
from background_removal.pipeline.objects import CustomObject, ObjectChain
from background_removal.pipeline.planes import Picture
from background_removal.pipeline.progress import Progress

if TYPE_CHECKING:
    from tqdm import tqdm

    from background_removal.live.window.viewer import Viewer


class Engine:
    """Reads frames, calls every custom object on each in order, and shows or writes what comes out.

    A custom object is any callable that takes an image, uint8 (H, W, 3) BGR, and returns one; what else it may have is
    in `pipeline.objects.FrameObject`.

    Args:
        image_path: The image that `process_image` reads; a local path, s3://bucket/key, a web address, or - for stdin.
        video_path: The video that `process_video` reads; likewise.
        webcam_id: The camera that `process_webcam` reads: a number or the URL of a stream.
        show: Open a window with the results.
        flip_view: Mirror every frame, left to right, before the objects see it.
        custom_objects: What each frame goes through.
        output_extension: Goes into the name of the result: clip.mp4 becomes clip_<output_extension>.mp4.
        start_video_frame: First frame of a video, counted from 0, that goes through the objects.
        end_video_frame: Last one, 0 for no end. Frames outside are written as they are.
        break_on_end: Stop after `end_video_frame`.
        output_path: Where the result goes, instead of beside the source: a file, whose suffix decides the format, a
            folder, ``frames/%06d.png`` for the pictures of a video, or - for stdout, where an image is a PNG.
        encoding: How a video, or a recording, is encoded.
        live: What is asked of a camera, and where its frames go beside the window.
        sinks: What else takes the results, a `files.saving.outputs.MatteSink` for instance; made anew for every run.
        progress: Show a progress bar for a video when stderr is a terminal; or a bar of your own to update.
        keep_partial: Whether a file that is ended early, by ``q`` or Ctrl-C, leaves clip_out.partial.mp4.

    Attributes:
        result: What the last run has made: `result_path`, or the part of it; "" for nothing.
        incomplete: What its damaged source lacked, in words; the result holds the rest. "" for nothing.
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
        encoding: Encoding | None = None,
        live: LiveOptions | None = None,
        sinks: Sequence[Sink] = (),
        progress: bool | tqdm[Any] = True,
        keep_partial: bool = True,
    ) -> None:
        self.image_path, self.video_path = os.fspath(image_path), os.fspath(video_path)
        self.webcam_id = webcam_id
        self.show, self.flip_view = show, flip_view
        self.custom_objects = list(custom_objects)
        self.output_extension = output_extension
        self.start_video_frame = start_video_frame
        self.end_video_frame = end_video_frame
        self.break_on_end = break_on_end
        self.output_path = os.fspath(output_path)
        self.encoding = encoding or Encoding()
        self.live = live or LiveOptions()
        self.sinks, self.progress, self.keep_partial = list(sinks), progress, keep_partial
        ObjectChain(self.custom_objects)  # says which of them cannot be called
        if start_video_frame < 0 or end_video_frame < 0:
            raise InputError("`start_video_frame` and `end_video_frame` count from 0 and cannot be negative")
        if end_video_frame and start_video_frame > end_video_frame:
            raise InputError(f"`start_video_frame` {start_video_frame} is after `end_video_frame` {end_video_frame}")
        self.result = self.incomplete = ""
        self.frozen = self.mirror_preview = False  # changed by keys
        self._chain: ObjectChain | None = None
        self._sinks: list[Sink] = []
        self._last: Frame | None = None
        self._viewer: Viewer | None = None

    # -- running ---------------------------------------------------------------------------------

    def run(self) -> None:
        """Process the video if there is one, else the image, else the webcam."""
        if self.video_path:
            self.process_video()
        elif self.image_path:
            self.process_image()
        else:
            self.process_webcam()

    def process_image(self) -> np.ndarray:
        """Process `image_path`, write the result to `result_path`, and return it.

        With `show` the window stays until it is closed; a key that changes the picture processes it anew.

        Returns:
            uint8 (H, W, 3) BGR, or (H, W, 4) BGRA.

        Raises:
            InputError: the image or the output cannot be used.
            ProcessingError: an object failed, or the result cannot be written.
        """
        output = self.result_path
        check_result(output, self.image_path, video=False)
        result = LastImage()
        with storage.local_file(self.image_path) as local:
            source: Source = ImageSource(local, self.image_path, again=self.show)
            if self.show:
                source = self._shown_in().while_open(source)
            self.process(source, [ImageSink(output), *self.sinks, result, Progress(self.progress)])
        assert result.image is not None
        return result.image

    def process_video(self) -> None:
        """Process `video_path` and write the result with its sound to `result_path`.

        ``q`` in the window or Ctrl-C ends early; `result` is what has been done until then.

        Raises:
            InputError: the video or the output cannot be used.
            ProcessingError: an object failed, or the result cannot be written.
            KeyboardInterrupt: Ctrl-C was typed; the result so far has been written.
        """
        from background_removal.files.video.video_source import VideoSource

        output, encoding = self.result_path, self.encoding
        check_result(output, self.video_path, video=True, encoding=encoding)
        with storage.local_file(self.video_path) as local:
            alpha = ObjectChain(self.custom_objects).makes_alpha
            frames = None if self.last_frame is None else self.last_frame + 1
            sink = video_sink(output, source=local, encoding=encoding, alpha=alpha, frames=frames)
            checks = ProcessedFrameCheck(self.start_video_frame)
            source = VideoSource(local, self.video_path, keep_planes=self.may_stay_in_planes)
            self.process(source, [sink, *self.sinks, checks, Progress(self.progress)])

    def process_webcam(self) -> None:
        """Process a camera's frames until ``q``, Esc, the window's closing or Ctrl-C.

        Raises:
            CameraError: the camera cannot be opened.
            ProcessingError: an object failed, or the camera stopped.
            KeyboardInterrupt: Ctrl-C was typed.
        """
        from background_removal.live.camera.camera import CameraSource

        source = CameraSource(self.webcam_id, self.live, self._has_viewers, keep_planes=self.may_stay_in_planes)
        self.process(source, self.sinks)

    def process(self, source: Source, sinks: Sequence[Sink] = ()) -> None:
        """Pass every frame of `source` through the custom objects and hand it to all `sinks`.

        Args:
            source: Where frames come from.
            sinks: Who takes them, in order; with `show`, the window and what its keys ask for come after them, and
                with a camera what `live` asks for.

        Raises:
            BackgroundRemovalError: something could not be opened, read, processed or written.
            KeyboardInterrupt: Ctrl-C was typed; what was done until then was completed, unless `keep_partial` is off.
        """
        self._chain = chain = ObjectChain(self.custom_objects)

        def all_sinks(info: StreamInfo) -> Sequence[Sink]:
            self._sinks = [*sinks, *self._live_sinks(chain, info)]
            return self._sinks

        last, keep = self.last_frame, self.keep_partial
        try:
            run_loop(source, chain, self._processed, all_sinks, last_frame=last, keep_partial=keep)
        finally:
            self.result = next((sink.result for sink in sinks if sink.result), "")
            self._chain, self._sinks, self._last = None, [], None
            self.incomplete = getattr(source, "missing", "")  # a source of one's own need not have it

    @property
    def result_path(self) -> str:
        """Where the result of `run` goes; "" for the webcam."""
        path, video = self.video_path or self.image_path, bool(self.video_path)
        if not path:
            return ""
        alpha, tag = ObjectChain(self.custom_objects).makes_alpha, self.output_extension
        return result_path(path, self.output_path, video=video, tag=tag, alpha=alpha, encoding=self.encoding)

    @property
    def last_frame(self) -> int | None:
        """The number of the frame after which a run ends; None if it goes on to the end of the video."""
        return self.end_video_frame if self.break_on_end and self.end_video_frame else None

    def may_stay_in_planes(self, index: int | None = None) -> bool:
        """Tell whether a frame can do without BGR, by its number in a video, as far as the objects are concerned."""
        steps = type(self).custom_processing is Engine.custom_processing  # who has a step of his own gets images
        chain = self._chain or ObjectChain(self.custom_objects)
        return (index is not None and self.check_video_frames_range(index)) or (steps and chain.takes_planes)

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
        return to_image((self._chain or ObjectChain(self.custom_objects)).apply(frame))

    def flip(self, frame: Picture) -> Picture:
        """Return `frame`, an image or planes, mirrored left to right if `flip_view` is set, else as it is."""
        return mirror(frame) if self.flip_view else frame

    def display(self, frame: np.ndarray, webcam: bool = False) -> bool:
        """Show `frame` in the window if `show` is set, and give the objects the keys typed in it.

        Args:
            frame: uint8 (H, W, 3) BGR or (H, W, 4) BGRA.
            webcam: Whether the frame comes from a camera; kept for callers that pass it.

        Returns:
            Whether to go on: False once ``q`` or Esc was typed or the window was closed.
        """
        if not self.show:
            return True
        try:
            self._shown_in().write(Frame(frame))
        except Stopped:
            return False
        return True

    def check_video_frames_range(self, fnum: int) -> bool:
        """Tell whether frame `fnum`, counted from 0, is to be skipped: written as it is."""
        return fnum < self.start_video_frame or 0 < self.end_video_frame < fnum

    def close(self) -> None:
        """Close the window; calling it again does nothing."""
        if self._viewer is not None:
            self._viewer.close()

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # -- inside ----------------------------------------------------------------------------------

    def _processed(self, frame: Frame, info: StreamInfo) -> Frame:
        """Return what becomes of a frame: mirrored, and passed through the objects, if it is not to be skipped."""
        if self.frozen and self._last is not None:
            return replace(self._last, index=frame.index, pts=frame.pts, duration=frame.duration)
        if not (info.live or info.still) and self.check_video_frames_range(frame.index):
            return frame
        assert self._chain is not None
        self._chain.at(frame)
        picture: Any = self.flip(frame.picture)
        original: Any = picture if any(sink.needs_original for sink in self._sinks) else None
        if isinstance(original, np.ndarray):
            original = original.copy()  # objects may draw on what they are given
        result = self._chain.apply(picture) if isinstance(picture, Planes) else self.custom_processing(picture)
        matte = self._chain.matte() if any(sink.needs_matte for sink in self._sinks) else None
        mirror = self.mirror_preview and not self.flip_view
        self._last = replace(frame, picture=result, processed=True, original=original, matte=matte, mirror=mirror)
        return self._last

    def _has_viewers(self) -> bool:
        return not self._sinks or any(sink.has_viewers for sink in self._sinks)

    def _shown_in(self) -> Viewer:
        """Return the window."""
        if self._viewer is None:
            from background_removal.live.control.controls import StreamKeys
            from background_removal.live.window.viewer import Viewer

            self._viewer = Viewer(self.live.show_fps)
            chain = ObjectChain(self.custom_objects)
            self._viewer.serve([chain, StreamKeys(self, live=False)], chain)
        return self._viewer

    def _live_sinks(self, chain: ObjectChain, info: StreamInfo) -> list[Sink]:
        """Return the window, what its keys ask for, and where else a camera's frames go."""
        if not (self.show or info.live):
            return []
        from background_removal.live.sinks import live_sinks

        if self.show:
            from background_removal.live.window.window import require_display

            require_display()  # before anything is loaded for it
        return live_sinks(self, chain, info, self._shown_in() if self.show else None)
