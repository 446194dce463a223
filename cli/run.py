"""Doing what the command line asks for: a camera, one file, many, or a watched folder."""

from __future__ import annotations

import argparse
import contextlib
import functools
import logging
import os
import sys
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cli import many, shares
from cli.checks import (
    check,
    check_images_only,
    check_one_result_each,
    check_results,
    is_cutout,
    is_live,
    paths_of,
    shows,
    size_of,
)
from cli.many import Job
from cli.objects import SettingsKey, build_objects, found_person, say_if_nobody
from engine import Engine
from files import storage
from files.formats import Encoding, codec_named
from files.growing import is_part, keep_what_is_left
from files.images import read_image
from files.kinds import is_video
from files.outputs import MatteSink, check_result, result_path
from live.options import LiveOptions
from pipeline.interrupt import says_what_is_kept
from pipeline.objects import CustomObject
from scenery.colors import parse_color
from scenery.shipped import shipped_pictures

if TYPE_CHECKING:
    from tqdm import tqdm

log = logging.getLogger(__name__)

OnResult = Callable[[str], object]


def run(options: argparse.Namespace, on_result: OnResult, typed: Collection[str] = ()) -> int:
    """Do what the command line asks for.

    Args:
        options: What `cli.options.build_parser` parsed.
        on_result: Called with the path of every finished result.
        typed: The options that stand on the command line, and not only in a settings file.

    Returns:
        The exit code: 1 if one of many files failed, else 0.
    """
    if options.list_cameras:
        _list_cameras(on_result)
        return 0
    if options.list_microphones:
        _list_microphones(on_result)
        return 0
    if options.list_backgrounds:
        for name in shipped_pictures():
            on_result(name)
        return 0
    check(options, typed)
    with _beside_a_bar(options):
        if options.watch is not None:
            return _watch(options, on_result)
        paths = paths_of(options)
        if not paths:
            check_results(options, "", options.record)
            _engine(options, build_objects(options)).run()
            return 0
        if many.is_many(paths) or options.shard or options.dry_run:
            return _run_many(options, paths, on_result, typed)
        if not _is_video(options, paths[0]):
            check_images_only(typed, f"{paths[0]} is an image")
        job = Job(paths[0], _usual_output(options, paths[0]))
        if options.resume and many.is_done(job):
            log.info("%s: is done", job.output)
            return 0
        # Before networks and backgrounds are loaded, perhaps from far away.
        check_result(job.output, job.path, video=_is_video(options, job.path), encoding=_encoding(options))
        if options.resume:
            keep_what_is_left(job.output)
        with says_what_is_kept(lambda said: said or "nothing was kept"):
            if storage.STANDARD in (job.output, options.matte):
                # Nothing but the picture goes there: not its name, nor what a custom object prints.
                with contextlib.redirect_stdout(sys.stderr):
                    _process(options, job, build_objects(options), not options.quiet)
                return 0
            on_result(_process(options, job, build_objects(options), not options.quiet))
        return 0


def _beside_a_bar(options: argparse.Namespace) -> contextlib.AbstractContextManager[None]:
    """Let messages not tear a progress bar, where there may be one: neither for a camera nor for one image."""
    paths = paths_of(options)
    if is_live(options) or (paths and not many.is_many(paths) and not _is_video(options, paths[0])):
        return contextlib.nullcontext()
    from tqdm.contrib.logging import logging_redirect_tqdm

    return logging_redirect_tqdm()


def _list_cameras(on_result: OnResult) -> None:
    from live.devices import camera_modes, list_cameras

    cameras = list_cameras()
    if not cameras:
        on_result("no camera was found on this computer")
    for number, name in cameras.items():
        on_result(f"{number} ({name})")
        for mode in camera_modes(number):
            on_result(f"    {mode}")


def _list_microphones(on_result: OnResult) -> None:
    from live.sound_devices import list_microphones

    microphones = list_microphones()
    if not microphones:
        on_result("no microphone was found on this computer")
    for place, (number, name) in enumerate(microphones.items()):
        on_result(f"{number} ({name})" + ("" if place else ", the usual one"))


def _engine(options: argparse.Namespace, objects: Sequence[CustomObject], **more: Any) -> Engine:
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
        encoding=_encoding(options),
        **{**_frame_options(options), **more},
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


def _encoding(options: argparse.Namespace) -> Encoding:
    return Encoding(
        codec_named(options.codec),
        options.encoder,
        options.crf,
        options.preset,
        gif_width=options.gif_width,
        gif_fps=options.gif_fps,
    )


