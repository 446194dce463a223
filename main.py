#!/usr/bin/env python3
"""Replace or blur what is behind a person: live from a webcam, in a video or in an image.

Run it as it is for the webcam, with options for files (see --help), or edit it: the classes below are all
there is to it, and README.md, "Editing main.py", shows how few lines do.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
import warnings
from typing import TYPE_CHECKING, Any, NoReturn, cast

# Nothing heavy is imported up here: --help should answer at once.
from errors import BackgroundRemovalError, InputError

if TYPE_CHECKING:
    from engine import CustomObject, Engine

VERSION = "0.1.0"

EPILOG = """\
examples:
  python main.py                                            the webcam, blurred behind you
  python main.py --background backgrounds                   the webcam, pictures; a and d go through them
  python main.py --image photo.jpg --background transparent --output cutout.png
  python main.py --video clip.mp4 --background '#00b140'    clip_out.mp4, sound and timing kept
  python main.py --object examples/sketch.py:PencilSketch   your own effect after the background

keys in the window: a next background, d previous one, q or Esc end
exit codes: 0 done, 1 processing failed, 2 bad request or input, 130 stopped by Ctrl-C
"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with a command line in one line, as every other error is said."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} (see --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = _Parser(
        description=(__doc__ or "").splitlines()[0],
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = parser.add_argument_group("what to process (default: webcam 0)").add_mutually_exclusive_group()
    source.add_argument("--webcam", metavar="ID", help="a camera's number, or a URL (rtsp://..., http://...)")
    source.add_argument("--image", metavar="PATH", help="an image -> photo_out.jpg")
    source.add_argument("--video", metavar="PATH", help="a video -> clip_out.mp4")
    parser.add_argument("--output", metavar="PATH", default="", help="the result; the suffix picks the format")

    look = parser.add_argument_group("the background")
    look.add_argument(
        "--background",
        metavar="SPEC",
        default="blur",
        help="blur (default), none, '#RRGGBB', an image, a folder of images (a/d cycle), a video, transparent",
    )
    look.add_argument("--blur", metavar="N", type=int, default=45, help="odd kernel size in pixels (default 45)")
    look.add_argument(
        "--threshold",
        metavar="T",
        type=float,
        default=0.5,
        help="0..1, where background ends and person begins (default 0.5)",
    )

    look.add_argument("--edge-softness", metavar="S", type=float, default=0.5, help="0 hard to 1 soft (default 0.5)")
    look.add_argument(
        "--light-wrap", metavar="S", type=float, default=0.0, help="light of a new background on the edge, 0..1"
    )

    network = parser.add_argument_group("the network")
    network.add_argument(
        "--model",
        metavar="M",
        help="default: landscape finds the person, general draws the edge; or one alone: landscape, general, "
        "FILE.onnx, or one to download: rvm (best edge), u2net_human_seg, modnet",
    )
    network.add_argument(
        "--quality", choices=("live", "file"), default="live", help="size at which rvm works (default live)"
    )
    network.add_argument("--model-size", metavar="HxW", help="input of FILE.onnx where it leaves it free (256x256)")
    network.add_argument(
        "--model-input", choices=("unit", "symmetric", "imagenet"), help="what FILE.onnx expects of RGB (default unit)"
    )
    network.add_argument(
        "--model-output",
        choices=("auto", "probability", "logits"),
        default="auto",
        help="what FILE.onnx gives (default auto)",
    )
    network.add_argument("--runtime", choices=("onnx", "mediapipe"), default="onnx", help="(default onnx)")
    network.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda", "tensorrt", "directml", "coreml", "openvino"),
        default="auto",
        help="(default auto)",
    )

    objects = parser.add_argument_group("custom objects")
    objects.add_argument(
        "--object",
        metavar="FILE.py:NAME",
        action="append",
        default=[],
        help="add your own (or package.module:NAME); repeatable; called after the segmentation, in order",
    )
    objects.add_argument("--no-segmentation", action="store_true", help="only the objects given with --object")

    view = parser.add_argument_group("view")
    view.add_argument("--flip", action="store_true", help="mirror left to right")
    view.add_argument(
        "--show", action=argparse.BooleanOptionalAction, help="open a window (default: for a webcam only)"
    )
    view.add_argument(
        "--fps", action=argparse.BooleanOptionalAction, help="draw frames per second (default: for a webcam only)"
    )

    video = parser.add_argument_group("video files")
    video.add_argument("--start-frame", metavar="N", type=int, default=0, help="first frame processed, from 0")
    video.add_argument("--end-frame", metavar="N", type=int, default=0, help="last frame processed, 0: no end")
    video.add_argument("--break-on-end", action="store_true", help="stop after the end frame")
    video.add_argument("--crf", metavar="N", type=int, default=20, help="quality, 0 best to 51 (default 20)")
    video.add_argument("--preset", metavar="P", default="veryfast", help="encoder speed (default veryfast)")

    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.add_argument("--debug", action="store_true", help="print tracebacks and what is going on")
    parser.add_argument("--version", action="version", version=f"Background Removal {VERSION}")
    return parser


def load_object(spec: str) -> CustomObject:
    """Return the custom object that ``FILE.py:NAME`` or ``package.module:NAME`` names.

    A class, or a function that takes no argument, is called to make the object.

    Raises:
        InputError: there is no such file or name, it fails while loading, or it is not callable.
    """
    import importlib
    import importlib.util
    import inspect

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
    import inspect

    try:
        inspect.signature(item).bind(None)
    except TypeError:
        return False
    except ValueError:  # a built-in function without a signature
        return True
    return True


def build_engine(options: argparse.Namespace) -> Engine:
    """Return the engine that the command line asks for."""
    from engine import Engine
    from selfieSegmentation import MPSegmentation
    from utils import FPSmetric

    live = options.image is None and options.video is None
    if live and options.output:
        raise InputError("--output goes with --image or --video; a webcam is only shown")
    if options.image == "" or options.video == "":
        raise InputError("--image and --video need the name of a file")
    both_exist = os.path.isfile(options.output) and os.path.isfile(options.background)
    if both_exist and os.path.samefile(options.output, options.background):
        raise InputError(f"{options.output}: the output is the background; give another --output")
    custom_objects: list[CustomObject] = []
    if not options.no_segmentation:
        custom_objects.append(
            MPSegmentation(
                bg_blur_ratio=(options.blur, options.blur),
                threshold=options.threshold,
                background=options.background,
                model=options.model,
                edge_softness=options.edge_softness,
                light_wrap=options.light_wrap,
                runtime=options.runtime,
                device=options.device,
                quality=options.quality,
                model_size=_size(options.model_size),
                model_input=options.model_input,
                model_output=options.model_output,
            )
        )
    custom_objects += [load_object(spec) for spec in options.object]
    if live if options.fps is None else options.fps:
        custom_objects.append(FPSmetric())
    return Engine(
        image_path=options.image or "",
        video_path=options.video or "",
        webcam_id=options.webcam if options.webcam is not None else 0,
        show=live if options.show is None else options.show,
        flip_view=options.flip,
        custom_objects=custom_objects,
        start_video_frame=options.start_frame,
        end_video_frame=options.end_frame,
        break_on_end=options.break_on_end,
        output_path=options.output,
        crf=options.crf,
        preset=options.preset,
        progress=not options.quiet,
    )


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal's character set lacks is written as escapes instead of failing.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    options = build_parser().parse_args(argv)
    _set_up_messages(options)
    try:
        result = build_engine(options).run()
        if result and not options.quiet:
            print(result, flush=True)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has gone; the work is done
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if options.debug:
            traceback.print_exc()
        expected = isinstance(error, BackgroundRemovalError)
        message = str(error) if expected else f"{type(error).__name__}: {error} (run with --debug to see where)"
        print(f"error: {' '.join(message.split())}", file=sys.stderr)
        return error.exit_code if expected else 1
    return 0


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    height, x, width = text.partition("x")
    if not (x and height.isdigit() and width.isdigit()):
        raise InputError(f"--model-size {text}: must be HEIGHTxWIDTH, for instance 256x320")
    return int(height), int(width)


def _set_up_messages(options: argparse.Namespace) -> None:
    import logging

    level = logging.DEBUG if options.debug else logging.ERROR if options.quiet else logging.WARNING
    logging.basicConfig(format="%(levelname)s: %(message)s", level=level)
    logging.addLevelName(logging.WARNING, "warning")
    if not options.debug:
        warnings.simplefilter("ignore")  # of libraries, meant for programmers


if __name__ == "__main__":
    sys.exit(main())
