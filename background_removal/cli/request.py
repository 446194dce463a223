"""Request: a command line and its settings file, as typed values."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Any

from background_removal.live.options import LiveOptions
from background_removal.recipe import Recipe

# Fields that name the input; one of them at a time.
SOURCES = ("paths", "webcam", "image", "video", "watch")


@dataclass(frozen=True, slots=True)
class Request:
    """Everything a run of the program is asked to do.

    Attributes:
        recipe: What is done to each file, or to a camera's frames.
        live: Settings of a camera and of its outputs, without `card` and `show_fps`.
        typed: Names of the options on the command line, without those that it takes back, such as --no-flip.
        paths, image, video: Files, folders and patterns; `image` and `video` name their kind as well.
        webcam: A camera's number or URL; None for none.
        watch: A folder in which files appear; None for none.
        recursive: Whether folders inside folders are searched.
        max_pixels: The largest picture or frame that is read, pixels; None for the usual limit.
        follow: Whether files that a playlist names are read.
        resume: Whether files with a result are skipped.
        shard: The number of the share of the files, from 1, and the number of shares; None for all files.
        cluster: The address of a Ray cluster; "" for none.
        part_seconds: The length of a long video's parts on a cluster.
        dry_run: Whether files and results are only listed.
        jobs: The number of processes for a long video.
        card: The picture on the virtual camera while the camera is hidden; "" for the usual one.
        show: Whether a window opens; None for a camera only.
        fps: Whether the window shows frames per second; None for a camera only.
        serve: HOST:PORT of the page; None for no page.
        no_browser: Whether the browser stays closed.
        cert, cert_key: Files for HTTPS.
        list_backgrounds, list_models, list_devices, list_cameras, list_microphones: Whether names are listed, and
            nothing else is done.
        print_completion: The shell for which completion is printed; None for none.
        config: The settings file; None for none.
        quiet: Whether only errors are printed.
        debug: Whether tracebacks and debug messages are printed.
    """

    recipe: Recipe = field(default_factory=Recipe)
    live: LiveOptions = field(default_factory=LiveOptions)
    typed: frozenset[str] = frozenset()
    paths: tuple[str, ...] = ()
    image: tuple[str, ...] = ()
    video: tuple[str, ...] = ()
    webcam: str | None = None
    watch: str | None = None
    recursive: bool = False
    max_pixels: int | None = None
    follow: bool = False
    resume: bool = False
    shard: tuple[int, int] | None = None
    cluster: str = ""
    part_seconds: float = 60.0
    dry_run: bool = False
    jobs: int = 1
    card: str = ""
    show: bool | None = None
    fps: bool | None = None
    serve: str | None = None
    no_browser: bool = False
    cert: str = ""
    cert_key: str = ""
    list_backgrounds: bool = False
    list_models: bool = False
    list_devices: bool = False
    list_cameras: bool = False
    list_microphones: bool = False
    print_completion: str | None = None
    config: str | None = None
    quiet: bool = False
    debug: bool = False

    @property
    def files(self) -> tuple[str, ...]:
        """The files, folders and patterns to process."""
        return self.paths or self.image or self.video

    @property
    def is_page(self) -> bool:
        """Whether the page is served."""
        return self.serve is not None

    @property
    def is_live(self) -> bool:
        """Whether a camera is processed."""
        return not self.is_page and not self.files and self.watch is None

    @property
    def segments_at_once(self) -> bool:
        """Whether people are looked for in a camera, or in one file that is there, in this process."""
        elsewhere = self.is_page or self.watch or self.shard or self.dry_run or self.cluster or self.jobs > 1
        if elsewhere or self.recipe.no_segmentation or self.recipe.guidance.matte_in:
            return False
        return self.is_live or (len(self.files) == 1 and os.path.isfile(self.files[0]))

    @property
    def shows(self) -> bool:
        """Whether a window opens."""
        return self.is_live if self.show is None else self.show

    @property
    def is_controlled(self) -> bool:
        """Whether other programs can send actions."""
        return self.live.control_port is not None

    @property
    def has_keys(self) -> bool:
        """Whether keys or actions reach a camera's effects."""
        return self.is_live and (self.shows or self.is_controlled)

    @property
    def live_arguments(self) -> dict[str, Any]:
        """The arguments for `Engine` that concern a camera and the window."""
        card = None
        if self.card:
            from background_removal.files import storage
            from background_removal.files.images import read_image

            with storage.local_file(self.card) as local:
                card = read_image(local, self.card)
        show_fps = self.is_live if self.fps is None else self.fps
        return {
            "webcam_id": self.webcam if self.webcam is not None else 0,
            "show": self.shows,
            "live": replace(self.live, card=card, show_fps=show_fps),
        }
