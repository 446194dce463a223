"""Several computers: a real Ray cluster on this one, whose processes and computers are killed."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import pytest
from conftest import PORTRAIT, Program, difference, make_clip, probe, scene, wait_until

from background_removal.batch.cluster.connection import runtime_env, runtime_modules
from background_removal.batch.cluster.driver import _with_absolute_paths
from background_removal.batch.cluster.worker import check_node
from background_removal.batch.tasks import Setup
from background_removal.look import Look
from background_removal.matting.guidance.settings import Guidance
from background_removal.recipe import Recipe

# One cluster is enough.
pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("cluster")]
pytest.importorskip("ray", reason="Ray is not installed: pip install -r requirements-cluster.txt")

# It takes its time without taking a core, so that there is time to kill somebody; each process leaves its number. Where
# the file "company" lies, it begins only when another process is there, or one quick process would do all parts.
SLOW = """
import os, pathlib, time

class Slow:
    def __call__(self, image):
        folder = pathlib.Path(FOLDER)
        (folder / str(os.getpid())).touch()
        end = time.monotonic() + 60
        while (folder.parent / "company").exists() and len(list(folder.iterdir())) < 2 and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.02)
        return 255 - image
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A computer that leads and has no cores; tests add those that work."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # A computer that is gone is noticed in three seconds instead of thirty; one that is merely busy is not gone.
        patch.setenv("RAY_health_check_initial_delay_ms", "500")
        patch.setenv("RAY_health_check_period_ms", "500")
        patch.setenv("RAY_health_check_failure_threshold", "6")
        made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
        yield made
        made.shutdown()


