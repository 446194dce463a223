"""Cameras by WebSocket: a visitor's own, or one of this computer's, through the engine and back as JPEG pictures."""

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
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from background_removal.engine import Engine
from background_removal.errors import BackgroundRemovalError, Stopped
from background_removal.page.browser_camera import SILENCE_SECONDS, BrowserCamera
from background_removal.page.http_errors import PageError, plain
from background_removal.page.look_renderer import LookRenderer
from background_removal.page.looks import Look
from background_removal.page.pool import Pool
from background_removal.page.settings import Settings
from background_removal.pipeline.frame import Frame, Sink, Source, to_image

log = logging.getLogger(__name__)

_JPEG_QUALITY = 85
# Frames that are on their way to a visitor at once.
_MAX_IN_FLIGHT = 2
# A visitor who takes nothing for so long has gone.
_SENDING_SECONDS = 20.0
_TEXT_BYTES = 64 << 10
_KEY_LENGTH = 10
# Squares behind what is transparent, which JPEG cannot show.
_SQUARE, _SQUARE_GREYS = 16, (102, 153)


class Cameras:
    """Serves cameras, a bounded number at once.

    Args:
        settings: How the page is served.
        parse: Returns the look that a visitor asks for, given what he says and the look that there is.
        pool: Lends looks.
    """

    def __init__(
        self,
        settings: Settings,
        parse: Callable[[dict[str, Any], Look], Look],
        pool: Pool,
    ) -> None:
        self._settings = settings
        self._parse = parse
        self._pool = pool
        self._sessions: set[_Session] = set()

    def routes(self) -> list[WebSocketRoute]:
        """Return what is answered, and by whom."""
        return [WebSocketRoute("/api/camera", self.camera)]

    async def camera(self, socket: WebSocket) -> None:
        """Serve one camera until its visitor goes."""
        await socket.accept()
        wanted = socket.query_params.get("source", "visitor")
        problem = self._problem(wanted)
        if problem:
            await socket.send_json({"error": problem})
            await socket.close(1013)
            return
        session = _Session(socket, self._settings, self._parse, self._pool, wanted == "webcam")
        self._sessions.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)

    def close(self) -> None:
        """End all sessions."""
        for session in list(self._sessions):
            session.end()

    def _problem(self, source: str) -> str:
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
        parse: Callable[[dict[str, Any], Look], Look],
        pool: Pool,
        is_webcam: bool,
    ) -> None:
        self._socket = socket
        self._settings = settings
        self._parse = parse
        self._pool = pool
        self.is_webcam = is_webcam
        self._loop = asyncio.get_running_loop()
        self._inbox = BrowserCamera(settings.limits.frame_pixels)
        self._showing: LookRenderer | None = None
        self._look = settings.look
        self._done = asyncio.Event()
        self._sink = _ToVisitor(self._send, None if is_webcam else self._inbox)

    async def run(self) -> None:
        """Show the camera until the visitor goes, or something fails."""
        thread = threading.Thread(target=self._work, name="camera", daemon=True)
        thread.start()
        listening = asyncio.create_task(self._listen())
        ended = asyncio.create_task(self._done.wait())
        try:
            await asyncio.wait({listening, ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.end()
            listening.cancel()
            # The place is free again when the networks are: a session that has ended still holds them.
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.shield(ended), 5)
            ended.cancel()
            with suppress(RuntimeError, WebSocketDisconnect):
                if self._socket.application_state is WebSocketState.CONNECTED:
                    await self._socket.close()

    def end(self) -> None:
        """Let the run end with its next frame."""
        self._inbox.end()
        self._sink.end()

    async def _listen(self) -> None:
        """Take what the visitor sends."""
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
        self._inbox.put(struct.unpack_from(">I", data)[0], data[4:])

    def _take_text(self, text: str) -> None:
        try:
            told = json.loads(text) if len(text) <= _TEXT_BYTES else None
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise PageError(400, "a message must be a JSON object")
        if isinstance(told.get("look"), dict):
            showing = self._showing
            look = self._parse(told["look"], showing.look if showing else self._look)
            self._look = look
            if showing is not None:
                showing.want(look)
        elif isinstance(told.get("key"), str) and len(told["key"]) <= _KEY_LENGTH:
            self._sink.key(told["key"])
        elif isinstance(told.get("shown"), int):
            self._sink.shown(told["shown"])
        else:
            raise PageError(400, 'a message must have "look", "key" or "shown"')

    # -- in the thread of the run --------------------------------------------------------------------

    def _work(self) -> None:
        error = ""
        try:
            first = self._look
            with self._pool.lent(first) as showing:
                showing.say = lambda text: self._say({"said": text})
                if self._look != first:  # changed while the networks were loaded
                    showing.want(self._look)
                self._showing = self._sink.showing = showing
                Engine(custom_objects=[showing]).process(self._source(), [self._sink])
                self._showing = None
            error = f"no frame came for {SILENCE_SECONDS:g} s" if self._inbox.is_silent else ""
        except BackgroundRemovalError as failure:
            error = plain(failure)
        except Exception as failure:
            log.exception("a camera's session failed")
            error = f"{type(failure).__name__}: {failure}"
        finally:
            if error and not self._sink.ended:
                self._say({"error": error})
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._done.set)

    def _source(self) -> Source:
        if not self.is_webcam:
            return self._inbox
        from background_removal.live.camera.camera import CameraSource

        return CameraSource(self._settings.webcam or "0", self._settings.camera)

    def _say(self, told: dict[str, Any]) -> None:
        with suppress(Stopped):
            self._send(json.dumps(told))

    def _send(self, message: bytes | str) -> None:
        """Send a message and wait until it is on its way; raises Stopped if the visitor has gone."""
        sending = self._sending(message)
        try:
            sent = asyncio.run_coroutine_threadsafe(sending, self._loop)
        except RuntimeError as error:  # the loop has ended
            sending.close()
            raise Stopped from error
        try:
            sent.result(_SENDING_SECONDS)
        except (RuntimeError, WebSocketDisconnect, FutureTimeoutError, CancelledError, OSError) as error:
            sent.cancel()
            raise Stopped from error

    async def _sending(self, message: bytes | str) -> None:
        if isinstance(message, bytes):
            await self._socket.send_bytes(message)
        else:
            await self._socket.send_text(message)


