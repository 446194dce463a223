"""Engine: passes every frame of an image, a video or a camera through custom objects."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from background_removal.errors import Stopped
from background_removal.files import storage
from background_removal.files.foreign import check_not_foreign
from background_removal.files.images import ImageSink, ImageSource
from background_removal.files.saving.outputs import check_result, result_path, video_sink
from background_removal.files.video.formats import Encoding
from background_removal.live.options import LiveOptions
from background_removal.pipeline.frame import Frame, Planes, Sink, Source, StreamInfo, mirror, to_image
from background_removal.pipeline.frame_range import FrameRange
from background_removal.pipeline.lookahead import look_ahead, own_copy
from background_removal.pipeline.loop import LastImage, ProcessedFrameCheck, run_loop
from background_removal.pipeline.objects import CustomObject, ObjectChain
from background_removal.pipeline.planes import Picture
from background_removal.pipeline.progress import Progress

if TYPE_CHECKING:
    from tqdm import tqdm

    from background_removal.files.video.cut import Cut
    from background_removal.live.window.viewer import Viewer


class Engine:
    """Reads frames, applies all custom objects to each, and shows or writes the results.

    A custom object is any callable that takes an image, uint8 (H, W, 3) BGR, and returns one; its optional methods are
    those of `pipeline.objects.FrameObject`.

    Args:
        image_path: Image for `process_image`: a local path, s3://bucket/key, a web address, or - for stdin.
        video_path: Video for `process_video`, likewise; on stdin a Y4M.
        webcam_id: Camera for `process_webcam`: a number, or the URL of a stream.
        show: Show the results in a window.
        flip_view: Mirror every frame, left to right, before the custom objects.
        custom_objects: Objects applied to each frame, in order.
        output_extension: Part of the result's name: clip.mp4 becomes clip_<output_extension>.mp4.
        start_video_frame: First frame of a video to process, counted from 0.
        end_video_frame: Last frame to process, 0 for no end. Frames outside are written unchanged.
        break_on_end: Stop after `end_video_frame`.
        output_path: Path of the result, instead of a file beside the source: a file with the suffix of its format, a
            folder, ``frames/%06d.png`` for the pictures of a video, or - for stdout, where an image is a PNG and a Y4M
            from stdin a Y4M.
        encoding: Encoding of videos and recordings.
        live: Options of a camera and of its outputs beside the window.
        sinks: Further sinks for the results, such as `files.saving.outputs.MatteSink`; new ones for every run.
        progress: Show a progress bar for a video when stderr is a terminal; or an existing bar to update.
        keep_partial: Whether a file ended early, by ``q`` or Ctrl-C, leaves clip_out.partial.mp4.
        cut: The part of a video that is kept; its frames, sound and chapters begin at 0.

    Attributes:
        result: Result of the last run: `result_path`, or its partial file; "" for none.
        incomplete: Description of the frames that a damaged source lacked, or of what ended the run early; the
            result holds the rest. "" for none.
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
        cut: Cut | None = None,
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
        self.encoding = encoding or Encoding()
        self.live = live or LiveOptions()
        self.sinks = list(sinks)
        self.progress = progress
        self.keep_partial = keep_partial
        self.cut = cut
        ObjectChain(self.custom_objects)  # checks that they are callable
        FrameRange(start_video_frame, end_video_frame)  # checks the numbers
        self.result = ""
        self.incomplete = ""
        self.frozen = False  # changed by a key
        self.mirror_preview = False  # changed by a key
        self._chain: ObjectChain | None = None
        self._last_stage: ObjectChain | None = None  # the objects from the last one that sees later frames
        self._sinks: list[Sink] = []
        self._last: Frame | None = None
        self._viewer: Viewer | None = None

    # -- running ---------------------------------------------------------------------------------

    def run(self) -> None:
        """Process the video if there is one, otherwise the image, otherwise the webcam."""
        if self.video_path:
            self.process_video()
        elif self.image_path:
            self.process_image()
        else:
            self.process_webcam()

    def process_image(self) -> np.ndarray:
        """Process `image_path`, write the result to `result_path`, and return it.

        With `show` the window stays until it is closed; keys that change the picture process the image again.

        Returns:
            uint8 (H, W, 3) BGR, or (H, W, 4) BGRA.

        Raises:
            InputError: the image or the output cannot be used.
            ProcessingError: an object failed, or the result cannot be written.
        """
        output = self.result_path
        check_result(output, self.image_path, video=False)
        result = LastImage()
        alpha = ObjectChain(self.custom_objects).makes_alpha
        with storage.local_file(self.image_path) as local:
            check_not_foreign(local, self.image_path)
            sink = ImageSink(output, flattens=not alpha, metadata=self.encoding.metadata)
            source: Source = ImageSource(local, self.image_path, again=self.show)
            if self.show:
                source = self._get_viewer().while_open(source)
            self.process(source, [sink, *self.sinks, result, Progress(self.progress)])
        assert result.image is not None
        return result.image

    def process_video(self) -> None:
        """Process `video_path` and write the result with its sound to `result_path`.

        ``q`` in the window or Ctrl-C ends early; `result` is then the partial file.

        Raises:
            InputError: the video or the output cannot be used.
            ProcessingError: an object failed, or the result cannot be written.
            KeyboardInterrupt: Ctrl-C was typed; the partial result has been written.
        """
        from background_removal.files.video.animation_source import is_read_here, video_source
        from background_removal.files.video.cut import cut_source

        if self.video_path == storage.STANDARD:
            self._process_piped_video()
            return
        output = self.result_path
        check_result(output, self.video_path, video=True, encoding=self.encoding)
        with storage.local_file(self.video_path) as local:
            check_not_foreign(local, self.video_path)
            alpha = ObjectChain(self.custom_objects).makes_alpha
            frames = None if self.last_frame is None else self.last_frame + 1
            sound = None if is_read_here(local) else local
            sink = video_sink(output, source=sound, encoding=self.encoding, alpha=alpha, frames=frames, cut=self.cut)
            options: dict[str, Any] = {
                # Frames are counted from a cut, which the source does not know.
                "keep_planes": (lambda index: self.keeps_planes()) if self.cut else self.keeps_frame_in_planes,
                "interlaced": self.encoding.interlaced,
                "keep_alpha": True,
            }
            if self.cut:
                source = cut_source(local, self.video_path, self.cut, **options)
            else:
                source = video_source(local, self.video_path, **options)
            self._process_video_frames(source, sink)

    def process_webcam(self) -> None:
        """Process a camera's frames until ``q``, Esc, Ctrl-C, or until the window is closed.

        Raises:
            CameraError: the camera cannot be opened.
            ProcessingError: an object failed, or the camera stopped.
            KeyboardInterrupt: Ctrl-C was typed.
        """
        from background_removal.live.camera.camera import CameraSource

        source = CameraSource(self.webcam_id, self.live, self._has_viewers, keep_planes=self.keeps_planes)
        self.process(source, self.sinks)

    def process(self, source: Source, sinks: Sequence[Sink] = ()) -> None:
        """Pass every frame of `source` through the custom objects and write it to all `sinks`.

        Args:
            source: Yields the frames.
            sinks: Sinks for the results, in order; those of `show` and, for a camera, of `live` follow.

        Raises:
            BackgroundRemovalError: something could not be opened, read, processed or written.
            KeyboardInterrupt: Ctrl-C was typed; partial results were completed, unless `keep_partial` is off.
        """
        self._chain = chain = ObjectChain(self.custom_objects)

        def make_sinks(info: StreamInfo) -> Sequence[Sink]:
            self._sinks = [*sinks, *self._live_sinks(chain, info)]
            return self._sinks

        ended = ""
        try:
            ended = run_loop(
                source,
                chain,
                self._process_frame,
                make_sinks,
                look_ahead=self._look_ahead,
                last_frame=self.last_frame,
                keep_partial=self.keep_partial,
            )
        finally:
            self.result = next((sink.result for sink in sinks if sink.result), "")
            self.incomplete = getattr(source, "missing", "") or ended  # a user's source need not have it
            self._chain = self._last_stage = None
            self._sinks = []
            self._last = None

    @property
    def result_path(self) -> str:
        """Path of the result of `run`; "" for the webcam."""
        path = self.video_path or self.image_path
        if not path:
            return ""
        return result_path(
            path,
            self.output_path,
            video=bool(self.video_path),
            tag=self.output_extension,
            alpha=ObjectChain(self.custom_objects).makes_alpha,
            encoding=self.encoding,
        )

    @property
    def frame_range(self) -> FrameRange:
        """The frames of a video to process."""
        return FrameRange(self.start_video_frame, self.end_video_frame, self.break_on_end)

    @property
    def last_frame(self) -> int | None:
        """Index of the frame after which a run ends; None for the end of the video."""
        return self.frame_range.end

    @property
    def lookahead(self) -> int:
        """Number of later frames of a video file that the custom objects see before a frame is processed."""
        if self._overrides_processing:  # it calls the objects itself
            return 0
        return (self._chain or ObjectChain(self.custom_objects)).lookahead

    def keeps_planes(self) -> bool:
        """Return whether the custom objects take planes, so that frames need no conversion to BGR."""
        if self._overrides_processing:  # an override takes images
            return False
        return (self._chain or ObjectChain(self.custom_objects)).takes_planes

    def keeps_frame_in_planes(self, index: int) -> bool:
        """Return whether frame `index` of a video needs no conversion to BGR: it is skipped, or objects take planes."""
        return self.check_video_frames_range(index) or self.keeps_planes()

    # -- steps -----------------------------------------------------------------------------------

    def custom_processing(self, frame: np.ndarray) -> np.ndarray:
        """Apply all custom objects to one image.

        Args:
            frame: uint8 (H, W, 3) BGR.

        Returns:
            uint8 (H, W, 3) BGR or (H, W, 4) BGRA.

        Raises:
            ProcessingError: an object raised, or returned no image; the message names it and, in a stream, the frame.
        """
        return to_image((self._chain or ObjectChain(self.custom_objects)).apply(frame))

    def flip(self, frame: Picture) -> Picture:
        """Mirror `frame`, an image or planes, left to right if `flip_view` is set."""
        return mirror(frame) if self.flip_view else frame

    def display(self, frame: np.ndarray, webcam: bool = False) -> bool:
        """Show `frame` in the window if `show` is set, and pass typed keys to the custom objects.

        Args:
            frame: uint8 (H, W, 3) BGR or (H, W, 4) BGRA.
            webcam: Unused; kept for callers that pass it.

        Returns:
            Whether to continue: False once ``q`` or Esc was typed or the window was closed.
        """
        if not self.show:
            return True
        try:
            self._get_viewer().write(Frame(frame))
        except Stopped:
            return False
        return True

    def check_video_frames_range(self, fnum: int) -> bool:
        """Return whether frame `fnum`, counted from 0, is skipped, that is, written unchanged."""
        return fnum not in self.frame_range

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

    def _process_piped_video(self) -> None:
        """Process the Y4M on standard input, which has no sound, as its frames come."""
        from background_removal.files.video.cut import CutSource
        from background_removal.files.video.y4m import Y4mSink, Y4mSource

        output = self.result_path
        check_result(output, self.video_path, video=True, encoding=self.encoding)
        alpha = ObjectChain(self.custom_objects).makes_alpha
        source = Y4mSource(keep_planes=self.keeps_frame_in_planes, interlaced=self.encoding.interlaced)
        if output == storage.STANDARD:
            sink: Sink = Y4mSink(alpha=alpha, source=source)
        else:
            sink = video_sink(output, encoding=self.encoding, alpha=alpha)
        self._process_video_frames(CutSource(source, self.video_path, self.cut) if self.cut else source, sink)

    def _process_video_frames(self, source: Source, sink: Sink) -> None:
        check = ProcessedFrameCheck(self.start_video_frame)
        self.process(source, [sink, *self.sinks, check, Progress(self.progress, self.last_frame)])

    @property
    def _overrides_processing(self) -> bool:
        return type(self).custom_processing is not Engine.custom_processing

    def _look_ahead(self, frames: Iterator[Frame | None], info: StreamInfo) -> Iterator[Frame | None]:
        """Return the frames of a video file later, if one of the custom objects is to see later ones first.

        The objects before that one have then processed them.
        """
        assert self._chain is not None
        if info.live or info.still or not self.lookahead:
            return frames
        stages = self._chain.split_for_lookahead()
        foresee = self._begin_frame
        for before, stage in itertools.pairwise(stages):
            frames = look_ahead(frames, stage.lookahead, functools.partial(foresee, before, stage))
            foresee = self._continue_frame
        self._last_stage = stages[-1]
        return frames

    def _begin_frame(self, before: ObjectChain, stage: ObjectChain, frame: Frame) -> Frame:
        """Mirror a frame, and see `_continue_frame`."""
        if self.check_video_frames_range(frame.index):
            return frame
        frame = replace(frame, picture=self.flip(frame.picture))
        return self._continue_frame(before, stage, replace(frame, original=self._keep_original(frame.picture)))

    def _continue_frame(self, before: ObjectChain, stage: ObjectChain, frame: Frame) -> Frame:
        """Apply the objects of one stage to a frame, unless it is skipped, and show it to the first of the next."""
        if self.check_video_frames_range(frame.index):
            return frame
        if before.objects:
            before.at(frame)
            frame = replace(frame, picture=own_copy(before.apply(frame.picture)))
            if frame.matte is None and any(sink.needs_matte for sink in self._sinks):
                frame = replace(frame, matte=before.matte())
        return stage.foresee(frame)

    def _process_frame(self, frame: Frame, info: StreamInfo) -> Frame:
        """Mirror a frame and apply the custom objects, unless it is skipped; while frozen, repeat the last result."""
        if self.frozen and self._last is not None:
            return replace(self._last, index=frame.index, pts=frame.pts, duration=frame.duration)
        if not (info.live or info.still) and self.check_video_frames_range(frame.index):
            return frame
        chain = self._last_stage or self._chain
        assert chain is not None
        chain.at(frame)
        if self._last_stage is not None:
            result = chain.apply(frame.picture)
        else:
            picture = self.flip(frame.picture)
            frame = replace(frame, original=self._keep_original(picture))
            result = chain.apply(picture) if isinstance(picture, Planes) else self.custom_processing(picture)
        matte = frame.matte
        if matte is None and any(sink.needs_matte for sink in self._sinks):
            matte = chain.matte()
        mirror = self.mirror_preview and not self.flip_view
        self._last = replace(frame, picture=result, processed=True, matte=matte, mirror=mirror)
        return self._last

    def _keep_original(self, picture: np.ndarray | Planes) -> np.ndarray | Planes | None:
        """Return a picture for the sinks that need the original; None if none does."""
        if not any(sink.needs_original for sink in self._sinks):
            return None
        return picture.copy() if isinstance(picture, np.ndarray) else picture  # objects may draw on their input

    def _has_viewers(self) -> bool:
        return not self._sinks or any(sink.has_viewers for sink in self._sinks)

    def _get_viewer(self) -> Viewer:
        """Return the window's sink, created on first use."""
        if self._viewer is None:
            from background_removal.live.control.stream_controls import StreamControls
            from background_removal.live.window.viewer import Viewer

            self._viewer = Viewer(self.live.show_fps)
            chain = ObjectChain(self.custom_objects)
            self._viewer.serve([chain, StreamControls(self, live=False)], chain)
        return self._viewer

    def _live_sinks(self, chain: ObjectChain, info: StreamInfo) -> list[Sink]:
        """Return the sinks of the window and its keys, and of a camera's further outputs."""
        if not (self.show or info.live):
            return []
        from background_removal.live.sinks import live_sinks

        if self.show:
            from background_removal.live.window.window import require_display

            require_display()  # before its libraries are loaded
        return live_sinks(self, chain, info, self._get_viewer() if self.show else None)
