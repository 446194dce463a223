"""Cameras by WebSocket: frames of the visitor's or this computer's camera, sent back as JPEG pictures."""

from __future__ import annotations

import asyncio
import json
import logging
import struct
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from typing import Any

import cv2
import numpy as np
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from background_removal.engine import Engine
from background_removal.errors import BackgroundRemovalError, InputError, Stopped
from background_removal.look import Look
from background_removal.page.browser_camera import SILENCE_SECONDS, BrowserCamera
from background_removal.page.http_errors import PageError, plain_message
from background_removal.page.image_codec import encode_alpha, encode_image
from background_removal.page.look_renderer import LookRenderer
from background_removal.page.models import LookChanges, validate
from background_removal.page.pool import RendererPool
from background_removal.page.program_camera import ProgramCamera, ProgramSink
from background_removal.page.settings import Settings
from background_removal.pipeline.actions import Answer
from background_removal.pipeline.frame import Frame, Sink, Source, to_image
from background_removal.support.transparency import flatten_on_squares

log = logging.getLogger(__name__)

# JPEG quality of a frame, of 100.
_JPEG_QUALITY = 85
# Frames of this computer's camera sent before the visitor has shown one.
_MAX_IN_FLIGHT = 2
# Timeout for sending a message, seconds; the visitor is then taken for gone.
_SEND_SECONDS = 20.0
# Join timeout of a session's thread, seconds.
_JOIN_SECONDS = 5.0
# Time without a frame after which a camera gives its place to another visitor, seconds.
_IDLE_SECONDS = 10.0
# Size of a text message, characters.
_MAX_TEXT = 64 << 10
# Length of the name of a key or an action, characters.
_MAX_NAME_LENGTH = 30
# Keys and actions that wait for the next frame.
_MAX_PENDING = 20
# Greys of the squares behind transparency, which JPEG cannot hold, of 255.
_SQUARE_GREYS = (102, 153)
# First bytes of a frame with its transparency.
_ALPHA_MARK = b"ALPH"


class Cameras:
    """Serves a bounded number of cameras at once.

    Args:
        settings: Settings of the page.
        parse_look: Returns a look, given the changes of a request and the current look.
        pool: Lends renderers.
        program_camera: Shows one of the cameras to programs of this computer; None for none.
    """

    def __init__(
        self,
        settings: Settings,
        parse_look: Callable[[LookChanges, Look], Look],
        pool: RendererPool,
        program_camera: ProgramCamera | None = None,
    ) -> None:
        self._program_camera = program_camera
        self._settings = settings
        self._parse_look = parse_look
        self._pool = pool
        self._sessions: set[_Session] = set()

    async def serve(self, socket: WebSocket) -> None:
        """Serve one camera until its visitor leaves."""
        await socket.accept()
        source = socket.query_params.get("source", "visitor")
        await self._make_place()
        problem = self._find_problem(source)
        if problem:
            await socket.send_json({"error": problem})
            await socket.close(1013)
            return
        is_webcam = source == "webcam"
        session = _Session(socket, self._settings, self._parse_look, self._pool, self._program_camera, is_webcam)
        self._sessions.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)

    @property
    def count(self) -> int:
        """Number of sessions."""
        return len(self._sessions)

    def close(self) -> None:
        """End all sessions."""
        for session in list(self._sessions):
            session.end()

    async def _make_place(self) -> None:
        """Where all places are taken, end the session that has been without a frame for longest, if for long."""
        if len(self._sessions) < self._settings.limits.cameras:
            return
        longest = max(self._sessions, key=lambda session: session.silent_seconds)
        if longest.silent_seconds >= _IDLE_SECONDS:
            longest.give_place()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(longest.ended.wait(), _JOIN_SECONDS)
            self._sessions.discard(longest)

    def _find_problem(self, source: str) -> str:
        if source not in ("visitor", "webcam"):
            return "source must be visitor or webcam"
        if len(self._sessions) >= self._settings.limits.cameras:
            return f"{len(self._sessions)} cameras are being shown, and no more can be; try again later"
        if source == "webcam" and self._settings.webcam is None:
            return "this computer's camera is not offered; start the page with --webcam"
        if source == "webcam" and any(session.is_webcam for session in self._sessions):
            return "this computer's camera is shown elsewhere already"
        return ""


