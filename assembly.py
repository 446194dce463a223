"""From the options of the command line to custom objects and engines, and to one run or many."""

from __future__ import annotations

import argparse
import functools
import importlib
import importlib.util
import inspect
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

import batch
import storage
from config import write_config
from effects.auto_frame import AutoFrame
from effects.defocus import Defocus
from effects.low_light import LowLight
from effects.plate import Logo, NamePlate
from engine import CustomObject, Engine
from errors import InputError
from media.camera import CameraOptions
from media.devices import camera_modes, list_cameras
from media.formats import CONTAINERS
from media.images import ALPHA_SUFFIXES
from media.video_source import expected_frames
from parallel import process_in_parallel
from selfieSegmentation import MPSegmentation
from utils import FPSmetric

log = logging.getLogger(__name__)


def run(options: argparse.Namespace, on_result: Callable[[str], object]) -> int:
    """Do what the command line asks for.

    Args:
        options: What `main.build_parser` parsed.
        on_result: Called with the path of every finished result.

    Returns:
        The exit code: 1 if one of many files failed, else 0.
    """
    if options.list_cameras:
        _list_cameras(on_result)
        return 0
    _check(options)
    with logging_redirect_tqdm():  # messages do not tear the progress bar
        if options.watch is not None:
            return _watch(options, on_result)
        paths = options.video or options.image
        if not paths:
            _check_results(options, "", options.record)
            _engine(options, build_objects(options)).run()
            return 0
        if batch.is_many(paths):
            return _run_many(options, on_result)
        [path] = paths
        output = options.output or _usual_output(options, path)
        if options.resume and batch.is_done(batch.Job(path, output)):
            log.info("%s: is done", output)
            return 0
        # A result that is not complete must not be taken for one that is.
        keep = not options.resume
        on_result(_process(options, path, output, build_objects(options), not options.quiet, keep_partial=keep))
        return 0


def _list_cameras(on_result: Callable[[str], object]) -> None:
    cameras = list_cameras()
    if not cameras:
        on_result("no camera was found on this computer")
    for number, name in cameras.items():
        on_result(f"{number} ({name})")
        for mode in camera_modes(number):
            on_result(f"    {mode}")


def build_objects(options: argparse.Namespace) -> list[CustomObject]:
    """Return the custom objects that the command line asks for, in order."""
    custom_objects: list[CustomObject] = []
    if options.low_light:
        custom_objects.append(LowLight())  # first: what is lifted is also found better
    if not options.no_segmentation:
        custom_objects.append(
            MPSegmentation(
                bg_blur_ratio=(options.blur, options.blur),
                threshold=options.threshold,
                background="none" if options.defocus else options.background,
                model=options.model,
                edge_softness=options.edge_softness,
                light_wrap=options.light_wrap,
                runtime=options.runtime,
                device=options.device,
                quality=options.quality,
                model_size=_size(options.model_size, "--model-size", "256x320"),
                model_input=options.model_input,
                model_output=options.model_output,
            )
        )
    if options.defocus:
        custom_objects.append(Defocus(options.blur))
    if options.auto_frame:
        custom_objects.append(AutoFrame())
    custom_objects += [load_object(spec) for spec in options.object]
    if options.logo:
        custom_objects.append(Logo(options.logo))
    if options.name:
        custom_objects.append(NamePlate(options.name))
    if _is_live(options) if options.fps is None else options.fps:
        custom_objects.append(FPSmetric())
    return custom_objects


def load_object(spec: str) -> CustomObject:
    """Return the custom object that ``FILE.py:NAME`` or ``package.module:NAME`` names.

    A class, or a function that takes no argument, is called to make the object.

    Raises:
        InputError: there is no such file or name, it fails while loading, or it is not callable.
    """
    where, colon, name = spec.rpartition(":")
    if not colon or not where or not name:
        raise InputError(f"--object {spec}: must be FILE.py:NAME or package.module:NAME")
    try:
        if where.endswith(".py"):
            if not os.path.isfile(where):
                raise InputError(f"--object {spec}: no such file: {where}")
            stem = os.path.splitext(os.path.basename(where))[0]
            found = importlib.util.spec_from_file_location(stem, where)
            assert found is not None
            assert found.loader is not None
            module = importlib.util.module_from_spec(found)
            sys.modules.setdefault(stem, module)
            sys.path.append(os.path.dirname(os.path.abspath(where)))  # for what it imports itself
            found.loader.exec_module(module)
        else:
            sys.path.append(os.getcwd())
            module = importlib.import_module(where)
        item: Any = getattr(module, name, None)
        if item is None:
            raise InputError(f"--object {spec}: there is no {name} in {where}")
        if inspect.isclass(item) or (callable(item) and not _takes_an_image(item)):
            item = item()
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"--object {spec}: {type(error).__name__}: {error}") from error
    if not callable(item):
        raise InputError(f"--object {spec}: is not callable with an image")
    return cast("CustomObject", item)


