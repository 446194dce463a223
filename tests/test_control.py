"""Control without a window: actions by name, over HTTP and by `python main.py control`, and who may ask."""

from __future__ import annotations

import http.client
import json
import re
import stat
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conftest import StreamCamera, probe, wait_until

from background_removal.compositing.blur import STRENGTHS
from background_removal.effects.low_light import LowLight
from background_removal.engine import Engine
from background_removal.errors import InputError, ProcessingError
from background_removal.live.control.control_file import Address, addresses, write_address
from background_removal.live.control.control_server import ControlServer
from background_removal.live.options import LiveOptions
from background_removal.pipeline.actions import ALL, BLUR, KEY_NAMES, ON_OFF, Action, Actions
from background_removal.pipeline.frame import StreamInfo
from background_removal.pipeline.objects import FrameObject, ObjectChain
from background_removal.segmentation import MPSegmentation

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


def status_of(port: int, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> int:
    """Return the status of an answer; each is JSON with an error in words."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        text = response.read()
        if method == "HEAD":
            assert text == b""
        else:
            error = json.loads(text)["error"]
            assert not re.search("Expecting|line 1|codec|HTML", error), error
        return response.status


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
    assert not list(runtime.rglob("control-*.json"))


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
    for method in ("HEAD", "PUT", "DELETE", "OPTIONS"):
        assert status_of(address.port, method, "/actions/key") == 401
        assert status_of(address.port, method, "/status", headers=right) == 405
    assert status_of(address.port, "GROW", "/status", headers=right) == 501
    for body in ("{", "[" * 30000, b"\xff", iter([b"{", b"}}"])):
        assert status_of(address.port, "POST", "/actions/key", body, right) == 400
    assert asked == []
    code, answer = ask(address.port, "POST", "/actions/key", {"argument": "space"}, **right)
    assert (code, answer) == (200, {"action": "key", "done": True, "message": "heard  "})
    assert asked == ["loop"], "between two frames, in the thread of the loop"
    with closing(http.client.HTTPConnection("127.0.0.1", address.port, timeout=30)) as connection:
        connection.request("POST", "/actions/key", iter([b'{"argument": ', b'"x"}']), right)  # in chunks
        assert json.loads(connection.getresponse().read())["message"] == "heard x"
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
    names = [action.name for action in ALL]
    keys = [key for action in ALL for key in (*action.keys, *action.aliases)]
    assert len(set(names)) == len(names)
    assert len(set(keys)) == len(keys)
    assert set(KEY_NAMES) <= set(keys)
    told = run_main("control", "--help").out
    assert all(name in told for name in names)


def test_a_name_a_key_and_http_do_the_same(runtime: Path) -> None:
    """The three ways to do an action are views of one registry."""
    answers = []
    for way in ("name", "key", "http"):
        light, segmentation = LowLight(on=False), MPSegmentation()
        registry = Actions([ObjectChain([light, segmentation])])
        server = ControlServer(0, registry)
        server.open(StreamInfo("camera", 64, 48, live=True))

        def do(name: str, key: str, way: str = way, registry: Actions = registry, server: ControlServer = server):
            if way == "name":
                return registry.perform(name)
            if way == "key":
                return registry.press(key)[0]
            asked: list[tuple[int, dict]] = []
            right = {"Authorization": f"Bearer {addresses()[0].token}"}
            thread = threading.Thread(
                target=lambda: asked.append(ask(server.port, "POST", f"/actions/{name}", {}, **right))
            )
            thread.start()
            while thread.is_alive():
                server.idle("")
            return asked[0][1]["message"]

        answers.append(
            [do("low-light", "l"), light.on, do("more-blur", "]"), do("keep-less", "="), do("people", "p"),
             do("background", "b"), segmentation.look, do("low-light", "L"), light.on, registry.status()]
        )  # fmt: skip
        server.close()
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][:5] == ["low-light on", True, "blur 45", "threshold 0.55", "the main person alone"]


def test_a_switch_is_set_and_not_toggled() -> None:
    light = LowLight(on=True)
    registry = Actions([ObjectChain([light])])
    assert registry.perform("low-light", "on") == "low-light is on already"
    assert light.on
    assert registry.perform("low-light", "off") == "low-light off"
    assert not light.on
    with pytest.raises(InputError, match="must be on or off"):
        registry.perform("low-light", "maybe")


def test_objects_with_on_key_alone_or_actions_of_the_older_form_still_work() -> None:
    class OnlyKey:
        def __call__(self, image):
            return image

        def on_key(self, key):
            return "mine" if key == "y" else False

    class Tinted:
        actions = (
            Action(("tint",), ("j",), "a tint or none", ON_OFF),  # pyright: ignore[reportArgumentType]
            Action(("tint-color",), (), "tint in that colour", "red|blue"),  # pyright: ignore[reportArgumentType]
            Action(("redder", "bluer"), ("5", "6"), "redder / bluer"),  # pyright: ignore[reportArgumentType]
        )
        on = False

        def __call__(self, image):
            return image

        def on_key(self, key):
            if key != "j":
                return f"key {key}" if key in "56" else False
            self.on = not self.on
            return "tinted" if self.on else "as it is"

        def on_action(self, name, argument):
            if argument == "green":
                raise ZeroDivisionError
            return f"{name} {argument}"

        def status(self):
            return {"tint": self.on, "more": 1}

    registry = Actions([ObjectChain([OnlyKey(), Tinted()])])
    assert registry.press("y") == registry.press("Y") == ("mine", True)
    assert registry.perform("key", "y") == "mine"
    assert registry.names == ["tint", "tint-color", "redder", "bluer", "quit", "key"]
    assert [row.names for row in registry.rows][2] == ["redder", "bluer"]
    assert registry.press("j") == ("tinted", True)
    assert registry.perform("tint", "on") == "tint is on already"
    assert registry.perform("tint", "off") == "as it is"
    assert registry.perform("tint") == "tinted"
    assert registry.perform("bluer") == "key 6"
    assert registry.perform("tint-color", "red") == "tint-color red"
    assert registry.status() == {"tint": True, "more": 1}
    with pytest.raises(InputError, match=r"tint-color: must be followed by red\|blue"):
        registry.perform("tint-color")
    with pytest.raises(ProcessingError, match="custom object Tinted failed on tint-color: ZeroDivisionError"):
        registry.perform("tint-color", "green")


def test_an_action_with_a_function_needs_neither_on_key_nor_keys() -> None:
    class Counter(FrameObject):
        count = 0

        def __init__(self) -> None:
            self.actions = (Action("count", ("9",), "count on", run=self.add),)

        def add(self) -> str:
            self.count += 1
            return f"{self.count} so far"

    chain = ObjectChain([Counter()])
    registry = Actions([chain])
    assert chain.keys == {"9": "count on"}
    assert [registry.press("9")[0], registry.perform("count"), Counter().on_key("9")] == [
        "1 so far", "2 so far", "1 so far"
    ]  # fmt: skip


def test_declared_actions_are_json() -> None:
    rows = json.loads(json.dumps([action.to_dict() for action in ALL]))
    assert [row["name"] for row in rows] == [action.name for action in ALL]
    assert tuple(BLUR.choices) == tuple(STRENGTHS)
    assert next(row for row in rows if row["name"] == "threshold")["limits"] == [0, 1]
