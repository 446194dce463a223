"""MPSegmentation: the person stays, the background goes."""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

import cv2
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
# What the key b offers where nothing of the kind was asked for.
_BACKGROUNDS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "backgrounds")
_COLOR = "#00b140"
_BLUR_STEP = 10
_THRESHOLD_STEP = 0.05
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
        self._blur = (int(bg_blur_ratio[0]), int(bg_blur_ratio[1]))
        self._light_wrap = light_wrap
        self._live = False
        # Backgrounds by what the command line calls them; what it could not name has a name of its own.
        self._made: dict[str, Background | None] = {}
        if isinstance(background, Background):
            self._spec = self._add("your own", background)
        elif background is not None:
            self._spec = self._add(background, self._from_text(background))
        elif bg_images_path:
            self._spec = self._add(os.fspath(bg_images_path), self._folder(os.fspath(bg_images_path)))
        elif isinstance(bg_image, np.ndarray):
            self._spec = self._add("your own", backgrounds.Picture(bg_image))
        elif bg_image:
            self._spec = self._add(os.fspath(bg_image), self._file(os.fspath(bg_image)))
        elif bg_color is not None and len(bg_color):
            color = backgrounds.Color(bg_color)
            self._spec = self._add("#{2:02x}{1:02x}{0:02x}".format(*map(int, bg_color)), color)
        else:
            self._spec = self._add("blur", backgrounds.Blur(self._blur))
        self._background = self._made[self._spec]
        self._edge = (threshold, edge_softness)
        self._model = (model, model_selection, runtime, device, ModelOptions(model_size, model_input, model_output))
        self._quality = quality
        self._reuse_still = reuse_still
        self._person: PersonMatte | None = self._load()
        self._last_matte: Matte | None = None
        self._unseen: np.ndarray | None = None
        self._showing_matte = False

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Return `frame` with its background replaced.

        Args:
            frame: uint8 (H, W, 3) BGR; it is not changed.

        Returns:
            uint8 (H, W, 3) BGR, or (H, W, 4) BGRA with a transparent background.
        """
        if self._background is None:
            # Found only if somebody asks for it, who may come after objects that draw on the frame.
            self._last_matte, self._unseen = None, frame.copy()
            return frame
        view = Pyramid(frame)
        return self._background.compose(view, self._matte(view))

    def alpha(self, frame: np.ndarray) -> np.ndarray:
        """Return the alpha of `frame`, uint8 (H, W, 3) BGR, as float32 (H, W) in [0, 1]; 1 is the person.

        Frames are taken to follow one another; call `reset` where they do not.
        """
        return self._matte(Pyramid(frame)).full()

    def last_alpha(self) -> np.ndarray:
        """Return the alpha of the last frame that was processed, float32 (H, W) in [0, 1].

        For objects that come after this one and want to know where the person is.

        Raises:
            RuntimeError: there was no frame yet.
        """
        if self._last_matte is None and self._unseen is not None:
            self._matte(Pyramid(self._unseen))
        if self._last_matte is None:
            raise RuntimeError("no frame has been segmented yet")
        return self._last_matte.full()

    @property
    def makes_alpha(self) -> bool:
        """Whether the results have an alpha channel."""
        return isinstance(self._background, backgrounds.Transparent)

    def matte_picture(self) -> np.ndarray:
        """Return the last alpha as a grey picture, uint8 (H, W, 3); for `Engine(side_outputs=...)`."""
        grey = cv2.convertScaleAbs(self.last_alpha(), alpha=255)
        return cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)

    def reset(self) -> None:
        """Forget the previous frames: the next one begins another stream."""
        self._last_matte = self._unseen = None
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
        """Say when in the stream the next frame is shown (called by the engine).

        For a background that plays, and for a matte that does not depend on where a process has begun.
        """
        if self._person is not None and not self._live:
            self._person.at(seconds)
        if self._background is not None:
            self._background.at(seconds)

    keys: Mapping[str, str] = {
        "a / d": "next / previous background",
        "b": "blur, image, colour or none",
        "[ / ]": "less / more blur",
        "- / +": "keep more / less of the picture",
        "m": "show the matte",
    }

    def on_key(self, key: str) -> bool | str:
        """Change the look by one of `keys`; return what to say of it, False if nothing has changed."""
        key = key.lower()
        if key in ("a", "d"):
            changed = self.change_image(key == "a")
            return (changed and self._background is not None and self._background.label) or changed
        if key == "b":
            return self._next_kind()
        if key in ("[", "]"):
            return self._change_blur(_BLUR_STEP if key == "]" else -_BLUR_STEP)
        if key in ("-", "+", "="):
            return self._change_threshold(-_THRESHOLD_STEP if key == "-" else _THRESHOLD_STEP)
        if key == "m":
            self._showing_matte = not self._showing_matte
            return "the matte" if self._showing_matte else "the picture"
        return False

    def view(self, image: np.ndarray) -> np.ndarray:
        """Return what the window shows (called by the engine): the matte while the key m has asked for it."""
        return self.matte_picture() if self._showing_matte and self._has_frame() else image

    def look(self) -> dict[str, str | float | int]:
        """Return what the keys can change, named as the options of the command line are."""
        return {"background": self._spec, "blur": self._blur[0], "threshold": self._edge[0]}

    def _has_frame(self) -> bool:
        return self._last_matte is not None or self._unseen is not None

    def _next_kind(self) -> str:
        """Go from a blur to pictures, a colour and nothing, and round again."""
        begun_with = next(iter(self._made))
        kinds = ["blur", _BACKGROUNDS, _COLOR, "none"]
        place = next((n for n, kind in enumerate(kinds) if _kind(kind) == _kind(begun_with)), len(kinds))
        kinds[place : place + 1] = [begun_with]
        if not os.path.isdir(_BACKGROUNDS) and _BACKGROUNDS in kinds:
            kinds.remove(_BACKGROUNDS)
        place = kinds.index(self._spec) + 1 if self._spec in kinds else 0
        self._set_background(kinds[place % len(kinds)])
        return f"background: {os.path.basename(self._spec)}"

    def _change_blur(self, step: int) -> str:
        self._blur = (max(1, self._blur[0] + step), max(1, self._blur[1] + step))
        self._made["blur"] = backgrounds.Blur(self._blur)
        self._set_background("blur")
        return f"blur {self._blur[0]}"

    def _change_threshold(self, step: float) -> str:
        threshold = round(min(max(self._edge[0] + step, 0.05), 0.95), 2)
        self._edge = (threshold, self._edge[1])
        if self._person is not None:
            self._person.set_threshold(threshold)
        return f"threshold {threshold:g}"

    def _set_background(self, spec: str) -> None:
        if spec not in self._made:
            self._add(spec, self._from_text(spec))
        background = self._made[spec]
        if background is not None:
            background.begin(self._live)
        self._background, self._spec = background, spec

    def _add(self, spec: str, background: Background | None) -> str:
        if background is not None:
            background.light_wrap = self._light_wrap
        self._made[spec] = background
        return spec

    def close(self) -> None:
        """Free the network (called by the engine); the next frame loads it again."""
        if self._person is not None:
            self._person.close()
            self._person = None

    def _matte(self, view: Pyramid) -> Matte:
        if self._person is None:
            self._person = self._load()
        self._last_matte = self._person(view)
        return self._last_matte

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

    def _from_text(self, text: str) -> Background | None:
        if text == "none":
            return None
        if text == "blur":
            return backgrounds.Blur(self._blur)
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


def _kind(spec: str) -> str:
    """Return which of the kinds that the key b goes through a background is."""
    if spec in ("blur", "none", "transparent", "your own"):
        return spec
    return "colour" if spec.startswith("#") else "pictures"


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
