"""Paths: stow's view of local ones, and a real S3 server for remote ones."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import boto3
import cv2
import numpy as np
import pytest
from conftest import PORTRAIT, ROOT, make_clip, probe, scene, wait_until

from background_removal.errors import InputError, InputNotFoundError, ProcessingError
from background_removal.files import storage
from background_removal.files.saving import atomic
from background_removal.files.saving.names import free_name

# One server is enough.
pytestmark = pytest.mark.xdist_group("storage")


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    """The address of an S3 server of our own on loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def answers() -> bool:
        with socket.socket() as probe_socket:
            return probe_socket.connect_ex(("127.0.0.1", port)) == 0

    wait_until(answers, "the S3 server")
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait(timeout=30)


@pytest.fixture
def credentials(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("AWS_ENDPOINT_URL", s3_url),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)


@pytest.fixture
def bucket(s3_url: str, credentials: None):
    """An empty bucket "media"; the object has put, get and names."""
    client = boto3.client("s3")
    client.create_bucket(Bucket="media")

    class Bucket:
        def put(self, key: str, path: Path) -> bytes:
            client.put_object(Bucket="media", Key=key, Body=path.read_bytes())
            return path.read_bytes()

        def get(self, key: str) -> bytes:
            return client.get_object(Bucket="media", Key=key)["Body"].read()

        def names(self) -> list[str]:
            return sorted(o["Key"] for o in client.list_objects_v2(Bucket="media").get("Contents", []))

        def buckets(self) -> list[str]:
            return sorted(b["Name"] for b in client.list_buckets()["Buckets"])

    yield Bucket()
    for name in Bucket().names():
        client.delete_object(Bucket="media", Key=name)
    client.delete_bucket(Bucket="media")


def test_a_remote_image_comes_and_its_result_goes_back(run_main, bucket) -> None:
    original = bucket.put("photos/me.jpg", PORTRAIT)
    outcome = run_main("--image", "s3://media/photos/me.jpg", "--quality", "fast")
    assert (outcome.code, outcome.err, outcome.out) == (0, "", "s3://media/photos/me_out.jpg\n")
    assert bucket.names() == ["photos/me.jpg", "photos/me_out.jpg"]
    assert bucket.get("photos/me.jpg") == original
    result = cv2.imdecode(np.frombuffer(bucket.get("photos/me_out.jpg"), np.uint8), cv2.IMREAD_COLOR)
    assert result.shape == (512, 512, 3)


def test_a_remote_video_to_a_local_file_and_back(run_main, bucket, tmp_path: Path) -> None:
    bucket.put("clip.mp4", make_clip(tmp_path / "clip.mp4", [scene(i) for i in range(8)], sound="aac").path)
    local = tmp_path / "result.mp4"
    outcome = run_main("--video", "s3://media/clip.mp4", "--output", local, "--no-segmentation")
    assert (outcome.code, outcome.err) == (0, "")
    assert len(probe(local).times) == 8
    assert bucket.names() == ["clip.mp4"]
    outcome = run_main("--video", local, "--output", "s3://media/new/result.mp4", "--no-segmentation")
    assert (outcome.code, outcome.err) == (0, "")
    (tmp_path / "fetched.mp4").write_bytes(bucket.get("new/result.mp4"))
    assert len(probe(tmp_path / "fetched.mp4").times) == 8


@pytest.mark.slow
def test_a_remote_folder_of_backgrounds(run_main, bucket, tmp_path: Path) -> None:
    for name, color in (("1.png", (255, 0, 0)), ("2.png", (0, 255, 0))):
        cv2.imwrite(str(tmp_path / name), np.full((30, 40, 3), color, np.uint8))
        bucket.put(f"pictures/{name}", tmp_path / name)
    output = tmp_path / "result.png"
    for spec in ("s3://media/pictures", "s3://media/pictures/", "s3://media/pictures/1.png"):
        outcome = run_main("--image", PORTRAIT, "--background", spec, "--output", output, "--quality", "fast")
        assert (outcome.code, outcome.err) == (0, "")
        assert cv2.imread(str(output))[60, 480].tolist() == [255, 0, 0]
        output.unlink()


