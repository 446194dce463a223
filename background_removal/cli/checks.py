"""Checks of a request, before anything is done."""

from __future__ import annotations

import glob
import os
import shlex
from collections.abc import Callable, Iterator
from typing import TypeAlias

from background_removal.cli import needs
from background_removal.cli.needs import NEEDS
from background_removal.cli.request import SOURCES, Request
from background_removal.cli.table import BY_NAME, OPTIONS, Option
from background_removal.errors import InputError, InputNotFoundError
from background_removal.files import storage
from background_removal.files.images import SUFFIXES, is_sequence
from background_removal.files.saving.outputs import names_folder
from background_removal.files.storage import STANDARD
from background_removal.files.video.formats import CONTAINER_FORMATS

# A condition that is an error, and its message, in which {r} is the request.
_Rule: TypeAlias = tuple[Callable[[Request], object], str]

# Options that a given matte leaves nothing to do.
_NETWORK_OPTIONS = frozenset(
    ("model", "quality", "effort", "device", "runtime", "threshold", "edge_softness", "people")
)

_SOURCE_RULES: tuple[_Rule, ...] = (
    (
        lambda r: r.is_page and (r.files or r.watch is not None),
        "--serve goes without files: they are sent through the page",
    ),
    (lambda r: "" in r.files, "the name of a file is needed where there is nothing"),
    (
        lambda r: STANDARD in r.files and len(r.files) > 1,
        "-: standard input is one image or video; it cannot be one of several files",
    ),
)
_RULES: tuple[_Rule, ...] = (
    (
        lambda r: (
            r.cluster and (r.jobs > 1 or r.show or r.watch is not None or STANDARD in (*r.files, r.recipe.output))
        ),
        "--cluster goes without --jobs, --show, --watch and standard input and output",
    ),
    (lambda r: r.cluster and r.recipe.matte, "--cluster goes without --matte"),
    (lambda r: r.cluster and r.part_seconds < 4, "--part-seconds {r.part_seconds:g}: must be at least 4"),
    (
        lambda r: r.watch is not None and (r.shard or r.dry_run),
        "--watch goes without --shard and --dry-run: the files are not known in advance",
    ),
    (
        lambda r: r.recipe.matte and r.recipe.no_segmentation,
        "--matte needs the segmentation; leave out --no-segmentation",
    ),
    (
        lambda r: _defocuses(r) and r.is_page and r.recipe.look.background != "blur",
        "--defocus is a kind of blur; leave out --background",
    ),
    (
        lambda r: _defocuses(r) and not r.is_page and (r.recipe.look.background != "blur" or r.recipe.no_segmentation),
        "--defocus is a kind of blur; leave out --background and --no-segmentation",
    ),
    (
        lambda r: r.is_live and r.live.microphone and not (r.live.record_path or r.shows or r.is_controlled),
        "--microphone goes with --record, or with a window for the key r",
    ),
    (
        lambda r: r.live.control_port is not None and not 0 <= r.live.control_port < 1 << 16,
        "--control {r.live.control_port}: must be a port, from 1 to 65535",
    ),
    (
        lambda r: (
            "blur" in r.typed and r.recipe.look.background != "blur" and not (r.is_page or r.shows or r.is_controlled)
        ),
        "--blur is the strength of the blurred background; leave it out, or --background {r.recipe.look.background}",
    ),
    *(
        (
            lambda r, name=name: name in r.typed and not r.is_page and r.recipe.look.background in ("blur", "none"),
            f"--{name} needs a new --background (a picture, a colour, a video or transparent)",
        )
        for name in ("place", "shadow")
    ),
    (
        lambda r: r.recipe.look.invert and (r.recipe.look.place or r.recipe.look.shadow),
        "--place and --shadow go without --invert, which keeps the room in place of the person",
    ),
    (
        lambda r: r.recipe.look.foreground and _defocuses(r),
        "--foreground goes without --defocus, which would blur it; leave one out",
    ),
    (
        lambda r: r.recipe.look.place and (r.cluster or r.jobs > 1),
        "--place goes without --cluster and --jobs: each part of a video would look for the person's place itself",
    ),
    (
        lambda r: r.jobs > 1 and STANDARD in (*r.files, r.recipe.output),
        "--jobs goes without standard input and output",
    ),
    (lambda r: r.jobs < 1, "--jobs {r.jobs}: must be at least 1"),
    (
        lambda r: r.jobs > 1 and not r.is_live and (r.show or r.recipe.matte),
        "--jobs goes without --show and --matte",
    ),
    (
        lambda r: r.jobs > 1 and not r.is_live and r.recipe.is_cutout and _suffix(r.recipe.output) != ".mov",
        "--jobs with a transparent background needs --output ….mov",
    ),
    (
        lambda r: r.recipe.frames and r.recipe.output and not names_folder(r.recipe.output),
        "--frames makes a folder of pictures; {r.recipe.output} is none (or use --output …/%06d.png)",
    ),
    (
        lambda r: r.recipe.guidance.matte_in and r.typed & _NETWORK_OPTIONS,
        "--matte-in takes the place of the networks; leave out --model, --quality, --effort, --device, --threshold, "
        "--edge-softness and --people",
    ),
    (
        lambda r: r.recipe.guidance.hints and (r.cluster or r.watch is not None),
        "--hints goes with one image, without --cluster and --watch",
    ),
    (
        lambda r: r.recipe.guidance.matte_in and (r.cluster or r.jobs > 1 or r.watch is not None),
        "--matte-in goes with one image or video, without --cluster, --jobs and --watch",
    ),
    (
        lambda r: r.is_page and bool(r.cert) != bool(r.cert_key),
        "--cert and --cert-key go together: a certificate and its key",
    ),
)


