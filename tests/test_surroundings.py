"""What surrounds a run: files and folders that change under it, other runs, limits of the system, its environment."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from conftest import PORTRAIT, ROOT, make_clip, probe, scene

FRAMES = 150


@pytest.fixture
def long_clip(tmp_path: Path) -> Path:
    """A clip of which much has reached the result's file when its 120th frame is processed."""
    return make_clip(tmp_path / "clip.mkv", [scene(i, 64, 48) for i in range(FRAMES)], sound="aac").path


def meanwhile(folder: Path, *statements: str) -> str:
    """Write a custom object that does something at the 120th frame, and return how to name it."""
    lines = ["import os, shutil", "count = 0", "def there(image):", "    global count", "    count += 1"]
    lines += ["    if count == 120:", *(f"        {statement}" for statement in statements), "    return image", ""]
    (folder / "mine.py").write_text("\n".join(lines))
    return f"{folder / 'mine.py'}:there"


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no folder with an open file in it")
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_a_folder_that_vanishes_is_told(run_main, tmp_path: Path, long_clip: Path, suffix: str) -> None:
    there = meanwhile(tmp_path, f"shutil.rmtree({str(tmp_path / 'out')!r})")
    (tmp_path / "out").mkdir()
    outcome = run_main(
        long_clip, "--no-segmentation", "--object", there, "--output", tmp_path / "out" / f"a{suffix}", "--quiet"
    )
    errors = [line for line in outcome.err.splitlines() if not line.startswith("note: ")]
    assert (outcome.code, outcome.out, len(errors)) == (1, "", 1)
    assert errors[0].startswith(f"error: {tmp_path / 'out' / 'a'}{suffix}: ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_video_that_cannot_take_its_place_is_kept(run_main, tmp_path: Path, suffix: str) -> None:
    clip = make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(5)])
    (tmp_path / "mine.py").write_text(
        f"import os\ndef there(image):\n    os.makedirs('a{suffix}', exist_ok=True)\n    return image\n"
    )
    outcome = run_main(clip.path, "--no-segmentation", "--object", "mine.py:there", "--output", f"a{suffix}")
    assert outcome.code == 1
    assert outcome.err.strip().endswith(f"the result is kept as {tmp_path / 'a_2'}{suffix}")
    assert len(probe(tmp_path / f"a_2{suffix}").times) == 5
    assert not list(tmp_path.glob("*unfinished*"))


