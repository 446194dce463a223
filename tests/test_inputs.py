"""What people type: files without suffixes, colours and pictures by name, HEIC, web addresses, pipes."""

from __future__ import annotations

import contextlib
import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import PORTRAIT, ROOT, as_stored, difference, make_clip, probe, scene
from PIL import Image

from background_removal.compositing.colors import is_color
from background_removal.compositing.shipped import shipped_pictures
from background_removal.files import web
from background_removal.files.images import read_image
from background_removal.files.kinds import is_video

CORNER = (60, 480)  # of the portrait: nothing of the person is there


def corner(path: Path) -> list[int]:
    return cv2.imread(str(path))[CORNER].tolist()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    shutil.copy(PORTRAIT, tmp_path / "photo.jpg")
    return tmp_path / "photo.jpg"


# -- images and videos -----------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "bmp", "tiff", "avif", "jp2", "ppm"])
def test_an_image_is_told_by_its_content(tmp_path: Path, portrait: np.ndarray, suffix: str) -> None:
    data = cv2.imencode(f".{suffix}", portrait)[1]
    for name in ("photo", "photo.orig", "photo.mp4") if suffix != "ppm" else ("photo", "photo.orig"):
        data.tofile(tmp_path / name)
        assert not is_video(str(tmp_path / name))


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        ("mp4", "libx264"), ("mov", "libx264"), ("mkv", "libx264"), ("webm", "libvpx-vp9"), ("avi", "mpeg4"),
        ("flv", "libx264"), ("mpg", "mpeg2video"), ("ts", "libx264"), ("m2ts", "libx264"), ("wmv", "wmv2"),
    ],
)  # fmt: skip
def test_a_video_is_told_by_its_content(tmp_path: Path, suffix: str, codec: str) -> None:
    clip = make_clip(tmp_path / f"clip.{suffix}", [scene(i) for i in range(3)], codec=codec).path
    for name in ("clip", "clip.download", "clip.jpg"):
        shutil.copy(clip, tmp_path / name)
        assert is_video(str(tmp_path / name))


def test_files_of_any_name_are_done_and_in_folders_those_without_a_suffix(tmp_path: Path, run_main) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    clip = make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(3)]).path
    for name in ("IMG", "a photo.download", "folder/IMG", "folder/GOPR.thm"):
        shutil.copy(PORTRAIT, tmp_path / name)
    for name in ("movie", "wrong.jpg", "folder/movie", "folder/GOPR.lrv"):
        shutil.copy(clip, tmp_path / name)
    (folder / "LICENSE").write_text("Neither of them, and without a suffix.\n" * 20)
    outcome = run_main("IMG", "a photo.download", "movie", "wrong.jpg", "folder", "--no-segmentation")
    assert (outcome.code, outcome.err) == (0, "")
    results = ["IMG_out.jpg", "a photo_out.jpg", "movie_out.mp4", "wrong_out.mp4"]
    assert outcome.out.splitlines() == [*results, *(os.path.join("folder", results[at]) for at in (0, 2))]
    assert len(probe(folder / "movie_out.mp4").times) == 3
    assert cv2.imread(str(folder / "IMG_out.jpg")).shape == (512, 512, 3)


def test_image_and_video_still_have_the_last_word(tmp_path: Path, run_main) -> None:
    make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(3)])
    outcome = run_main("--image", "clip.mp4")
    assert (outcome.code, "not a readable image" in outcome.err) == (2, True)
    shutil.copy(PORTRAIT, tmp_path / "photo")
    outcome = run_main("--video", "photo", "--no-segmentation")
    assert (outcome.code, outcome.out) == (0, "photo_out.mp4\n")


# -- colours, codecs, pictures by name -------------------------------------------------------------


@pytest.mark.parametrize(
    ("color", "bgr"), [("navy", [128, 0, 0]), ("DarkOrange", [0, 140, 255]), ("#0f8", [136, 255, 0])]
)
def test_colours_as_people_write_them(run_main, photo: Path, tmp_path: Path, color: str, bgr: list[int]) -> None:
    assert run_main(photo, "--background", color, "--output", "r.png", "--quality", "fast").code == 0
    assert corner(tmp_path / "r.png") == bgr