class _ToVisitor(Sink):
    """Sends every frame to a visitor as a JPEG picture behind its number.

    Args:
        send: Sends a message; raises Stopped.
        inbox: Where the visitor's own frames come from, which keep their numbers; None to count, and to wait until
            he has seen what is on its way.
    """

    def __init__(self, send: Callable[[bytes | str], None], inbox: BrowserCamera | None) -> None:
        self._send = send
        self._inbox = inbox
        self._changed = threading.Condition()
        self._keys: list[str] = []
        self._seen = self._count = 0
        self._trouble = ""
        self._squares = np.empty((0, 0, 3), np.uint8)
        self.showing: LookRenderer | None = None
        self.ended = False

    def end(self) -> None:
        """Raise Stopped in the run, at its next frame."""
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def key(self, key: str) -> None:
        """Use a key, before the next frame."""
        with self._changed:
            del self._keys[_MAX_KEYS:]
            self._keys.append(key)

    def shown(self, number: int) -> None:
        """The visitor has seen the frames up to that number."""
        with self._changed:
            self._seen = max(self._seen, min(number, self._count))
            self._changed.notify_all()

    def write(self, frame: Frame) -> None:
        self._go_on()
        assert self.showing is not None
        image = to_image(self.showing.view(frame.picture))
        done, jpeg = cv2.imencode(".jpg", self._opaque(image), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
        assert done
        if self._inbox is not None:
            number = self._inbox.number(frame.index)
        else:
            with self._changed:
                self._changed.wait_for(
                    lambda: self.ended or self._count - self._seen < _MAX_IN_FLIGHT, _SENDING_SECONDS
                )
                if self._count - self._seen >= _MAX_IN_FLIGHT:
                    raise Stopped
                self._count += 1
                number = self._count
        self._send(struct.pack(">I", number) + jpeg.tobytes())
        self._tell("")

    def idle(self, status: str) -> None:
        self._go_on()
        self._tell(status)

    def _go_on(self) -> None:
        """Use the keys that were typed; raises Stopped if the visitor has gone."""
        if self.ended:
            raise Stopped
        with self._changed:
            keys, self._keys = self._keys, []
        for key in keys:
            assert self.showing is not None
            said = self.showing.on_key(key)
            if said:
                told = {"said": said if isinstance(said, str) else key, "look": self.showing.look.told}
                self._send(json.dumps(told))

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._send(json.dumps({"trouble": trouble}))

    def _opaque(self, image: np.ndarray) -> np.ndarray:
        if image.shape[2] == 3:
            return image
        if self._squares.shape[:2] != image.shape[:2]:
            height, width = image.shape[:2]
            rows, columns = np.arange(height)[:, None] // _SQUARE, np.arange(width) // _SQUARE
            greys = np.array(_SQUARE_GREYS, np.uint8)[(rows + columns) % 2]
            self._squares = cv2.cvtColor(greys, cv2.COLOR_GRAY2BGR)
        front, alpha = np.ascontiguousarray(image[..., :3]), image[..., 3].astype(np.float32) / 255
        return cv2.blendLinear(front, self._squares, alpha, 1 - alpha)


_MAX_KEYS = 20
