"""MPSegmentation: keep the person, replace the background."""

from __future__ import annotations

import os
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from background_removal.compositing import backgrounds
from background_removal.compositing.background_estimate import estimate_background
from background_removal.compositing.background_loader import BackgroundLoader
from background_removal.compositing.background_selector import YOURS, BackgroundSelector
from background_removal.compositing.backgrounds import Background
from background_removal.compositing.blur import BlurStrength, KernelBlur, parse_blur, parse_kernel
from background_removal.compositing.edge_shift import parse_shift
from background_removal.compositing.key_controls import KeyControls
from background_removal.compositing.look_controls import LookControls
from background_removal.compositing.matte_adjustment import MatteAdjustment
from background_removal.compositing.plate_controls import PlateControls
from background_removal.compositing.shipped import FOLDER as SHIPPED
from background_removal.compositing.stage import Stage
from background_removal.errors import InputError
from background_removal.look import Look
from background_removal.matting.alpha.matte import Matte
from background_removal.matting.guidance.given import GivenMatting
from background_removal.matting.guidance.steps import MatteSteps
from background_removal.matting.loading import load_matting
from background_removal.matting.networks.network import Network
from background_removal.matting.pyramid import Pyramid, drop_alpha, restore_alpha
from background_removal.matting.stream import StreamMatting
from background_removal.pipeline.actions import KEEP_AT, Action, keys_of
from background_removal.pipeline.frame import Planes, StreamInfo, to_image
from background_removal.pipeline.objects import FrameObject, optional_method

if TYPE_CHECKING:
    from background_removal.matting.guidance.hints import HintStep
    from background_removal.matting.guidance.kept_things import KeptThings


