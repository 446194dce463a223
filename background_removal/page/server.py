"""The page's server: what is asked for where, and its beginning and end."""

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
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from background_removal.errors import BackgroundRemovalError, InputError
from background_removal.page.settings import LOOPBACK, Settings
from background_removal.support.installing import install_command

try:
    import python_multipart  # noqa: F401 - Starlette needs it for forms, and says so only when one comes
    import uvicorn
    import websockets  # noqa: F401
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.middleware import Middleware
    from starlette.requests import Request
    from starlette.responses import FileResponse, JSONResponse, Response
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles
except ImportError as error:
    raise InputError(f"--serve needs extra packages ({error.name} is missing): {install_command('page')}") from error

from background_removal.compositing.shipped import shipped_pictures
from background_removal.page.access import AccessGuard
from background_removal.page.cameras import Cameras
from background_removal.page.connections import HeadTimeoutProtocol
from background_removal.page.http_errors import PageError, plain
from background_removal.page.jobs import Jobs
from background_removal.page.look_renderer import LookRenderer
from background_removal.page.looks import BLURS, EFFECTS, PEOPLE, Look, parse_look
from background_removal.page.openapi import description
from background_removal.page.photo_service import PhotoService
from background_removal.page.photos import Photos
from background_removal.page.pool import Pool
from background_removal.page.store import Store
from background_removal.page.videos import Videos

log = logging.getLogger(__name__)

STATIC = Path(__file__).resolve().parent / "static"
SWEEP_SECONDS = 30.0
_LEAVING_SECONDS = 1


class Page:
    """All that one served page consists of.

    Args:
        settings: How it is served.
        token: What visitors must know; "" for nothing.
        port: Where it listens, which `settings` may leave open.
        version: The program's.
    """

    def __init__(self, settings: Settings, token: str = "", port: int = 0, version: str = "") -> None:
        self._settings = settings
        self._token = token
        self._port = port or settings.port
        self._version = version
        self.store = Store(settings.limits)
        for item_id, path in settings.pictures.items():
            self.store.keep_file(item_id, path)
        self._desk = PhotoService(Pool(self._showing), settings.limits)
        self._photos = Photos(settings, self.store, self._desk)
        streams = Pool(self._showing_of_many)
        self._jobs = Jobs(self.store, streams, settings.limits)
        self._videos = Videos(settings, self.store, self._jobs, self._photos.look)
        self._cameras = Cameras(settings, self._parse, streams)

    def app(self) -> Starlette:
        """Return what answers requests."""
        guard = Middleware(
            AccessGuard,
            host=self._settings.host,
            port=self._port,
            token=self._token,
            secure=bool(self._settings.certificate),
        )
        return Starlette(
            routes=[
                Route("/", self._index),
                Route("/api/start", self._start),
                Route("/api/openapi.json", self._openapi),
                *self._photos.routes(),
                *self._videos.routes(),
                *self._cameras.routes(),
                Mount("/static", StaticFiles(directory=STATIC)),
            ],
            middleware=[guard],
            exception_handlers={
                PageError: _page_error,
                HTTPException: _http_error,
                BackgroundRemovalError: _our_error,
                Exception: _unforeseen_error,
            },
            lifespan=self._lifespan,
        )

    def close(self) -> None:
        """Remove what visitors have sent; calling it again does nothing."""
        self._cameras.close()
        self._jobs.close()
        self.store.close()

    # -- inside ------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        sweeping = asyncio.create_task(self._sweep())
        try:
            yield
        finally:
            sweeping.cancel()
            self.close()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.store.stay()
            for item_id in self.store.old():
                self.store.remove(item_id)
                self._jobs.forget(item_id)
                with contextlib.suppress(PageError):
                    await self._desk.do(lambda item_id=item_id: self._desk.forget(item_id))

    async def _index(self, request: Request) -> Response:
        return FileResponse(STATIC / "index.html")

    async def _start(self, request: Request) -> Response:
        limits = self._settings.limits
        return JSONResponse(
            {
                "look": self._settings.look.told,
                "backgrounds": [{"name": name, "label": name.replace("-", " ")} for name in shipped_pictures()],
                "uploads": list(self._settings.pictures),
                "blurs": list(BLURS),
                "effects": list(EFFECTS),
                "people": list(PEOPLE),
                "limits": {name: getattr(limits, name) for name in type(limits).__dataclass_fields__},
                "webcam": self._settings.webcam is not None,
                "version": self._version,
            }
        )

    async def _openapi(self, request: Request) -> Response:
        names = list(shipped_pictures())
        return JSONResponse(description(self._settings.look, names, self._settings.limits, self._version))

    def _parse(self, given: dict[str, Any], base: Look) -> Look:
        return parse_look(given, base, lambda item_id: self.store.has(item_id, "background"))

    def _showing(self, look: Look) -> LookRenderer:
        return LookRenderer(look, self._picture_path, self._settings.network)

    def _showing_of_many(self, look: Look) -> LookRenderer:
        """Return what shows people in a stream, whose frames the best matte of stills is too slow for."""
        network = {**self._settings.network}
        if network.get("quality") == "best" and network.get("model") != "rvm":
            network["quality"] = None
        return LookRenderer(look, self._picture_path, network)

    def _picture_path(self, item_id: str) -> str:
        try:
            return self.store.get(item_id, "background").path()
        except PageError as error:  # it has been removed since
            raise InputError(str(error)) from error


