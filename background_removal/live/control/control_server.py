"""Control from outside: a small HTTP interface, for programs of this computer that know the token.

    GET  /status           what there is to tell, as JSON
    GET  /actions          what can be done, as JSON
    POST /actions/NAME     do it; {"argument": "strong"} may come with it

Every request needs ``Authorization: Bearer TOKEN``, and a Host of this computer: a page in a browser, which might reach
the port under a name of its own (DNS rebinding), has neither.
"""

from __future__ import annotations

import http.server
import json
import logging
import queue
import secrets
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from background_removal.errors import BackgroundRemovalError, InputError, Stopped
from background_removal.live.control.control_file import Address, write_address
from background_removal.live.control.controls import Controls
from background_removal.pipeline.frame import Frame, Sink, StreamInfo
from background_removal.support.access import has_bearer_token, is_served_host

log = logging.getLogger(__name__)

_HERE = "127.0.0.1"
# A body is a few words.
_LARGEST_BODY = 1 << 16
# A request that has not been sent whole by then is given up, and one that the loop has not come to.
_SENDING_SECONDS = 5.0
_ANSWER_SECONDS = 10.0
# How long the end waits for answers that are under way.
_LEAVING_SECONDS = 0.5
_POLL_SECONDS = 0.05


class ControlServer(Sink):
    """Takes actions by HTTP, and does them between two frames, in the thread of the loop.

    Args:
        port: Of this computer; 0 takes any that is free.
        controls: Who does them.
        say: Called with what there is to say of them, for the window.
        has_viewers: Whether a camera is to be read for this alone.
    """

    def __init__(
        self, port: int, controls: Controls, say: Callable[[str], object] = lambda text: None, has_viewers: bool = True
    ) -> None:
        self._port = port
        self._controls = controls
        self._say = say
        self._watches = has_viewers
        self._wishes: queue.SimpleQueue[_Request] = queue.SimpleQueue()
        self._doing: list[_Request] = []
        self._server: _Server | None = None
        self._file: Path | None = None
        self._stream: dict[str, Any] = {}
        self._frames = 0
        self._trouble = ""

    @property
    def has_viewers(self) -> bool:
        return self._watches

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return self._server.server_address[1]

    def open(self, info: StreamInfo) -> None:
        """Listen; raises InputError if the port is taken, or the token cannot be written."""
        self._stream = {"camera": info.name, "size": f"{info.width}x{info.height}"}
        token = secrets.token_urlsafe(32)
        try:
            self._server = _Server((_HERE, self._port), _Handler)
        except (OSError, OverflowError) as error:
            raise InputError(f"`control` {self._port}: this port cannot be used ({error}); give another one") from error
        self._server.token, self._server.ask = token, self._ask
        try:
            self._file = write_address(Address(self.port, token))
        except OSError as error:
            raise InputError(f"`control`: the token cannot be written: {error}") from error
        self._server.is_serving = True
        threading.Thread(target=self._server.serve_forever, args=[_POLL_SECONDS], name="control", daemon=True).start()
        log.info("controlled at http://%s:%d; the token is in %s", _HERE, self.port, self._file)

    def write(self, frame: Frame) -> None:
        """Do what was asked for since the last frame."""
        self._frames += 1
        self._trouble = ""
        self._do_all()

    def idle(self, status: str) -> None:
        self._trouble = status
        self._do_all()

    def close(self, error: BaseException | None = None) -> None:
        if self._file is not None:
            with suppress(OSError):
                self._file.unlink()
            self._file = None
        if self._server is None:
            return
        with suppress(queue.Empty):
            while True:
                self._wishes.get_nowait().fail(Stopped())
        deadline = time.monotonic() + _LEAVING_SECONDS
        for wish in self._doing:
            wish.answered.wait(max(0.0, deadline - time.monotonic()))
        if self._server.is_serving:
            self._server.shutdown()
        self._server.server_close()
        self._server = None

    def _ask(self, what: Callable[[ControlServer], Any]) -> _Request:
        """Ask the loop to do something; called by the threads of requests."""
        wish = _Request(what)
        self._wishes.put(wish)
        return wish

    def _do_all(self) -> None:
        self._doing = [wish for wish in self._doing if not wish.answered.is_set()]
        while not self._wishes.empty():
            wish = self._wishes.get()
            self._doing.append(wish)
            wish.do(self)

    def act(self, name: str, argument: str) -> dict[str, Any]:
        """Do an action, and return what is answered."""
        log.debug("control: %s %s", name, argument)
        said = self._controls.act(name, argument)
        if isinstance(said, str) and said:
            self._say(said)
        return {"action": name, "done": bool(said), "message": said if isinstance(said, str) else ""}

    def status(self) -> dict[str, Any]:
        """Return what there is to tell."""
        return {**self._stream, "frames": self._frames, "trouble": self._trouble, **self._controls.status()}

    def actions(self) -> dict[str, Any]:
        """Return what can be done."""
        rows = [
            {"names": action.names, "keys": action.keys, "takes": action.takes, "meaning": action.meaning}
            for action in self._controls.actions
        ]
        return {"actions": rows, "keys": dict(self._controls.rows)}