def test_an_image_that_cannot_take_its_place_is_kept(run_main, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import os\ndef there(image):\n    os.mkdir('a.png')\n    return image\n")
    outcome = run_main(PORTRAIT, "--no-segmentation", "--object", "mine.py:there", "--output", "a.png")
    assert outcome.code == 1
    assert outcome.err.strip().endswith(f"the result is kept as {tmp_path / 'a_2.png'}")
    assert cv2.imread(str(tmp_path / "a_2.png")).shape == (512, 512, 3)


@pytest.mark.parametrize("how", ["'r+b').truncate(20000)", "'ab').write(b'more')", "'r+b').write(os.urandom(30000))"])
def test_a_source_that_is_written_to_while_it_is_read_is_told(
    run_main, tmp_path: Path, long_clip: Path, how: str
) -> None:
    there = meanwhile(tmp_path, f"open({str(long_clip)!r}, {how}")
    outcome = run_main(long_clip, "--no-segmentation", "--object", there, "--output", "a.mkv", "--quiet")
    assert outcome.code == 1
    assert f"error: {long_clip}: has changed while it was read" in outcome.err
    assert len(probe(tmp_path / "a.mkv").times) > 60, "what could be read is kept"
    again = run_main(long_clip, "--no-segmentation", "--output", "a.mkv", "--resume", "--end-frame", 3)
    assert "is done" not in again.err


@pytest.mark.skipif(os.name == "nt", reason="Windows replaces no file that is being read")
@pytest.mark.parametrize("how", ["os.remove({0!r})", "os.replace(shutil.copy({1!r}, {0!r} + '.new'), {0!r})"])
def test_a_source_that_is_replaced_or_removed_is_read_to_its_end(
    run_main, tmp_path: Path, long_clip: Path, how: str
) -> None:
    there = meanwhile(tmp_path, how.format(str(long_clip), str(PORTRAIT)))
    outcome = run_main(long_clip, "--no-segmentation", "--object", there, "--output", "a.mkv")
    assert (outcome.code, outcome.err) == (0, "")
    assert len(probe(tmp_path / "a.mkv").times) == FRAMES


def test_a_result_may_be_read_while_it_is_replaced(run_main, tmp_path: Path, long_clip: Path) -> None:
    earlier = tmp_path / "a.mkv"
    earlier.write_bytes(b"what was there before")
    with earlier.open("rb") as reading:
        outcome = run_main(long_clip, "--no-segmentation", "--object", f"{ROOT}/examples/mirror.py:mirror",
                           "--output", earlier)  # fmt: skip
        before = reading.read()
    if outcome.code:  # Windows lets nobody replace what is open
        assert "the result is kept as" in outcome.err
    else:
        assert len(probe(earlier).times) == FRAMES
    assert before == b"what was there before"


@pytest.mark.slow
def test_of_two_runs_to_one_result_each_is_whole(start_main, tmp_path: Path, long_clip: Path) -> None:
    (tmp_path / "mine.py").write_text("import time\ndef slow(image):\n    time.sleep(0.005)\n    return image\n")
    arguments = (long_clip, "--no-segmentation", "--object", "mine.py:slow", "--output", "a.mkv")
    runs = [start_main(*arguments) for _ in range(2)]
    for run in runs:
        out, err = run.communicate(timeout=120)
        assert (run.returncode, out) == (0, "a.mkv\n"), err
        assert len(probe(tmp_path / "a.mkv").times) == FRAMES
    names = {path.name for path in tmp_path.iterdir()} - {"__pycache__"}
    assert names == {"a.mkv", "clip.mkv", "mine.py"}


needs_posix = pytest.mark.skipif(os.name == "nt", reason="limits, masks and closed streams are POSIX's")


@needs_posix
def test_no_file_handle_left_is_told(start_main, tmp_path: Path, long_clip: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import os\nkept = []\ndef eats(image):\n    try:\n        while True:\n"
        "            kept.append(os.open(os.devnull, os.O_RDONLY))\n    except OSError:\n        return image\n"
    )
    program = (
        "import resource, runpy; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); "
        f"runpy.run_path({str(ROOT / 'main.py')!r}, run_name='__main__')"
    )
    arguments = ("--no-segmentation", "--object", "mine.py:eats", "--output", "a.mp4")
    run = start_main(long_clip, *arguments, program=program)
    out, err = run.communicate(timeout=60)
    # A reader that had to open the file once more may say before that it could not read the rest.
    lines = [line for line in err.splitlines() if "could be read" not in line]
    assert (run.returncode, out, len(lines)) == (1, "", 1), err
    assert "Too many open files" in lines[0]
    assert not (tmp_path / "a.mp4").exists()


@needs_posix
def test_a_bare_environment_does(tmp_path: Path) -> None:
    """No home that can be written to, no display, the C locale, a strict mask, names in other scripts."""
    source = tmp_path / "Übung Привет.jpg"
    source.write_bytes(PORTRAIT.read_bytes())
    env = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "HOME": "/proc", "PATH": os.environ["PATH"]}
    before = os.umask(0o077)
    try:
        command = [sys.executable, str(ROOT / "main.py"), str(source), "--output", str(tmp_path / "sub" / "да.png")]
        done = subprocess.run(command, capture_output=True, env=env, cwd=tmp_path, timeout=120)
    finally:
        os.umask(before)
    assert (done.returncode, done.stderr) == (0, b"")
    result = tmp_path / "sub" / "да.png"
    assert (result.stat().st_mode & 0o777, result.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert cv2.imread(str(result)).shape == (512, 512, 3)


@needs_posix
@pytest.mark.parametrize("missing", [(2,), (0, 1, 2)])
def test_without_standard_streams_results_are_the_same(tmp_path: Path, long_clip: Path, missing: tuple) -> None:
    closes = " ".join(f"{number}>&-" for number in missing)
    arguments = f"{long_clip} --object {ROOT}/examples/mirror.py:mirror --no-segmentation --output a.mkv"
    command = ["sh", "-c", f"exec {sys.executable} {ROOT}/main.py {arguments} {closes}"]
    assert subprocess.run(command, cwd=tmp_path, timeout=120).returncode == 0
    assert len(probe(tmp_path / "a.mkv").times) == FRAMES


# Tells how many pools of memory the C library has made for eight threads that use memory at once.
POOLS = """
import ctypes, sys, threading
from background_removal.cli.os_process import limit_malloc_arenas
limit_malloc_arenas()
barrier = threading.Barrier(8)
def use():
    kept = [bytes(5000) for _ in range(10)]
    barrier.wait(60)
threads = [threading.Thread(target=use) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(b"pools", b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="others have no such pools")
def test_threads_share_few_pools_of_memory(start_main, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for given, expected in (("", range(1, 5)), ("16", range(8, 17))):
        if given:
            monkeypatch.setenv("MALLOC_ARENA_MAX", given)
        process = start_main(program=POOLS)
        assert process.communicate(timeout=60)[1] == ""
        assert (tmp_path / "pools").read_text().count("<heap nr=") in expected
