"""The tasks of a batch (a file, a part of a long video, or the joining of its parts) and their outcomes.

They hold paths and numbers only; pictures stay in files that all processes can read.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeAlias

from background_removal.batch.items import BatchItem
from background_removal.errors import BackgroundRemovalError
from background_removal.files.video.parts import Part
from background_removal.recipe import Recipe
from background_removal.support.limits import get_limits


@dataclass(frozen=True, slots=True)
class Setup:
    """The settings that all tasks of a run share.

    Attributes:
        recipe: What is done to each file; for a cluster all paths in it are absolute.
        cores: Number of cores for each task.
        limits: Limits for input files, as `support.limits.set_limits` takes them.
        log_level: Level of the program's messages.
        source: A local copy of the only source; "" where each task opens its own.
        part_seconds: Length of a long video's parts.
        resume: Whether parts of an earlier run are kept.
        run: The name of a run on a cluster and of its temporary folders; "" on this computer alone.
    """

    recipe: Recipe
    cores: int
    limits: Mapping[str, Any] = field(default_factory=get_limits)
    log_level: int = logging.WARNING
    source: str = ""
    part_seconds: float = 60
    resume: bool = False
    run: str = ""


@dataclass(frozen=True, slots=True)
class FileTask:
    """Process a file, or cut it into parts if it is long."""

    item: BatchItem


@dataclass(frozen=True, slots=True)
class PartTask:
    """Process one part of a video into a file of its own, at `path`."""

    item: BatchItem
    part: Part
    path: str


@dataclass(frozen=True, slots=True)
class JoinTask:
    """Join the parts of a video, in order, into its result.

    Attributes:
        item: The video.
        parts: The tasks that wrote its parts.
        frames: Number of frames in all parts.
        end: End of the last frame, in seconds; None if unknown.
    """

    item: BatchItem
    parts: tuple[PartTask, ...]
    frames: int
    end: Fraction | None


Task: TypeAlias = FileTask | PartTask | JoinTask


@dataclass(frozen=True, slots=True)
class Cut:
    """The file is long: nothing was written, and its parts are to be processed."""

    parts: tuple[PartTask, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """The task has written its file.

    Attributes:
        frames: Number of written frames.
        found_person: Whether there is a person in them; None if none was searched for.
        end: End of the last frame, in seconds; None if unknown.
        incomplete: Whether a piece of the source could not be read.
        notes: What the user should know of the source, to be said once for all parts.
    """

    frames: int
    found_person: bool | None = None
    end: Fraction | None = None
    incomplete: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The task has failed, and would fail again."""

    error: BackgroundRemovalError


@dataclass(frozen=True, slots=True)
class Lost:
    """The process or computer of the task was lost; another one may succeed."""

    reason: str


Outcome: TypeAlias = Cut | Written | Failed | Lost
