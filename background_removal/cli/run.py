"""Doing what the command line asks for: a camera, one file, many, or a watched folder."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from background_removal.batch import find, shards
from background_removal.batch.items import BatchItem, is_done, plan_items, process_file, run_items
from background_removal.batch.watch import watch
from background_removal.cli.checks import (
    check,
    check_images_only,
    check_one_result_each,
    has_keys,
    is_live,
    paths_of,
)
from background_removal.cli.engines import add_settings_key, live_arguments, recipe_of
from background_removal.cli.os_process import keep_memory_together
from background_removal.cli.words import rename_parameters
from background_removal.compositing.shipped import shipped_pictures
from background_removal.engine import Engine
from background_removal.files import storage
from background_removal.files.saving.outputs import check_result
from background_removal.files.saving.unfinished import recover_unfinished
from background_removal.pipeline.objects import CustomObject
from background_removal.recipe import Recipe
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
    recipe = recipe_of(options)
    with _beside_a_bar(options, recipe):
        if options.watch is not None:
            return _watch(options, recipe, on_result)
        paths = paths_of(options)
        if not paths:
            return _run_camera(options, recipe)
        if find.is_many(paths) or options.shard or options.dry_run or options.cluster:
            return _run_many(options, recipe, paths, on_result, typed)
        return _run_one(options, recipe, paths[0], on_result, typed)


def _run_camera(options: argparse.Namespace, recipe: Recipe) -> int:
    recipe.check_results("", options.record, options.card)
    objects = recipe.build_objects(switchable=has_keys(options))
    engine = Engine(custom_objects=objects, **recipe.engine_arguments, **live_arguments(options))
    add_settings_key(engine, options)
    engine.run()
    return 0


def _run_one(
    options: argparse.Namespace, recipe: Recipe, path: str, on_result: OnResult, typed: Collection[str]
) -> int:
    if not recipe.is_video(path):
        check_images_only(typed, f"{path} is an image")
    job = BatchItem(path, recipe.result_path(path))
    if options.resume and is_done(job):
        log.info("%s: is done", job.output)
        return 0
    # Before networks and backgrounds are loaded, perhaps from far away.
    check_result(job.output, job.path, video=recipe.is_video(job.path), encoding=recipe.encoding)
    if options.resume:
        recover_unfinished(job.output)
    with report_results_on_interrupt(lambda said: said or "nothing was kept"):
        if storage.STANDARD in (job.output, options.matte):
            # Standard output takes the picture alone: neither its name nor what a custom object prints.
            with contextlib.redirect_stdout(sys.stderr):
                return _process(options, recipe, job, recipe.build_objects(), not options.quiet)[1]
        result, code = _process(options, recipe, job, recipe.build_objects(), not options.quiet)
        on_result(result)
    return code


def _process(
    options: argparse.Namespace,
    recipe: Recipe,
    item: BatchItem,
    objects: list[CustomObject],
    progress: bool | tqdm[Any],
    keep_partial: bool = True,
) -> tuple[str, int]:
    more = {"progress": progress, "keep_partial": keep_partial, **live_arguments(options)}
    engine = recipe.build_engine(item.path, item.output, objects, **more)
    add_settings_key(engine, options)
    if options.jobs > 1 and engine.video_path:
        from background_removal.batch.parallel import process_video

        result, incomplete = process_video(engine, item, recipe, options.jobs)
    else:
        result, incomplete = process_file(engine, item)
    return result, int(incomplete)


def _beside_a_bar(options: argparse.Namespace, recipe: Recipe) -> contextlib.AbstractContextManager[None]:
    """Let messages not tear a progress bar, where there may be one: neither for a camera nor for one image."""
    paths = paths_of(options)
    if is_live(options) or (paths and not find.is_many(paths) and not recipe.is_video(paths[0])):
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


def _run_many(
    options: argparse.Namespace, recipe: Recipe, paths: Sequence[str], on_result: OnResult, typed: Collection[str]
) -> int:
    if find.is_many(paths):
        check_one_result_each(options)
    suffixes = find.VIDEO_SUFFIXES if options.video else find.IMAGE_SUFFIXES if options.image else find.SUFFIXES
    files = find.find_files(paths, suffixes, options.recursive, options.output)
    if not any(recipe.is_video(path) for path, _ in files):
        check_images_only(typed, "these are images")
    jobs = plan_items(files, recipe.result_path)
    if options.shard:
        jobs = shards.select_shard(jobs, shards.parse_shard(options.shard), storage.file_size)
    to_do = [job for job in jobs if not (options.resume and is_done(job))]
    if options.dry_run:
        _tell_what_would_be_done(options, recipe, to_do, on_result)
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
        failed, code = do(options, recipe, jobs, to_do, on_done)
    if failed:
        log.error("%d of %d files failed", failed, len(jobs))
    return 1 if failed else code


def _tell_what_would_be_done(
    options: argparse.Namespace, recipe: Recipe, jobs: Sequence[BatchItem], on_result: OnResult
) -> None:
    """List files and results and, for a cluster, the parts of those that are at hand."""
    for job in jobs:
        on_result(f"{job.path} -> {job.output}")
        if options.cluster and not storage.is_remote(job.path):
            from background_removal.batch.cut import cut_file

            for number, part in enumerate(cut_file(recipe, job, options.part_seconds), 1):
                first, last = part.part.first, part.part.first + part.part.frames - 1
                on_result(f"    part {number}: frames {first} to {last}")


def _do_here(
    options: argparse.Namespace,
    recipe: Recipe,
    jobs: Sequence[BatchItem],
    to_do: Sequence[BatchItem],
    on_done: OnResult,
) -> tuple[int, int]:
    """Do one file after the other; return how many have failed, and the exit code of the rest."""
    from tqdm import tqdm

    objects = recipe.build_objects()
    codes = {0}
    # tqdm's None means: unless stderr is not a terminal.
    hidden = True if options.quiet else None
    with tqdm(total=_frames_of(recipe, to_do), unit="frame", disable=hidden) as bar:

        def work(job: BatchItem) -> None:
            bar.set_description(escape_unprintable(os.path.basename(job.path)))
            if options.resume:
                recover_unfinished(job.output)
            codes.add(_one_of_many(options, recipe, job, objects, bar))
            on_done(job.output)

        return run_items(jobs, work, rename_parameters, options.resume), max(codes)


def _do_on_cluster(
    options: argparse.Namespace,
    recipe: Recipe,
    jobs: Sequence[BatchItem],
    to_do: Sequence[BatchItem],
    on_done: OnResult,
) -> tuple[int, int]:
    """Let the computers of a cluster do what is to be done; return as `_do_here`."""
    from background_removal.batch.cluster.driver import run_on_cluster

    for job in jobs:
        if job not in to_do:
            log.info("%s: is done", job.output)
    if not to_do:
        return 0, 0
    failed, incomplete = run_on_cluster(
        recipe,
        to_do,
        _frames_of(recipe, to_do),
        on_done,
        rename_parameters,
        address=options.cluster,
        part_seconds=options.part_seconds,
        resume=options.resume,
        quiet=options.quiet,
    )
    return failed, int(incomplete)


def _watch(options: argparse.Namespace, recipe: Recipe, on_result: OnResult) -> int:
    check_one_result_each(options)
    done: list[str] = []

    def work(job: BatchItem) -> None:
        _one_of_many(options, recipe, job, objects, not options.quiet)
        done.append(job.output)
        on_result(job.output)

    with report_results_on_interrupt(lambda said: f"results written: {len(done)}{said}"):
        objects = recipe.build_objects()
        for file in watch(options.watch, find.SUFFIXES, options.recursive, options.output):
            run_items(plan_items([file], recipe.result_path), work, rename_parameters, resume=True)
    return 0


def _one_of_many(
    options: argparse.Namespace,
    recipe: Recipe,
    job: BatchItem,
    objects: list[CustomObject],
    bar: bool | tqdm[Any],
) -> int:
    with report_results_on_interrupt(lambda said: f", {said or f'nothing of {job.path} was kept'}"):
        return _process(options, recipe, job, objects, bar, keep_partial=False)[1]


def _frames_of(recipe: Recipe, jobs: Sequence[BatchItem]) -> int | None:
    """Return how many frames all files have together, None if one does not say."""
    from background_removal.files.video.video_source import expected_frames

    total = 0
    for job in jobs:
        frames: int | None = 1
        if recipe.is_video(job.path):
            frames = None if storage.is_remote(job.path) else expected_frames(job.path)
        if frames is None:
            return None
        total += frames
    return total