class Served:
    """A page that listens; a context manager that removes at its end what visitors have sent.

    Args:
        settings: How it is served.
        version: The program's.

    Attributes:
        address: Where it is found, with the token if there is one.

    Raises:
        InputError: it cannot be served there, or so.
    """

    def __init__(self, settings: Settings, version: str = "") -> None:
        _check_certificate(settings)
        limits = settings.limits
        self._listening = _listening(settings)
        port = int(self._listening.getsockname()[1])
        token = "" if settings.host in LOOPBACK else secrets.token_urlsafe(24)
        self.address = _address(settings, port, token)
        self.page = Page(settings, token, port, version)
        config = uvicorn.Config(
            self.page.app(),
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            http=HeadTimeoutProtocol,
            limit_concurrency=limits.connections,
            timeout_keep_alive=10,
            timeout_graceful_shutdown=_LEAVING_SECONDS,
            ws_max_size=limits.frame_bytes + 4,
            ws_per_message_deflate=False,
            ssl_certfile=settings.certificate or None,
            ssl_keyfile=settings.key or None,
        )
        self._server = uvicorn.Server(config)

    def run(self) -> None:
        """Answer requests until `stop`, or a signal, which is raised again at the end."""
        self._server.run(sockets=[self._listening])

    def stop(self) -> None:
        """Let `run` end soon."""
        self._server.should_exit = True

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *error: object) -> None:
        self.page.close()
        self._listening.close()


def serve(settings: Settings, on_line: Callable[[str], object], version: str = "") -> None:
    """Serve the page until Ctrl-C.

    Args:
        settings: How.
        on_line: Called with the address.
        version: The program's.

    Raises:
        InputError: it cannot be served there, or so.
        KeyboardInterrupt: Ctrl-C was typed, or the program was told to end.
    """
    logging.getLogger("websockets").setLevel(logging.WARNING)
    if not log.isEnabledFor(logging.DEBUG):
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # of broken requests, which are their sender's
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C, what visitors sent removed
    with Served(settings, version) as served:
        on_line(served.address)
        if settings.open_browser:
            threading.Timer(0.5, _open_browser, [served.address]).start()
        served.run()


def _check_certificate(settings: Settings) -> None:
    """Raise InputError if the files for HTTPS cannot be used."""
    if not settings.certificate:
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.certificate, settings.key)
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "reason", None) or error.strerror or str(error)
        raise InputError(
            f"--cert {settings.certificate} --key {settings.key}: cannot be used ({reason}); both must be PEM files"
        ) from error


def _listening(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
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


def _address(settings: Settings, port: int, token: str) -> str:
    host = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(settings.host, settings.host)
    host = f"[{host}]" if ":" in host else host
    scheme = "https" if settings.certificate else "http"
    return f"{scheme}://{host}:{port}/" + (f"?token={token}" if token else "")


def _open_browser(address: str) -> None:
    """Open the browser, unless that would be one for terminals."""
    if sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        with contextlib.suppress(Exception):
            webbrowser.open(address)


async def _page_error(request: Request, error: Any) -> Response:
    return JSONResponse({"error": str(error)}, error.status)


async def _http_error(request: Request, error: Any) -> Response:
    told = {404: "there is nothing here", 405: "this is asked for in another way"}.get(error.status_code, error.detail)
    return JSONResponse({"error": told}, error.status_code, error.headers)


async def _our_error(request: Request, error: Any) -> Response:
    return JSONResponse({"error": plain(error)}, 422 if error.exit_code == 2 else 500)


async def _unforeseen_error(request: Request, error: Exception) -> Response:
    log.error("%s %s: %s: %s", request.method, request.url.path, type(error).__name__, error)
    return JSONResponse({"error": "something went wrong here; the terminal of the page says more"}, 500)
