"""Server of the page: its application, start and end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import ssl
import sys
import threading
import webbrowser
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

from background_removal import __version__
from background_removal.errors import BackgroundRemovalError, InputError
from background_removal.page.settings import LOOPBACK, Settings
from background_removal.support.installing import install_command

try:
    import python_multipart  # noqa: F401 - Starlette needs it for forms, and misses it only when one comes
    import uvicorn
    import websockets  # noqa: F401
    from fastapi import Depends, FastAPI
    from fastapi.exceptions import RequestValidationError
    from fastapi.security import HTTPBearer
    from starlette.exceptions import HTTPException
    from starlette.middleware import Middleware
    from starlette.middleware.gzip import GZipMiddleware
    from starlette.requests import Request
    from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
    from starlette.routing import WebSocketRoute
    from starlette.staticfiles import StaticFiles
except ImportError as error:
    raise InputError(f"--serve needs extra packages ({error.name} is missing): {install_command('page')}") from error

from background_removal.compositing.shipped import shipped_pictures
from background_removal.page.access import AccessGuard
from background_removal.page.actions import list_actions
from background_removal.page.cameras import Cameras
from background_removal.page.connections import ConnectionLimit
from background_removal.page.http_errors import PageError, plain_message
from background_removal.page.jobs import VideoQueue
from background_removal.page.kept_looks import KeptLooks
from background_removal.page.look_renderer import LookRenderer
from background_removal.page.metrics import Metrics, RequestCounter
from background_removal.page.models import ActionList, ShippedBackground, Start, describe_error
from background_removal.page.monitoring import Monitoring
from background_removal.page.options import OptionList, list_options
from background_removal.page.photo_service import PhotoService
from background_removal.page.photos import Photos
from background_removal.page.pool import RendererPool
from background_removal.page.program_camera import ProgramCamera
from background_removal.page.rembg import RembgInterface
from background_removal.page.routes import ERRORS, HeadAsGet
from background_removal.page.store import Store
from background_removal.page.videos import Videos
from background_removal.page.web_app import WebApp

log = logging.getLogger(__name__)

STATIC = Path(__file__).resolve().parent / "static"
# Time after which a request that was one too many shall be sent again, seconds.
_RETRY_SECONDS = 5
# Interval between removals of expired uploads, seconds.
SWEEP_SECONDS = 30.0
# Timeout for requests in progress at the end, seconds.
_SHUTDOWN_SECONDS = 1
# Timeout of an idle connection after a response, seconds.
_KEEP_ALIVE_SECONDS = 10


class Page:
    """Objects of one served page.

    Args:
        settings: Settings of the page.
        token: Token that visitors need; "" for none.
        port: The port, which `settings` may leave open.
    """

    def __init__(self, settings: Settings, token: str = "", port: int = 0) -> None:
        self._settings = settings
        self._token = token
        self._port = port or settings.port
        # First, as it may be missing, and leaves nothing behind then.
        self._program_camera = ProgramCamera(settings.virtual_camera) if settings.virtual_camera else None
        self.store = Store(settings.limits)
        for upload_id, path in settings.pictures.items():
            self.store.add_owner_picture(upload_id, path)
        self.metrics = Metrics()
        self._service = PhotoService(self._make_pool(settings.network), settings.limits)
        self._photos = Photos(settings, self.store, self._service)
        self._rembg = RembgInterface(settings, self.store, self._service, self._make_pool)
        self._looks = KeptLooks(settings.look, self._photos.parse_look, self._photos.has_background)
        pool = self._make_pool(self._stream_network())
        self._queue = VideoQueue(self.store, pool, settings.limits)
        self._videos = Videos(settings, self.store, self._queue, self._service, self._photos.parse_look)
        self._cameras = Cameras(settings, self._photos.parse_look, pool, self._program_camera)
        self._web_app = WebApp(settings, token)
        self._monitoring = Monitoring(
            self.metrics, settings.limits, self.store, self._service, self._queue, self._cameras
        )

    def app(self) -> FastAPI:
        """Return the ASGI application."""
        guard = Middleware(
            AccessGuard,
            host=self._settings.host,
            port=self._port,
            token=self._token,
            secure=bool(self._settings.certificate),
        )
        app = FastAPI(
            title="Background Removal",
            version=__version__,
            openapi_url="/api/openapi.json",
            docs_url=None,
            redoc_url=None,
            routes=[WebSocketRoute("/api/camera", self._cameras.serve)],
            middleware=[guard, Middleware(HeadAsGet)],
            exception_handlers={
                PageError: _handle_page_error,
                RequestValidationError: _handle_invalid_request,
                HTTPException: _handle_http_error,
                BackgroundRemovalError: _handle_program_error,
                Exception: _handle_unexpected_error,
            },
            lifespan=self._lifespan,
            responses=ERRORS,
        )
        token = [Depends(HTTPBearer(auto_error=False, scheme_name="token"))]
        app.add_api_route("/", self._index, include_in_schema=False)
        # Where rembg describes itself; its clients try it to learn whether a server is there.
        app.add_api_route("/api", lambda: RedirectResponse("/api/openapi.json"), include_in_schema=False)
        app.add_api_route("/api/start", self._start, dependencies=token)
        app.add_api_route("/api/actions", self._actions, dependencies=token)
        app.add_api_route("/api/options", self._options, dependencies=token)
        app.add_api_route("/api/camera", self._camera, status_code=426, dependencies=token)
        app.include_router(self._monitoring.health_router())
        app.include_router(self._monitoring.router(), dependencies=token)
        app.include_router(self._photos.router(), dependencies=token)
        app.include_router(self._rembg.router(), dependencies=token)
        app.include_router(self._looks.router(), dependencies=token)
        app.include_router(self._videos.router(), dependencies=token)
        app.include_router(self._web_app.router())
        app.mount("/static", GZipMiddleware(StaticFiles(directory=STATIC)))
        return app

    def close(self) -> None:
        """Remove all uploads; calling it again does nothing."""
        self._cameras.close()
        if self._program_camera is not None:
            self._program_camera.close()
        self._queue.close()
        self.store.close()

    # -- inside ------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        sweeping = asyncio.create_task(self._sweep())
        try:
            yield
        finally:
            sweeping.cancel()
            self.close()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.store.touch()
            for upload_id in self.store.list_expired():
                self.store.remove(upload_id)
                self._queue.forget(upload_id)
                with contextlib.suppress(PageError):
                    await self._service.run(lambda upload_id=upload_id: self._service.forget(upload_id))

    async def _index(self) -> Response:
        return FileResponse(STATIC / "index.html")

    async def _start(self) -> Start:
        """Return the choices, limits and first look of the page."""
        return Start(
            look=self._settings.look,
            backgrounds=[ShippedBackground(name=name, label=name.replace("-", " ")) for name in shipped_pictures()],
            uploads=list(self._settings.pictures),
            limits=self._settings.limits,
            webcam=self._settings.webcam is not None,
            version=__version__,
        )

    async def _options(self) -> OptionList:
        """Return what can be set in requests for results, with the values: settings of the look, formats, shapes."""
        return list_options()

    async def _actions(self) -> ActionList:
        """Return the actions of the page, with their keys, labels and arguments."""
        return ActionList(actions=list_actions())

    async def _camera(self, source: str = "visitor") -> Response:
        """Process a camera; a WebSocket.

        `source` is `visitor` or `webcam`, a camera of this computer. A frame is a binary message, in and out: 4 bytes
        with a number (big-endian) and a JPEG picture. Number n answers all frames up to n; send at most two ahead.
        Text messages in: `{"look": {...}}` changes the look; `{"action": "matte"}` does an action
        (`{"action": "keep-at", "argument": "0.4,0.6"}` keeps the thing there, or lets it go), and
        `{"key": "m"}` the one bound to a key; `{"shown": n}` confirms that a frame of this computer's camera was shown;
        `{"snapshot": true}` returns the last frame once more, as PNG with its transparency in place of squares;
        `{"alpha": true}` lets all transparent frames come with it: the number, `ALPH`, the size of a JPEG in 4 bytes,
        that with the colours, and a PNG of the alpha. `{"alpha": false}` ends this.
        Text messages out: `{"said": ...}`, with the look after an action, `{"trouble": ...}` and `{"error": ...}`, and
        `{"programs": DEVICE}` if the camera is shown to programs of this computer on a virtual camera.
        """
        return JSONResponse({"error": "open this address as a WebSocket"}, 426, {"Upgrade": "websocket"})

    def _make_pool(self, network: Mapping[str, Any]) -> RendererPool:
        return RendererPool(lambda look: LookRenderer(look, self._picture_path, network), self.metrics.observe_frame)

    def _stream_network(self) -> dict[str, Any]:
        """Return the network for streams, without the best matte, which takes too long for a frame."""
        network = {**self._settings.network}
        if network.get("quality") == "best" and network.get("model") != "rvm":
            network["quality"] = None
        return network

    def _picture_path(self, upload_id: str) -> str:
        try:
            return self.store.get(upload_id, "background").path()
        except PageError as error:  # removed meanwhile
            raise InputError(str(error)) from error


class PageServer:
    """A listening page; a context manager that removes all uploads at its end.

    Args:
        settings: Settings of the page.

    Attributes:
        addresses: The page's addresses, with the token if there is one; the likeliest first.

    Raises:
        InputError: the address or the certificate cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        _check_certificate(settings)
        limits = settings.limits
        self._socket = _listen(settings)
        port = int(self._socket.getsockname()[1])
        # Other users of this computer reach its loopback address too, and are not to look through its camera.
        is_open = settings.host in LOOPBACK and settings.webcam is None
        token = settings.token or ("" if is_open else secrets.token_urlsafe(24))
        self.addresses = [
            _format_address(host, settings, port, token) for host in settings.addresses or (settings.host,)
        ]
        try:
            self.page = Page(settings, token, port)
        except BaseException:
            self._socket.close()
            raise
        self._connections = ConnectionLimit(self.page.app(), limits.connections)
        config = uvicorn.Config(
            RequestCounter(self._connections, self.page.metrics),
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
            ws_max_size=limits.frame_bytes + 4,
            ws_per_message_deflate=False,
            ssl_certfile=settings.certificate or None,
            ssl_keyfile=settings.key or None,
        )
        self._server = uvicorn.Server(config)

    def run(self) -> None:
        """Serve until `stop`, or a signal, which is raised again at the end."""
        asyncio.run(self._run())

    def stop(self) -> None:
        """End `run` soon."""
        self._server.should_exit = True

    async def _run(self) -> None:
        watching = asyncio.create_task(self._connections.watch(self._server))
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            watching.cancel()

    def __enter__(self) -> PageServer:
        return self

    def __exit__(self, *error: object) -> None:
        self.page.close()
        self._socket.close()