def test_nothing_is_put_back_when_processing_fails(run_main, bucket, tmp_path: Path) -> None:
    bucket.put("me.jpg", PORTRAIT)
    (tmp_path / "effects.py").write_text("def fails(image):\n    return None\n")
    outcome = run_main("--image", "s3://media/me.jpg", "--object", "effects.py:fails", "--quality", "fast")
    assert outcome.code == 1
    assert bucket.names() == ["me.jpg"]


def test_bad_remote_paths_are_one_line_and_exit_2(run_main, bucket, tmp_path: Path) -> None:
    bucket.put("folder/me.jpg", PORTRAIT)
    for arguments, complaint in (
        (["--image", "s3://media/missing.jpg"], "no such file"),
        # Said before anything is brought here.
        (["--image", "s3://media/missing.jpg", "--output", "r.xyz"], "cannot write an image"),
        (["--video", "s3://media/missing.mp4", "--output", "r.xyz"], "cannot write a video"),
        (["--image", "s3://nowhere/me.jpg"], "bucket does not exist"),
        (["--image", PORTRAIT, "--output", "s3://nowhere/me.jpg"], "no such bucket"),
        (["--image", "s3://media/folder/me.jpg", "--output", "s3://media/folder/me.jpg"], "output is the input"),
        (["--image", PORTRAIT, "--background", "s3://media/missing"], "no such file or folder"),
        (["--image", "gopher://media/me.jpg"], "not supported"),
    ):
        outcome = run_main(*arguments)
        assert outcome.code == 2, arguments
        assert complaint in outcome.err
        assert outcome.err.count("\n") == 1
    assert bucket.buckets() == ["media"], "a mistyped bucket must not be made"


def test_a_remote_folder_is_many_files(run_main, bucket) -> None:
    bucket.put("folder/me.jpg", PORTRAIT)
    bucket.put("folder/you.jpg", PORTRAIT)
    outcome = run_main("--image", "s3://media/folder", "--no-segmentation")
    assert outcome.code == 0, outcome.err
    assert outcome.out.split() == ["s3://media/folder/me_out.jpg", "s3://media/folder/you_out.jpg"]


def test_shares_of_a_remote_folder_are_told_by_sizes(run_main, bucket, tmp_path: Path) -> None:
    for name, size in (("big", 30), ("small", 10), ("middle", 20)):
        (tmp_path / name).write_bytes(b"x" * size)
        bucket.put(f"clips/{name}.mp4", tmp_path / name)
    listed = [
        run_main("--video", "s3://media/clips", "--output", "out", "--dry-run", "--shard", f"{number}/2").out
        for number in (1, 2)
    ]
    assert sorted(lines.count("\n") for lines in listed) == [1, 2]
    assert "s3://media/clips/big.mp4 -> out/big.mp4\n" in listed


def test_a_remote_recording_replaces_none(bucket) -> None:
    bucket.put("take.mp4", PORTRAIT)
    assert free_name("s3://media/take.mp4", storage.path_exists) == "s3://media/take_2.mp4"
    assert free_name("s3://media/other.mp4", storage.path_exists) == "s3://media/other.mp4"


def test_a_server_that_does_not_answer_is_one_line(run_program, credentials: None) -> None:
    env = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    outcome = run_program("--image", "s3://media/me.jpg", env=env)  # stow keeps connections for as long as a process
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert "127.0.0.1:9" in outcome.err


def test_a_remote_folder_as_output(run_main, bucket) -> None:
    bucket.put("folder/me.jpg", PORTRAIT)
    outcome = run_main("s3://media/folder/me.jpg", "--output", "s3://media/results/", "--no-segmentation")
    assert (outcome.code, outcome.out.strip()) == (0, "s3://media/results/me.jpg")
    assert bucket.names() == ["folder/me.jpg", "results/me.jpg"]


