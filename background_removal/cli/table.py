"""The options of the command line, each declared once.

From `OPTIONS` come the parser, the checks, the settings file, the words in messages, shell completion and
docs/options.md, which ``python -m background_removal.cli.table`` prints. The default of an option is that of the field
that carries its value.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from background_removal.cli import needs
from background_removal.cli.needs import Need
from background_removal.cli.request import Request
from background_removal.compositing.blur import parse_blur
from background_removal.compositing.edge_shift import parse_shift
from background_removal.errors import InputError
from background_removal.files.video.formats import INTERLACED, METADATA, Encoding, parse_codec
from background_removal.live.options import LiveOptions
from background_removal.look import SETTINGS, Look
from background_removal.matting.guidance.settings import Guidance
from background_removal.matting.networks.devices import DEVICES
from background_removal.matting.networks.network import EFFORTS, INPUT_RANGES, OUTPUTS, QUALITIES, RUNTIMES, Network
from background_removal.pipeline.frame_range import FrameRange
from background_removal.recipe import Recipe

# Groups of options by name, with their titles; argparse has its own title for the last one, and shows it first.
GROUPS = {
    "sources": "what to process (default: webcam 0)",
    "files": "files",
    "background": "the background",
    "network": "the network",
    "guidance": "what only you know: corrections of the matte",
    "camera": "camera",
    "objects": "custom objects",
    "view": "view",
    "video": "video files",
    "page": "a page in the browser",
    "program": "the program",
}
CAMERA_BACKENDS = ("auto", "v4l2", "gstreamer", "dshow", "msmf", "avfoundation")
SHELLS = ("bash", "zsh", "fish")


class Kind(Enum):
    """How an option is written."""

    VALUE = "one value"
    VALUES = "one or more values"
    REPEATED = "one value, any number of times"
    FLAG = "no value; --no-NAME takes it back"
    SWITCH = "no value"


@dataclass(frozen=True, slots=True)
class Option:
    """An option of the command line.

    Attributes:
        name: Its name in Python; the flag and the name in settings files have hyphens.
        carrier: The dataclass that carries its value.
        group: One of GROUPS.
        help: The text of --help; {default} and {program} are replaced.
        kind: How it is written.
        metavar: The value's name in --help.
        parse: Turns the text of a value into what settings files may hold too.
        convert: Turns that into the field's value; raises InputError.
        alone: The value of the option without one; None if it needs one.
        choices: The possible values; empty for any.
        field: The carrier's field; "" for the option's name. An effect is an item of `Look.effects`.
        default: In place of the field's default; ... for none.
        needs: What it has no effect without.
        on_page: Whether --serve takes it.
        in_file: Whether settings files may hold it.
        parameters: Its names in the messages of Python's functions, other than its own.
        short: A second way to type it, such as -o; "" for none.
    """

    name: str
    carrier: type
    group: str
    help: str
    kind: Kind = Kind.VALUE
    metavar: str | None = None
    parse: Callable[[str], Any] = str
    convert: Callable[[Any], Any] | None = None
    alone: Any = None
    choices: tuple[str, ...] = ()
    field: str = ""
    default: Any = ...
    needs: tuple[Need, ...] = ()
    on_page: bool = False
    in_file: bool = True
    parameters: tuple[str, ...] = ()
    short: str = ""

    @property
    def flag(self) -> str:
        """The option as it is typed; FILE for the files without an option."""
        return "FILE" if self.name == "paths" else f"--{self.name.replace('_', '-')}"

    @property
    def is_effect(self) -> bool:
        """Whether the option is an item of `Look.effects`."""
        return self.field == "effects"

    @property
    def default_value(self) -> Any:
        """The field's value where the option is not given."""
        if self.default is not ...:
            return self.default
        if self.is_effect:
            return False
        name = self.field or self.name
        return next(field.default for field in fields(self.carrier) if field.name == name)

    @property
    def default_text(self) -> str:
        """The default as it is typed; "" where there is none, or where the help describes it."""
        default = self.default_value
        if default in (None, "", ()) or self.kind is Kind.SWITCH or self.convert is not None:
            return ""
        if self.kind is Kind.FLAG:
            return "on" if default else "off"
        return f"{default:g}" if isinstance(default, float) else str(default)

    def help_text(self, program: str) -> str:
        """Return the text of --help; `program` is the command that starts the program."""
        return self.help.replace("{default}", self.default_text).replace("{program}", program)

    def is_off(self, value: Any) -> bool:
        """Return whether a parsed value only takes the option back, such as --no-flip."""
        default = self.default_value
        return not value and (value == default or (self.kind is Kind.FLAG and not default))

    def value(self, given: Any) -> Any:
        """Return the field's value for a parsed value."""
        return given if self.convert is None else self.convert(given)