def serve(settings: Settings, on_start: Callable[[list[str]], object]) -> None:
    """Serve the page until Ctrl-C.

    Args:
        settings: Settings of the page.
        on_start: Called with the addresses.

    Raises:
        InputError: the address or the certificate cannot be used.
        KeyboardInterrupt: Ctrl-C was typed, or the program was terminated.
    """
    logging.getLogger("websockets").setLevel(logging.WARNING)
    if not log.isEnabledFor(logging.DEBUG):
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # hides malformed requests
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C, with the uploads removed
    with PageServer(settings) as server:
        on_start(server.addresses)
        if settings.open_browser:
            threading.Timer(0.5, _open_browser, server.addresses[:1]).start()
        server.run()


def _check_certificate(settings: Settings) -> None:
    """Raise InputError if the files for HTTPS cannot be used."""
    if not settings.certificate:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.certificate, settings.key or None)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "reason", None) or error.strerror or str(error)
        raise InputError(
            f"--cert {settings.certificate} --cert-key {settings.key}: {reason}; both must be PEM files"
        ) from error


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the protocol is named; it delays kept connections by 40 ms.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":  # there two programs would share the port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
        listening.listen(settings.limits.connections)
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"--serve {settings.host}:{settings.port}: {reason}; choose another one") from error
    return listening