def test_without_the_s3_extra_the_command_to_install_it_is_said(run_main) -> None:
    # As if boto3 were not installed: an import hook in front of it.
    code = "import sys; sys.modules['boto3'] = None; sys.argv[0] = {0!r}; import runpy; sys.path.insert(0, {1!r}); "
    code += "runpy.run_path({0!r}, run_name='__main__')"
    command = [sys.executable, "-c", code.format(str(ROOT / "main.py"), str(ROOT)), "--image", "s3://media/me.jpg"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert done.returncode == 2
    assert "pip install -r requirements-remote.txt" in done.stderr
    assert done.stderr.count("\n") == 1


def test_staged_output_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "result.txt"
    target.write_text("before")

    def fail_halfway() -> None:
        with atomic.atomic_output(str(target)) as staged:
            Path(staged).write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert target.read_text() == "before"
    with atomic.atomic_output(str(target)) as staged:
        Path(staged).write_text("whole")
        assert target.read_text() == "before"
    assert target.read_text() == "whole"
    with atomic.atomic_output(str(target)):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["result.txt"]


def test_a_result_may_be_read_by_everyone_its_folder_lets(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("x")
    with atomic.atomic_output(str(tmp_path / "result")) as staged:
        Path(staged).write_text("x")
    assert (tmp_path / "result").stat().st_mode == plain.stat().st_mode


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_the_target_of_a_link_is_replaced_not_the_link(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("before")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    with atomic.atomic_output(str(tmp_path / "link.txt")) as staged:
        Path(staged).write_text("after")
    assert (tmp_path / "real.txt").read_text() == "after"
    assert (tmp_path / "link.txt").is_symlink()


def test_devices_are_not_replaced(tmp_path: Path) -> None:
    if not Path("/dev/null").exists():
        pytest.skip("there is no /dev/null here")
    with pytest.raises(InputError, match="not an ordinary file"):
        atomic.check_output("/dev/null", str(PORTRAIT))


def test_names_that_look_like_urls_are_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a#b.txt", "a;b.txt", "a b.txt", "ü☂.txt") + (() if os.name == "nt" else ("what?.txt", "take: 2.txt")):
        Path(name).write_text("x")
        assert storage.is_file(name)
        assert storage.is_file(str(tmp_path / name))
        assert not storage.is_folder(name)
    assert len(storage.list_files(str(tmp_path))) == len(list(tmp_path.iterdir()))
    with pytest.raises(InputNotFoundError):
        storage.require_file("missing.txt")


def test_a_result_that_cannot_be_put_back_is_kept_here(bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import stow

    def refuse(*_: object, **__: object) -> None:
        raise OSError("the network is down")

    def write_result() -> None:
        with atomic.atomic_output("s3://media/result.txt") as staged:
            Path(staged).write_text("an hour of work")

    monkeypatch.setattr(stow, "put", refuse)
    with pytest.raises(ProcessingError, match=r"the network is down.*kept as (.*)") as caught:
        write_result()
    kept = Path(str(caught.value).split("kept as ")[1])
    assert kept.read_text() == "an hour of work"
    kept.unlink()
    kept.parent.rmdir()


@pytest.fixture
def failing_proxy(s3_url: str) -> Iterator[str]:
    """The address of something between us and the S3 server that is gone for good in the middle of an upload."""
    server = ("127.0.0.1", int(s3_url.rsplit(":", 1)[1]))
    listening = socket.create_server(("127.0.0.1", 0))

    def answers(client: socket.socket, behind: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := behind.recv(65536):
                client.sendall(data)

    def serve(client: socket.socket) -> None:
        sent = 0
        with contextlib.suppress(OSError), client, socket.create_connection(server) as behind:
            threading.Thread(target=answers, args=(client, behind), daemon=True).start()
            while data := client.recv(65536):
                sent += len(data)
                if sent > 100_000:
                    listening.close()
                    return
                behind.sendall(data)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    listening.close()


@pytest.mark.slow
def test_a_server_that_is_gone_in_mid_upload_leaves_the_result_here(run_program, bucket, failing_proxy: str) -> None:
    env = {"AWS_ENDPOINT_URL": failing_proxy, "AWS_MAX_ATTEMPTS": "1"}
    outcome = run_program(PORTRAIT, "--no-segmentation", "--output", "s3://media/me.png", env=env)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (1, "", 1)
    kept = Path(outcome.err.split("kept as ")[1].strip())
    assert (cv2.imread(str(kept)) == cv2.imread(str(PORTRAIT))).all()
    assert bucket.names() == []
    kept.unlink()
    kept.parent.rmdir()