class _Session:
    def __init__(
        self,
        socket: WebSocket,
        settings: Settings,
        parse_look: Callable[[LookChanges, Look], Look],
        pool: RendererPool,
        program_camera: ProgramCamera | None,
        is_webcam: bool,
    ) -> None:
        self._program_camera = program_camera
        self._socket = socket
        self._settings = settings
        self._parse_look = parse_look
        self._pool = pool
        self.is_webcam = is_webcam
        self._loop = asyncio.get_running_loop()
        self._camera = BrowserCamera(settings.limits.frame_pixels)
        self._renderer: LookRenderer | None = None
        self._look = settings.look
        self.ended = asyncio.Event()
        self._reason = ""
        self._sink = _VisitorSink(self._send, None if is_webcam else self._camera)

    async def run(self) -> None:
        """Process the camera until the visitor leaves, or processing fails."""
        thread = threading.Thread(target=self._work, name="camera", daemon=True)
        thread.start()
        listening = asyncio.create_task(self._listen())
        ended = asyncio.create_task(self.ended.wait())
        try:
            await asyncio.wait({listening, ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.end()
            listening.cancel()
            # Waits for the networks: until they are released, the session counts against the limit.
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.shield(ended), _JOIN_SECONDS)
            ended.cancel()
            with suppress(RuntimeError, WebSocketDisconnect):
                if self._socket.application_state is WebSocketState.CONNECTED:
                    await self._socket.close()

    def end(self) -> None:
        """End the run at its next frame."""
        self._camera.end()
        self._sink.end()

    @property
    def silent_seconds(self) -> float:
        """Time since the visitor's last frame, seconds; 0 for this computer's camera."""
        return 0.0 if self.is_webcam else self._camera.silent_seconds

    def give_place(self) -> None:
        """End the run, as another visitor needs its place."""
        self._reason = f"no frame came for {self.silent_seconds:.0f} s, and another visitor's camera needed the place"
        self._camera.end()

    async def _listen(self) -> None:
        """Take the visitor's messages."""
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            data = message.get("bytes")
            try:
                if data is not None:
                    self._take_frame(data)
                else:
                    self._take_text(message.get("text") or "")
            except PageError as error:
                await self._socket.send_json({"error": str(error)})

    def _take_frame(self, data: bytes) -> None:
        if self.is_webcam:
            return
        if len(data) < 4 or len(data) > self._settings.limits.frame_bytes:
            raise PageError(413, f"a frame may have {self._settings.limits.frame_bytes >> 20} MB at most")
        self._camera.put(struct.unpack_from(">I", data)[0], data[4:])

    def _take_text(self, text: str) -> None:
        try:
            message = json.loads(text) if len(text) <= _MAX_TEXT else None
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict):
            raise PageError(400, "a message must be a JSON object")
        if isinstance(message.get("look"), dict):
            renderer = self._renderer
            changes = validate(LookChanges, message["look"])
            self._look = self._parse_look(changes, renderer.look if renderer else self._look)
            if renderer is not None:
                renderer.request_look(self._look)
        elif isinstance(message.get("key"), str) and len(message["key"]) <= _MAX_NAME_LENGTH:
            self._sink.put_key(message["key"])
        elif isinstance(message.get("action"), str) and len(message["action"]) <= _MAX_NAME_LENGTH:
            self._sink.put_action(message["action"], _short(message.get("argument", "")))
        elif isinstance(message.get("shown"), int):
            self._sink.confirm(message["shown"])
        elif message.get("snapshot") is True:
            self._sink.request_snapshot()
        elif isinstance(message.get("alpha"), bool):
            self._sink.sends_alpha = message["alpha"]
        else:
            raise PageError(400, 'a message must have "look", "action", "key", "shown", "snapshot" or "alpha"')

    # -- in the thread of the run --------------------------------------------------------------------

    def _work(self) -> None:
        error = ""
        try:
            first = self._look
            with self._pool.lease(first, "camera") as renderer:
                renderer.on_message = lambda text: self._send_json({"said": text})
                if self._look != first:  # changed while the networks were loaded
                    renderer.request_look(self._look)
                self._renderer = self._sink.renderer = renderer
                Engine(custom_objects=[renderer]).process(self._source(), self._sinks())
                self._renderer = None
            error = f"no frame came for {SILENCE_SECONDS:g} s" if self._camera.is_silent else self._reason
        except BackgroundRemovalError as failure:
            error = self._reason or plain_message(failure)
        except Exception as failure:
            log.exception("a camera's session failed")
            error = f"{type(failure).__name__}: {failure}"
        finally:
            if error and not self._sink.ended:
                self._send_json({"error": error})
            with suppress(RuntimeError):  # the event loop has ended
                self._loop.call_soon_threadsafe(self.ended.set)

    def _sinks(self) -> list[Sink]:
        """Return the sinks: programs of this computer come first, as a visitor's network may be slow."""
        programs = self._program_camera
        if programs is None:
            return [self._sink]
        return [ProgramSink(programs, lambda: self._send_json({"programs": programs.device})), self._sink]

    def _source(self) -> Source:
        if not self.is_webcam:
            return self._camera
        from background_removal.live.camera.camera import CameraSource

        return CameraSource(self._settings.webcam or "0", self._settings.camera)

    def _send_json(self, message: dict[str, Any]) -> None:
        with suppress(Stopped):
            self._send(json.dumps(message))

    def _send(self, message: bytes | str) -> None:
        """Send a message and wait until it is written; raises Stopped if the visitor has gone."""
        send = self._socket.send_bytes(message) if isinstance(message, bytes) else self._socket.send_text(message)
        try:
            future = asyncio.run_coroutine_threadsafe(send, self._loop)
        except RuntimeError as error:  # the event loop has ended
            send.close()
            raise Stopped from error
        try:
            future.result(_SEND_SECONDS)
        except (RuntimeError, WebSocketDisconnect, FutureTimeoutError, CancelledError, OSError) as error:
            future.cancel()
            raise Stopped from error


