"""What does not go together on a command line, said before anything is done."""

from __future__ import annotations

import argparse
import os
from collections.abc import Collection, Sequence

from background_removal.batch.shards import parse_shard
from background_removal.cli.options import SOURCES
from background_removal.errors import InputError, InputNotFoundError
from background_removal.files.saving.outputs import names_folder
from background_removal.files.storage import STANDARD
from background_removal.support import limits

# What does nothing but for these is an error when it is typed; a settings file may hold it for another day.
_FOR_FILES = (
    "output", "matte", "frames", "recursive", "resume", "shard", "dry_run", "cluster", "part_seconds", "start_frame",
    "end_frame", "break_on_end", "jobs",
)  # fmt: skip
_FOR_RECORDINGS = ("codec", "encoder", "crf", "preset", "gif_width", "gif_fps")
_FOR_VIDEOS = ("start_frame", "end_frame", "break_on_end", "jobs", "frames", *_FOR_RECORDINGS)
_FOR_CAMERAS = (
    "record", "overwrite", "microphone", "virtual_camera", "size", "camera_fps", "camera_backend", "reconnect",
    "card", "transparent_color", "control", "mirror_preview",
)  # fmt: skip
_FOR_VIRTUAL_CAMERAS = ("card", "transparent_color")
_FOR_LOCAL_CAMERAS = ("camera_fps", "camera_backend")
_FOR_SEGMENTATION = (
    "background", "blur", "threshold", "edge_softness", "light_wrap", "model", "quality", "model_size", "model_input",
    "model_output", "runtime", "device",
)  # fmt: skip
_FOR_PAGES = ("no_browser", "cert", "key")
# What a page is served with; everything else is asked for there.
_WITH_PAGES = frozenset(
    {
        *_FOR_PAGES, *_FOR_SEGMENTATION, "paths", "serve", "people", "webcam", "size", "camera_fps", "camera_backend",
        "reconnect",
        "auto_frame", "low_light", "color_balance", "defocus", "config", "quiet", "debug",
    }
)  # fmt: skip
_FOR_OWN_MODELS = ("model_size", "model_input", "model_output")


def check(options: argparse.Namespace, typed: Collection[str] = ()) -> None:
    """Raise InputError for options that do not go together.

    Args:
        options: All of them.
        typed: Those that stand on the command line, and not only in a settings file.
    """
    given = [name for name in SOURCES if getattr(options, name) not in (None, [])]
    if len(given) > 1:
        raise InputError(f"{' and '.join(_told(name) for name in given)}: only one of them can be processed")
    if options.serve is not None:
        _check_page(options, typed)
        return
    _refuse(typed, _FOR_PAGES, "goes with --serve")
    paths = paths_of(options)
    if "" in paths:
        raise InputError("the name of a file is needed where there is nothing")
    if STANDARD in paths and len(paths) > 1:
        raise InputError("-: standard input is one image; it cannot be one of several files")
    _check_purpose(options, typed)
    if options.shard:
        parse_shard(options.shard)
    if options.cluster:
        if options.jobs > 1 or options.show or options.watch is not None or STANDARD in paths:
            raise InputError("--cluster goes without --jobs, --show, --watch and standard input")
        if options.matte:
            raise InputError("--cluster goes without --matte")
        if options.part_seconds < 4:
            raise InputError(f"--part-seconds {options.part_seconds:g}: must be at least 4")
    else:
        _refuse(typed, ("part_seconds",), "goes with --cluster")
    if options.watch is not None and (options.shard or options.dry_run):
        raise InputError("--watch goes without --shard and --dry-run: nobody knows which files will come")
    if options.matte and options.no_segmentation:
        raise InputError("--matte needs the segmentation; leave out --no-segmentation")
    if options.defocus and (options.background != "blur" or options.no_segmentation):
        raise InputError("--defocus is a kind of blur; leave out --background and --no-segmentation")
    if (
        is_live(options)
        and options.microphone
        and not options.record
        and options.show is False
        and options.control is None
    ):
        raise InputError("--microphone goes with --record, or with a window for the key r")
    if options.control is not None and not 0 <= options.control < 1 << 16:
        raise InputError(f"--control {options.control}: must be a port, from 1 to 65535")
    if options.jobs < 1:
        raise InputError(f"--jobs {options.jobs}: must be at least 1")
    if options.jobs > 1 and not is_live(options):
        if options.show or options.matte:
            raise InputError("--jobs goes without --show and --matte")
        if is_cutout(options) and os.path.splitext(options.output)[1].lower() != ".mov":
            raise InputError("--jobs with a transparent background needs --output ….mov")
    if options.frames and options.output and not names_folder(options.output):
        raise InputError(f"--frames makes a folder of pictures; {options.output} is none (or use --output …/%06d.png)")
    if options.config and not os.path.exists(options.config) and not (shows(options) or options.control is not None):
        raise InputNotFoundError(f"--config {options.config}: no such file")