class MPSegmentation(FrameObject):
    """Find the person with MediaPipe's selfie-segmentation networks and replace the background.

    A custom object for `Engine`; on its own, call it with one BGR image after another.

    The background is the first of these that is given: `background`, `bg_images_path`, `bg_image`, `bg_color`; else
    a blur.

    Args:
        bg_blur_ratio: Width and height of the blur's Gaussian kernel in pixels, both odd.
        bg_image: A picture, as uint8 (H, W, 3) BGR or as the path of a file; it is scaled to cover.
        threshold: Alpha at which background ends and person begins, 0 to 1; higher keeps less.
        model_selection: The network that finds the person in the whole frame: 0 is the general model (256x256),
            1 the landscape model (144x256). The general model then finds the edge in a crop around the person.
        bg_images_path: A folder of pictures; the keys a and d go through them.
        bg_color: (B, G, R), each 0 to 255.
        background: As on the command line: "blur", "none" (the frame is left as it is), the path
            or URL of a picture or a video, a folder, the name of a shipped picture ("sunset"), a colour
            ("#RRGGBB", "navy"), "transparent" (the result has an alpha channel); or a
            `compositing.backgrounds.Background` of your own.
        blur: Strength of the blur, instead of `bg_blur_ratio`: "light", "medium", "strong", "N%" (the standard
            deviation in percent of the frame's shorter side), or a kernel in pixels.
        edge_softness: 0 cuts hard at the threshold, 1 leaves the edge as soft as the network sees it.
        light_wrap: Light of a new background over the person's edge, 0 (none) to 1.
        place: Where the person is on a new background: "left", "right", "center", or "X,Y,SCALE": the column of their
            middle and the row of their lower end, in shares of the frame, and the factor of their size; "" leaves them
            where they are.
        shadow: Strength of the person's shadow on a new background, 0 (none) to 1.
        foreground: A picture with transparency that lies before the person, as wide as the frame and standing on its
            lower edge: uint8 (H, W, 4) BGRA, or the path or URL of a file.
        reuse_still: Whether a frame that has hardly changed gets the alpha of the one before it; None does so
            for cameras, and with `effort` low. False asks the network for every frame, whatever the effort.
        model: Network that finds the edge, instead of the general one at its wider size ("wide"): "landscape",
            "general", "multiclass", a network that is downloaded the first time ("rvm", RobustVideoMatting, GPL-3.0;
            others by `--list-models`), or the path of an ONNX file. A recurrent network with RobustVideoMatting's
            interface is recognised as such, and so is a file of ISNet's shape.
        runtime: "onnx" (ONNX Runtime) or "mediapipe" (MediaPipe Tasks).
        device: "auto" (the quickest that is installed), "cpu", "cuda", "tensorrt", "migraphx", "directml", "coreml",
            "webgpu" or "openvino" (or a part of it: "openvino:gpu", "openvino:npu", "openvino:cpu").
        quality: "best" finds the edge at full size, with several networks, for images and video files: some tenths of
            a second for a frame; a recurrent network gets the whole frame at full size. "fast" works at a reduced
            size. None: "best" for `Engine`'s images.
        model_size: Height and width of the input of your own ONNX file, where it leaves them free (else 256).
        model_input: What its input expects of RGB: "unit" [0, 1] (default), "symmetric" [-1, 1], "imagenet", "isnet".
        model_output: "probability", "logits", "minmax" (stretched to [0, 1]), "bytes" (0 to 255), "classes" (class
            numbers), or "auto": by the type and the range of the values.
        model_output_name: Name of its output, where it has several; "" for the first.
        people: "all" keeps everyone, up to four people; "main" keeps the main person only.
        grow, shrink: Distance by which the edge of the finished matte moves outwards, inwards: "N%" of the height of
            the largest head, or pixels of the frame; one of the two.
        invert: Whether the room stays and the person goes; a blur then blurs the person. Without a person the frame
            stays as it is.
        matte_in: A matte from elsewhere in place of the networks: the path of an image or a video, grey or with alpha,
            of a folder of pictures or of their names (``matte/%06d.png``). It is used as it is, frame by frame.
        key: Colour of a screen behind the person, which finds the edge then: "green", "blue", another colour as
            "#RRGGBB", or "auto" to look for a green or blue one. None: there is no screen.
        key_shadows: Whether shadows on the screen are kept.
        plate: A picture of the empty room, uint8 (H, W, 3) BGR or the path or URL of a file; what differs from it and
            touches the person stays with them. "auto" estimates it from a video file whose camera stands still, "none"
            does without. None uses, for a camera, the one that was taken last, if it agrees.
        keep_chair: "no" lets things that stand still be part of the room though they differ from the plate.
        hints: Strokes on one image, as a picture of its size: uint8 (H, W), (H, W, 3) or (H, W, 4), or the path of a
            file. White keeps the thing that it marks, black erases it, grey (128) and transparent mark nothing.
        effort: For how many frames of a stream the network is asked. "low": where the picture's motion explains the
            next frame, its last answer is carried along for up to three frames. "normal": for each frame. "high": for
            each, and for its mirror image too. "auto": low for cameras, lower still on battery or on a busy computer;
            normal for files. A recurrent network is always asked.

    Attributes:
        keeps_alpha: Whether what is transparent in a frame stays so; otherwise it counts as background and shows the
            new one.

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
        blur: str | int | None = None,
        edge_softness: float = 0.5,
        light_wrap: float = 0.0,
        reuse_still: bool | None = None,
        model: str | None = None,
        runtime: str = "onnx",
        device: str = "auto",
        quality: str | None = None,
        model_size: tuple[int, int] | None = None,
        model_input: str | None = None,
        model_output: str = "auto",
        model_output_name: str = "",
        people: str = "all",
        grow: str | float = 0.0,
        shrink: str | float = 0.0,
        invert: bool = False,
        place: str = "",
        shadow: float = 0.0,
        foreground: np.ndarray | str | os.PathLike[str] | None = None,
        matte_in: str | os.PathLike[str] = "",
        key: str | None = None,
        key_shadows: bool = False,
        plate: np.ndarray | str | os.PathLike[str] | None = None,
        keep_chair: str = "yes",
        hints: np.ndarray | str | os.PathLike[str] | None = None,
        effort: str = "auto",
    ) -> None:
        Look(  # checks them
            threshold=threshold,
            edge_softness=edge_softness,
            light_wrap=light_wrap,
            grow=grow,
            shrink=shrink,
            invert=invert,
            place=place,
            shadow=shadow,
        )
        network = Network(
            model,
            model_selection,
            runtime,
            device,
            quality,
            model_size,
            model_input,
            model_output,
            model_output_name,
            effort,
        )
        self._loader = BackgroundLoader()
        self._kernel = parse_kernel(bg_blur_ratio)  # checked whether it is used or not
        strength = self._kernel if blur is None else parse_blur(blur)
        self._color = None if bg_color is None or not len(bg_color) else backgrounds.SolidColor(bg_color)
        spec, first = self._first_background(background, bg_images_path, bg_image, strength)
        pictures = SHIPPED if os.path.isdir(SHIPPED) else ""
        self._selector = BackgroundSelector(spec, first, self._loader.from_text, strength, pictures, light_wrap)
        before, before_spec = self._loader.first_foreground(foreground)
        self._stage = Stage(place, shadow, before, before_spec, self._loader.foreground)
        self._stage.check(first)
        self._person: StreamMatting | GivenMatting
        if matte_in:
            from background_removal.compositing.matte_loader import load_mattes

            if isinstance(plate, np.ndarray) or plate:
                raise InputError("`plate` goes without `matte_in`, which is used as it is")
            self._person = load_mattes(os.fspath(matte_in))
            self._person.people = people
        else:
            self._person = load_matting(network, threshold, edge_softness, people)
        self._person.reuse_still = bool(reuse_still)
        # A given matte takes none.
        self._effort = self._person.effort if isinstance(self._person, StreamMatting) else None
        weakref.finalize(self, self._person.close)  # the networks are kept from stream to stream
        self._controls = LookControls(self._selector, self._person, self._stage, threshold, edge_softness)
        self.keeps_alpha = True
        self._frame_alpha: np.ndarray | None = None
        self._steps = MatteSteps()
        glance = self._person.glance if isinstance(self._person, StreamMatting) else None
        self._plate = PlateControls(plate, keep_chair, self._steps, glance)
        self._things: KeptThings | None = None
        self._adjustment = MatteAdjustment(
            parse_shift(grow, "grow"), parse_shift(shrink, "shrink"), invert, _head_height_of(self._person)
        )
        self._screen = KeyControls(key, key_shadows, self._steps)
        self._hints: HintStep | None = None
        self.set_hints(hints)
        self._reuse_still = reuse_still
        self._still = self._live = False
        self._last_matte: Matte | None = None
        self._person_matte: Matte | None = None
        self._unseen: Pyramid | None = None
        self._found_person: bool | None = None
        self._view: Pyramid | None = None
        self._foreseen: deque[tuple[np.ndarray | Planes, Pyramid]] = deque()
        self._foresees = False
        self._moves: list[Callable[[np.ndarray], np.ndarray]] = []

    def _first_background(
        self,
        background: str | Background | None,
        folder: str | os.PathLike[str] | None,
        image: np.ndarray | str | os.PathLike[str] | None,
        blur: BlurStrength,
    ) -> tuple[str, Background | None]:
        """Return the name and the background of the first argument that is given."""
        if isinstance(background, Background):
            return YOURS, background
        if background is not None:
            return background, backgrounds.Blur(blur) if background == "blur" else self._loader.from_text(background)
        if folder:
            return os.fspath(folder), self._loader.folder(folder)
        if (picture := self._loader.picture(image)) is not None:
            return picture
        if self._color is not None:
            return self._color.label, self._color
        return "blur", backgrounds.Blur(blur)

    # -- frames ------------------------------------------------------------------------------------

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Return `frame` with its background replaced.

        Args:
            frame: uint8 (H, W, 3) BGR, left unchanged; transparent pixels of (H, W, 4) BGRA stay transparent.

        Returns:
            uint8 (H, W, 3) BGR, or (H, W, 4) BGRA with a transparent background.

        Raises:
            InputError: `frame` is no image: None, empty, or of another type or shape.
        """
        image = drop_alpha(frame)
        self._frame_alpha = None if frame is image or self.keeps_alpha else frame[..., 3]
        if self._selector.background is None:
            # A copy: the person is found only when asked for, perhaps after another object has drawn on the frame.
            foreseen = self._take_foreseen(frame)
            self._last_matte, self._unseen = None, foreseen or Pyramid(image.copy())
            return to_image(self._stage.cover(frame if foreseen is None else frame.copy(), None))
        result = to_image(self._compose(self._selector.background, self._take_foreseen(frame) or Pyramid(image)))
        if frame is not image and self.keeps_alpha and not self._stage.is_moving:
            result = restore_alpha(result, frame)
        return to_image(self._stage.cover(result, self._selector.background))

    def on_planes(self, planes: Planes) -> Planes | np.ndarray:
        """Return planes with their background replaced; most backgrounds keep planes."""
        if self._selector.background is None:
            self._last_matte, self._unseen = None, self._take_foreseen(planes) or Pyramid(planes)
            return self._stage.cover(planes, None)
        result = self._compose(self._selector.background, self._take_foreseen(planes) or Pyramid(planes))
        return self._stage.cover(result, self._selector.background)

    def alpha(self, frame: np.ndarray) -> np.ndarray:
        """Return the alpha of `frame`, uint8 (H, W, 3) BGR, as float32 (H, W) in [0, 1]; 1 is the person.

        Call `reset` between frames that do not follow one another.

        Raises:
            InputError: `frame` is no image: None, empty, or of another type or shape.
        """
        return self._matte(self._take_foreseen(frame) or Pyramid(drop_alpha(frame))).full()

    def last_alpha(self) -> np.ndarray:
        """Return the alpha of the last processed frame, float32 (H, W) in [0, 1], for later objects in the list.

        Raises:
            RuntimeError: there was no frame yet.
        """
        if self._last_matte is None and self._unseen is not None:
            self._matte(self._unseen)
        if self._last_matte is None:
            raise RuntimeError("no frame has been segmented yet")
        return self._last_matte.full()

    def person_alpha(self) -> np.ndarray:
        """Return what `last_alpha` does, but always of the person: neither inverted nor with the edge moved."""
        alpha = self.last_alpha()
        assert self._person_matte is not None
        return alpha if self._person_matte is self._last_matte else self._person_matte.full()

    def matte_picture(self) -> np.ndarray:
        """Return the last alpha as a grey image, uint8 (H, W, 3), moved as later objects moved the frame."""
        picture = cv2.cvtColor(cv2.convertScaleAbs(self.last_alpha(), alpha=255), cv2.COLOR_GRAY2BGR)
        for move in self._moves:
            picture = move(picture)
        return picture

    def room_picture(self) -> np.ndarray | None:
        """Return the background picture, or the blurred scene without people; None before the first frame."""
        if self._last_matte is None and self._unseen is None:
            return None
        alpha = self.person_alpha()
        assert self._view is not None
        if isinstance(self._selector.background, backgrounds.ImageBackground):
            return self._selector.background.picture(*self._view.size).copy()
        return estimate_background(self._view.image, alpha)

    @property
    def found_person(self) -> bool | None:
        """Whether any frame since the last `reset` shows a person; None before the first one was segmented."""
        return self._found_person

    def reset(self) -> None:
        """Forget the previous frames; the next one starts another stream."""
        self._last_matte = self._unseen = self._found_person = self._view = None
        self._foreseen.clear()
        self._person.reset()
        self._adjustment.reset()
        self._stage.begin()
        self._begin_steps()

    def change_image(self, prevOrNext: bool = True) -> bool:  # noqa: N803 - the name is part of the contract
        """Go to the next background of the folder (True) or to the previous one (False).

        Returns:
            Whether there was another one.
        """
        return self._selector.change_image(prevOrNext)

    # -- settings that can change while frames go by --------------------------------------------------

    @property
    def look(self) -> Look:
        """The settings of the picture, without effects; setting them changes only those that differ.

        Raises:
            InputError: the background or `people` cannot be used; nothing is changed.
        """
        return Look(
            background=self._selector.spec,
            blur=self._selector.blur.value,
            threshold=self._controls.threshold,
            edge_softness=self._controls.edge_softness,
            light_wrap=self._selector.light_wrap,
            people=self._person.people,
            grow=self._adjustment.grow.value,
            shrink=self._adjustment.shrink.value,
            key=self._screen.key,
            invert=self._adjustment.invert,
            place=self._stage.place,
            shadow=self._stage.shadow,
            foreground=self._stage.foreground,
        )

    @look.setter
    def look(self, look: Look) -> None:
        now = self.look
        self._selector.load(look.background)  # may fail, as may the next lines, before anything else has changed
        self._stage.load(look.foreground)
        self._person.people = look.people
        self._stage.place, self._stage.shadow, self._stage.foreground = look.place, look.shadow, look.foreground
        if (look.threshold, look.edge_softness) != (now.threshold, now.edge_softness):
            self._controls.set_edge(look.threshold, look.edge_softness)
        if look.light_wrap != now.light_wrap:
            self._selector.light_wrap = look.light_wrap
        if (look.grow, look.shrink, look.invert) != (now.grow, now.shrink, now.invert):
            self._adjustment.set(parse_shift(look.grow, "grow"), parse_shift(look.shrink, "shrink"), look.invert)
        if look.key != now.key:
            self._screen.load(look.key)
        if look.blur != now.blur:
            self._selector.set_blur(parse_blur(look.blur))
        if look.background != now.background:
            self._selector.go_to(look.background)

    def set_hints(self, hints: np.ndarray | str | os.PathLike[str] | None) -> None:
        """Correct the matte of an image by other strokes, or by none; the image's prediction is kept.

        Args:
            hints: As for the class.

        Raises:
            InputError: the strokes cannot be read.
        """
        step: HintStep | None = None
        if isinstance(hints, np.ndarray) or hints:
            from background_removal.compositing.hints_loader import load_hints

            step = load_hints(hints, self._hints)
        self._steps.put("hints", step)
        self._hints = step

    # -- the original's attributes -------------------------------------------------------------------

    @property
    def threshold(self) -> float:
        """Alpha at which background ends and person begins, 0 to 1."""
        return self._controls.threshold

    @threshold.setter
    def threshold(self, value: float) -> None:
        self._controls.threshold = value

    @property
    def bg_blur_ratio(self) -> tuple[int, int]:
        """Width and height of the blur's kernel in pixels, both odd; with a blur in percent, the kernel given first."""
        kernel = self._selector.blur if isinstance(self._selector.blur, KernelBlur) else self._kernel
        return kernel.width, kernel.height

    @bg_blur_ratio.setter
    def bg_blur_ratio(self, kernel: tuple[int, int]) -> None:
        self._selector.set_blur(parse_kernel(kernel))

    @property
    def bg_image(self) -> np.ndarray | None:
        """The background picture, uint8 (H, W, 3) BGR; None for a colour or a blur."""
        background = self._selector.background
        return background.original if isinstance(background, backgrounds.ImageBackground) else None

    @bg_image.setter
    def bg_image(self, image: np.ndarray | str | os.PathLike[str] | None) -> None:
        picture = self._loader.picture(image)
        if picture is not None:
            self._selector.show(picture[1], picture[0])
        elif self._color is not None:
            self._selector.show(self._color, self._color.label)
        else:
            self._selector.go_to("blur")

    @property
    def bg_images(self) -> list[np.ndarray]:
        """The pictures that `change_image` goes through, each uint8 (H, W, 3) BGR, the current one first."""
        return [] if self._selector.images is None else self._selector.images.originals()

    @bg_images.setter
    def bg_images(self, images: Sequence[np.ndarray]) -> None:
        pictures = {f"picture {number}": backgrounds.Picture(image) for number, image in enumerate(images, 1)}
        folder = backgrounds.Folder(list(pictures), pictures.__getitem__, "bg_images") if pictures else None
        self._selector.images = folder
        if folder is not None:
            self._selector.show(folder, folder.name)

    @property
    def bg_color(self) -> tuple[int, int, int] | None:
        """The background colour (B, G, R) when there is no picture; None for none."""
        return None if self._color is None else self._color.bgr

    @bg_color.setter
    def bg_color(self, bgr: Sequence[int] | None) -> None:
        self._color = None if bgr is None else backgrounds.SolidColor(bgr)
        if self.bg_image is None:
            self.bg_image = None  # shows the colour, or the blur

    @property
    def plate(self) -> np.ndarray | None:
        """The picture of the empty room in use, uint8 (H, W, 3) BGR; None without one; can be set as frames go by.

        Raises:
            InputError: it is no such image.
        """
        return self._plate.plate

    @plate.setter
    def plate(self, image: np.ndarray | None) -> None:
        self._plate.plate = image

    # -- what the engine calls ---------------------------------------------------------------------

    @property
    def makes_alpha(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether the results have an alpha channel."""
        return isinstance(self._selector.background, backgrounds.Transparent)

    def meet(self, objects: Sequence[object]) -> None:
        """Collect the `moved` hooks of later objects."""
        place = next((n for n, item in enumerate(objects) if item is self), len(objects))
        moves = [optional_method(item, "moved") for item in objects[place + 1 :]]
        self._moves = [move for move in moves if move is not None]

    @property
    def lookahead(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Number of later frames that the best matte of a video file depends on."""
        return self._person.lookahead

    def foresee(self, picture: np.ndarray | Planes, seconds: float) -> None:
        """Find the people in a later frame, for its own matte and for those before it."""
        view = Pyramid(picture if isinstance(picture, Planes) else drop_alpha(picture))
        self._foreseen.append((picture, view))
        self._foresees = True
        self._person.at(seconds)
        self._person.foresee(view)

    def open(self, info: StreamInfo) -> None:
        """Prepare for a stream."""
        if self._hints is not None and not info.still:
            raise InputError("`hints` goes with an image; strokes do not follow what moves")
        self._still, self._live = info.still, info.live
        self._screen.open(info.still, info.name)
        self.reset()
        self._foresees = False
        if isinstance(self._person, GivenMatting):
            self._person.rate = float(info.rate) if info.rate else None
        self._person.begin(info.still, info.live)
        self._plate.open(info)
        if self._reuse_still is None:
            self._person.reuse_still = info.live or (self._effort is not None and self._effort.level == "low")
        self._selector.begin(info.live)

    def at(self, seconds: float) -> None:
        """Set the time of the next frame, seconds.

        A video background follows it, and detection in files depends on it rather than on where a process started.
        """
        if not (self._live or self._foresees):
            self._person.at(seconds)
        if self._selector.background is not None:
            self._selector.background.at(seconds)

    def close(self) -> None:
        """End the stream; the networks stay loaded for the next one."""
        self._foreseen.clear()
        self._person.end()
        for step in self._steps:
            step.end()
        self._selector.end()

    @property
    def actions(self) -> Sequence[Action]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The actions that change the look, and what is kept."""
        actions = *self._controls.actions, *self._plate.actions, *self._screen.actions
        return *actions, KEEP_AT.bind(self._keep_at)

    @property
    def keys(self) -> Mapping[str, str]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Rows for the list of keys."""
        return keys_of(self.actions)

    def status(self) -> Mapping[str, Any]:
        """Return the state of each action, by its name."""
        states = {"plate": self._plate.state, "screen": self._screen.state}
        if self._effort is not None:
            states["effort"] = self._effort.reason or self._effort.level
        return {**self._controls.status(), **states}

    @property
    def badges(self) -> Sequence[str]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What to do while a picture of the empty room is taken, that a thing is lost, and why less is done."""
        notices = [self._things.notice] if self._things is not None else []
        if self._effort is not None and self._effort.reason:
            notices.append(f"less effort: {self._effort.reason}")
        return [*self._plate.badges, *filter(None, notices)]

    def on_click(self, x: float, y: float) -> bool | str:
        """Keep only the person at (x, y), in shares of the frame's width and height."""
        return self._person.choose_at(*self._stage.origin(x, y))

    def on_mark(self, x: float, y: float) -> bool | str:
        """Keep the thing at (x, y), in shares of the result's width and height, or let it go."""
        if self._selector.background is None or self._view is None or self._person_matte is None:
            return False
        if self._adjustment.invert:
            return "with the room in place of the person nothing can be kept"
        if self._things is None:
            from background_removal.matting.guidance.kept_things import KeptThings

            self._things = KeptThings()
            self._steps.put("things", self._things)
        return self._things.toggle_at(self._view, self._person_matte, *self._stage.origin(x, y))

    def on_drag(self, across: float, down: float) -> bool | str:
        """Move the person on a new background by shares of the frame's width and height."""
        self._show_stage()
        return self._stage.drag(self._selector.background, across, down)

    def on_wheel(self, notches: float) -> bool | str:
        """Make the person on a new background larger or smaller."""
        self._show_stage()
        return self._stage.resize(self._selector.background, notches)

    def view(self, picture: np.ndarray | Planes) -> np.ndarray | Planes:
        """Return the picture for the window: the matte while it is switched on."""
        has_frame = self._last_matte is not None or self._unseen is not None
        return self.matte_picture() if self._controls.showing_matte and has_frame else picture

    # -- inside ------------------------------------------------------------------------------------

    def _take_foreseen(self, picture: np.ndarray | Planes) -> Pyramid | None:
        """Return a picture as it was foreseen; None if it was not."""
        while self._foreseen:
            foreseen, view = self._foreseen.popleft()
            if foreseen is picture:
                return view
        return None

    def _keep_at(self, place: str) -> bool | str:
        """Do what a click with Ctrl does, at a place in words; raise InputError if it is none."""
        try:
            x, y = (float(share) for share in place.split(","))
        except ValueError:
            x = y = -1.0
        if not (0 <= x < 1 and 0 <= y < 1):
            raise InputError(f"keep-at {place}: must be X,Y, each from 0 to 1, for instance 0.4,0.6")
        return self.on_mark(x, y)

    def _show_stage(self) -> None:
        """Show the stage where the person is, before it is moved for the first time."""
        if self._last_matte is not None:
            self._stage.see(self._last_matte)

    def _begin_steps(self) -> None:
        for step in self._steps:
            step.begin(self._still, self._live)

    def _compose(self, background: Background, view: Pyramid) -> np.ndarray | Planes:
        """Return a frame with its background replaced, still without the foreground."""
        picture, self._last_matte = self._stage.compose(background, view, self._matte(view))
        return picture

    def _matte(self, view: Pyramid) -> Matte:
        matte = self._person(view)
        for step in self._steps:
            matte = step(view, matte)
        if self._frame_alpha is not None:
            matte = matte.limit(self._frame_alpha)
        self._found_person = self._found_person or matte.shows_person
        self._person_matte = matte
        if self._adjustment.is_on:
            matte = self._adjustment(view, matte)
        self._view, self._last_matte = view, matte
        return matte


def _head_height_of(person: StreamMatting | GivenMatting) -> Callable[[], float | None]:
    """Return a function that does not hold the segmentation, which would then not be freed at once."""
    return lambda: person.head_height