def _short(argument: Any) -> str:
    """Return an action's argument; raises PageError if it is no short text."""
    if not isinstance(argument, str) or len(argument) > _MAX_NAME_LENGTH:
        raise PageError(400, "argument: must be a short text")
    return argument


def _encode_jpeg(image: np.ndarray) -> bytes:
    """Return a frame, uint8 (H, W, 3) or (H, W, 4), as JPEG, on squares where it is transparent."""
    flat = flatten_on_squares(image, _SQUARE_GREYS)
    done, jpeg = cv2.imencode(".jpg", flat, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    assert done
    return jpeg.tobytes()


def _encode_with_alpha(image: np.ndarray) -> bytes:
    """Return a frame, uint8 (H, W, 4): a mark, the size of a JPEG with its colours, that, and a PNG with its alpha."""
    jpeg = _encode_jpeg(np.ascontiguousarray(image[..., :3]))
    return _ALPHA_MARK + struct.pack(">I", len(jpeg)) + jpeg + encode_alpha(np.ascontiguousarray(image[..., 3]))


class _VisitorSink(Sink):
    """Sends each frame to a visitor as its number and a JPEG picture.

    Args:
        send: Sends a message; raises Stopped.
        camera: The visitor's camera; its frames keep their numbers. None counts the frames, and waits until the
            visitor has shown those in flight.

    Attributes:
        sends_alpha: Whether transparent frames are sent with their transparency, else on squares.
    """

    def __init__(self, send: Callable[[bytes | str], None], camera: BrowserCamera | None) -> None:
        self._send = send
        self._camera = camera
        self._changed = threading.Condition()
        self._pending: list[tuple[str, Callable[[LookRenderer], Answer]]] = []
        self._confirmed = self._count = 0
        self._status = self._badge = ""
        self._last: tuple[int, np.ndarray] | None = None
        self._wants_snapshot = self.sends_alpha = False
        self.renderer: LookRenderer | None = None
        self.ended = False

    def end(self) -> None:
        """Raise Stopped in the run, at its next frame."""
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def put_key(self, key: str) -> None:
        """Do the action bound to a key before the next frame."""
        self._put(key, lambda renderer: renderer.on_key(key))

    def put_action(self, name: str, argument: str = "") -> None:
        """Do an action before the next frame."""
        self._put(name, lambda renderer: renderer.perform(name, argument))

    def _put(self, name: str, act: Callable[[LookRenderer], Answer]) -> None:
        with self._changed:
            del self._pending[_MAX_PENDING:]
            self._pending.append((name, act))

    def confirm(self, number: int) -> None:
        """Take note that the visitor has shown all frames up to `number`."""
        with self._changed:
            self._confirmed = max(self._confirmed, min(number, self._count))
            self._changed.notify_all()

    def request_snapshot(self) -> None:
        """Send the last frame as PNG, with its transparency."""
        self._wants_snapshot = True

    def write(self, frame: Frame) -> None:
        self._do_pending()
        assert self.renderer is not None
        image = to_image(self.renderer.view(frame.picture))
        content = _encode_with_alpha(image) if self.sends_alpha and image.shape[2] == 4 else _encode_jpeg(image)
        number = self._next_number() if self._camera is None else self._camera.take_number(frame.index)
        self._send(struct.pack(">I", number) + content)
        self._last = number, image
        self._send_snapshot()
        self._report("")
        badge = ", ".join(self.renderer.badges)
        if badge and badge != self._badge:
            self._send(json.dumps({"said": badge}))
        self._badge = badge

    def idle(self, status: str) -> None:
        self._do_pending()
        self._send_snapshot()
        self._report(status)

    def _send_snapshot(self) -> None:
        if self._wants_snapshot and self._last is not None:
            self._wants_snapshot = False
            number, image = self._last
            self._send(struct.pack(">I", number) + encode_image(image, "png")[0])

    def _next_number(self) -> int:
        """Wait for the visitor, and count; raises Stopped if they show nothing for too long."""
        with self._changed:
            self._changed.wait_for(lambda: self.ended or self._count - self._confirmed < _MAX_IN_FLIGHT, _SEND_SECONDS)
            if self._count - self._confirmed >= _MAX_IN_FLIGHT:
                raise Stopped
            self._count += 1
            return self._count

    def _do_pending(self) -> None:
        """Do the waiting actions; raises Stopped if the visitor has gone."""
        if self.ended:
            raise Stopped
        with self._changed:
            pending, self._pending = self._pending, []
        for name, act in pending:
            assert self.renderer is not None
            try:
                answer = act(self.renderer)
            except InputError as error:
                self._send(json.dumps({"error": plain_message(error)}))
                continue
            if answer:
                message = {"said": answer if isinstance(answer, str) else name, "look": self.renderer.look.to_dict()}
                self._send(json.dumps(message))

    def _report(self, status: str) -> None:
        if status != self._status:
            self._status = status
            self._send(json.dumps({"trouble": status}))