def check_images_only(typed: Collection[str], what: str) -> None:
    """Raise InputError for options that say something of videos; `what` says what there is instead."""
    _refuse(typed, _FOR_VIDEOS, f"goes with videos; {what}")


def check_one_result_each(options: argparse.Namespace) -> None:
    """Raise InputError for options that name one result, where there are many files."""
    if options.matte:
        raise InputError("--matte goes with one image or video")
    if options.output and not names_folder(options.output):
        raise InputError(f"{options.output}: is a file; many results need a folder")


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


def has_keys(options: argparse.Namespace) -> bool:
    """Return whether keys or actions reach a camera's effects."""
    return is_live(options) and (shows(options) or options.control is not None)


def size_of(text: str | None, option: str, example: str) -> tuple[int, int] | None:
    """Return the two numbers of a size, None if it is not given; raises InputError if they are not that."""
    if text is None:
        return None
    first, x, second = text.partition("x")
    sides = [int(side) for side in (first, second) if side.isdecimal() and len(side) <= len(str(limits.MAX_SIDE))]
    if not x or len(sides) != 2 or not all(0 < side <= limits.MAX_SIDE for side in sides):
        raise InputError(f"{option} {text}: must be two numbers from 1 to {limits.MAX_SIDE}, for instance {example}")
    limits.check_pixels(f"{option} {text}", *sides)
    return sides[0], sides[1]


def _check_purpose(options: argparse.Namespace, typed: Collection[str]) -> None:
    """Raise InputError for options that would do nothing."""
    if is_live(options):
        _refuse(typed, ("output",), "goes with files; a webcam is recorded with --record")
        _refuse(typed, _FOR_FILES, "goes with files, and not with a webcam")
        if not (options.record or shows(options) or options.control is not None):
            _refuse(typed, _FOR_RECORDINGS, "goes with --record")
        if "://" in (options.webcam or ""):
            _refuse(typed, _FOR_LOCAL_CAMERAS, "goes with a camera of this computer; a URL's decides itself")
        if not options.record:
            _refuse(typed, ("overwrite",), "goes with --record")
        if options.virtual_camera is None:
            _refuse(typed, _FOR_VIRTUAL_CAMERAS, "goes with --virtual-camera")
    else:
        _refuse(typed, ("overwrite",), "goes with --record; the result of a file replaces an older one anyway")
        _refuse(typed, _FOR_CAMERAS, "goes with a webcam")
    if not shows(options):
        if options.control is None:
            _refuse(typed, ("snapshots",), "goes with a window: --show")
        _refuse(typed, ("mirror_preview",), "says how the window shows it; add --show")
        if options.fps:
            _refuse(typed, ("fps",), "is shown in the window alone; add --show")
    if not options.end_frame:
        _refuse(typed, ("break_on_end",), "goes with --end-frame")
    if options.no_segmentation:
        _refuse(typed, _FOR_SEGMENTATION, "needs the segmentation; leave out --no-segmentation")
    if os.path.splitext(options.model or "")[1].lower() != ".onnx":
        _refuse(typed, _FOR_OWN_MODELS, "goes with --model FILE.onnx")


def _check_page(options: argparse.Namespace, typed: Collection[str]) -> None:
    """Raise InputError for options that do not go with --serve."""
    if paths_of(options) or options.watch is not None:
        raise InputError("--serve goes without files: they are sent through the page")
    _refuse(typed, [name for name in typed if name not in _WITH_PAGES], "goes without --serve")
    if bool(options.cert) != bool(options.key):
        raise InputError("--cert and --key go together: a certificate and its key")
    if options.defocus and options.background != "blur":
        raise InputError("--defocus is a kind of blur; leave out --background")
    if options.webcam is None:
        _refuse(typed, ("size", "camera_fps", "camera_backend", "reconnect"), "goes with --webcam")
    if options.config and not os.path.exists(options.config):
        raise InputNotFoundError(f"--config {options.config}: no such file")
    if os.path.splitext(options.model or "")[1].lower() != ".onnx":
        _refuse(typed, _FOR_OWN_MODELS, "goes with --model FILE.onnx")


def _refuse(typed: Collection[str], names: Sequence[str], why: str) -> None:
    for name in names:
        if name in typed:
            raise InputError(f"{_told(name)} {why}")


def _told(name: str) -> str:
    """Return an option as the user types it."""
    return "FILE" if name == "paths" else f"--{name.replace('_', '-')}"
