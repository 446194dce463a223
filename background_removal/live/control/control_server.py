"""The control interface: HTTP for programs on this computer that have the token.

    GET  /status           status as JSON
    GET  /actions          all actions as JSON
    POST /actions/NAME     do an action; the body may have an argument: {"argument": "strong"}

Every request needs ``Authorization: Bearer TOKEN``, and a Host of this computer: a page in a browser that reaches the
port under another name (DNS rebinding) has neither.
"""

from __future__ import annotations

import http
import http.server
import json
import logging
import queue
import re
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
from background_removal.pipeline.actions import Actions
from background_removal.pipeline.frame import Frame, Sink, StreamInfo
from background_removal.support.access import has_bearer_token, is_served_host

log = logging.getLogger(__name__)

_HERE = "127.0.0.1"
# Size limit of a request's body, bytes; an argument is a few words.
_MAX_BODY_BYTES = 1 << 16
# Size limit of the line before a chunk of a body, bytes, and what it must hold: a hexadecimal number.
_MAX_CHUNK_LINE, _CHUNK_SIZE = 256, re.compile(rb"[0-9A-Fa-f]{1,8}")
# Timeout for receiving a request, seconds.
_RECEIVE_SECONDS = 5.0
# Timeout for the loop to do a request, seconds.
_ANSWER_SECONDS = 10.0
# Time that `close` waits for answers being sent, seconds.
_CLOSE_SECONDS = 0.5
# Interval at which the server checks whether it shall end, seconds.
_POLL_SECONDS = 0.05


class ControlServer(Sink):
    """Receives actions by HTTP, and does them between two frames, in the thread of the loop.

    Args:
        port: TCP port on this computer; 0 takes any free one.
        actions: The registry of the run.
        say: Called with each message, for the window.
        has_viewers: Whether a camera is read even if no other sink has viewers.
    """

    def __init__(
        self, port: int, actions: Actions, say: Callable[[str], object] = lambda text: None, has_viewers: bool = True
    ) -> None:
        self._port = port
        self._registry = actions
        self._say = say
        self._has_viewers = has_viewers
        self._requests: queue.SimpleQueue[_Request] = queue.SimpleQueue()
        self._in_progress: list[_Request] = []
        self._server: _Server | None = None
        self._file: Path | None = None
        self._stream: dict[str, Any] = {}
        self._frames = 0
        self._status = ""

    @property
    def has_viewers(self) -> bool:
        return self._has_viewers

    @property
    def port(self) -> int:
        """The TCP port of the server."""
        assert self._server is not None
        return self._server.server_address[1]

    def open(self, info: StreamInfo) -> None:
        """Start the server; raise InputError if the port is taken, or the token cannot be written."""
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
        """Do the requests since the last frame."""
        self._frames += 1
        self._status = ""
        self._do_all()

    def idle(self, status: str) -> None:
        self._status = status
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
                self._requests.get_nowait().fail(Stopped())
        deadline = time.monotonic() + _CLOSE_SECONDS
        for request in self._in_progress:
            request.answered.wait(max(0.0, deadline - time.monotonic()))
        if self._server.is_serving:
            self._server.shutdown()
        self._server.server_close()
        self._server = None

    def _ask(self, call: Callable[[ControlServer], Any]) -> _Request:
        """Queue a call for the loop; called by the threads of the server."""
        request = _Request(call)
        self._requests.put(request)
        return request

    def _do_all(self) -> None:
        self._in_progress = [request for request in self._in_progress if not request.answered.is_set()]
        while not self._requests.empty():
            request = self._requests.get()
            self._in_progress.append(request)
            request.do(self)

    def act(self, name: str, argument: str) -> dict[str, Any]:
        """Do an action; return the body of the response."""
        log.debug("control: %s %s", name, argument)
        answer = self._registry.perform(name, argument)
        message = answer if isinstance(answer, str) else ""
        if message:
            self._say(message)
        return {"action": name, "done": bool(answer), "message": message}

    def status(self) -> dict[str, Any]:
        """Return the status of the stream and of everything with actions."""
        return {**self._stream, "frames": self._frames, "trouble": self._status, **self._registry.status()}

    def actions(self) -> dict[str, Any]:
        """Return all actions of the run, and the list of keys."""
        rows = [
            {"names": row.names, "keys": row.keys, "takes": row.takes, "meaning": row.label}
            for row in self._registry.rows
        ]
        return {"actions": rows, "keys": dict(self._registry.key_rows)}