def _number(text: str) -> float:
    """Return the number that a text is; one with a comma for the dot is named as such."""
    try:
        return float(text)
    except ValueError:
        dotted = text.replace(",", ".")
        try:
            float(dotted)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no number") from None
        raise argparse.ArgumentTypeError(f"{text!r}: a number is written with a dot: {dotted}") from None


def _blur(text: str) -> str | int:
    """Return a blur strength in its shortest form."""
    try:
        return parse_blur(text).value
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _shift(name: str) -> Callable[[str], str | float]:
    def parse(text: str) -> str | float:
        try:
            return parse_shift(text, name).value
        except InputError as error:
            raise argparse.ArgumentTypeError(str(error).replace(f"`{name}` ", "", 1)) from error

    return parse


def _size(flag: str, example: str) -> Callable[[str], tuple[int, int]]:
    def convert(text: str) -> tuple[int, int]:
        from background_removal.support import limits

        first, x, second = text.partition("x")
        longest = len(str(limits.MAX_SIDE))
        sides = [int(side) for side in (first, second) if side.isdecimal() and len(side) <= longest]
        if not x or len(sides) != 2 or not all(0 < side <= limits.MAX_SIDE for side in sides):
            raise InputError(f"{flag} {text}: must be two numbers from 1 to {limits.MAX_SIDE}, for instance {example}")
        limits.check_pixels(f"{flag} {text}", *sides)
        return sides[0], sides[1]

    return convert


def _color(text: str) -> tuple[int, int, int]:
    from background_removal.compositing.colors import parse_color

    return parse_color(text)


def _shard(text: str) -> tuple[int, int] | None:
    from background_removal.batch.shards import parse_shard

    return parse_shard(text) if text else None


_FILES = (needs.FILES,)
_RANGE = (needs.FILES, needs.VIDEO)
_ENCODER = (needs.ENCODER, needs.VIDEO)
_SEGMENTATION = (needs.SEGMENTATION,)
_OWN_MODEL = (needs.SEGMENTATION, needs.OWN_MODEL)
_PAGE = (needs.PAGE,)
_CAMERA = (needs.CAMERA,)
_CAMERA_OR_PAGE = (needs.CAMERA, needs.PAGE_CAMERA)