def _format_address(host: str, settings: Settings, port: int, token: str) -> str:
    host = socket.gethostname() if host in ("0.0.0.0", "::") else host
    host = f"[{host}]" if ":" in host else host
    scheme = "https" if settings.certificate else "http"
    return f"{scheme}://{host}:{port}/" + (f"?token={token}" if token else "")


def _open_browser(address: str) -> None:
    """Open the browser, unless only a text browser could be opened."""
    if sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        with contextlib.suppress(Exception):
            webbrowser.open(address)


async def _handle_page_error(request: Request, error: Any) -> Response:
    headers = {"Retry-After": str(_RETRY_SECONDS)} if error.status == 503 else None
    return JSONResponse({"error": str(error)}, error.status, headers)


async def _handle_invalid_request(request: Request, error: Any) -> Response:
    return JSONResponse({"error": describe_error(error.errors()[0])}, 400)


async def _handle_http_error(request: Request, error: Any) -> Response:
    # FastAPI answers 400 itself where a body is no JSON, or nested too deeply.
    messages = {400: "the body must be a JSON object", 404: "there is nothing here", 405: "method not allowed"}
    message = messages.get(error.status_code, error.detail)
    return JSONResponse({"error": message}, error.status_code, error.headers)


async def _handle_program_error(request: Request, error: Any) -> Response:
    return JSONResponse({"error": plain_message(error)}, 422 if error.exit_code == 2 else 500)


async def _handle_unexpected_error(request: Request, error: Exception) -> Response:
    log.error("%s %s: %s: %s", request.method, request.url.path, type(error).__name__, error)
    return JSONResponse({"error": "something went wrong here; the terminal of the page says more"}, 500)