def check(request: Request) -> None:
    """Raise InputError for options that do not go together, or that have no effect."""
    sources = [name for name in SOURCES if getattr(request, name) not in (None, ())]
    if len(sources) > 1:
        names = " and ".join(BY_NAME[name].flag for name in sources)
        raise InputError(f"{names}: only one of them can be processed")
    _check_rules(request, _SOURCE_RULES)
    _check_needs(request)
    _check_rules(request, _RULES)
    writes_config = request.shows or request.is_controlled
    _check_last_is_no_output(request)
    if request.config and not writes_config and not os.path.exists(request.config):
        raise InputNotFoundError(f"--config {request.config}: no such file")


def check_images_only(request: Request, what: str) -> None:
    """Raise InputError for options of videos; `what` describes the files in their place."""
    for option in _typed_options(request):
        if needs.VIDEO in option.needs:
            raise InputError(f"{option.flag} {needs.VIDEO.message}; {what}")


def check_one_result_each(request: Request) -> None:
    """Raise InputError for options that name one result, where there are many files."""
    if request.recipe.matte:
        raise InputError("--matte goes with one image or video")
    if request.recipe.guidance.hints:
        raise InputError("--hints goes with one image")
    if request.recipe.guidance.matte_in:
        raise InputError("--matte-in goes with one image or video")
    if request.recipe.output and not names_folder(request.recipe.output):
        raise InputError(f"{request.recipe.output}: is a file; many results need a folder")


def _check_last_is_no_output(request: Request) -> None:
    """Raise InputNotFoundError if the last of several files is missing, and may be meant as the result."""
    *others, last = request.files or ("",)
    may_be_meant = not request.recipe.output and (len(others) == 1 or (others and names_folder(last)))
    if may_be_meant and not storage.is_remote(last) and not os.path.exists(last) and not glob.has_magic(last):
        known = (*SUFFIXES, *CONTAINER_FORMATS)
        if names_folder(last) or os.path.splitext(last)[1].lower() in known or is_sequence(last):
            raise InputNotFoundError(f"{last}: no such file; did you mean --output {shlex.quote(last)}?")


def _check_needs(request: Request) -> None:
    """Raise InputError for typed options that have no effect; a settings file may hold them for other runs."""
    options = list(_typed_options(request))
    for option in options:
        if request.is_page and not option.on_page:
            raise InputError(f"{option.flag} goes without --serve")
    for need in NEEDS:
        if not need.is_met(request):
            for option in options:
                if need in option.needs:
                    raise InputError(f"{option.flag} {need.message}")


def _check_rules(request: Request, rules: tuple[_Rule, ...]) -> None:
    for is_broken, message in rules:
        if is_broken(request):
            raise InputError(message.format(r=request))


def _typed_options(request: Request) -> Iterator[Option]:
    return (option for option in OPTIONS if option.name in request.typed)


def _defocuses(request: Request) -> bool:
    return "defocus" in request.recipe.look.effects


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()
