"""One file, or the camera: from the options of the command line to an engine that runs."""

from __future__ import annotations

import argparse
import functools
import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from background_removal.batch.items import BatchItem, not_done_if_changed
from background_removal.cli.checks import check_results, is_live, shows, size_of
from background_removal.cli.object_list import SettingsKey, build_objects, found_person, warn_if_no_person
from background_removal.compositing.colors import parse_color
from background_removal.engine import Engine
from background_removal.files import storage
from background_removal.files.images import read_image
from background_removal.files.kinds import is_video
from background_removal.files.saving.outputs import MatteSink
from background_removal.files.saving.unfinished import is_incomplete_name
from background_removal.files.video.formats import Encoding, parse_codec
from background_removal.live.options import LiveOptions
from background_removal.pipeline.objects import CustomObject

if TYPE_CHECKING:
    from tqdm import tqdm

log = logging.getLogger(__name__)


def engine_of(options: argparse.Namespace, objects: Sequence[CustomObject], **more: Any) -> Engine:
    """Return the engine that the options ask for, with `more` arguments of its own."""
    engine = Engine(
        webcam_id=options.webcam if options.webcam is not None else 0,
        show=shows(options),
        custom_objects=objects,
        live=LiveOptions(
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
        encoding=encoding_of(options),
        **{**frame_options(options), **more},
    )
    if options.config and not os.path.exists(options.config):
        log.info("%s: there is no such file yet; the key w writes it", options.config)
    if shows(options) or options.control is not None:
        engine.custom_objects.append(SettingsKey(options.config or "", engine))
    return engine


def _card(path: str) -> np.ndarray | None:
    """Return the picture of the card, None if none is named."""
    if not path:
        return None
    with storage.local_file(path) as local:
        return read_image(local, path)


def encoding_of(options: argparse.Namespace) -> Encoding:
    """Return how the options ask for videos to be encoded."""
    return Encoding(
        parse_codec(options.codec),
        options.encoder,
        options.crf,
        options.preset,
        gif_width=options.gif_width,
        gif_fps=options.gif_fps,
    )


def frame_options(options: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments for `Engine` that decide what happens to which frame."""
    return {
        "flip_view": options.flip,
        "start_video_frame": options.start_frame,
        "end_video_frame": options.end_frame,
        "break_on_end": options.break_on_end,
    }


def process(
    options: argparse.Namespace,
    job: BatchItem,
    objects: list[CustomObject],
    progress: bool | tqdm[Any],
    keep_partial: bool = True,
) -> tuple[str, int]:
    """Process one file; return where its result is and the exit code: 1 if not all of the file could be read."""
    check_results(options, job.path, job.output)
    is_video = is_video_file(options, job.path)
    kind = {"video_path": job.path} if is_video else {"image_path": job.path}
    sinks = [MatteSink(options.matte, encoding_of(options))] if options.matte else []
    engine = engine_of(
        options, objects, output_path=job.output, progress=progress, sinks=sinks, keep_partial=keep_partial, **kind
    )
    with not_done_if_changed(job):
        if is_video and options.jobs > 1:
            from background_removal.cli.parallel import process_in_parallel

            make_objects = functools.partial(build_objects, options)
            if process_in_parallel(engine, options.jobs, make_objects, frame_options(options)):
                return job.output, 1 if engine.incomplete else 0
            log.info("%s: too short, or with too few key frames, to be cut; one process does it", job.path)
        engine.run()
    warn_if_no_person(job.path, found_person(objects))
    if is_incomplete_name(engine.result):
        log.info("%s: ended early; what there is of it is %s", job.output, engine.result)
    return engine.result, 1 if engine.incomplete else 0


def is_video_file(options: argparse.Namespace, path: str) -> bool:
    """Tell whether a file is taken for a video: as the user says, or else as it is."""
    if options.image or options.video:
        return bool(options.video)
    return is_video(path)