def _takes_an_image(item: Any) -> bool:
    try:
        inspect.signature(item).bind(None)
    except TypeError:
        return False
    except ValueError:  # a built-in function without a signature
        return True
    return True


def _check(options: argparse.Namespace) -> None:
    """Raise InputError for options that do not go together."""
    paths = options.video or options.image
    if _is_live(options) and options.output:
        raise InputError("--output goes with --image, --video or --watch; a webcam is only shown")
    if paths and "" in paths:
        raise InputError("--image and --video need the name of a file")
    if options.matte:
        if not paths or batch.is_many(paths):
            raise InputError("--matte goes with one --image or --video")
        if options.no_segmentation:
            raise InputError("--matte needs the segmentation; leave out --no-segmentation")
    if options.defocus and (options.background != "blur" or options.no_segmentation):
        raise InputError("--defocus is a kind of blur; leave out --background and --no-segmentation")
    if not _is_live(options):
        for name in ("record", "microphone", "virtual_camera"):
            if getattr(options, name) not in ("", None):
                raise InputError(f"--{name.replace('_', '-')} goes with a webcam")
    if options.microphone and not options.show and not options.record and options.show is not None:
        raise InputError("--microphone goes with --record, or with a window for the key r")
    if options.jobs < 1:
        raise InputError(f"--jobs {options.jobs}: must be at least 1")
    if options.jobs > 1:
        if options.show or options.matte or not (options.video or options.watch):
            raise InputError("--jobs goes with --video or --watch, and without --show and --matte")
        if _is_cutout(options) and os.path.splitext(options.output)[1].lower() != ".mov":
            raise InputError("--jobs with a transparent background needs --output ….mov")


class ConfigKey:
    """The key w: writes what the keys have changed to the file of --config."""

    keys: Mapping[str, str] = {"w": "write the look to the --config file"}

    def __init__(self, path: str, engine: Engine) -> None:
        self._path = path
        self._engine = engine

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        return frame

    def on_key(self, key: str) -> bool | str:
        if key != "w":
            return False
        look: dict[str, Any] = {"flip": self._engine.flip_view}
        for item in self._engine.custom_objects:
            if isinstance(item, MPSegmentation):
                look |= item.look()
        if any(isinstance(item, Defocus) for item in self._engine.custom_objects):
            del look["background"]  # it stands in for the background
        write_config(self._path, look)
        return f"written to {self._path}"


def _engine(options: argparse.Namespace, custom_objects: Sequence[CustomObject], **more: Any) -> Engine:
    live = _is_live(options)
    engine = Engine(
        webcam_id=options.webcam if options.webcam is not None else 0,
        show=live if options.show is None else options.show,
        custom_objects=custom_objects,
        codec=options.codec,
        encoder=options.encoder,
        crf=options.crf,
        preset=options.preset,
        camera=CameraOptions(
            size=_size(options.size, "--size", "1280x720"),
            rate=options.camera_fps,
            backend=options.camera_backend,
            reconnect=options.reconnect,
        ),
        record_path=options.record,
        microphone=options.microphone,
        snapshots=options.snapshots,
        virtual_camera=options.virtual_camera,
        **{**_frame_options(options), **more},
    )
    if options.config:
        engine.custom_objects.append(ConfigKey(options.config, engine))
    return engine


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
    path: str,
    output: str,
    custom_objects: Sequence[CustomObject],
    progress: bool | tqdm[Any],
    keep_partial: bool,
) -> str:
    """Process one file and return the path of its result."""
    _check_results(options, path, output)
    side_outputs = {}
    if options.matte:
        [segmentation] = (item for item in custom_objects if isinstance(item, MPSegmentation))
        side_outputs[options.matte] = segmentation.matte_picture
    kind = {"video_path": path} if _is_video(options, path) else {"image_path": path}
    engine = _engine(
        options,
        custom_objects,
        output_path=output,
        progress=progress,
        side_outputs=side_outputs,
        keep_partial=keep_partial,
        **kind,
    )
    if "video_path" in kind and options.jobs > 1:
        make_objects = functools.partial(build_objects, options)
        result = process_in_parallel(engine, options.jobs, make_objects, _frame_options(options))
        if result is not None:
            return result
        log.info("%s: too short, or with too few key frames, to be cut; one process does it", path)
    result = engine.run()
    if "image_path" in kind and isinstance(progress, tqdm):
        progress.update()
    return cast("str", result)