OPTIONS = (
    # -- what to process --
    Option(
        "paths", Request, "sources",
        "images, videos, patterns and folders of them; an image's URL; - for an image or a Y4M video on standard input",
        kind=Kind.VALUES, metavar="FILE", convert=tuple, on_page=True, short="-i",
    ),
    Option(
        "webcam", Request, "sources", "number of a camera, or a URL (rtsp://..., http://...)", metavar="ID",
        on_page=True, parameters=("webcam_id",),
    ),
    Option(
        "image", Request, "sources", "the same, treating all of them as images", kind=Kind.VALUES, metavar="FILE",
        convert=tuple,
    ),
    Option(
        "video", Request, "sources", "the same, treating all of them as videos", kind=Kind.VALUES, metavar="FILE",
        convert=tuple,
    ),
    Option(
        "watch", Request, "sources", "images and videos as they appear there, until Ctrl-C", metavar="FOLDER",
    ),
    # -- files --
    Option(
        "output", Recipe, "files",
        "the result (its suffix picks the format); a folder for results; frames/%06d.png for pictures; "
        "- for standard output, an image as PNG, a video as Y4M",
        metavar="PATH", needs=(needs.RESULT,), parameters=("output_path",), short="-o",
    ),
    Option(
        "matte", Recipe, "files", "also write the alpha, as a grey image or video", metavar="PATH", needs=_FILES,
    ),
    Option(
        "frames", Recipe, "files", "write a video as a folder of pictures", kind=Kind.FLAG, needs=_RANGE,
    ),
    Option(
        "metadata", Encoding, "files",
        "keep (default) or none: EXIF, XMP and titles of the source, with the place where it was taken",
        choices=METADATA, needs=_FILES,
    ),
    Option("recursive", Request, "files", "search folders inside folders", kind=Kind.FLAG, needs=_FILES),
    Option(
        "max_pixels", Request, "files", "largest picture or frame to read, in pixels (268 million)",
        metavar="N", parse=int,
    ),
    Option(
        "follow", Request, "files", "read the files that a playlist or script names", kind=Kind.FLAG,
    ),
    Option("resume", Request, "files", "skip files that have a result already", kind=Kind.FLAG, needs=_FILES),
    Option(
        "shard", Request, "files",
        "process the I-th of N equal shares of the files: for several computers with the same folder",
        metavar="I/N", convert=_shard, needs=_FILES,
    ),
    Option(
        "cluster", Request, "files",
        "process the files on several computers, through Ray: auto, HOST:6379, ray://HOST:10001, or local to try it",
        metavar="ADDRESS", needs=_FILES,
    ),
    Option(
        "part_seconds", Request, "files",
        "with --cluster, cut longer videos into parts of about S seconds (default {default})",
        metavar="S", parse=_number, needs=(needs.FILES, needs.CLUSTER),
    ),
    Option(
        "dry_run", Request, "files", "list what would be done: each file and its result", kind=Kind.SWITCH,
        needs=_FILES,
    ),
    # -- the background --
    Option(
        "background", Look, "background",
        "blur (default), none, a colour ('#RRGGBB' or a CSS name), an image or its URL, a folder of images "
        "(a/d cycle), a video, one of --list-backgrounds, transparent",
        metavar="SPEC", needs=_SEGMENTATION, on_page=True, short="-b",
    ),
    Option(
        "list_backgrounds", Request, "background", "list the pictures that ship with the program", kind=Kind.SWITCH,
        in_file=False,
    ),
    Option(
        "blur", Look, "background",
        "light, medium (default), strong, N% of the shorter side as standard deviation (1, 2, 4), "
        "or a kernel in pixels",
        metavar="S", parse=_blur, needs=_SEGMENTATION, on_page=True, parameters=("bg_blur_ratio",),
    ),
    Option(
        "threshold", Look, "background", "alpha at which background ends and person begins, 0..1 (default {default})",
        metavar="T", parse=_number, needs=_SEGMENTATION, on_page=True,
    ),
    Option(
        "people", Look, "background",
        "all (default) keeps everybody; main only who was there first and is nearest (key p)",
        choices=SETTINGS["people"].choices, on_page=True,
    ),
    Option(
        "edge_softness", Look, "background", "0 hard to 1 soft (default {default})",
        metavar="S", parse=_number, needs=_SEGMENTATION, on_page=True,
    ),
    Option(
        "light_wrap", Look, "background", "light of a new background on the person's edge, 0..1",
        metavar="S", parse=_number, needs=_SEGMENTATION, on_page=True,
    ),
    Option(
        "place", Look, "background",
        "the person elsewhere on a new background: left, right, center, or X,Y,SCALE: the column of their middle and "
        "the row of their lower end, 0..1, and a factor of size (in the window: drag, with Shift for the size, key t)",
        metavar="WHERE", needs=_SEGMENTATION, on_page=True,
    ),
    Option(
        "shadow", Look, "background", "a soft shadow of the person on a new background, 0..1",
        metavar="S", parse=_number, needs=_SEGMENTATION, on_page=True,
    ),
    Option(
        "foreground", Look, "background",
        "a picture with transparency before the person (a desk, a frame), as wide as the picture and at its lower edge",
        metavar="FILE", needs=_SEGMENTATION,
    ),
    # -- what only you know --
    Option(
        "hints", Guidance, "guidance",
        "strokes on an image, as a picture of its size: white keeps the thing that it marks, black erases it, grey and "
        "transparent mark nothing",
        metavar="PICTURE", needs=(needs.FILES, needs.SEGMENTATION),
    ),
    Option(
        "matte_in", Guidance, "guidance",
        "use a matte from elsewhere instead of the networks: an image or a video, grey or with alpha, a folder of "
        "pictures, or matte/%06d.png",
        metavar="PATH", needs=(needs.FILES, needs.SEGMENTATION),
    ),
    Option(
        "plate", Guidance, "guidance",
        "a picture of the empty room, from a camera that stands still: what differs from it and touches the person "
        "stays (a guitar, a mug); auto estimates it from the video; a camera's own, taken with key e, is used again "
        "while it fits, unless none is said",
        metavar="FILE", needs=_SEGMENTATION,
    ),
    Option(
        "keep_chair", Guidance, "guidance",
        "with --plate, no: what stands still is the room, though it differs from the picture",
        choices=("yes", "no"), needs=(needs.SEGMENTATION, needs.PLATE),
    ),
    Option(
        "grow", Look, "guidance",
        "move the person's edge outwards: N% of the height of the head, or N for pixels of the frame",
        metavar="N%", parse=_shift("grow"), needs=_SEGMENTATION, on_page=True,
    ),
    Option(
        "shrink", Look, "guidance", "move it inwards", metavar="N%", parse=_shift("shrink"), needs=_SEGMENTATION,
        on_page=True,
    ),
    Option(
        "invert", Look, "guidance", "keep the room in place of the person; blur then blurs the person",
        kind=Kind.FLAG, needs=_SEGMENTATION, on_page=True,
    ),
    Option(
        "key", Look, "guidance",
        "a screen is behind the person, of this colour: green, blue, another one, or auto to look for it; "
        "other things far from the person go too, green clothes stay",
        metavar="COLOR", needs=_SEGMENTATION, on_page=True,
    ),
    Option(
        "key_shadows", Guidance, "guidance", "keep shadows on the screen, half-transparent", kind=Kind.FLAG,
        needs=(needs.SEGMENTATION, needs.KEY),
    ),
    # -- the network --
    Option(
        "model", Network, "network",
        "default: landscape finds the person, general draws the edge; or one alone: your FILE.onnx, or one of "
        "--list-models, some of which are downloaded: rvm (best edge)",
        metavar="M", needs=_SEGMENTATION, on_page=True,
    ),
    Option(
        "list_models", Request, "network", "list the networks known by name: size, licence, whether here",
        kind=Kind.SWITCH, in_file=False,
    ),
    Option(
        "quality", Network, "network",
        "best: hair and edges in full size, about a second for a photo, some tenths of a second for a frame of a video "
        "(default for images; cameras: rvm only); fast (default for videos and cameras)",
        choices=QUALITIES, needs=_SEGMENTATION, on_page=True,
    ),
    Option(
        "effort", Network, "network",
        "for how many frames the network is asked: high (each, and its mirror image), normal (each), low (where motion "
        "alone does not explain the picture); auto (default): normal for files, low for cameras, lower still on "
        "battery or a busy computer",
        choices=EFFORTS, needs=_SEGMENTATION, on_page=True,
    ),
    Option(
        "model_size", Network, "network", "input size of FILE.onnx if it does not fix one (256x256)",
        metavar="HxW", convert=_size("--model-size", "256x320"), needs=_OWN_MODEL, on_page=True,
    ),
    Option(
        "model_input", Network, "network", "what FILE.onnx expects of RGB (default unit)",
        choices=tuple(INPUT_RANGES), needs=_OWN_MODEL, on_page=True,
    ),
    Option(
        "model_output", Network, "network", "what FILE.onnx gives (default {default})",
        choices=OUTPUTS, needs=_OWN_MODEL, on_page=True,
    ),
    Option(
        "model_output_name", Network, "network", "which output of FILE.onnx, if it has several (default: the first)",
        metavar="NAME", needs=_OWN_MODEL, on_page=True,
    ),
    Option(
        "runtime", Network, "network", "(default {default})", choices=RUNTIMES, needs=_SEGMENTATION, on_page=True,
    ),
    Option(
        "device", Network, "network", "auto (default): the quickest that is installed; or one of --list-devices",
        parse=str.lower, choices=DEVICES, needs=_SEGMENTATION, on_page=True,
    ),
    Option(
        "list_devices", Request, "network", "list what networks can run on: what is here, and what each needs",
        kind=Kind.SWITCH, in_file=False, short="--devices",
    ),
    # -- camera --
    Option(
        "size", LiveOptions, "camera", "ask the camera (and the virtual one) for this size",
        metavar="WxH", convert=_size("--size", "1280x720"), needs=_CAMERA_OR_PAGE, on_page=True,
    ),
    Option(
        "camera_fps", LiveOptions, "camera", "ask the camera for this rate", field="rate", metavar="N", parse=_number,
        needs=(*_CAMERA_OR_PAGE, needs.LOCAL_CAMERA), on_page=True,
    ),
    Option(
        "camera_backend", LiveOptions, "camera", "(default {default})", field="backend", choices=CAMERA_BACKENDS,
        needs=(*_CAMERA_OR_PAGE, needs.LOCAL_CAMERA), on_page=True,
    ),
    Option(
        "list_cameras", Request, "camera", "list the cameras; on Linux also their sizes", kind=Kind.SWITCH,
        in_file=False,
    ),
    Option(
        "reconnect", LiveOptions, "camera", "seconds to wait for a lost camera (default {default})",
        metavar="S", parse=_number, needs=_CAMERA_OR_PAGE, on_page=True,
    ),
    Option(
        "virtual_camera", LiveOptions, "camera",
        "feed a virtual camera for meeting programs: the first one, or DEVICE; with --serve a visitor's camera",
        metavar="DEVICE", alone="", needs=_CAMERA, on_page=True,
    ),
    Option(
        "card", Request, "camera",
        "picture for others after key x, and while the camera is lost (default: the room without you, blurred, or "
        "'back soon')",
        metavar="FILE", needs=(needs.CAMERA, needs.VIRTUAL_CAMERA), on_page=True,
    ),
    Option(
        "transparent_color", LiveOptions, "camera",
        "colour of the virtual camera for a transparent background (default '#00b140', green)",
        metavar="COLOR", convert=_color, needs=(needs.CAMERA, needs.VIRTUAL_CAMERA), on_page=True,
    ),
    Option(
        "record", LiveOptions, "camera", "record the result; key r starts and stops recordings too",
        field="record_path", metavar="PATH", needs=_CAMERA, parameters=("record_path",),
    ),
    Option(
        "overwrite", LiveOptions, "camera", "let --record replace a file instead of adding a number", kind=Kind.FLAG,
        needs=(needs.CAMERA_FOR_RECORD, needs.RECORD),
    ),
    Option(
        "microphone", LiveOptions, "camera",
        "record its sound as well: the usual one, or one of --list-microphones by name, part of it, or number",
        metavar="NAME", alone="default", needs=_CAMERA,
    ),
    Option(
        "list_microphones", Request, "camera", "list the microphones", kind=Kind.SWITCH, in_file=False,
    ),
    Option(
        "control", LiveOptions, "camera",
        "take actions from {program} control (see {program} control --help); a port of this "
        "computer, or any that is free",
        field="control_port", metavar="PORT", parse=int, alone=0, needs=_CAMERA,
    ),
    Option(
        "snapshots", LiveOptions, "camera", "folder for the pictures of key s (default {default})", metavar="FOLDER",
        needs=(needs.SNAPSHOTS,),
    ),
    # -- custom objects --
    Option(
        "auto_frame", Look, "objects", "let the picture follow the person (key z)", kind=Kind.FLAG, field="effects",
        on_page=True,
    ),
    Option(
        "low_light", Look, "objects", "brighten a dark picture (key l)", kind=Kind.FLAG, field="effects",
        on_page=True,
    ),
    Option(
        "color_balance", Look, "objects", "remove a colour cast of the light (key k)", kind=Kind.FLAG,
        field="effects", on_page=True,
    ),
    Option("name", Recipe, "objects", "a name plate at the lower left (key n)", metavar="TEXT"),
    Option("logo", Recipe, "objects", "a picture at the upper right, alpha kept (key o)", metavar="PNG"),
    Option(
        "defocus", Look, "objects", "blur more with distance from the person (key v)", kind=Kind.FLAG,
        field="effects", on_page=True,
    ),
    Option(
        "object", Recipe, "objects",
        "add your own (or package.module:NAME); repeatable; called after the segmentation, in order",
        kind=Kind.REPEATED, field="objects", metavar="FILE.py:NAME", convert=tuple,
    ),
    Option(
        "no_segmentation", Recipe, "objects", "leave the person and the background alone", kind=Kind.SWITCH,
    ),
    # -- view --
    Option("flip", Recipe, "view", "mirror left to right, for everyone", kind=Kind.FLAG),
    Option(
        "mirror_preview", LiveOptions, "view",
        "mirror a camera in the window only (default)",
        kind=Kind.FLAG, default=True, needs=(needs.CAMERA, needs.WINDOW),
    ),
    Option("show", Request, "view", "open a window (default: for a webcam only)", kind=Kind.FLAG),
    Option(
        "fps", Request, "view", "show frames per second in the window (default: of a webcam only)", kind=Kind.FLAG,
        needs=(needs.WINDOW_FPS,),
    ),
    # -- video files --
    Option(
        "start_frame", FrameRange, "video", "first frame processed, from 0", field="first", metavar="N", parse=int,
        needs=_RANGE, parameters=("start_video_frame",),
    ),
    Option(
        "end_frame", FrameRange, "video", "last frame processed, 0: no end", field="last", metavar="N", parse=int,
        needs=_RANGE, parameters=("end_video_frame",),
    ),
    Option(
        "break_on_end", FrameRange, "video", "stop after the end frame", kind=Kind.FLAG,
        needs=(*_RANGE, needs.END_FRAME),
    ),
    Option(
        "jobs", Request, "video", "cut a long video for N processes (default {default})", metavar="N", parse=int,
        needs=_RANGE,
    ),
    Option(
        "interlaced", Encoding, "video",
        "deinterlace (default): the fields of interlaced video are made whole frames; keep: they stay",
        choices=INTERLACED, needs=_RANGE,
    ),
    Option(
        "codec", Encoding, "video", "h264 (avc), h265 (hevc), av1, vp9, prores (default: by the suffix)",
        metavar="C", convert=parse_codec, needs=_ENCODER,
    ),
    Option(
        "encoder", Encoding, "video", "FFmpeg's name of one, h264_nvenc for instance (default {default})",
        metavar="E", needs=_ENCODER,
    ),
    Option(
        "crf", Encoding, "video",
        "quality, from 0 (best) to 51 or 63 (default 20 for H.264, about that for others)",
        metavar="N", parse=int, needs=_ENCODER,
    ),
    Option("preset", Encoding, "video", "encoder speed (default {default})", metavar="P", needs=_ENCODER),
    Option(
        "gif_width", Encoding, "video", "largest width of a GIF, in pixels (default 640; an animation keeps its own)",
        metavar="N", parse=int, needs=_ENCODER,
    ),
    Option(
        "gif_fps", Encoding, "video",
        "highest rate of a GIF, in frames per second (default 15; an animation keeps its own)",
        metavar="N", parse=_number, needs=_ENCODER,
    ),
    # -- a page in the browser --
    Option(
        "serve", Request, "page",
        "serve the page, for this computer alone unless a host is named (default 127.0.0.1:8765); lan or lan:PORT: for "
        "phones in the network, by HTTPS, with a QR code; needs the extra page (requirements-page.txt)",
        metavar="HOST:PORT|lan", alone="127.0.0.1:8765", on_page=True,
    ),
    Option(
        "no_browser", Request, "page", "print the page's address and do not open it", kind=Kind.SWITCH, needs=_PAGE,
        on_page=True,
    ),
    Option(
        "cert", Request, "page", "serve it by HTTPS: the certificate", metavar="FILE.pem", needs=_PAGE, on_page=True,
    ),
    Option("cert_key", Request, "page", "and its key", metavar="FILE.pem", needs=_PAGE, on_page=True),
    # -- the program --
    Option(
        "config", Request, "program", "options from a file; key w writes the look to it", metavar="FILE.toml",
        in_file=False, on_page=True,
    ),
    Option("quiet", Request, "program", "print nothing but errors", kind=Kind.FLAG, on_page=True),
    Option("debug", Request, "program", "print tracebacks and debug messages", kind=Kind.SWITCH, on_page=True),
    Option(
        "print_completion", Request, "program", "print the completion of options for a shell", choices=SHELLS,
        in_file=False,
    ),
)  # fmt: skip
BY_NAME = {option.name: option for option in OPTIONS}


def options_page() -> str:
    """Return docs/options.md: every option by group."""
    lines = ["# All options", "", "Made from `background_removal/cli/table.py`; see CONTRIBUTING, *Add an option*."]
    for group, title in GROUPS.items():
        lines += ["", f"## {title[0].upper()}{title[1:]}", "", "| option | value | default | |", "|---|---|---|---|"]
        lines += [_row(option) for option in OPTIONS if option.group == group]
    return "\n".join([*lines, ""])


def _row(option: Option) -> str:
    value = " \\| ".join(f"`{choice}`" for choice in option.choices or (option.metavar,) if choice)
    default = f"`{option.default_text}`" if option.default_text else ""
    text = option.help_text("background-removal").replace("|", "\\|")
    flag = f"`{option.short}`, `{option.flag}`" if option.short else f"`{option.flag}`"
    return f"| {flag} | {value} | {default} | {text} |"


if __name__ == "__main__":
    print(options_page(), end="")
