"""Run a request: a camera, one file, many files, or a watched folder."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from background_removal.batch import find, shards
from background_removal.batch.items import BatchItem, is_done, plan_items, process_file, run_items
from background_removal.batch.watch import watch
from background_removal.cli.checks import check, check_images_only, check_one_result_each
from background_removal.cli.os_process import limit_malloc_arenas
from background_removal.cli.request import Request
from background_removal.cli.words import rename_parameters
from background_removal.engine import Engine
from background_removal.files import storage
from background_removal.files.foreign import check_not_foreign
from background_removal.files.saving.outputs import check_result
from background_removal.files.saving.unfinished import recover_unfinished
from background_removal.pipeline.objects import CustomObject
from background_removal.support import limits
from background_removal.support.interrupt import report_results_on_interrupt
from background_removal.support.wording import escape_unprintable

if TYPE_CHECKING:
    from tqdm import tqdm

log = logging.getLogger(__name__)

OnResult = Callable[[str], object]


def run(request: Request, on_result: OnResult) -> int:
    """Do what a request asks for.

    Args:
        request: The command line and its settings file.
        on_result: Called with the path of every finished result.

    Returns:
        The exit code: 1 if one of many files failed, or if a part of a file could not be read; else 0.
    """
    limit_malloc_arenas()
    limits.set_limits(max_pixels=request.max_pixels, follow=request.follow)
    check(request)
    if request.is_page:
        from background_removal.cli.serve import serve_page

        serve_page(request, on_result)
        return 0
    if request.watch is not None:
        return _watch(request, request.watch, on_result)
    if request.is_live:
        return _run_camera(request)
    if find.is_many(request.files) or request.shard or request.dry_run or request.cluster:
        return _run_many(request, on_result)
    return _run_one(request, request.files[0], on_result)


def _run_camera(request: Request) -> int:
    recipe = request.recipe
    recipe.check_results("", os.fspath(request.live.record_path), request.card)
    objects = recipe.build_objects(switchable=request.has_keys)
    engine = Engine(custom_objects=objects, **recipe.engine_arguments, **request.live_arguments)
    _add_settings_key(engine, request)
    engine.run()
    return 0


def _run_one(request: Request, path: str, on_result: OnResult) -> int:
    recipe = request.recipe
    check_not_foreign(path)  # before what follows takes it for an image or a video
    if not recipe.is_video(path):
        check_images_only(request, f"{path} is an image")
    item = BatchItem(path, recipe.result_path(path))
    if request.resume and is_done(item):
        log.info("%s: is done", item.output)
        return 0
    # Before networks and backgrounds are loaded, which may take long.
    check_result(item.output, item.path, video=recipe.is_video(item.path), encoding=recipe.encoding)
    if request.resume:
        recover_unfinished(item.output)
    with report_results_on_interrupt(lambda kept: kept or "nothing was kept"):
        if storage.STANDARD in (item.output, recipe.matte):
            # Standard output takes the picture alone: neither its name nor what a custom object prints.
            with contextlib.redirect_stdout(sys.stderr):
                return _process(request, item, recipe.build_objects(), not request.quiet)[1]
        result, code = _process(request, item, recipe.build_objects(), not request.quiet)
        on_result(result)
    return code


def _process(
    request: Request,
    item: BatchItem,
    objects: list[CustomObject],
    progress: bool | tqdm[Any],
    keep_partial: bool = True,
) -> tuple[str, int]:
    """Process one file; return the path of its result and the exit code."""
    more = {"progress": progress, "keep_partial": keep_partial, **request.live_arguments}
    engine = request.recipe.build_engine(item.path, item.output, objects, **more)
    _add_settings_key(engine, request)
    if request.jobs > 1 and engine.video_path:
        from background_removal.batch.parallel import process_video

        result, incomplete = process_video(engine, item, request.recipe, request.jobs)
    else:
        result, incomplete = process_file(engine, item)
    return result, int(incomplete)


def _add_settings_key(engine: Engine, request: Request) -> None:
    if request.config or request.shows or request.is_controlled:  # its modules are not loaded for nothing
        from background_removal.cli.settings_key import add_settings_key

        add_settings_key(engine, request)


def _run_many(request: Request, on_result: OnResult) -> int:
    recipe = request.recipe
    if find.is_many(request.files):
        check_one_result_each(request)
    suffixes = {"video": find.VIDEO_SUFFIXES, "image": find.IMAGE_SUFFIXES}.get(recipe.kind, find.SUFFIXES)
    files = find.find_files(request.files, suffixes, request.recursive, recipe.output)
    if not any(recipe.is_video(path) for path, _ in files):
        check_images_only(request, "these are images")
    items = plan_items(files, recipe.result_path)
    if request.shard:
        items = shards.select_shard(items, request.shard, storage.file_size)
    to_do = [item for item in items if not (request.resume and is_done(item))]
    if request.dry_run:
        _list_planned(request, to_do, on_result)
        return 0
    if request.shard and not items:
        log.info("--shard %d/%d: no file falls to it", *request.shard)
        return 0
    done: list[str] = []
    with report_results_on_interrupt(
        lambda kept: f"{len(done)} of {len(to_do)} files are done{kept}; --resume does the rest"
    ):

        def on_done(output: str) -> None:
            done.append(output)
            on_result(output)

        run_all = _run_on_cluster if request.cluster else _run_here
        failed, code = run_all(request, items, to_do, on_done)
    if failed:
        log.error("%d of %d files failed", failed, len(items))
    return 1 if failed else code


def _list_planned(request: Request, items: Sequence[BatchItem], on_result: OnResult) -> None:
    """List files and results and, for a cluster, the parts of local files."""
    for item in items:
        on_result(f"{item.path} -> {item.output}")
        if request.cluster and not storage.is_remote(item.path):
            from background_removal.batch.cut import cut_file

            for number, part in enumerate(cut_file(request.recipe, item, request.part_seconds), 1):
                first, last = part.part.first, part.part.first + part.part.frames - 1
                on_result(f"    part {number}: frames {first} to {last}")


def _run_here(
    request: Request, items: Sequence[BatchItem], to_do: Sequence[BatchItem], on_done: OnResult
) -> tuple[int, int]:
    """Process one file after the other; return the number of failed files, and the exit code of the rest."""
    from tqdm import tqdm

    objects = request.recipe.build_objects()
    codes = {0}
    # tqdm's None means: unless stderr is not a terminal.
    hidden = True if request.quiet else None
    with tqdm(total=_count_frames(request, to_do), unit="frame", disable=hidden) as bar:

        def work(item: BatchItem) -> None:
            bar.set_description(escape_unprintable(os.path.basename(item.path)))
            if request.resume:
                recover_unfinished(item.output)
            codes.add(_run_one_of_many(request, item, objects, bar))
            on_done(item.output)

        return run_items(items, work, rename_parameters, request.resume), max(codes)


def _run_on_cluster(
    request: Request, items: Sequence[BatchItem], to_do: Sequence[BatchItem], on_done: OnResult
) -> tuple[int, int]:
    """Let the computers of a cluster process the files; return as `_run_here`."""
    from background_removal.batch.cluster.driver import run_on_cluster

    for item in items:
        if item not in to_do:
            log.info("%s: is done", item.output)
    if not to_do:
        return 0, 0
    failed, incomplete = run_on_cluster(
        request.recipe,
        to_do,
        _count_frames(request, to_do),
        on_done,
        rename_parameters,
        address=request.cluster,
        part_seconds=request.part_seconds,
        resume=request.resume,
        quiet=request.quiet,
    )
    return failed, int(incomplete)


def _watch(request: Request, folder: str, on_result: OnResult) -> int:
    check_one_result_each(request)
    recipe = request.recipe
    done: list[str] = []

    def work(item: BatchItem) -> None:
        _run_one_of_many(request, item, objects, not request.quiet)
        done.append(item.output)
        on_result(item.output)

    with report_results_on_interrupt(lambda kept: f"results written: {len(done)}{kept}"):
        objects = recipe.build_objects()
        for file in watch(folder, find.SUFFIXES, request.recursive, recipe.output):
            run_items(plan_items([file], recipe.result_path), work, rename_parameters, resume=True)
    return 0


def _run_one_of_many(request: Request, item: BatchItem, objects: list[CustomObject], bar: bool | tqdm[Any]) -> int:
    with report_results_on_interrupt(lambda kept: f", {kept or f'nothing of {item.path} was kept'}"):
        return _process(request, item, objects, bar, keep_partial=False)[1]


def _count_frames(request: Request, items: Sequence[BatchItem]) -> int | None:
    """Return the number of frames of all files together, None if it is unknown for one."""
    from background_removal.files.video.video_source import expected_frames

    total = 0
    for item in items:
        frames: int | None = 1
        if request.recipe.is_video(item.path):
            frames = None if storage.is_remote(item.path) else expected_frames(item.path)
        if frames is None:
            return None
        total += frames
    return total