@pytest.mark.parametrize(
    ("typed", "codec"), [("HEVC", "hevc"), ("x265", "hevc"), ("H.265", "hevc"), ("avc", "h264"), ("libx264", "h264")]
)
def test_codecs_as_people_write_them(run_main, clip, tmp_path: Path, typed: str, codec: str) -> None:
    source = clip("clip.mp4", 3).path
    outcome = run_main(source, "--codec", typed, "--output", "r.mp4", "--no-segmentation")
    assert (outcome.code, outcome.err) == (0, "")
    assert probe(tmp_path / "r.mp4").codec == codec


def test_shipped_pictures_have_names_in_every_folder(run_main, photo: Path, tmp_path: Path) -> None:
    outcome = run_main("--list-backgrounds")
    assert outcome.code == 0
    listed = outcome.out.split()
    assert listed[:5] == ["studio", "office", "bokeh", "sunset", "stage"]
    assert len(listed) == len(list((ROOT / "backgrounds").glob("*.jpg")))
    assert not [name for name in listed if is_color(name) or name in ("blur", "none", "transparent")]
    assert [Path(path).exists() for path in shipped_pictures().values()] == [True] * len(listed)
    for spec, output in (("Sunset", "by_name.png"), (ROOT / "backgrounds" / "4_sunset.jpg", "by_path.png")):
        assert run_main(photo, "--background", spec, "--output", output, "--quality", "fast").code == 0
    assert (tmp_path / "by_name.png").read_bytes() == (tmp_path / "by_path.png").read_bytes()


@pytest.mark.parametrize("name", ["sunset", "navy"])
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_is_in_the_current_folder_wins(run_main, photo: Path, tmp_path: Path, name: str, kind: str) -> None:
    picture = cv2.imencode(".png", np.full((30, 40, 3), (1, 2, 3), np.uint8))[1]
    if kind == "folder":
        (tmp_path / name).mkdir()
    picture.tofile(tmp_path / (name if kind == "file" else f"{name}/1.png"))
    assert run_main(photo, "--background", name, "--output", "r.png", "--quality", "fast").code == 0
    assert corner(tmp_path / "r.png") == [1, 2, 3]


def test_a_mistyped_name_is_told_what_there_is(run_main, photo: Path) -> None:
    outcome = run_main(photo, "--background", "sunst")
    assert outcome.code == 2
    for name in ("--background sunst", *shipped_pictures(), "blur", "transparent"):
        assert name in outcome.err
    assert outcome.err.count("\n") == 1


# -- HEIC and AVIF ---------------------------------------------------------------------------------


def save_upright(path: Path, upright: np.ndarray, orientation: int) -> None:
    """Write uint8 (H, W, 3) BGR as a camera would that is held so, with Pillow and libheif."""
    if path.suffix != ".avif":
        pytest.importorskip("pillow_heif").register_heif_opener()
    # Both libraries make of the EXIF orientation what HEIF has in its place.
    stored = as_stored(upright, orientation)
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "a camera"
    Image.fromarray(np.ascontiguousarray(stored[..., ::-1])).save(path, exif=exif.tobytes(), quality=95)


