"""The options of the command line. Nothing heavy is imported here: --help should answer at once."""

from __future__ import annotations

import argparse
from typing import NoReturn

from background_removal import __version__
from background_removal.compositing.blur import parse_blur
from background_removal.errors import InputError

# What is processed: one of them.
SOURCES = ("paths", "webcam", "image", "video", "watch")

DESCRIPTION = "Replace or blur what is behind a person: live from a webcam, in a video or in an image."

EPILOG = """\
examples:
  python main.py                                        the webcam, blurred behind you
  python main.py --background sunset                    the webcam, one of --list-backgrounds behind you
  python main.py --background backgrounds               the webcam, pictures; a and d go through them
  python main.py photo.jpg --background transparent     photo_out.png
  python main.py https://example.org/me.jpg             me_out.jpg
  python main.py - --output - < in.jpg > out.png        an image through pipes
  python main.py clip.mp4 --background '#00b140'        clip_out.mp4, sound and timing kept
  python main.py clips --output results                 every image and video in a folder
  python main.py --object examples/sketch.py:PencilSketch   your own effect after the background
  python main.py --serve                                a page in the browser: camera, photos, videos
  python main.py --virtual-camera --no-show --control   controlled by: python main.py control blur strong

keys in the window: a next background, d previous one, g or F11 full screen, q or Esc end, h lists them all
exit codes: 0 done, 1 processing failed, 2 bad request or input, 130 stopped by Ctrl-C
"""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with a command line in one line, as every other error is said."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} (see --help)\n")


# On the command line a flag of the settings file can be taken back: --no-flip.
_FLAG = argparse.BooleanOptionalAction