class _Request:
    """A call that the loop makes for a request, and its result."""

    def __init__(self, call: Callable[[ControlServer], Any]) -> None:
        self._call = call
        self._future: Future[Any] = Future()
        self.answered = threading.Event()

    def do(self, server: ControlServer) -> None:
        """Make the call; an error is the result, and is raised here too unless the request was bad."""
        if not self._future.set_running_or_notify_cancel():
            return  # timed out
        try:
            self._future.set_result(self._call(server))
        except InputError as error:
            self._future.set_exception(error)
        except BaseException as error:
            self._future.set_exception(error)
            raise

    def fail(self, error: BaseException) -> None:
        if self._future.set_running_or_notify_cancel():
            self._future.set_exception(error)

    def result(self, seconds: float) -> Any:
        """Wait for the result; raises TimeoutError if the call was not begun in time, and is not made."""
        try:
            return self._future.result(seconds)
        except TimeoutError:
            if self._future.cancel():
                raise
            return self._future.result()  # begun at the last moment


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    # Frees the port at once after a run; on Windows it would let two programs share the port.
    allow_reuse_address = sys.platform != "win32"
    token = ""
    ask: Callable[[Callable[[ControlServer], Any]], _Request]
    is_serving = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("control: a request was broken off", exc_info=True)


class _Handler(http.server.BaseHTTPRequestHandler):
    timeout = _RECEIVE_SECONDS
    server_version, sys_version = "BackgroundRemoval", ""
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def log_message(self, format: str, *arguments: object) -> None:
        log.debug(f"control: {format}", *arguments)

    def do_GET(self) -> None:
        if not self._is_allowed():
            return
        call = {"/status": ControlServer.status, "/actions": ControlServer.actions}.get(self.path)
        if call is None:
            self._answer(404, {"error": f"there is no {self.path}; there are /status and /actions"})
        else:
            self._answer_with(call)

    def do_POST(self) -> None:
        if not self._is_allowed():
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

    def _refuse_method(self) -> None:
        if self._is_allowed():
            self._answer(405, {"error": f"{self.command}: there are GET and POST only"}, {"Allow": "GET, POST"})

    do_HEAD = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_CONNECT = _refuse_method  # noqa: N815 - the names of http.server

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request that is no HTTP, or that has a method unknown to HTTP."""
        self._answer(code, {"error": message or http.HTTPStatus(code).phrase})

    def _is_allowed(self) -> bool:
        """Check the Host and the token of a request; a request that fails is answered."""
        port = self.server.server_address[1]
        if not is_served_host(self.headers.get("Host", ""), (_HERE, "localhost"), port):
            self._answer(403, {"error": "the Host is not this computer"})
            return False
        if not has_bearer_token(self.headers.get("Authorization", ""), self.server.token):
            self._answer(401, {"error": "the token is missing or wrong"}, {"WWW-Authenticate": "Bearer"})
            return False
        return True

    def _argument(self) -> str:
        """Return the argument of an action; raise ValueError if the body cannot be used."""
        body = self._chunked_body() if "Transfer-Encoding" in self.headers else self._body()
        try:
            values = json.loads(body) if body else {}
        except (ValueError, RecursionError):  # no JSON, no UTF-8, or nested thousands deep
            values = None
        argument = values.get("argument", "") if isinstance(values, dict) else None
        if not isinstance(argument, (str, int, float)):
            raise ValueError('the body must be JSON, for instance {"argument": "strong"}')
        return str(argument)

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdecimal() and int(length) <= _MAX_BODY_BYTES):
            raise ValueError(f"a body of {length} bytes: must be at most {_MAX_BODY_BYTES}")
        return self.rfile.read(int(length))

    def _chunked_body(self) -> bytes:
        """Read a body that comes in chunks (RFC 9112, 7.1); trailers are not used."""
        body = bytearray()
        while True:
            line = self.rfile.readline(_MAX_CHUNK_LINE).split(b";")[0].strip()
            if not _CHUNK_SIZE.fullmatch(line):
                raise ValueError("the body is not in chunks, though Transfer-Encoding says so")
            size = int(line, 16)
            if len(body) + size > _MAX_BODY_BYTES:
                raise ValueError(f"a body of more than {_MAX_BODY_BYTES} bytes")
            if not size:
                self.rfile.readline(_MAX_CHUNK_LINE)
                return bytes(body)
            body += self.rfile.read(size)
            self.rfile.readline(_MAX_CHUNK_LINE)

    def _answer_with(self, call: Callable[[ControlServer], Any]) -> None:
        """Let the loop make a call, and send its result."""
        request = self.server.ask(call)
        try:
            self._answer(200, request.result(_ANSWER_SECONDS))
        except Stopped:
            self._answer(200, {"done": True, "message": "it ends"})
        except InputError as error:
            self._answer(400, {"error": str(error)})
        except BackgroundRemovalError as error:
            self._answer(500, {"error": str(error)})
        except TimeoutError:
            self._answer(503, {"error": f"no frame came by within {_ANSWER_SECONDS:g} s; nothing was done"})
        finally:
            request.answered.set()

    def _answer(self, code: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        body = json.dumps(content, default=str).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
