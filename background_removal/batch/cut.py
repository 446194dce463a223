"""Cut a long video into parts, each a task of its own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace

from background_removal.batch.items import BatchItem
from background_removal.batch.run_folder import fetched_source
from background_removal.batch.tasks import PartTask
from background_removal.errors import InputError
from background_removal.files import storage
from background_removal.files.images import is_sequence
from background_removal.files.video.formats import ANIMATION_SUFFIXES, CONTAINER_FORMATS, Encoding
from background_removal.files.video.parts import Part, plan_parts_by_length
from background_removal.recipe import Recipe

# Size below which a remote file is not fetched to find out its length, bytes; about a minute of 1080p.
_SMALL_BYTES = 50_000_000
# Formats of results that cannot be joined from parts.
_NOT_JOINED = ANIMATION_SUFFIXES


def cut_file(recipe: Recipe, item: BatchItem, part_seconds: float) -> tuple[PartTask, ...]:
    """Return the tasks for the parts of a long video, in a folder beside its result; none to process it in one piece.

    A part's name depends on all that its frames depend on, so that a later run finds it again.
    """
    suffix = _suffix(item.output)
    if not recipe.is_video(item.path) or not can_be_joined(item.output):
        return ()
    if recipe.look.is_transparent and suffix != ".mov":
        return ()
    if storage.is_remote(item.path) and storage.file_size(item.path) < _SMALL_BYTES:
        return ()
    with fetched_source(item.path) as local:
        version = f"{os.path.getsize(local)} {os.path.getmtime(local) if local == item.path else ''}"
        parts = select_parts(plan_parts_by_length(local, part_seconds), recipe, item.path)
    if len(parts) < 2:
        return ()
    # The name of the result may change between runs.
    work = replace(recipe, output="", kind="")
    names = [f"{number:05}-{_digest((work, item.path, version, part))}" for number, part in enumerate(parts)]
    return name_parts(item, parts, parts_folder(item.output), names)


def can_be_joined(output: str) -> bool:
    """Return whether a result can be joined from parts, by its name."""
    return _suffix(output) not in _NOT_JOINED and not is_sequence(output)


def name_parts(item: BatchItem, parts: Sequence[Part], folder: str, names: Sequence[str]) -> tuple[PartTask, ...]:
    """Return the tasks for the parts of a video, which go to files of these names in a folder."""
    # Both formats keep exact times and every codec that a joined result can have.
    suffix = ".mov" if _suffix(item.output) == ".mov" else ".mp4"
    return tuple(PartTask(item, part, f"{folder}/{name}{suffix}") for part, name in zip(parts, names, strict=True))


def select_parts(parts: Sequence[Part], recipe: Recipe, path: str) -> list[Part]:
    """Return the parts of a video up to the last processed frame.

    Raises:
        InputError: the first processed frame is behind the video's end.
    """
    frames = recipe.frame_range
    total = parts[-1].first + parts[-1].frames if parts else 0
    needed = [part for part in parts if frames.end is None or part.first <= frames.end]
    if needed and frames.first >= total:
        raise InputError(f"{path}: it has {total} frames; --start-frame {frames.first} is behind them")
    return needed


def part_encoding(encoding: Encoding, output: str) -> Encoding:
    """Return the encoding of the parts of a result."""
    suffix = _suffix(output)
    if encoding.codec or encoding.encoder != "auto" or suffix == ".mov":
        return encoding  # in .mov the usual codec also depends on transparency
    return replace(encoding, codec=CONTAINER_FORMATS[suffix].codecs[0])


def parts_folder(output: str) -> str:
    """Return the folder beside a result for its parts, on a cluster."""
    folder, name = os.path.split(output)
    return f"{folder}/.{name}.parts"


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()
