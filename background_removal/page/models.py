"""Requests and responses of the HTTP interface; FastAPI checks them and derives the OpenAPI document."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import ErrorDetails

from background_removal.look import EFFECTS, NAMES, PEOPLE, Look
from background_removal.page.http_errors import PageError
from background_removal.page.looks import BLURS, UPLOAD
from background_removal.page.settings import Limits
from background_removal.page.store import Upload

_Model = TypeVar("_Model", bound=BaseModel)
PictureFormat = Literal["png", "jpeg", "webp"]
VideoFormat = Literal["mp4", "webm", "mov"]
# Shapes that a picture is cropped to; "" leaves it.
CropName = Literal["", "1:1", "4:5", "16:9", "35x45", "2x2"]
Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Shift = Annotated[
    str,
    Field(max_length=100),
    BeforeValidator(lambda value: str(value) if type(value) in (int, float) else value),
    Field(description="N%, percent of the head's height; 0 for none"),
]


# Look.parse checks it.
People = Annotated[str, WithJsonSchema({"type": "string", "enum": list(PEOPLE)})]


def _split_effects(value: Any) -> Any:
    """Return a list of effects; in a query they may be separated by commas."""
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        value = ",".join(value)
    return [name for name in value.split(",") if name] if isinstance(value, str) else value


Effects = Annotated[
    list[Annotated[str, WithJsonSchema({"type": "string", "enum": list(EFFECTS)})]],
    BeforeValidator(_split_effects),
    Field(description="in a query separated by commas"),
]


class LookChanges(BaseModel):
    """Settings of the look; a missing one is as in the page's own look."""

    model_config = ConfigDict(extra="forbid")

    background: Annotated[str, Field(max_length=100)] | None = Field(
        default=None, description=f"blur, none, transparent, the name of a shipped picture, a colour, or {UPLOAD}ID"
    )
    blur: Annotated[str, Field(max_length=100)] | None = Field(default=None, description=f"{', '.join(BLURS)}, or N%")
    threshold: Share | None = None
    edge_softness: Share | None = None
    light_wrap: Share | None = None
    people: People | None = None
    grow: Shift | None = None
    shrink: Shift | None = None
    key: Annotated[str, Field(max_length=60)] | None = Field(
        default=None, description='colour of a screen behind the person: green, blue, another one, auto; "" for none'
    )
    invert: bool | None = None
    place: Annotated[str, Field(max_length=60)] | None = Field(
        default=None, description='left, right, center, or X,Y,SCALE, on a new background; "" for where the person is'
    )
    shadow: Share | None = None
    foreground: Annotated[str, Field(max_length=100)] | None = Field(
        default=None, description=f'{UPLOAD}ID of a picture with transparency before the person; "" for none'
    )
    effects: Effects | None = None

    @model_validator(mode="before")
    @classmethod
    def _check_names(cls, given: Any) -> Any:
        if isinstance(given, dict) and (unknown := [name for name in given if name not in cls.model_fields]):
            raise PageError(400, f"{unknown[0]}: there is no such setting; there are {', '.join(NAMES)}")
        return given

    def given(self) -> dict[str, Any]:
        """Return the settings of the look that the request has."""
        return self.model_dump(include=set(NAMES), exclude_none=True)


class ImageQuery(LookChanges):
    """Query, or fields of the form, of a picture that is not kept."""

    format: PictureFormat = "png"
    name: str = Field(default="", description="the picture's name in messages")
    crop: CropName = ""


class ResultQuery(LookChanges):
    """Query of a photo's result."""

    format: PictureFormat = "png"
    longest: int | None = Field(
        default=None, ge=1, le=1 << 16, description="longest side in pixels, before it is cropped; scales down only"
    )
    crop: CropName = Field(default="", description="shape of the result, around the face, or else the person")
    download: str = Field(default="", description="1 gives the file a name, for browsers")


class StillQuery(LookChanges):
    """Query of one frame of a video."""

    seconds: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="time of the frame")
    of: Literal["look", "source", "result"] = Field(
        default="look", description="the frame in the look, as it was uploaded, or of the processed video"
    )
    format: PictureFormat = "jpeg"
    longest: int | None = Field(default=None, ge=1, le=1 << 16, description="longest side in pixels; scales down only")


class ZipRequest(BaseModel):
    """Several photos in one look."""

    ids: list[str] = Field(min_length=1)
    look: LookChanges = LookChanges()
    format: PictureFormat = "png"
    crop: CropName = ""


