"""The parser of the command line, built from the table of options. Nothing heavy is imported here."""

from __future__ import annotations

import argparse
import itertools
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from background_removal import __version__
from background_removal.cli.request import Request
from background_removal.cli.table import BY_NAME, GROUPS, OPTIONS, Kind, Option
from background_removal.files.storage import STANDARD
from background_removal.files.video.formats import Encoding
from background_removal.live.options import LiveOptions
from background_removal.look import Look
from background_removal.matting.guidance.settings import Guidance
from background_removal.matting.networks.network import Network
from background_removal.pipeline.frame_range import FrameRange
from background_removal.recipe import Recipe
from background_removal.support.wording import did_you_mean

DESCRIPTION = "Replace or blur what is behind a person: live from a webcam, in a video or in an image."

EXAMPLES = (
    ("", "the webcam, blurred behind you"),
    ("--background sunset", "the webcam, one of --list-backgrounds behind you"),
    ("--background backgrounds", "the webcam, pictures; a and d go through them"),
    ("photo.jpg --background transparent", "photo_out.png"),
    ("https://example.org/me.jpg", "me_out.jpg"),
    ("- --output - < in.jpg > out.png", "an image through pipes; videos as Y4M"),
    ("clip.mp4 --background '#00b140'", "clip_out.mp4, sound and timing kept"),
    ("clips --output results", "every image and video in a folder"),
    ("--object examples/sketch.py:PencilSketch", "your own effect after the background"),
    ("--serve", "a page in the browser: camera, photos, videos"),
    ("--virtual-camera --no-show --control", "controlled by: {program} control blur strong"),
)
_USAGE = """{name} [FILE ...] [--background SPEC] [--output PATH] [other options]
       {name} --help | --help-all | control ACTION"""
END = """
keys in the window: a next background, d previous one, g or F11 full screen, q or Esc end, h lists them all
exit codes: 0 done, 1 processing failed, 2 bad request or input, 130 stopped by Ctrl-C
"""

# Options in --help; --help-all has every one.
FIRST = (
    "paths", "output", "background", "blur", "quality", "people", "webcam", "virtual_camera", "record", "serve",
)  # fmt: skip

# One hyphen and more than one letter; numbers may be negative.
_RUN_TOGETHER = re.compile(r"-[^-\d.].")


class _Help(argparse.Action):
    """Prints the help of the first options, or of all, and ends the program."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str, const: bool) -> None:
        super().__init__(option_strings, dest, nargs=0, const=const, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        build_parser(first_only=not self.const).print_help()
        parser.exit()


class _Parser(argparse.ArgumentParser):
    """Reports an error of the command line in one line, like every other error."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} (see --help)\n")

    def report_unknown(self, argument: str) -> NoReturn:
        """Report an option that there is not, with the one that it is most like."""
        name = argument.partition("=")[0]
        flags = [flag for flag in self._option_string_actions if flag.startswith("--")]
        meant = did_you_mean("--" + name.lstrip("-"), flags)
        self.error(f"{name}: there is no such option{meant}")


def program_name() -> str:
    """Return the name that the program was started by: main.py of a checkout, or the installed command."""
    return "main.py" if os.path.basename(sys.argv[0]) == "main.py" else "background-removal"


