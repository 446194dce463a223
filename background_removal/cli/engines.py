"""From the options of the command line to a recipe and an engine."""

from __future__ import annotations

import argparse
import logging
import os
from typing import TYPE_CHECKING, Any

from background_removal.batch.items import BatchItem, not_done_if_changed
from background_removal.cli.checks import is_live, shows, size_of
from background_removal.cli.settings_key import SettingsKey
from background_removal.compositing.colors import parse_color
from background_removal.files import storage
from background_removal.files.images import read_image
from background_removal.files.saving.unfinished import is_incomplete_name
from background_removal.files.video.formats import Encoding, parse_codec
from background_removal.live.options import LiveOptions
from background_removal.look import EFFECTS, Look
from background_removal.matting.networks.network import Network
from background_removal.pipeline.frame_range import FrameRange
from background_removal.recipe import Recipe, found_person

if TYPE_CHECKING:
    import numpy as np

    from background_removal.engine import Engine

log = logging.getLogger(__name__)


def recipe_of(options: argparse.Namespace) -> Recipe:
    """Return what the options ask to do with each file, or with a camera's frames."""
    return Recipe(
        look=Look(
            options.background,
            options.blur,
            options.threshold,
            options.edge_softness,
            options.light_wrap,
            options.people,
            tuple(name for name in EFFECTS if getattr(options, name.replace("-", "_"))),
        ),
        network=network_of(options),
        objects=tuple(options.object),
        name=options.name,
        logo=options.logo,
        no_segmentation=options.no_segmentation,
        flip=options.flip,
        kind="video" if options.video else "image" if options.image else "",
        frame_range=FrameRange(options.start_frame, options.end_frame, options.break_on_end),
        encoding=Encoding(
            parse_codec(options.codec),
            options.encoder,
            options.crf,
            options.preset,
            gif_width=options.gif_width,
            gif_fps=options.gif_fps,
        ),
        output=options.output,
        frames=options.frames,
        matte=options.matte,
    )


def network_of(options: argparse.Namespace) -> Network:
    """Return the settings of the networks."""
    return Network(
        model=options.model,
        runtime=options.runtime,
        device=options.device,
        quality=options.quality,
        model_size=size_of(options.model_size, "--model-size", "256x320"),
        model_input=options.model_input,
        model_output=options.model_output,
    )


def live_arguments(options: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments for `Engine` that concern a camera and the window."""
    return {
        "webcam_id": options.webcam if options.webcam is not None else 0,
        "show": shows(options),
        "live": LiveOptions(
            size=size_of(options.size, "--size", "1280x720"),
            rate=options.camera_fps,
            backend=options.camera_backend,
            reconnect=options.reconnect,
            record_path=options.record,
            overwrite=options.overwrite,
            microphone=options.microphone,
            snapshots=options.snapshots,
            virtual_camera=options.virtual_camera,
            show_fps=is_live(options) if options.fps is None else options.fps,
            card=_card(options.card),
            transparent_color=parse_color(options.transparent_color),
            mirror_preview=options.mirror_preview,
            control_port=options.control,
        ),
    }


def add_settings_key(engine: Engine, options: argparse.Namespace) -> None:
    """Add the key w, where keys or actions reach the engine."""
    if options.config and not os.path.exists(options.config):
        log.info("%s: there is no such file yet; the key w writes it", options.config)
    if shows(options) or options.control is not None:
        engine.custom_objects.append(SettingsKey(options.config or "", engine))


def _card(path: str) -> np.ndarray | None:
    """Return the picture of the card, None if none is named."""
    if not path:
        return None
    with storage.local_file(path) as local:
        return read_image(local, path)


def process(engine: Engine, item: BatchItem, recipe: Recipe, jobs: int = 1) -> tuple[str, int]:
    """Process one file.

    Args:
        engine: Built by `recipe` for `item`.
        item: The file.
        recipe: Builds the objects of further processes.
        jobs: The number of processes for a long video.

    Returns:
        The path of the result, and the exit code: 1 if a part of the file could not be read.
    """
    with not_done_if_changed(item):
        if engine.video_path and jobs > 1:
            from background_removal.cli.parallel import process_in_parallel

            if process_in_parallel(engine, jobs, recipe.build_objects, recipe.engine_arguments):
                return item.output, 1 if engine.incomplete else 0
            log.info("%s: too short, or with too few key frames, to be cut; one process does it", item.path)
        engine.run()
    warn_if_no_person(item.path, found_person(engine.custom_objects))
    if is_incomplete_name(engine.result):
        log.info("%s: ended early; what there is of it is %s", item.output, engine.result)
    return engine.result, 1 if engine.incomplete else 0


def warn_if_no_person(path: str, *found: bool | None) -> None:
    """Warn that there is no person in a file, by the results of `found_person` for it or for its parts."""
    if False in found and True not in found:
        log.warning("no person was found in %s", path)