class VideoStart(BaseModel):
    """Look and format of a video's result."""

    look: LookChanges = LookChanges()
    format: VideoFormat = "mp4"
    matte: StrictBool = Field(default=False, description="also make a video of the alpha, in grey")
    start: Seconds = Field(default=0.0, description="where the result begins, seconds")
    end: Seconds = Field(default=0.0, description="where it ends, seconds; 0 for the end of the video")

    @model_validator(mode="before")
    @classmethod
    def _check_names(cls, given: Any) -> Any:
        if isinstance(given, dict) and (unknown := set(given) - set(cls.model_fields)):
            known = ", ".join(cls.model_fields)
            raise PageError(400, f"{min(unknown)}: there is no such setting; there are {known}")
        return given


class Error(BaseModel):
    """A request that failed."""

    error: str = Field(description="one plain sentence")


class Background(BaseModel):
    """An uploaded background."""

    id: str
    name: str
    width: int
    height: int

    @classmethod
    def of(cls, upload: Upload) -> Background:
        """Return the description of an upload."""
        return cls(id=upload.id, name=upload.name, width=upload.width, height=upload.height)


class BackgroundList(BaseModel):
    """Backgrounds of one visitor."""

    backgrounds: list[Background]


class Photo(BaseModel):
    """An uploaded photo."""

    id: str
    name: str
    width: int
    height: int

    @classmethod
    def of(cls, upload: Upload) -> Photo:
        """Return the description of an upload."""
        return cls(id=upload.id, name=upload.name, width=upload.width, height=upload.height)


class PhotoList(BaseModel):
    """Photos of one visitor."""

    photos: list[Photo]


class Video(BaseModel):
    """An uploaded video and the state of its job."""

    id: str
    name: str
    state: Literal["uploaded", "queued", "working", "done", "failed", "cancelled"]
    width: int
    height: int
    frames: int | None = Field(description="expected number of frames")
    seconds: float
    sound: bool
    place: int = Field(description="queue position, 0 when it does not wait")
    done: int = Field(description="processed frames")
    rate: float = Field(description="frames a second")
    seconds_left: float | None
    error: str
    warnings: list[str]
    look: Look | None
    start: float = Field(description="where the result begins in the video, seconds")
    end: float = Field(description="where it ends there, 0 for the end of the video")
    format: str
    result: bool = Field(description="whether the result can be fetched")
    matte: bool = Field(description="whether the matte can be fetched")


class VideoList(BaseModel):
    """Videos of one visitor."""

    videos: list[Video]


class ShippedBackground(BaseModel):
    """A shipped background."""

    name: str
    label: str


class Start(BaseModel):
    """Choices, limits and first look of the page."""

    look: Look
    backgrounds: list[ShippedBackground]
    uploads: list[str] = Field(description="ids of the owner's backgrounds")
    limits: Limits
    webcam: bool = Field(description="whether this computer's camera is offered")
    version: str


class PageAction(BaseModel):
    """Something that a visitor can do, by name or by key."""

    tab: str = Field(description="the tab that has it, empty for all")
    name: str
    keys: list[str]
    aliases: list[str] = Field(description="more keys, which lists leave out")
    label: str
    takes: str = Field(description="argument in words, empty for none")
    choices: list[str] = Field(description="arguments in order")
    limits: tuple[float, float] | None = Field(description="lowest and highest number")


class ActionList(BaseModel):
    """Actions of the page."""

    actions: list[PageAction]


def validate(model: type[_Model], values: Any) -> _Model:
    """Return `values` as that model; raises PageError if they do not fit."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise PageError(400, describe_error(error.errors()[0])) from error


def describe_error(error: ErrorDetails) -> str:
    """Return one plain sentence for a validation error.

    >>> describe_error({"type": "int_parsing", "loc": ("query", "longest"), "msg": "", "input": "many"})
    'longest: must be a number of pixels'
    """
    names = [part for part in error["loc"] if isinstance(part, str) and part not in ("body", "query", "path")]
    if not names:
        return "the body must be a JSON object"
    name, kind = names[-1], error["type"]
    if name == "ids":
        return "ids: must be a list of photos"
    if name == "longest":
        return "longest: must be a number of pixels"
    if name in ("seconds", "start", "end"):
        return f"{name}: must be a time from 0"
    if kind == "literal_error":
        choices = error.get("ctx", {}).get("expected", "").replace("'", "")
        choices = choices if choices.count(",") == 0 else choices.replace(" or ", ", ")
        return f"{name} {error['input']}: must be {choices}"
    if kind.startswith(("float", "greater", "less", "finite")):
        return f"{name}: must be a number from 0 to 1"
    if kind.startswith("string"):
        return f"{name}: must be a short text"
    wanted = {"bool": "true or false", "list": "a list", "model": "an object", "dict": "an object"}
    return f"{name}: must be {wanted.get(kind.partition('_')[0], error['msg'].lower())}"