@pytest.fixture
def two_computers(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Two computers with one core each, which stay for the next test, and the object Slow in the folder at hand."""
    (tmp_path / "pids").mkdir()
    (tmp_path / "slow.py").write_text(SLOW.replace("FOLDER", repr(str(tmp_path / "pids"))))
    working = [node for node in cluster.list_all_nodes() if node is not cluster.head_node]
    return working + [cluster.add_node(num_cpus=1) for _ in range(2 - len(working))]


def slow_pids(tmp_path: Path) -> list[int]:
    return [int(file.name) for file in (tmp_path / "pids").iterdir()]


def slow_run(cluster: Any, start_main: Callable[..., Program], *arguments: object) -> Program:
    return start_main(
        *("clip.mp4", "--output", "out.mp4", "--no-segmentation", "--object", "slow.py:Slow"),
        *("--cluster", cluster.address, "--part-seconds", 4, *arguments),
    )


def test_the_result_is_that_of_several_processes(cluster, two_computers, tmp_path: Path, run_program) -> None:
    (tmp_path / "clips").mkdir()
    clip = make_clip(
        tmp_path / "clips" / "clip.mp4", [scene(i) for i in range(80)], rate=Fraction(10), sound="aac", gop=10
    ).path
    (tmp_path / "clips" / "photo.jpg").write_bytes(PORTRAIT.read_bytes())
    (tmp_path / "clips" / "broken.mp4").write_bytes(b"not a video")
    outcome = run_program(
        *("clips", "--output", "out", "--quality", "fast", "--cluster", cluster.address, "--part-seconds", 4)
    )
    assert outcome.code == 1
    assert sorted(outcome.out.split()) == [str(tmp_path / "out" / name) for name in ("clip.mp4", "photo.jpg")]
    assert re.search(r"^error: .*broken\.mp4: not a readable video", outcome.err, re.MULTILINE), outcome.err
    assert "cluster: 2 computers, 2 cores; 3 files" in outcome.err
    assert not re.search("raylet|pid=|Traceback|WARNING|INFO", outcome.err), outcome.err
    here = run_program(clip, "--output", "here.mp4", "--jobs", 2)
    assert here.code == 0, here.err
    there, here = (probe(tmp_path / name, images=True) for name in ("out/clip.mp4", "here.mp4"))
    assert there.times == here.times
    # x264 with several threads does not give the same bits each time, for the same pictures.
    assert max(difference(a, b) for a, b in zip(there.images, here.images, strict=True)) < 1.5
    assert there.sound == here.sound
    assert cv2.imread(str(tmp_path / "out" / "photo.jpg")).shape == cv2.imread(str(PORTRAIT)).shape
    assert [file.name for file in (tmp_path / "out").iterdir() if file.name.startswith(".")] == []


def test_the_part_of_a_killed_process_is_done_again(cluster, two_computers, tmp_path: Path, start_main) -> None:
    source = make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(200)], gop=25).path
    run = slow_run(cluster, start_main)
    wait_until(lambda: slow_pids(tmp_path), "the first frame")
    os.kill(slow_pids(tmp_path)[0], signal.SIGKILL)
    out, err = run.communicate(timeout=60)
    assert (run.returncode, out) == (0, f"{tmp_path / 'out.mp4'}\n"), err
    assert re.search(r"warning: .*clip\.mp4, part \d of 2: \w+; it is done again \(1 of 3\)", err), err
    assert probe(tmp_path / "out.mp4").times == probe(source).times


def test_the_parts_of_a_lost_computer_are_done_by_others(cluster, two_computers, tmp_path: Path, start_main) -> None:
    source = make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(200)], gop=25).path
    (tmp_path / "company").touch()
    run = slow_run(cluster, start_main)
    wait_until(lambda: len(slow_pids(tmp_path)) == 2, "both computers at work")
    cluster.remove_node(two_computers[0], allow_graceful=False)
    out, err = run.communicate(timeout=90)
    assert (run.returncode, out) == (0, f"{tmp_path / 'out.mp4'}\n"), err
    assert "it is done again (1 of 3)" in err
    assert probe(tmp_path / "out.mp4").times == probe(source).times


def test_a_killed_run_leaves_no_result_and_goes_on(cluster, two_computers, tmp_path: Path, start_main) -> None:
    source = make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(225)], gop=25).path
    run = slow_run(cluster, start_main)
    parts = tmp_path / ".out.mp4.parts"
    wait_until(lambda: parts.is_dir() and any(not file.name.startswith(".") for file in parts.iterdir()), "a part")
    os.kill(run.pid, signal.SIGKILL)
    run.communicate()
    assert not (tmp_path / "out.mp4").exists()
    done = {file: file.stat().st_mtime_ns for file in parts.iterdir() if not file.name.startswith(".")}
    again = slow_run(cluster, start_main, "--resume", "--debug")
    out, err = again.communicate(timeout=90)
    assert (again.returncode, out) == (0, f"{tmp_path / 'out.mp4'}\n"), err
    assert probe(tmp_path / "out.mp4").times == probe(source).times
    assert done
    assert not parts.exists()


def test_a_cluster_that_is_not_there_is_one_line(tmp_path: Path, run_program) -> None:
    make_clip(tmp_path / "clip.mp4", [scene(0)])
    outcome = run_program("clip.mp4", "--cluster", "127.0.0.1:9")
    assert outcome.code == 2
    assert re.fullmatch(r"error: --cluster 127\.0\.0\.1:9: cannot be reached \(.*\).*\n", outcome.err), outcome.err


def test_what_a_computer_does_not_see_is_named(cluster, two_computers, tmp_path: Path, run_program) -> None:
    make_clip(tmp_path / "clip.mp4", [scene(0)])
    outcome = run_program("clip.mp4", "gone.mp4", "--output", "out", "--cluster", cluster.address)
    assert outcome.code == 2
    assert outcome.err.count("gone.mp4: no such file") == 2, outcome.err


def test_objects_travel_by_file_or_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    names, modules = runtime_modules(["effects/sepia.py:Sepia", "mine.blue:Blue", "numpy:flipud"])
    assert names == ["sepia:Sepia", "mine.blue:Blue", "numpy:flipud"]
    assert modules == [str(tmp_path / "effects/sepia.py"), str(tmp_path / "mine")]


@pytest.mark.parametrize("installed", [False, True])
def test_the_checkout_travels_or_the_installed_package_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR", raising=False)
    package = tmp_path / "background_removal"
    if not installed:
        (tmp_path / "pyproject.toml").touch()
    env = runtime_env(["sepia.py:Sepia"], package)
    sepia = os.path.abspath("sepia.py")
    assert env["py_modules"] == ([sepia, str(package)] if installed else [sepia])
    assert env.get("working_dir") == (None if installed else str(tmp_path))


def test_a_submitted_job_has_the_checkout_already(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", '{"runtime_env": {"working_dir": "gcs://project.zip"}}')
    (tmp_path / "pyproject.toml").touch()
    assert not {"working_dir", "py_modules"} & set(runtime_env([], tmp_path / "background_removal"))


def test_pictures_of_the_look_mean_the_same_on_every_computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("desk.png", "room.jpg"):
        (tmp_path / name).touch()
    recipe = _with_absolute_paths(Recipe(Look("navy", foreground="desk.png"), guidance=Guidance(plate="room.jpg")))
    assert (recipe.look.foreground, recipe.guidance.plate) == (str(tmp_path / "desk.png"), str(tmp_path / "room.jpg"))
    for name in ("desk.png", "room.jpg"):
        (tmp_path / name).rename(tmp_path / "elsewhere")
        assert check_node(Setup(recipe, 1), []) == f"{tmp_path / name}: no such file"
        (tmp_path / "elsewhere").rename(tmp_path / name)
