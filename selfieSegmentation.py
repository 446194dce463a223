"""MPSegmentation: the person stays, the background goes."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np

import storage
from errors import InputError, InputNotFoundError
from matting import backgrounds
from matting.backgrounds import Background, Scenery
from matting.matte import Matte, PersonMatte, RefinedNetwork
from matting.pyramid import Pyramid
from matting.recurrent import RecurrentMatting, is_recurrent
from matting.refine import Refiner
from matting.segmenters import ModelOptions, OnnxSegmenter, Segmenter, load_session, make_segmenter
from matting.weights import MODELS

if TYPE_CHECKING:
    from media.frame import StreamInfo

_QUALITIES = ("live", "file")
_MODELS_BY_NUMBER = {0: "general", 1: "landscape"}


class MPSegmentation:
    """Finds the person with MediaPipe's selfie-segmentation networks and replaces what is behind.

    A custom object for `Engine`; on its own, call it with one BGR image after another.

    Of the ways to say what goes behind, the first one given counts: `background`, `bg_images_path`,
    `bg_image`, `bg_color`, and else a blur.

    Args:
        bg_blur_ratio: Width and height of the blur's Gaussian kernel in pixels, both odd.
        bg_image: A picture, as uint8 (H, W, 3) BGR or as the path of a file; it is scaled to cover.
        threshold: Where background ends and person begins, 0 to 1; higher keeps less.
        model_selection: The network that finds the person in the whole frame: 0 is the general model (256x256),
            1 the landscape model (144x256). His edge is then drawn by the general one from a crop around him.
        bg_images_path: A folder of pictures; the keys a and d go through them.
        bg_color: (B, G, R), each 0 to 255.
        background: What the command line takes too: "blur", "none" (the frame is left as it is), "#RRGGBB",
            the path of a picture, a folder or a video, "transparent" (the result has an alpha channel); or a
            `matting.backgrounds.Background` of your own.
        edge_softness: 0 cuts hard at the threshold, 1 leaves the edge as soft as the network sees it.
        light_wrap: How much light of a new background falls over the person's edge, 0 (none) to 1.
        reuse_still: Whether a frame that has hardly changed gets the alpha of the one before it; None does so
            for cameras only.
        model: What draws the person instead of the general network at its wider size ("wide"): "landscape",
            "general", a network that is downloaded the first time ("rvm", RobustVideoMatting, GPL-3.0;
            "u2net_human_seg"; "modnet"), or the path of an ONNX file. A recurrent network with
            RobustVideoMatting's interface is recognised as such.
        runtime: "onnx" (ONNX Runtime) or "mediapipe" (MediaPipe Tasks).
        device: "auto", "cpu", "cuda", "tensorrt", "directml", "coreml" or "openvino".
        quality: For recurrent networks: "live" shows them a small crop, "file" the whole frame in full size.
        model_size: Height and width of the input of your own ONNX file, where it leaves them free (else 256).
        model_input: What its input expects of RGB: "unit" [0, 1] (default), "symmetric" [-1, 1], "imagenet".
        model_output: "probability", "logits", or "auto": values outside [0, 1] are logits.

    Raises:
        InputError: an argument is out of range, or a file cannot be used.
        InputNotFoundError: a file or folder does not exist.
        DeviceError: `device` was asked for by name and did not load.
    """

    def __init__(
        self,
        bg_blur_ratio: tuple[int, int] = (35, 35),
        bg_image: np.ndarray | str | os.PathLike[str] | None = None,
        threshold: float = 0.5,
        model_selection: int = 1,
        bg_images_path: str | os.PathLike[str] | None = None,
        bg_color: Sequence[int] | None = None,
        *,
        background: str | Background | None = None,
        edge_softness: float = 0.5,
        light_wrap: float = 0.0,
        reuse_still: bool | None = None,
        model: str | None = None,
        runtime: str = "onnx",
        device: str = "auto",
        quality: str = "live",
        model_size: tuple[int, int] | None = None,
        model_input: str | None = None,
        model_output: str = "auto",
    ) -> None:
        if quality not in _QUALITIES:
            raise InputError(f"quality '{quality}': must be one of {', '.join(_QUALITIES)}")
        if model_selection not in _MODELS_BY_NUMBER:
            raise InputError(f"model_selection {model_selection}: must be 0 (general) or 1 (landscape)")
        for name, value in (("threshold", threshold), ("edge_softness", edge_softness), ("light_wrap", light_wrap)):
            if not 0 <= value <= 1:
                raise InputError(f"{name} {value}: must be between 0 and 1")
        # Remote files that are needed for as long as this object lives.
        self._files = ExitStack()
        weakref.finalize(self, self._files.close)
        if background is None:
            background = self._from_parts(bg_blur_ratio, bg_image, bg_images_path, bg_color)
        elif isinstance(background, str):
            background = self._from_text(background, bg_blur_ratio)
        if background is not None:
            background.light_wrap = light_wrap
        self._background: Background | None = background
        self._edge = (threshold, edge_softness)
        self._model = (model, model_selection, runtime, device, ModelOptions(model_size, model_input, model_output))
        self._quality = quality
        self._reuse_still = reuse_still
        self._live = False
        self._person: PersonMatte | None = self._load()

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Return `frame` with its background replaced.

        Args:
            frame: uint8 (H, W, 3) BGR; it is not changed.

        Returns:
            uint8 (H, W, 3) BGR, or (H, W, 4) BGRA with a transparent background.
        """
        if self._background is None:
            return frame
        view = Pyramid(frame)
        return self._background.compose(view, self._matte(view))

    def alpha(self, frame: np.ndarray) -> np.ndarray:
        """Return the alpha of `frame`, uint8 (H, W, 3) BGR, as float32 (H, W) in [0, 1]; 1 is the person.

        Frames are taken to follow one another; call `reset` where they do not.
        """
        return self._matte(Pyramid(frame)).full()

    def reset(self) -> None:
        """Forget the previous frames: the next one begins another stream."""
        if self._person is not None:
            self._person.reset()

    def change_image(self, prevOrNext: bool = True) -> bool:  # noqa: N803 - the name is part of the contract
        """Go to the next background of the folder (True) or to the previous one (False).

        Returns:
            Whether there was another one to go to.
        """
        return self._background is not None and self._background.change(prevOrNext)

    def open(self, info: StreamInfo) -> None:
        """A stream begins (called by the engine)."""
        self.reset()
        self._live = info.live
        if self._person is not None and self._reuse_still is None:
            self._person.reuse_still = info.live
        if self._background is not None:
            self._background.begin(info.live)

    def at(self, seconds: float) -> None:
        """Say when in the stream the next frame is shown (called by the engine), for a background that plays."""
        if self._background is not None:
            self._background.at(seconds)

    def on_key(self, key: str) -> bool:
        """``a`` goes to the next background, ``d`` to the previous one; return whether the key was used."""
        if key.lower() == "a":
            return self.change_image(True)
        if key.lower() == "d":
            return self.change_image(False)
        return False

    def close(self) -> None:
        """Free the network (called by the engine); the next frame loads it again."""
        if self._person is not None:
            self._person.close()
            self._person = None

    def _matte(self, view: Pyramid) -> Matte:
        if self._person is None:
            self._person = self._load()
        return self._person(view)

    def _load(self) -> PersonMatte:
        model, number, runtime, device, options = self._model
        reuse = self._live if self._reuse_still is None else self._reuse_still
        threshold, edge_softness = self._edge
        if runtime == "onnx" and model is not None and model not in MODELS:
            session = load_session(model, device)
            if is_recurrent(session):
                finder = make_segmenter(_MODELS_BY_NUMBER[number], runtime, device)
                drawer = RecurrentMatting(session, model, threshold, edge_softness, whole=self._quality == "file")
                return PersonMatte(finder, drawer, reuse)
            network: Segmenter = OnnxSegmenter(model, session, options)
        else:
            network = make_segmenter(model or "wide", runtime, device)
        # A network that was asked for by name also finds what it draws: it may know other things than people.
        finder = network if model else make_segmenter(_MODELS_BY_NUMBER[number], runtime, device)
        return PersonMatte(finder, RefinedNetwork(network, Refiner(threshold, edge_softness)), reuse)

    def _from_parts(
        self,
        blur: tuple[int, int],
        image: np.ndarray | str | os.PathLike[str] | None,
        folder: str | os.PathLike[str] | None,
        color: Sequence[int] | None,
    ) -> Background:
        if folder:
            return self._folder(os.fspath(folder))
        if isinstance(image, np.ndarray):
            return backgrounds.Picture(image)
        if image:
            return self._file(os.fspath(image))
        if color is not None and len(color):
            return backgrounds.Color(color)
        return backgrounds.Blur(blur)

    def _from_text(self, text: str, blur: tuple[int, int]) -> Background | None:
        if text == "none":
            return None
        if text == "blur":
            return backgrounds.Blur(blur)
        if text == "transparent":
            return backgrounds.Transparent()
        if storage.is_folder(text):
            return self._folder(text)
        if storage.is_file(text):
            return self._file(text)
        if text.startswith("#"):
            return backgrounds.Color(backgrounds.parse_color(text))
        raise InputNotFoundError(
            f"background {text}: no such file or folder (or use blur, none, transparent, '#RRGGBB')"
        )

    def _folder(self, path: str) -> Background:
        local = self._files.enter_context(storage.local_folder(path))
        return backgrounds.Folder(storage.list_files(local), _picture_or_video, path)

    def _file(self, path: str) -> Background:
        local = self._files.enter_context(storage.local_file(path))
        image = backgrounds.read_picture(local)
        return _video(local, path) if image is None else backgrounds.Picture(image)


def _picture_or_video(path: str) -> Scenery | None:
    image = backgrounds.read_picture(path)
    try:
        return _video(path, path) if image is None else backgrounds.Picture(image)
    except InputError:
        return None


def _video(path: str, name: str) -> Scenery:
    def play() -> Iterator[tuple[np.ndarray, float]]:
        from media.video_source import VideoSource

        with VideoSource(path, name) as video:
            for frame in video:
                yield frame.image, frame.seconds

    return backgrounds.Video(play, name)