def build_parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = _Parser(
        prog="main.py",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_sources(parser)
    _add_files(parser)
    _add_look(parser)
    _add_network(parser)
    _add_camera(parser)
    _add_objects(parser)
    _add_view(parser)
    _add_video(parser)
    _add_page(parser)
    parser.add_argument("--config", metavar="FILE.toml", help="options from a file; key w writes the look to it")
    parser.add_argument("--quiet", action=_FLAG, help="print nothing but errors")
    parser.add_argument("--debug", action="store_true", help="print tracebacks and what is going on")
    parser.add_argument("--version", action="version", version=f"Background Removal {__version__}")
    flags = ("recursive", "resume", "follow", "overwrite", "frames", "auto_frame", "low_light", "color_balance",
             "defocus", "flip", "break_on_end", "quiet")  # fmt: skip
    parser.set_defaults(**dict.fromkeys(flags, False), mirror_preview=True)
    return parser


def _add_sources(parser: argparse.ArgumentParser) -> None:
    sources = parser.add_argument_group("what to process (default: webcam 0)")
    sources.add_argument(
        "paths",
        metavar="FILE",
        nargs="*",
        help="images, videos, patterns and folders of them; an image's URL; - for an image on standard input",
    )
    sources.add_argument("--webcam", metavar="ID", help="a camera's number, or a URL (rtsp://..., http://...)")
    sources.add_argument("--image", metavar="FILE", nargs="+", help="the same, and all of them are images")
    sources.add_argument("--video", metavar="FILE", nargs="+", help="the same, and all of them are videos")
    sources.add_argument("--watch", metavar="FOLDER", help="images and videos as they appear there, until Ctrl-C")


def _add_files(parser: argparse.ArgumentParser) -> None:
    files = parser.add_argument_group("files")
    files.add_argument(
        "--output",
        metavar="PATH",
        default="",
        help="the result, whose suffix picks the format; a folder for results; frames/%%06d.png for pictures; "
        "- for standard output, an image as PNG",
    )
    files.add_argument("--matte", metavar="PATH", default="", help="write the alpha as well, as a grey image or video")
    files.add_argument("--frames", action=_FLAG, help="make a folder of pictures of a video")
    files.add_argument("--recursive", action=_FLAG, help="look into folders inside folders")
    files.add_argument(
        "--max-pixels", metavar="N", type=int, help="the largest picture or frame that is read (268 million pixels)"
    )
    files.add_argument("--follow", action=_FLAG, help="read the other files that a playlist or script names")
    files.add_argument("--resume", action=_FLAG, help="skip files whose result is there already")
    files.add_argument(
        "--shard",
        metavar="I/N",
        default="",
        help="do the I-th of N equal shares of the files: for several computers that see the same folder",
    )
    files.add_argument(
        "--cluster",
        metavar="ADDRESS",
        default="",
        help="let several computers do the files, through Ray: auto, HOST:6379, ray://HOST:10001, or local to try it",
    )
    files.add_argument(
        "--part-seconds",
        metavar="S",
        type=float,
        default=60,
        help="with --cluster a longer video is cut into parts of about so many seconds (default 60)",
    )
    files.add_argument("--dry-run", action="store_true", help="list what would be done: each file and its result")


def _add_look(parser: argparse.ArgumentParser) -> None:
    look = parser.add_argument_group("the background")
    look.add_argument(
        "--background",
        metavar="SPEC",
        default="blur",
        help="blur (default), none, a colour ('#RRGGBB' or a CSS name), an image or its URL, a folder of images "
        "(a/d cycle), a video, one of --list-backgrounds, transparent",
    )
    look.add_argument("--list-backgrounds", action="store_true", help="name the pictures that ship with the program")
    look.add_argument(
        "--blur",
        metavar="S",
        type=_blur,
        default="medium",
        help="light, medium (default), strong, N%% of the shorter side as standard deviation (1, 2, 4), "
        "or a kernel in pixels",
    )
    look.add_argument(
        "--threshold",
        metavar="T",
        type=float,
        default=0.5,
        help="0..1, where background ends and person begins (default 0.5)",
    )
    look.add_argument(
        "--people",
        choices=("all", "main"),
        default="all",
        help="all (default) keeps everybody; main only who was there first and is nearest (key p)",
    )
    look.add_argument("--edge-softness", metavar="S", type=float, default=0.5, help="0 hard to 1 soft (default 0.5)")
    look.add_argument(
        "--light-wrap", metavar="S", type=float, default=0.0, help="light of a new background on the edge, 0..1"
    )


def _blur(text: str) -> str | int:
    """Return a strength of the blur as `parse_blur` names it."""
    try:
        return parse_blur(text).value
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _add_network(parser: argparse.ArgumentParser) -> None:
    network = parser.add_argument_group("the network")
    network.add_argument(
        "--model",
        metavar="M",
        help="default: landscape finds the person, general draws the edge; or one alone: landscape, general, "
        "FILE.onnx, or one to download: rvm (best edge), u2net_human_seg, modnet",
    )
    network.add_argument(
        "--quality",
        choices=("fast", "best"),
        help="best: hair and edges in full size, about a second for a photo (default for images; videos: rvm only); "
        "fast (default for videos and cameras)",
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
        choices=("auto", "cpu", "cuda", "tensorrt", "migraphx", "directml", "coreml", "openvino"),
        default="auto",
        help="(default auto)",
    )


def _add_camera(parser: argparse.ArgumentParser) -> None:
    camera = parser.add_argument_group("camera")
    camera.add_argument("--size", metavar="WxH", help="ask the camera (and the virtual one) for this size")
    camera.add_argument("--camera-fps", metavar="N", type=float, help="ask the camera for this rate")
    camera.add_argument(
        "--camera-backend",
        choices=("auto", "v4l2", "gstreamer", "dshow", "msmf", "avfoundation"),
        default="auto",
        help="(default auto)",
    )
    camera.add_argument("--list-cameras", action="store_true", help="name the cameras; on Linux their sizes too")
    camera.add_argument(
        "--reconnect", metavar="S", type=float, default=30, help="seconds to wait for a lost camera (default 30)"
    )
    camera.add_argument(
        "--virtual-camera",
        metavar="DEVICE",
        nargs="?",
        const="",
        help="be a camera for meeting programs: the first there is, or this one",
    )
    camera.add_argument(
        "--card",
        metavar="FILE",
        default="",
        help="what others see of key x, and while the camera is lost (default: the "
        "room without you, blurred, or 'back soon')",
    )
    camera.add_argument(
        "--transparent-color",
        metavar="COLOR",
        default="#00b140",
        help="what the virtual camera shows for transparent (default '#00b140', green)",
    )
    camera.add_argument("--record", metavar="PATH", default="", help="record the result; key r begins and ends too")
    camera.add_argument("--overwrite", action=_FLAG, help="let --record replace a file, instead of numbering")
    camera.add_argument(
        "--microphone",
        metavar="NAME",
        nargs="?",
        const="default",
        default="",
        help="record its sound as well: the usual one, or one of --list-microphones by name, part of it, or number",
    )
    camera.add_argument("--list-microphones", action="store_true", help="name the microphones")
    camera.add_argument(
        "--control",
        metavar="PORT",
        nargs="?",
        type=int,
        const=0,
        help="be told what to do by python main.py control (see python main.py control --help); a port of this "
        "computer, or any that is free",
    )
    camera.add_argument(
        "--snapshots", metavar="FOLDER", default="snapshots", help="where key s saves pictures (default snapshots)"
    )


def _add_objects(parser: argparse.ArgumentParser) -> None:
    objects = parser.add_argument_group("custom objects")
    objects.add_argument("--auto-frame", action=_FLAG, help="the picture follows the person (key z)")
    objects.add_argument("--low-light", action=_FLAG, help="lift the picture when it is dark (key l)")
    objects.add_argument("--color-balance", action=_FLAG, help="take the light's colour out of the picture (key k)")
    objects.add_argument("--name", metavar="TEXT", default="", help="a name plate at the lower left (key n)")
    objects.add_argument("--logo", metavar="PNG", default="", help="a picture at the upper right, alpha kept (key o)")
    objects.add_argument("--defocus", action=_FLAG, help="blur what is far from the person more (with blur; key v)")
    objects.add_argument(
        "--object",
        metavar="FILE.py:NAME",
        action="append",
        default=[],
        help="add your own (or package.module:NAME); repeatable; called after the segmentation, in order",
    )
    objects.add_argument("--no-segmentation", action="store_true", help="leave the person and the background alone")


def _add_view(parser: argparse.ArgumentParser) -> None:
    view = parser.add_argument_group("view")
    view.add_argument("--flip", action=_FLAG, help="mirror left to right, for everybody")
    view.add_argument(
        "--mirror-preview", action=_FLAG, help="show a camera mirrored in the window, and there alone (default)"
    )
    view.add_argument("--show", action=_FLAG, help="open a window (default: for a webcam only)")
    view.add_argument("--fps", action=_FLAG, help="show frames per second in the window (default: of a webcam only)")


def _add_video(parser: argparse.ArgumentParser) -> None:
    video = parser.add_argument_group("video files")
    video.add_argument("--start-frame", metavar="N", type=int, default=0, help="first frame processed, from 0")
    video.add_argument("--end-frame", metavar="N", type=int, default=0, help="last frame processed, 0: no end")
    video.add_argument("--break-on-end", action=_FLAG, help="stop after the end frame")
    video.add_argument("--jobs", metavar="N", type=int, default=1, help="cut a long video for N processes (default 1)")
    video.add_argument(
        "--codec", metavar="C", default="", help="h264 (avc), h265 (hevc), av1, vp9, prores (default: by the suffix)"
    )
    video.add_argument(
        "--encoder", metavar="E", default="auto", help="FFmpeg's name of one, h264_nvenc for instance (default auto)"
    )
    video.add_argument(
        "--crf", metavar="N", type=int, help="quality, 0 best to 51 or 63 (default 20 for H.264, about that for others)"
    )
    video.add_argument("--preset", metavar="P", default="veryfast", help="encoder speed (default veryfast)")
    video.add_argument("--gif-width", metavar="N", type=int, default=640, help="a GIF is at most so wide (default 640)")
    video.add_argument(
        "--gif-fps",
        metavar="N",
        type=float,
        default=15,
        help="a GIF has about so many frames a second at most (default 15)",
    )


def _add_page(parser: argparse.ArgumentParser) -> None:
    page = parser.add_argument_group("a page in the browser")
    page.add_argument(
        "--serve",
        metavar="HOST:PORT",
        nargs="?",
        const="127.0.0.1:8765",
        help="serve the page, for this computer alone unless a host is named (default 127.0.0.1:8765); needs "
        "pip install -r requirements-page.txt",
    )
    page.add_argument("--no-browser", action="store_true", help="print the page's address and do not open it")
    page.add_argument("--cert", metavar="FILE.pem", default="", help="serve it by HTTPS: the certificate")
    page.add_argument("--key", metavar="FILE.pem", default="", help="and its key")
