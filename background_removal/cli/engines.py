"""From the options of the command line to a recipe and an engine."""

from __future__ import annotations

import argparse
import logging
import os
from typing import TYPE_CHECKING, Any

from background_removal.cli.checks import is_live, shows, size_of
from background_removal.cli.settings_key import SettingsKey
from background_removal.compositing.colors import parse_color
from background_removal.files import storage
from background_removal.files.images import read_image
from background_removal.files.video.formats import Encoding, parse_codec
from background_removal.live.options import LiveOptions
from background_removal.look import EFFECTS, Look
from background_removal.matting.networks.network import Network
from background_removal.pipeline.frame_range import FrameRange
from background_removal.recipe import Recipe

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
