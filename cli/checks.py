"""What does not go together on a command line, said before anything is done."""

from __future__ import annotations

import argparse
import os

from cli.options import SOURCES
from files.outputs import names_folder
from files.storage import STANDARD, is_remote
from pipeline.errors import InputError, InputNotFoundError


def check(options: argparse.Namespace) -> None:
    """Raise InputError for options that do not go together."""
    given = [name for name in SOURCES if getattr(options, name) not in (None, [])]
    if len(given) > 1:
        raise InputError(f"{' and '.join(_told(name) for name in given)}: only one of them can be processed")
    paths = paths_of(options)
    if "" in paths:
        raise InputError("the name of a file is needed where there is nothing")
    if STANDARD in paths and len(paths) > 1:
        raise InputError("-: standard input is one image; it cannot be one of several files")
    if is_live(options):
        if options.output:
            raise InputError("--output goes with files; a webcam is recorded with --record")
        if options.matte:
            raise InputError("--matte goes with an image or a video")
    else:
        for name in ("record", "microphone", "virtual_camera"):
            if getattr(options, name) not in ("", None):
                raise InputError(f"{_told(name)} goes with a webcam")
    if options.matte and options.no_segmentation:
        raise InputError("--matte needs the segmentation; leave out --no-segmentation")
    if options.defocus and (options.background != "blur" or options.no_segmentation):
        raise InputError("--defocus is a kind of blur; leave out --background and --no-segmentation")
    if options.microphone and not options.record and options.show is False:
        raise InputError("--microphone goes with --record, or with a window for the key r")
    if options.fps and not shows(options):
        raise InputError("--fps is shown in the window alone; add --show")
    if options.jobs < 1:
        raise InputError(f"--jobs {options.jobs}: must be at least 1")
    if options.jobs > 1:
        if options.show or options.matte or is_live(options):
            raise InputError("--jobs goes with videos, and without --show and --matte")
        if is_cutout(options) and os.path.splitext(options.output)[1].lower() != ".mov":
            raise InputError("--jobs with a transparent background needs --output ….mov")
    if options.frames and options.output and not names_folder(options.output):
        raise InputError(f"--frames makes a folder of pictures; {options.output} is none (or use --output …/%06d.png)")
    if options.config and not os.path.exists(options.config) and not shows(options):
        raise InputNotFoundError(f"--config {options.config}: no such file")


def check_one_result_each(options: argparse.Namespace) -> None:
    """Raise InputError for options that name one result, where there are many files."""
    if options.matte:
        raise InputError("--matte goes with one image or video")
    if options.output and not names_folder(options.output):
        raise InputError(f"{options.output}: is a file; many results need a folder")


def check_results(options: argparse.Namespace, path: str, output: str) -> None:
    """Raise InputError if a result would replace something that is read for it, or the other result."""
    needed = [("background", options.background), ("logo", options.logo), ("model", options.model or "")]
    needed += [("custom object", spec.rpartition(":")[0]) for spec in options.object]
    results = [result for result in (output, options.matte) if result]
    for result in results:
        if result == STANDARD:
            continue
        for what, other in (*needed, ("input", path)):
            if is_remote(result) or is_remote(other):
                same = result == other
            else:
                same = os.path.isfile(result) and os.path.isfile(other) and os.path.samefile(result, other)
            if same:
                raise InputError(f"{result}: the output is the {what}; give another --output")
    if len({result if is_remote(result) else os.path.realpath(result) for result in results}) < len(results):
        raise InputError(f"{output}: the output is the matte; give another --output")


def paths_of(options: argparse.Namespace) -> list[str]:
    """Return the files, folders and patterns that are to be processed."""
    return options.paths or options.image or options.video or []


def is_live(options: argparse.Namespace) -> bool:
    """Tell whether a webcam is asked for."""
    return not paths_of(options) and options.watch is None


def is_cutout(options: argparse.Namespace) -> bool:
    """Tell whether results have an alpha channel."""
    return options.background == "transparent" and not options.no_segmentation


def shows(options: argparse.Namespace) -> bool:
    """Tell whether a window is asked for."""
    return is_live(options) if options.show is None else options.show


def size_of(text: str | None, option: str, example: str) -> tuple[int, int] | None:
    """Return the two numbers of a size, None if it is not given; raises InputError if they are not that."""
    if text is None:
        return None
    first, x, second = text.partition("x")
    if not (x and first.isdigit() and second.isdigit() and int(first) and int(second)):
        raise InputError(f"{option} {text}: must be two numbers, for instance {example}")
    return int(first), int(second)


def _told(name: str) -> str:
    """Return an option as the user types it."""
    return "FILE" if name == "paths" else f"--{name.replace('_', '-')}"
