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

from background_removal.batch import find, shards
from background_removal.batch.items import BatchItem, is_done, plan_items, run_items
from background_removal.batch.watch import watch
from background_removal.cli.checks import (
    check,
    check_images_only,
    check_one_result_each,
    check_results,
    is_cutout,
    is_live,
    paths_of,
)
from background_removal.cli.engines import encoding_of, engine_of, is_video_file, process
from background_removal.cli.object_list import build_objects
from background_removal.cli.os_process import keep_memory_together
from background_removal.cli.words import rename_parameters
from background_removal.compositing.shipped import shipped_pictures
from background_removal.files import storage
from background_removal.files.saving.outputs import check_result, result_path
from background_removal.files.saving.unfinished import recover_unfinished
from background_removal.pipeline.objects import CustomObject
from background_removal.support import limits
from background_removal.support.interrupt import report_results_on_interrupt
from background_removal.support.wording import escape_unprintable

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
        The exit code: 1 if one of many files failed, or if a file could be read in part only; else 0.
    """
    keep_memory_together()
    limits.set_limits(max_pixels=options.max_pixels, follow=options.follow)
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
    if options.serve is not None:
        from background_removal.cli.serve import serve_page

        serve_page(options, on_result)
        return 0
    with _beside_a_bar(options):
        if options.watch is not None:
            return _watch(options, on_result)
        paths = paths_of(options)
        if not paths:
            check_results(options, "", options.record)
            engine_of(options, build_objects(options)).run()
            return 0
        if find.is_many(paths) or options.shard or options.dry_run or options.cluster:
            return _run_many(options, paths, on_result, typed)
        if not is_video_file(options, paths[0]):
            check_images_only(typed, f"{paths[0]} is an image")
        job = BatchItem(paths[0], _usual_output(options, paths[0]))
        if options.resume and is_done(job):
            log.info("%s: is done", job.output)
            return 0
        # Before networks and backgrounds are loaded, perhaps from far away.
        check_result(job.output, job.path, video=is_video_file(options, job.path), encoding=encoding_of(options))
        if options.resume:
            recover_unfinished(job.output)
        with report_results_on_interrupt(lambda said: said or "nothing was kept"):
            if storage.STANDARD in (job.output, options.matte):
                # Nothing but the picture goes there: not its name, nor what a custom object prints.
                with contextlib.redirect_stdout(sys.stderr):
                    return process(options, job, build_objects(options), not options.quiet)[1]
            result, code = process(options, job, build_objects(options), not options.quiet)
            on_result(result)
        return code


def _beside_a_bar(options: argparse.Namespace) -> contextlib.AbstractContextManager[None]:
    """Let messages not tear a progress bar, where there may be one: neither for a camera nor for one image."""
    paths = paths_of(options)
    if is_live(options) or (paths and not find.is_many(paths) and not is_video_file(options, paths[0])):
        return contextlib.nullcontext()
    from tqdm.contrib.logging import logging_redirect_tqdm

    return logging_redirect_tqdm()


def _list_cameras(on_result: OnResult) -> None:
    from background_removal.live.camera.devices import list_camera_modes, list_cameras

    cameras = list_cameras()
    if not cameras:
        on_result("no camera was found on this computer")
    for number, name in cameras.items():
        on_result(f"{number} ({name})")
        for mode in list_camera_modes(number):
            on_result(f"    {mode}")


def _list_microphones(on_result: OnResult) -> None:
    from background_removal.live.audio.sound_devices import list_microphones

    microphones = list_microphones()
    if not microphones:
        on_result("no microphone was found on this computer")
    for place, (number, name) in enumerate(microphones.items()):
        on_result(f"{number} ({name})" + ("" if place else ", the usual one"))


def _run_many(options: argparse.Namespace, paths: Sequence[str], on_result: OnResult, typed: Collection[str]) -> int:
    if find.is_many(paths):
        check_one_result_each(options)
    suffixes = find.VIDEO_SUFFIXES if options.video else find.IMAGE_SUFFIXES if options.image else find.SUFFIXES
    files = find.find_files(paths, suffixes, options.recursive, options.output)
    if not any(is_video_file(options, path) for path, _ in files):
        check_images_only(typed, "these are images")
    jobs = plan_items(files, functools.partial(_usual_output, options))
    if options.shard:
        jobs = shards.select_shard(jobs, shards.parse_shard(options.shard), storage.file_size)
    to_do = [job for job in jobs if not (options.resume and is_done(job))]
    if options.dry_run:
        _tell_what_would_be_done(options, to_do, on_result)
        return 0
    if not jobs:
        log.info("--shard %s: no file falls to it", options.shard)
        return 0
    done: list[str] = []
    with report_results_on_interrupt(
        lambda said: f"{len(done)} of {len(to_do)} files are done{said}; --resume does the rest"
    ):

        def on_done(output: str) -> None:
            done.append(output)
            on_result(output)

        do = _do_on_cluster if options.cluster else _do_here
        failed, code = do(options, jobs, to_do, on_done)
    if failed:
        log.error("%d of %d files failed", failed, len(jobs))
    return 1 if failed else code


def _tell_what_would_be_done(options: argparse.Namespace, jobs: Sequence[BatchItem], on_result: OnResult) -> None:
    """List files and results and, for a cluster, the parts of those that are at hand."""
    for job in jobs:
        on_result(f"{job.path} -> {job.output}")
        if options.cluster and not storage.is_remote(job.path):
            from background_removal.cli.cluster.tasks import parts_of

            for number, part in enumerate(parts_of(options, job), 1):
                first, last = part.part.first, part.part.first + part.part.frames - 1
                on_result(f"    part {number}: frames {first} to {last}")


def _do_here(
    options: argparse.Namespace, jobs: Sequence[BatchItem], to_do: Sequence[BatchItem], on_done: OnResult
) -> tuple[int, int]:
    """Do one file after the other; return how many have failed, and the exit code of the rest."""
    from tqdm import tqdm

    objects = build_objects(options)
    codes = {0}
    # tqdm's None means: unless stderr is not a terminal.
    hidden = True if options.quiet else None
    with tqdm(total=_frames_of(options, to_do), unit="frame", disable=hidden) as bar:

        def work(job: BatchItem) -> None:
            bar.set_description(escape_unprintable(os.path.basename(job.path)))
            if options.resume:
                recover_unfinished(job.output)
            codes.add(_one_of_many(options, job, objects, bar))
            on_done(job.output)

        return run_items(jobs, work, rename_parameters, options.resume), max(codes)


def _do_on_cluster(
    options: argparse.Namespace, jobs: Sequence[BatchItem], to_do: Sequence[BatchItem], on_done: OnResult
) -> tuple[int, int]:
    """Let the computers of a cluster do what is to be done; return as `_do_here`."""
    from background_removal.cli.cluster.driver import run_on_cluster

    for job in jobs:
        if job not in to_do:
            log.info("%s: is done", job.output)
    return run_on_cluster(options, to_do, _frames_of(options, to_do), on_done) if to_do else (0, 0)


def _watch(options: argparse.Namespace, on_result: OnResult) -> int:
    check_one_result_each(options)
    done: list[str] = []

    def work(job: BatchItem) -> None:
        _one_of_many(options, job, objects, not options.quiet)
        done.append(job.output)
        on_result(job.output)

    with report_results_on_interrupt(lambda said: f"results written: {len(done)}{said}"):
        objects = build_objects(options)
        for file in watch(options.watch, find.SUFFIXES, options.recursive, options.output):
            run_items(
                plan_items([file], functools.partial(_usual_output, options)), work, rename_parameters, resume=True
            )
    return 0


def _one_of_many(
    options: argparse.Namespace, job: BatchItem, objects: list[CustomObject], bar: bool | tqdm[Any]
) -> int:
    with report_results_on_interrupt(lambda said: f", {said or f'nothing of {job.path} was kept'}"):
        return process(options, job, objects, bar, keep_partial=False)[1]


def _usual_output(options: argparse.Namespace, path: str, inner: str = "") -> str:
    """Return where the result of a file goes, which lies in the folder `inner` of one that was given."""
    output = options.output
    if inner and output:
        output = f"{os.path.join(output, inner)}/"
    return result_path(
        path,
        output,
        video=is_video_file(options, path),
        alpha=is_cutout(options),
        encoding=encoding_of(options),
        frames=options.frames,
    )


def _frames_of(options: argparse.Namespace, jobs: Sequence[BatchItem]) -> int | None:
    """Return how many frames all files have together, None if one does not say."""
    from background_removal.files.video.video_source import expected_frames

    total = 0
    for job in jobs:
        frames: int | None = 1
        if is_video_file(options, job.path):
            frames = None if storage.is_remote(job.path) else expected_frames(job.path)
        if frames is None:
            return None
        total += frames
    return total