@pytest.mark.parametrize("suffix", [".heic", ".avif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_phones_pictures_are_read_upright(tmp_path: Path, suffix: str, orientation: int) -> None:
    upright = np.zeros((40, 60, 3), np.uint8)
    upright[:20, :30] = (0, 0, 255)
    save_upright(tmp_path / f"photo{suffix}", upright, orientation)
    data = (tmp_path / f"photo{suffix}").read_bytes()
    assert (b"irot" in data or b"imir" in data) == (orientation > 1)
    found = read_image(str(tmp_path / f"photo{suffix}"))
    assert found.shape == upright.shape
    assert difference(found, upright) < 4


@pytest.mark.slow
def test_phones_pictures_in_a_folder_and_behind(run_main, photo: Path, portrait: np.ndarray, tmp_path: Path) -> None:
    folder = tmp_path / "phone"
    folder.mkdir()
    small = cv2.resize(portrait, (256, 256), interpolation=cv2.INTER_AREA)
    for name in ("IMG_1.HEIC", "IMG_3.avif"):
        save_upright(folder / name, small, 6)
    shutil.copy(folder / "IMG_1.HEIC", folder / "IMG_2.hif")
    outcome = run_main(folder, "--no-segmentation")
    assert (outcome.code, outcome.err) == (0, "")
    assert [Path(line).name for line in outcome.out.splitlines()] == [
        "IMG_1_out.jpg",
        "IMG_2_out.jpg",
        "IMG_3_out.avif",
    ]
    for result in map(read_image, outcome.out.splitlines()):
        assert difference(result, small) < 6
    for spec in (folder / "IMG_1.HEIC", folder / "IMG_3.avif", folder):
        assert run_main(photo, "--background", spec, "--output", "r.png", "--quality", "fast").code == 0
        assert difference(cv2.imread(str(tmp_path / "r.png"))[:100, 400:], portrait[:100, 400:]) < 8


def test_a_heic_without_its_package_says_how_to_get_it(
    run_main, photo: Path, portrait: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_upright(tmp_path / "a.heic", portrait[:64, :64], 1)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    for arguments in (("a.heic",), (photo, "--background", "a.heic")):
        outcome = run_main(*arguments)
        assert outcome.code == 2
        assert "a.heic: HEIC needs an extra package: python -m pip install -r requirements-heic.txt" in outcome.err
        assert outcome.err.count("\n") == 1


@pytest.mark.parametrize("suffix", [".heic", ".avif"])
@pytest.mark.parametrize("length", [40, 300, -200])
def test_damaged_pictures_of_phones_are_one_line(run_main, portrait, tmp_path: Path, suffix: str, length: int) -> None:
    save_upright(tmp_path / f"a{suffix}", portrait[:64, :64], 6)
    whole = (tmp_path / f"a{suffix}").read_bytes()
    (tmp_path / f"a{suffix}").write_bytes(whole[:length])
    outcome = run_main(f"a{suffix}")
    assert (outcome.code, outcome.err.count("\n"), "not a readable image" in outcome.err) == (2, 1, True), outcome.err


# -- web addresses ---------------------------------------------------------------------------------


class Site:
    """A web server on loopback with some files and some vices."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                site.asked.append(self.path)
                place = self.path.partition("?")[0]
                if place == "/moved.jpg":
                    self.send_response(302)
                    self.send_header("Location", "/my%20photo.jpg")
                    self.end_headers()
                elif place == "/missing.jpg":
                    self.send_error(404)
                elif place == "/silent.jpg":
                    time.sleep(3)
                elif place == "/large.jpg":
                    self.answer(b"x", length=200_000_000)
                elif place == "/endless.jpg":
                    self.answer(b"x" * 3_000_000, length=None)
                elif place == "/cut.jpg":
                    self.answer(PORTRAIT.read_bytes()[:9000], length=PORTRAIT.stat().st_size)
                elif place == "/page.jpg":
                    self.answer(b"<html>no picture</html>" * 50)
                else:
                    self.answer(PORTRAIT.read_bytes())

            def answer(self, data: bytes, length: int | None = -1) -> None:
                self.send_response(200)
                if length is not None:
                    self.send_header("Content-Length", str(len(data) if length < 0 else length))
                self.end_headers()
                with contextlib.suppress(OSError):  # the other side has had enough
                    self.wfile.write(data)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    site = Site()
    yield site
    site.close()


def test_an_image_at_a_web_address(run_main, site: Site, tmp_path: Path) -> None:
    for address, name in (
        ("/a/my%20photo.jpg?size=large", "my photo_out.jpg"),
        ("/moved.jpg", "moved_out.jpg"),
        ("/photo", "photo_out.jpg"),
    ):
        outcome = run_main(site.url + address, "--no-segmentation")
        assert (outcome.code, outcome.err, outcome.out) == (0, "", f"{name}\n")
        assert difference(cv2.imread(str(tmp_path / name)), cv2.imread(str(PORTRAIT))) < 3
    assert site.asked == ["/a/my%20photo.jpg?size=large", "/moved.jpg", "/my%20photo.jpg", "/photo"]
    outcome = run_main(f"{site.url}/photo.jpg", "--output", "results/", "--no-segmentation")
    assert outcome.out == f"{os.path.join('results', 'photo.jpg')}\n"
    assert sorted(os.listdir(tmp_path)) == ["moved_out.jpg", "my photo_out.jpg", "photo_out.jpg", "results"]


def test_a_web_address_as_background_and_among_many(run_main, site: Site, photo: Path, tmp_path: Path) -> None:
    expected = cv2.imread(str(PORTRAIT))[CORNER]
    behind = ("--background", f"{site.url}/behind.jpg", "--quality", "fast")
    outcome = run_main(photo, f"{site.url}/b.jpg", *behind, "--output", "r")
    assert (outcome.code, outcome.err) == (0, "")
    assert site.asked == ["/behind.jpg", "/b.jpg"]
    for name in ("photo.jpg", "b.jpg"):
        assert np.abs(cv2.imread(str(tmp_path / "r" / name))[CORNER].astype(int) - expected).max() < 12


@pytest.mark.slow
@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("/missing.jpg", "the server answers 404 (Not Found)"),
        ("/large.jpg", "is larger than 100 MB"),
        ("/endless.jpg", "is larger than 2 MB"),
        ("/silent.jpg", "no answer within 1 seconds"),
        ("/cut.jpg", "cannot be fetched"),
        ("/page.jpg", "is a web page, not the picture or video on it"),
    ],
)
def test_what_the_web_does_not_give_is_one_line(
    run_main, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, complaint: str
) -> None:
    monkeypatch.setattr(web, "TIMEOUT_SECONDS", 1)
    if address == "/endless.jpg":
        monkeypatch.setattr(web, "MAX_MB", 2)
    outcome = run_main(site.url + address)
    assert outcome.code == 2
    assert f"{site.url}{address}: {complaint}" in outcome.err
    assert outcome.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_nobody_there_and_nothing_can_be_put_there(run_main, site: Site, photo: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}/a.jpg"
        outcome = run_main(nobody)
    assert (outcome.code, f"{nobody}: the server cannot be reached" in outcome.err) == (2, True)
    outcome = run_main("http://[::1")
    assert (outcome.code, "http://[::1: is no web address" in outcome.err) == (2, True)
    outcome = run_main(photo, "--output", f"{site.url}/result.jpg")
    assert (outcome.code, "nothing can be put at a web address" in outcome.err) == (2, True)
    assert site.asked == []


# -- pipes -----------------------------------------------------------------------------------------

NOISY = """
import os, subprocess, sys
print("loaded")
def noisy(image):
    print("called")
    os.write(1, b"from below")
    subprocess.run([sys.executable, "-c", "print('from a child')"])
    image[:] = (3, 2, 1)
    return image
"""


def piped(*arguments: object, data: bytes = b"", cwd: Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, str(ROOT / "main.py"), *map(str, arguments)]
    return subprocess.run(command, input=data, capture_output=True, cwd=cwd)


def test_an_image_goes_through_pipes_and_nothing_with_it(tmp_path: Path) -> None:
    (tmp_path / "noisy.py").write_text(NOISY)
    arguments = ("-", "--output", "-", "--no-segmentation", "--object", "noisy.py:noisy")
    done = piped(*arguments, data=PORTRAIT.read_bytes(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"\x89PNG")
    assert done.stdout.endswith(b"IEND\xaeB`\x82"), "the end of a PNG is the end of what is there"
    image = cv2.imdecode(np.frombuffer(done.stdout, np.uint8), cv2.IMREAD_COLOR)
    assert (image == (3, 2, 1)).all()
    assert image.shape == (512, 512, 3)
    for said in (b"loaded", b"called", b"from below", b"from a child"):
        assert said in done.stderr


@pytest.mark.slow
def test_pipes_at_one_end_only(tmp_path: Path, photo: Path) -> None:
    done = piped("photo.jpg", "--output", "-", "--background", "transparent", "--quality", "fast", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert cv2.imdecode(np.frombuffer(done.stdout, np.uint8), cv2.IMREAD_UNCHANGED).shape == (512, 512, 4)
    done = piped("-", "--output", "r.jpg", "--resume", "--no-segmentation", data=photo.read_bytes(), cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"r.jpg" + os.linesep.encode(), b"")
    assert cv2.imread(str(tmp_path / "r.jpg")).shape == (512, 512, 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "data", "complaint"),
    [
        (("-",), b"", b"what came on standard input is empty"),
        (("-",), b"no picture" * 99, b"-: not a readable image"),
        (("-", "photo.jpg"), b"", b"standard input is one image"),
        (("--video", "-"), b"", b"videos come through standard input as Y4M only"),
        (("clip.mp4", "--output", "-", "--codec", "h264"), b"", b"is raw video; leave out --codec"),
        (("photo.jpg", "photo.jpg", "*.jpg", "--output", "-"), b"", b"many results need a folder"),
    ],
)
def test_what_pipes_cannot_do_is_one_line(tmp_path: Path, photo: Path, arguments, data: bytes, complaint) -> None:
    make_clip(tmp_path / "clip.mp4", [scene(0)])
    done = piped(*arguments, data=data, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1), done.stderr
    assert complaint in done.stderr


def test_a_pipe_that_nobody_reads_is_a_failure(photo: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, str(ROOT / "main.py"), str(photo), "--output", "-", "--no-segmentation"]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert done.returncode == 1
    assert b"cannot be written to standard output" in done.stderr


# -- GIF -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_gif_is_small_unless_asked_otherwise(run_main, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", [scene(i, 800, 450) for i in range(12)], rate=Fraction(30)).path
    more = ("--no-segmentation", "--output")
    assert run_main(clip, *more, "small.gif").code == 0
    found = probe(tmp_path / "small.gif", images=True)
    assert (found.size, len(found.times)) == ((640, 360), 6)
    expected = cv2.resize(scene(6, 800, 450), (640, 360), interpolation=cv2.INTER_AREA)
    assert difference(found.images[3], expected) < 12
    assert run_main(clip, *more, "large.gif", "--gif-width", 700, "--gif-fps", 30).code == 0
    found = probe(tmp_path / "large.gif")
    assert (found.width, found.height, len(found.times)) == (700, 394, 12)
    for option in ("--gif-width", "--gif-fps"):
        outcome = run_main(clip, *more, "r.gif", option, 0)
        assert (outcome.code, f"{option} 0: must be" in outcome.err) == (2, True)


# -- without MediaPipe -----------------------------------------------------------------------------

# Written into the environment's site-packages: the packages of this one are there, less those that a real one with
# requirements-lean.txt would not have.
LEAN = """
import sys
from importlib.machinery import PathFinder
class Lean(PathFinder):
    missing = {missing!r}
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in cls.missing else super().find_spec(name, path, target)
sys.meta_path[sys.meta_path.index(PathFinder)] = Lean
"""


def packages_of_the_lean_install() -> set[str]:
    """Return the names of the distributions that ``pip install .`` brings, with what they need in turn."""
    from importlib import metadata

    import tomlkit
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    lines = tomlkit.parse((ROOT / "pyproject.toml").read_text(encoding="utf-8")).unwrap()["project"]["dependencies"]
    found: set[str] = set()
    todo = [(Requirement(line), "") for line in lines]
    while todo:
        wanted, extra = todo.pop()
        name = canonicalize_name(wanted.name)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": extra}):
            continue
        if name in found and not wanted.extras:
            continue
        found.add(name)
        needs = [Requirement(line) for line in metadata.requires(wanted.name) or []]
        todo += [(need, extra) for need in needs for extra in ("", *wanted.extras)]
    return found


@pytest.mark.slow
def test_requirements_lean_are_enough_for_an_image_and_a_video(tmp_path: Path) -> None:
    """An environment of its own, made without an index: a real installation takes minutes and a network."""
    from importlib import metadata

    from packaging.utils import canonicalize_name

    lean = packages_of_the_lean_install()
    assert not lean & {"mediapipe", "matplotlib", "opencv-contrib-python"}
    owners = metadata.packages_distributions()
    missing = {name for name, owned in owners.items() if not lean & {canonicalize_name(item) for item in owned}}
    assert {"mediapipe", "matplotlib"} <= missing
    assert not {"cv2", "av", "onnxruntime", "numpy"} & missing
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    ask = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(ask, capture_output=True, encoding="utf-8", check=True).stdout.strip())
    (site / "lean.py").write_text(LEAN.format(missing=missing))
    here = [entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    (site / "lean.pth").write_text("\n".join(["import lean", *here]))
    shutil.copy(PORTRAIT, tmp_path / "photo.jpg")
    make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(4)], sound="aac")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [python, ROOT / "main.py", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8")

    done = run("photo.jpg", "clip.mp4", "--background", "sunset")
    assert (done.returncode, done.stderr, done.stdout) == (
        0, "warning: no person was found in clip.mp4\n", "photo_out.jpg\nclip_out.mp4\n",
    )  # fmt: skip
    assert len(probe(tmp_path / "clip_out.mp4").times) == 4
    done = run("photo.jpg", "--runtime", "mediapipe")
    assert done.returncode == 2
    assert "pip install -r requirements.txt" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_unknown_codec_is_told(run_main, clip) -> None:
    path = clip("clip.mkv", frames=3).path
    path.write_bytes(path.read_bytes().replace(b"V_MPEG4/ISO/AVC", b"V_MPEG9/ISO/AVC"))
    outcome = run_main(path, "--no-segmentation", "--object", f"{ROOT}/examples/mirror.py:mirror")
    assert (outcome.code, outcome.err) == (2, f"error: {path}: the codec of its pictures is not known here\n")
