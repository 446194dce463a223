"""Control without a window: actions by name, over HTTP and by `python main.py control`, and who may ask."""

from __future__ import annotations

import http.client
import json
import stat
import sys
import threading
from pathlib import Path

import pytest
from conftest import StreamCamera, probe, wait_until

from background_removal.engine import Engine
from background_removal.live.control.control_file import Address, addresses, write_address
from background_removal.live.options import LiveOptions
from background_removal.pipeline.actions import ALL, KEY_NAMES
from background_removal.pipeline.objects import FrameObject

MINE = """
class Mine:
    keys = {"x": "mine"}

    def __call__(self, image):
        return image

    def on_key(self, key):
        return "mine was asked" if key in ("x", " ") else False
"""


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for this user's addresses, in the place of the real one."""
    for name in ("XDG_RUNTIME_DIR", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "runtime"))
    return tmp_path / "runtime"


def ask(port: int, method: str, path: str, body: object = None, **headers: str) -> tuple[int, dict]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer


@pytest.mark.slow
def test_a_run_without_a_window_is_controlled(
    tmp_path: Path, runtime: Path, stream_camera: StreamCamera, start_main, run_main
) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    process = start_main("--webcam", stream_camera.url, "--no-show", "--control", "--object", "mine.py:Mine")
    assert run_main("control", "status").err == "error: nothing that can be controlled runs; start it with --control\n"
    wait_until(addresses, "the address")

    def said(*words: str) -> str:
        outcome = run_main("control", *words)
        assert (outcome.code, outcome.err) == (0, ""), words
        return outcome.out.strip()

    def refused(*words: str) -> str:
        outcome = run_main("control", *words)
        assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1), words
        return outcome.err

    assert said("blur", "strong") == "blur strong"
    assert said("background", "sunset") == "background: sunset"
    assert said("background") == "background: blur"
    assert said("key", "]") == "blur 6%"
    assert said("threshold", "0.4") == "threshold 0.4"
    assert said("people", "main") == "the main person alone"
    assert [said("freeze", way) for way in ("on", "on", "off")] == ["frozen", "freeze is on already", "going on"]
    status = dict(line.split(": ", 1) for line in said("status").splitlines())
    assert {**status, **{"background": "blur", "blur": "6%", "threshold": "0.4", "record": "no"}} == status
    assert said("key", "x") == "mine was asked"
    assert "keep-more | keep-less" in said("actions")
    assert "must be a number from 0 to 1" in refused("threshold", "high")
    assert "--background nowhere.png: no such file" in refused("background", "nowhere.png")
    assert "card: it needs what this run has not" in refused("card")
    assert "blurr: there is no such action" in refused("blurr")
    assert "key y: nothing uses it" in refused("key", "y")
    assert said("record", "on").startswith("recording recording_")
    assert said("record", "on") == "record is on already"
    before = int(status["frames"])
    wait_until(
        lambda: int(dict(row.split(": ", 1) for row in said("status").splitlines())["frames"]) > before + 20, "f"
    )
    assert said("record", "off").startswith("completing recording_")
    assert said("quit") == "it ends"
    assert process.wait(timeout=30) == 0
    [recording] = tmp_path.glob("recording_*.mp4")
    assert len(probe(recording).times) > 5
    assert not list(runtime.rglob("*.json"))


def test_who_may_ask(runtime: Path, stream_camera: StreamCamera) -> None:
    asked: list[str] = []

    class Asked(FrameObject):
        def on_key(self, key: str) -> str:
            asked.append(threading.current_thread().name)
            return f"heard {key}"

    engine = Engine(webcam_id=stream_camera.url, live=LiveOptions(control_port=0), custom_objects=[Asked()])
    thread = threading.Thread(target=engine.process_webcam, name="loop")
    thread.start()
    wait_until(addresses, "the address")
    [address] = addresses()
    right = {"Authorization": f"Bearer {address.token}"}
    if sys.platform != "win32":
        [file] = runtime.rglob("control-*.json")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert ask(address.port, "GET", "/status")[0] == 401
    assert ask(address.port, "POST", "/actions/quit", {}, Authorization="Bearer wrong")[0] == 401
    assert ask(address.port, "POST", "/actions/quit", {}, **right, Host=f"evil.example:{address.port}")[0] == 403
    assert ask(address.port, "GET", "/elsewhere", **right)[0] == 404
    assert ask(address.port, "POST", "/actions/key", [1], **right)[0] == 400
    assert ask(address.port, "POST", "/actions/key", {"argument": "x" * 70000}, **right)[0] == 400
    assert asked == []
    code, answer = ask(address.port, "POST", "/actions/key", {"argument": "space"}, **right)
    assert (code, answer) == (200, {"action": "key", "done": True, "message": "heard  "})
    assert asked == ["loop"], "between two frames, in the thread of the loop"
    assert ask(address.port, "POST", "/actions/quit", {}, **right) == (200, {"done": True, "message": "it ends"})
    thread.join(timeout=30)
    assert not addresses()


def test_several_runs_are_told_apart_by_their_port(runtime: Path, run_main) -> None:
    """One that was killed leaves its file behind."""
    import socket

    listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = sorted(server.getsockname()[1] for server in listening)
    for port in ports:
        write_address(Address(port, "secret"))
    outcome = run_main("control", "status")
    assert outcome.code == 2
    assert outcome.err == f"error: several runs can be controlled: say which by --port, of {ports[0]}, {ports[1]}\n"
    for server in listening:
        server.close()
    assert run_main("control", "status").err.startswith("error: nothing that can be controlled runs;")
    assert "runs at port 9;" in run_main("control", "--port", "9", "status").err


def test_every_action_has_a_name_and_a_key_of_its_own(run_main) -> None:
    names = [name for action in ALL for name in action.names]
    keys = [key for action in ALL for key in action.keys]
    assert len(set(names)) == len(names)
    assert len(set(keys)) == len(keys)
    assert set(KEY_NAMES) <= set(keys)
    told = run_main("control", "--help").out
    assert all(name in told for name in names)