def _check_results(options: argparse.Namespace, path: str, output: str) -> None:
    """Raise InputError if a result would replace something that is read for it, or the other result."""
    needed = [("background", options.background), ("logo", options.logo), ("model", options.model or "")]
    needed += [("custom object", spec.rpartition(":")[0]) for spec in options.object]
    results = [result for result in (output, options.matte) if result]
    for result in results:
        for what, other in (*needed, ("input", path)):
            if os.path.isfile(result) and os.path.isfile(other) and os.path.samefile(result, other):
                raise InputError(f"{result}: the output is the {what}; give another --output")
    if len({os.path.realpath(result) for result in results}) < len(results):
        raise InputError(f"{output}: the output is the matte; give another --output")


def _run_many(options: argparse.Namespace, on_result: Callable[[str], object]) -> int:
    suffixes = batch.VIDEO_SUFFIXES if options.video else batch.IMAGE_SUFFIXES
    files = batch.find_files(options.video or options.image, suffixes, options.recursive, options.output)
    jobs = _jobs(options, files)
    to_do = [job for job in jobs if not (options.resume and batch.is_done(job))]
    custom_objects = build_objects(options)
    # tqdm's None means: unless stderr is not a terminal.
    hidden = True if options.quiet else None
    with tqdm(total=_frames_of(to_do) if options.video else len(to_do), unit="frame", disable=hidden) as bar:

        def work(job: batch.Job) -> None:
            bar.set_description(os.path.basename(job.path))
            on_result(_process(options, job.path, job.output, custom_objects, bar, keep_partial=False))

        failures = batch.run_jobs(jobs, work, options.resume)
    if failures:
        log.error("%d of %d files failed: %s", len(failures), len(jobs), "; ".join(failures))
    return 1 if failures else 0


def _watch(options: argparse.Namespace, on_result: Callable[[str], object]) -> int:
    custom_objects = build_objects(options)
    for path, inner in batch.watch(options.watch, batch.SUFFIXES, options.recursive, options.output):

        def work(job: batch.Job) -> None:
            progress = not options.quiet
            on_result(_process(options, job.path, job.output, custom_objects, progress, keep_partial=False))

        batch.run_jobs(_jobs(options, [(path, inner)]), work, resume=True)
    return 0


def _jobs(options: argparse.Namespace, files: Sequence[tuple[str, str]]) -> list[batch.Job]:
    output = options.output
    named_as_file = os.path.isfile(output) or os.path.splitext(output)[1].lower() in batch.SUFFIXES
    if named_as_file and not storage.is_remote(output) and not os.path.isdir(output):
        raise InputError(f"{output}: is a file; many results need a folder")
    return batch.plan_jobs(files, options.output, functools.partial(_usual_output, options))


def _usual_output(options: argparse.Namespace, path: str) -> str:
    """Return where the result of a file goes that is not told."""
    engine = Engine(video_path=path) if _is_video(options, path) else Engine(image_path=path)
    output = engine.video_output() if engine.video_path else engine.image_output()
    stem, suffix = os.path.splitext(output)
    if engine.image_path:
        return output if not _is_cutout(options) or suffix.lower() in ALPHA_SUFFIXES else f"{stem}.png"
    if _is_cutout(options):
        return output if suffix.lower() == ".mov" else f"{stem}.webm"
    if options.codec and suffix.lower() in CONTAINERS and options.codec not in CONTAINERS[suffix.lower()].codecs:
        return stem + next((known for known, kind in CONTAINERS.items() if options.codec in kind.codecs), suffix)
    return output


def _frames_of(jobs: Sequence[batch.Job]) -> int | None:
    """Return how many frames all videos have together, None if one does not say."""
    total = 0
    for job in jobs:
        frames = None if storage.is_remote(job.path) else expected_frames(job.path)
        if frames is None:
            return None
        total += frames
    return total


def _is_live(options: argparse.Namespace) -> bool:
    return options.image is None and options.video is None and options.watch is None


def _is_video(options: argparse.Namespace, path: str) -> bool:
    if options.watch is not None:
        return os.path.splitext(path)[1].lower() in batch.VIDEO_SUFFIXES
    return options.video is not None


def _is_cutout(options: argparse.Namespace) -> bool:
    return options.background == "transparent" and not options.no_segmentation


def _size(text: str | None, option: str, example: str) -> tuple[int, int] | None:
    if text is None:
        return None
    first, x, second = text.partition("x")
    if not (x and first.isdigit() and second.isdigit() and int(first) and int(second)):
        raise InputError(f"{option} {text}: must be two numbers, for instance {example}")
    return int(first), int(second)