def _frame_options(options: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments for `Engine` that decide what happens to which frame."""
    return {
        "flip_view": options.flip,
        "start_video_frame": options.start_frame,
        "end_video_frame": options.end_frame,
        "break_on_end": options.break_on_end,
    }


def _process(
    options: argparse.Namespace,
    job: Job,
    objects: list[CustomObject],
    progress: bool | tqdm[Any],
    keep_partial: bool = True,
) -> str:
    """Process one file and return where its result is."""
    check_results(options, job.path, job.output)
    is_video = _is_video(options, job.path)
    kind = {"video_path": job.path} if is_video else {"image_path": job.path}
    sinks = [MatteSink(options.matte, _encoding(options))] if options.matte else []
    engine = _engine(
        options, objects, output_path=job.output, progress=progress, sinks=sinks, keep_partial=keep_partial, **kind
    )
    if is_video and options.jobs > 1:
        from cli.parallel import process_in_parallel

        make_objects = functools.partial(build_objects, options)
        if process_in_parallel(engine, options.jobs, make_objects, _frame_options(options)):
            return job.output
        log.info("%s: too short, or with too few key frames, to be cut; one process does it", job.path)
    engine.run()
    say_if_nobody(job.path, found_person(objects))
    if is_part(engine.result):
        log.info("%s: ended early; what there is of it is %s", job.output, engine.result)
    return engine.result


def _run_many(options: argparse.Namespace, paths: Sequence[str], on_result: OnResult, typed: Collection[str]) -> int:
    if many.is_many(paths):
        check_one_result_each(options)
    from tqdm import tqdm

    suffixes = many.VIDEO_SUFFIXES if options.video else many.IMAGE_SUFFIXES if options.image else many.SUFFIXES
    files = many.find_files(paths, suffixes, options.recursive, options.output)
    if not any(_is_video(options, path) for path, _ in files):
        check_images_only(typed, "these are images")
    jobs = many.plan_jobs(files, functools.partial(_usual_output, options))
    if options.shard:
        jobs = shares.share_of(jobs, shares.parse_share(options.shard), storage.file_size)
    to_do = [job for job in jobs if not (options.resume and many.is_done(job))]
    if options.dry_run:
        for job in to_do:
            on_result(f"{job.path} -> {job.output}")
        return 0
    if not jobs:
        log.info("--shard %s: no file falls to it", options.shard)
        return 0
    done: list[str] = []
    # tqdm's None means: unless stderr is not a terminal.
    hidden = True if options.quiet else None
    with says_what_is_kept(lambda said: f"{len(done)} of {len(to_do)} files are done{said}; --resume does the rest"):
        objects = build_objects(options)
        with tqdm(total=_frames_of(options, to_do), unit="frame", disable=hidden) as bar:

            def work(job: Job) -> None:
                bar.set_description(os.path.basename(job.path))
                if options.resume:
                    keep_what_is_left(job.output)
                _one_of_many(options, job, objects, bar)
                done.append(job.output)
                on_result(job.output)

            failed = many.run_jobs(jobs, work, options.resume)
    if failed:
        log.error("%d of %d files failed", failed, len(jobs))
    return 1 if failed else 0


def _watch(options: argparse.Namespace, on_result: OnResult) -> int:
    check_one_result_each(options)
    done: list[str] = []

    def work(job: Job) -> None:
        _one_of_many(options, job, objects, not options.quiet)
        done.append(job.output)
        on_result(job.output)

    with says_what_is_kept(lambda said: f"results written: {len(done)}{said}"):
        objects = build_objects(options)
        for file in many.watch(options.watch, many.SUFFIXES, options.recursive, options.output):
            many.run_jobs(many.plan_jobs([file], functools.partial(_usual_output, options)), work, resume=True)
    return 0


def _one_of_many(options: argparse.Namespace, job: Job, objects: list[CustomObject], bar: bool | tqdm[Any]) -> None:
    with says_what_is_kept(lambda said: f", {said or f'nothing of {job.path} was kept'}"):
        _process(options, job, objects, bar, keep_partial=False)


def _usual_output(options: argparse.Namespace, path: str, inner: str = "") -> str:
    """Return where the result of a file goes, which lies in the folder `inner` of one that was given."""
    output = options.output
    if inner and output:
        output = f"{os.path.join(output, inner)}/"
    return result_path(
        path,
        output,
        video=_is_video(options, path),
        alpha=is_cutout(options),
        encoding=_encoding(options),
        frames=options.frames,
    )


def _frames_of(options: argparse.Namespace, jobs: Sequence[Job]) -> int | None:
    """Return how many frames all files have together, None if one does not say."""
    from files.video_source import expected_frames

    total = 0
    for job in jobs:
        frames: int | None = 1
        if _is_video(options, job.path):
            frames = None if storage.is_remote(job.path) else expected_frames(job.path)
        if frames is None:
            return None
        total += frames
    return total


def _is_video(options: argparse.Namespace, path: str) -> bool:
    """Tell whether a file is taken for a video: as the user says, or else as it is."""
    if options.image or options.video:
        return bool(options.video)
    return is_video(path)
