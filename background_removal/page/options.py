"""Options of the page: settings of the look with their values, and formats, from which it builds its controls."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_args

from pydantic import BaseModel, Field

from background_removal.effects.portrait_crop import SHAPES
from background_removal.look import SETTINGS, Look
from background_removal.page.models import CropName, PictureFormat, VideoFormat

# Shapes with rules for the head.
_PASSPORTS = {name for name, shape in SHAPES.items() if shape.head}
# Formats that cannot store transparency.
OPAQUE_FORMATS = ("jpeg", "mp4")
# Usual endings of names where they are not the format's name.
_ENDINGS = {"jpeg": "jpg"}
# Labels that are not the name in capitals.
_LABELS = {"webp": "WebP", "webm": "WebM"}


class PageSetting(BaseModel):
    """A setting of the look and its values."""

    name: str
    kind: str = Field(
        description="number; shift: N%; choice; switch; effects: any number of the choices; background and blur: a "
        "choice or something else; place: a choice or X,Y,SCALE; screen: a choice or a colour; "
        "picture: a sent one, or none"
    )
    group: str = Field(description="what it belongs to")
    default: Any
    limits: tuple[float, float] | None = Field(description="lowest and highest number; of a place that of the size")
    step: float | None = Field(description="smallest change that a control makes")
    choices: list[str] = Field(description="values with a name")
    amounts: dict[str, float] = Field(
        description="numbers that choices stand for: percent of a blur, column of a place"
    )


class Format(BaseModel):
    """A format of results."""

    name: str
    label: str
    ending: str
    transparent: bool = Field(description="whether it can store transparency")


class CropShape(BaseModel):
    """A shape that pictures are cropped to; "" leaves them."""

    name: str
    passport: bool = Field(description="whether there are rules for the head's size in it")


class OptionList(BaseModel):
    """What can be set in requests for results."""

    settings: list[PageSetting]
    picture_formats: list[Format]
    video_formats: list[Format]
    crops: list[CropShape]


def list_options() -> OptionList:
    """Return the options of the page."""
    defaults = {field.name: field.default for field in fields(Look)}
    return OptionList(
        settings=[
            PageSetting(
                name=name,
                kind=setting.kind,
                group=setting.group,
                default=defaults[name],
                limits=setting.limits,
                step=setting.step,
                choices=list(setting.choices),
                amounts=dict(setting.amounts),
            )
            for name, setting in SETTINGS.items()
        ],
        picture_formats=_describe_formats(get_args(PictureFormat)),
        video_formats=_describe_formats(get_args(VideoFormat)),
        crops=[CropShape(name=name, passport=name in _PASSPORTS) for name in get_args(CropName)],
    )


def _describe_formats(names: tuple[str, ...]) -> list[Format]:
    return [
        Format(
            name=name,
            label=_LABELS.get(name, name.upper()),
            ending=_ENDINGS.get(name, name),
            transparent=name not in OPAQUE_FORMATS,
        )
        for name in names
    ]
