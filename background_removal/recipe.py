"""Recipe: the settings of one file's processing, in one picklable value."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from background_removal.errors import InputError
from background_removal.files.video.formats import Encoding
from background_removal.look import Look
from background_removal.matting.guidance.settings import Guidance
from background_removal.matting.networks.network import Network
from background_removal.pipeline.frame_range import FrameRange

if TYPE_CHECKING:
    from background_removal.engine import Engine
    from background_removal.pipeline.objects import CustomObject
    from background_removal.segmentation import MPSegmentation


@dataclass(frozen=True, slots=True)
class Recipe:
    """Settings of one file's processing, or of a camera's.

    Attributes:
        look: The background, the person's edge, and the effects.
        network: The networks that find the person.
        guidance: The user's knowledge of the scene.
        objects: The user's custom objects, as FILE.py:NAME or package.module:NAME.
        name: The text of the name plate; "" for none.
        logo: The picture of the logo; "" for none.
        no_segmentation: Whether the person and the background stay as they are.
        flip: Whether frames are mirrored left to right.
        kind: "image" or "video" where the user names it; "" to detect it from each file.
        frame_range: The processed frames of a video.
        encoding: How a video is encoded.
        output: The result, or a folder for results; "" for beside the source.
        frames: Whether a video becomes a folder of pictures.
        matte: Where the alpha is written as well; "" for nowhere.
    """

    look: Look = field(default_factory=Look)
    network: Network = field(default_factory=Network)
    guidance: Guidance = field(default_factory=Guidance)
    objects: tuple[str, ...] = ()
    name: str = ""
    logo: str = ""
    no_segmentation: bool = False
    flip: bool = False
    kind: str = ""
    frame_range: FrameRange = field(default_factory=FrameRange)
    encoding: Encoding = field(default_factory=Encoding)
    output: str = ""
    frames: bool = False
    matte: str = ""

    @property
    def is_cutout(self) -> bool:
        """Whether results have an alpha channel."""
        return self.look.is_transparent and not self.no_segmentation

    @property
    def engine_arguments(self) -> dict[str, Any]:
        """The arguments for `Engine` that decide what happens to which frame."""
        return {
            "flip_view": self.flip,
            "start_video_frame": self.frame_range.first,
            "end_video_frame": self.frame_range.last,
            "break_on_end": self.frame_range.break_on_end,
            "encoding": self.encoding,
        }

    def is_video(self, path: str) -> bool:
        """Return whether a file is a video: by `kind`, or else by its content."""
        from background_removal.files.kinds import is_video

        return self.kind == "video" if self.kind else is_video(path)

    def result_path(self, path: str, folder: str = "") -> str:
        """Return the path of a file's result; `folder` is the source's, relative to the folder given by the user."""
        from background_removal.files.saving.outputs import result_path

        output = self.output
        if folder and output:
            output = f"{os.path.join(output, folder)}/"
        return result_path(
            path,
            output,
            video=self.is_video(path),
            alpha=self.is_cutout,
            encoding=self.encoding,
            frames=self.frames,
        )

    def check_results(self, path: str, output: str, card: str = "") -> None:
        """Raise InputError if a result would replace a file that is read for it, or the other result.

        Args:
            path: The source; "" for a camera.
            output: The result.
            card: The picture of the virtual camera's card.
        """
        from background_removal.files.storage import STANDARD, is_remote

        inputs = [
            ("background", self.look.background),
            ("foreground", self.look.foreground),
            ("logo", self.logo),
            ("card", card),
        ]
        inputs += [("given matte", self.guidance.matte_in), ("picture of the hints", self.guidance.hints)]
        inputs += [("model", self.network.model or ""), ("plate", self.guidance.plate)]
        inputs += [("custom object", spec.rpartition(":")[0]) for spec in self.objects]
        results = [result for result in (output, self.matte) if result]
        for result in results:
            if result == STANDARD:
                continue
            for role, other in (*inputs, ("input", path)):
                if _is_same_file(result, other):
                    raise InputError(f"{result}: the output is the {role}; give another --output")
        if len({result if is_remote(result) else os.path.realpath(result) for result in results}) < len(results):
            raise InputError(f"{output}: the output is the matte; give another --output")

    def build_objects(self, switchable: bool = False) -> list[CustomObject]:
        """Return the custom objects, in order.

        Args:
            switchable: Whether effects that are off are added as well, for keys and actions to switch them on.
        """
        effects = self.look.effects
        objects: list[CustomObject] = []
        # Before the segmentation, which finds more in a brighter frame; the camera's own colours show its light.
        if "low-light" in effects or switchable:
            from background_removal.effects.low_light import LowLight

            objects.append(LowLight(on="low-light" in effects))
        if "color-balance" in effects or switchable:
            from background_removal.effects.color_balance import ColorBalance

            objects.append(ColorBalance(on="color-balance" in effects))
        if not self.no_segmentation:
            objects.append(self._build_segmentation())
        if "defocus" in effects:
            from background_removal.effects.defocus import Defocus

            objects.append(Defocus(self.look.blur))
        if "auto-frame" in effects or switchable:
            from background_removal.effects.auto_frame import AutoFrame

            objects.append(AutoFrame(on="auto-frame" in effects))
        if self.objects:
            from background_removal.pipeline.object_loader import load_object

            objects += [load_object(spec) for spec in self.objects]
        if self.logo:
            from background_removal.effects.plate import Logo

            objects.append(Logo(self.logo))
        if self.name:
            from background_removal.effects.plate import NamePlate

            objects.append(NamePlate(self.name))
        return objects

    def build_engine(self, path: str, output: str, objects: Sequence[CustomObject], **more: Any) -> Engine:
        """Return the engine that processes one file.

        Args:
            path: The image or video.
            output: Its result.
            objects: As `build_objects` returns them.
            more: Further arguments for `Engine`.

        Raises:
            InputError: a result would replace a file that is read for it.
        """
        from background_removal.engine import Engine
        from background_removal.files.saving.outputs import MatteSink

        self.check_results(path, output)
        return Engine(
            **{"video_path" if self.is_video(path) else "image_path": path},
            output_path=output,
            custom_objects=objects,
            sinks=[MatteSink(self.matte, self.encoding)] if self.matte else [],
            **self.engine_arguments,
            **more,
        )

    def _build_segmentation(self) -> MPSegmentation:
        from background_removal.segmentation import MPSegmentation

        look = asdict(self.look)
        if "defocus" in look.pop("effects"):
            look["background"] = "none"  # the effect blurs it
        return MPSegmentation(**look, **asdict(self.network), **asdict(self.guidance))


def found_person(objects: Iterable[CustomObject]) -> bool | None:
    """Return whether the segmentation among `objects` has found a person; None if none has run."""
    from background_removal.segmentation import MPSegmentation

    return next((item.found_person for item in objects if isinstance(item, MPSegmentation)), None)


def _is_same_file(result: str, other: str) -> bool:
    from background_removal.files.storage import is_remote

    if is_remote(result) or is_remote(other):
        return result == other
    return os.path.isfile(result) and os.path.isfile(other) and os.path.samefile(result, other)