def build_parser(*, first_only: bool = False) -> _Parser:
    """Return the parser of the command line; it sets only what was typed.

    Args:
        first_only: Whether it has the options of `FIRST` only, for its help.
    """
    name = program_name()
    program = f"python {name}" if name == "main.py" else name
    parser = _Parser(
        prog=name,
        usage=_USAGE.format(name=name),
        description=DESCRIPTION,
        add_help=False,
        epilog=_epilog(program),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    groups: dict[str, argparse._ActionsContainer] = {
        name: parser.add_argument_group(title) for name, title in GROUPS.items() if name != "program"
    }
    for option in OPTIONS:
        if first_only:
            if option.name in FIRST:
                _add(parser, option, program)
        else:
            _add(groups.get(option.group, parser), option, program)
    parser.add_argument("-h", "--help", action=_Help, const=False, help="show the options that most people need")
    parser.add_argument("--help-all", action=_Help, const=True, help="show all options")
    parser.add_argument(
        "--version", action="version", help="show the version", version=f"Background Removal {__version__}"
    )
    return parser


def parse_options(arguments: Sequence[str]) -> dict[str, Any]:
    """Return the options that were typed, by name, each parsed but not converted; files may stand among them."""
    parser = build_parser()
    for argument in itertools.takewhile(lambda argument: argument != "--", arguments):
        # argparse would take -output for -o with the value "utput".
        if _RUN_TOGETHER.match(argument):
            parser.report_unknown(argument)
    parsed, rest = parser.parse_known_args(arguments)
    files = [argument for argument in rest if argument == STANDARD or not argument.startswith("-")]
    for argument in rest:
        if argument not in (*files, "--"):
            parser.report_unknown(argument)
    typed = vars(parsed)
    return {**typed, "paths": [*typed.get("paths", ()), *files]} if files else typed


def build_request(typed: Mapping[str, Any], settings: Mapping[str, Any] | None = None) -> Request:
    """Return the request of a command line and a settings file.

    Args:
        typed: As `parse_options` returns it.
        settings: As `settings_file.read_settings` returns it.

    Raises:
        InputError: a value is out of range.
    """
    given = {**(settings or {}), **typed}
    for option in OPTIONS:
        if option.kind is Kind.REPEATED and option.name in given:
            given[option.name] = [*(settings or {}).get(option.name, ()), *typed.get(option.name, ())]
    values: dict[type, dict[str, Any]] = {
        carrier: {} for carrier in (Look, Network, Guidance, FrameRange, Encoding, Recipe, LiveOptions, Request)
    }
    effects = []
    for option in OPTIONS:
        value = option.value(given[option.name]) if option.name in given else option.default_value
        if option.is_effect:
            effects += [option.name.replace("_", "-")] if value else []
        else:
            values[option.carrier][option.field or option.name] = value
    recipe = Recipe(
        look=Look(effects=tuple(effects), **values[Look]),
        network=Network(**values[Network]),
        guidance=Guidance(**values[Guidance]),
        frame_range=FrameRange(**values[FrameRange]),
        encoding=Encoding(**values[Encoding]),
        kind="video" if given.get("video") else "image" if given.get("image") else "",
        **values[Recipe],
    )
    live = LiveOptions(**values[LiveOptions])
    on = frozenset(name for name, value in typed.items() if not BY_NAME[name].is_off(value))
    return Request(recipe, live, on, **values[Request])


def _add(group: argparse._ActionsContainer, option: Option, program: str) -> None:
    arguments: dict[str, Any] = {"help": option.help_text(program).replace("%", "%%")}
    if option.kind is Kind.FLAG:
        arguments["action"] = argparse.BooleanOptionalAction
    elif option.kind is Kind.SWITCH:
        arguments["action"] = "store_true"
    else:
        arguments |= {"metavar": option.metavar, "type": option.parse, "choices": option.choices or None}
        if option.kind is Kind.REPEATED:
            arguments["action"] = "append"
        elif option.kind is Kind.VALUES:
            arguments["nargs"] = "*" if option.name == "paths" else "+"
        elif option.alone is not None:
            arguments |= {"nargs": "?", "const": option.alone}
    if option.name == "paths":
        arguments["action"] = "extend"
        group.add_argument(
            option.short, dest="paths", action="extend", nargs="+", metavar="FILE", default=argparse.SUPPRESS,
            help="the same",
        )  # fmt: skip
        names = ["paths"]
    else:
        names = [option.flag, option.short] if option.short else [option.flag]
    action = group.add_argument(*names, **arguments)
    action.default = argparse.SUPPRESS  # set afterwards: BooleanOptionalAction adds its default to the help


def _epilog(program: str) -> str:
    rows = [(f"  {program} {arguments}".rstrip(), text) for arguments, text in EXAMPLES]
    lines = [f"{command:<53}   {text}".replace("{program}", program) for command, text in rows]
    return "\n".join(["examples:", *lines, END])