class _Request:
    """What a request wants done, and how it went."""

    def __init__(self, what: Callable[[ControlServer], Any]) -> None:
        self._what = what
        self._future: Future[Any] = Future()
        self.answered = threading.Event()

    def do(self, server: ControlServer) -> None:
        """Do it; what ends the run is raised here as well, what is only a bad wish is not."""
        if not self._future.set_running_or_notify_cancel():
            return  # nobody waits for it any more
        try:
            self._future.set_result(self._what(server))
        except InputError as error:
            self._future.set_exception(error)
        except BaseException as error:
            self._future.set_exception(error)
            raise

    def fail(self, error: BaseException) -> None:
        if self._future.set_running_or_notify_cancel():
            self._future.set_exception(error)

    def result(self, seconds: float) -> Any:
        """Wait for it; raises TimeoutError, after which it is not done."""
        try:
            return self._future.result(seconds)
        except TimeoutError:
            if self._future.cancel():
                raise
            return self._future.result()  # it has just begun


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    # Elsewhere the port is there again at once after a run; on Windows two programs would share it.
    allow_reuse_address = sys.platform != "win32"
    token = ""
    ask: Callable[[Callable[[ControlServer], Any]], _Request]
    is_serving = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("control: a request was broken off", exc_info=True)


class _Handler(http.server.BaseHTTPRequestHandler):
    timeout = _SENDING_SECONDS
    server_version, sys_version = "BackgroundRemoval", ""
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def log_message(self, format: str, *arguments: object) -> None:
        log.debug(f"control: {format}", *arguments)

    def do_GET(self) -> None:
        if not self._may():
            return
        wanted = {"/status": ControlServer.status, "/actions": ControlServer.actions}.get(self.path)
        if wanted is None:
            self._answer(404, {"error": f"there is no {self.path}; there are /status and /actions"})
        else:
            self._answer_with(wanted)

    def do_POST(self) -> None:
        if not self._may():
            return
        head, _, name = self.path.partition("/actions/")
        if head or not name:
            self._answer(404, {"error": f"there is no {self.path}; there is /actions/NAME"})
            return
        try:
            argument = self._argument()
        except ValueError as error:
            self._answer(400, {"error": str(error)})
            return
        self._answer_with(lambda server: server.act(unquote(name), argument))

    def _may(self) -> bool:
        """Tell whether a request comes from who may ask; if not, it is answered."""
        port = self.server.server_address[1]
        if not is_served_host(self.headers.get("Host", ""), (_HERE, "localhost"), port):
            self._answer(403, {"error": "the Host is not this computer"})
            return False
        if not has_bearer_token(self.headers.get("Authorization", ""), self.server.token):
            self._answer(401, {"error": "the token is missing or wrong"}, {"WWW-Authenticate": "Bearer"})
            return False
        return True

    def _argument(self) -> str:
        """Return what is said after an action's name; raises ValueError."""
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdecimal() and int(length) <= _LARGEST_BODY):
            raise ValueError(f"a body of {length} bytes: must be at most {_LARGEST_BODY}, and say its Content-Length")
        body = self.rfile.read(int(length))
        told = json.loads(body) if body else {}
        argument = told.get("argument", "") if isinstance(told, dict) else None
        if not isinstance(argument, (str, int, float)):
            raise ValueError('the body must be JSON, for instance {"argument": "strong"}')
        return str(argument)

    def _answer_with(self, what: Callable[[ControlServer], Any]) -> None:
        """Let the loop do something, and answer how it went."""
        wish = self.server.ask(what)
        try:
            self._answer(200, wish.result(_ANSWER_SECONDS))
        except Stopped:
            self._answer(200, {"done": True, "message": "it ends"})
        except InputError as error:
            self._answer(400, {"error": str(error)})
        except BackgroundRemovalError as error:
            self._answer(500, {"error": str(error)})
        except TimeoutError:
            self._answer(503, {"error": f"no frame came by within {_ANSWER_SECONDS:g} s; nothing was done"})
        finally:
            wish.answered.set()

    def _answer(self, code: int, told: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        body = json.dumps(told, default=str).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
