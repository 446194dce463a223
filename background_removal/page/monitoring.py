"""For those who watch over the page: whether it works, and its figures."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.responses import JSONResponse, PlainTextResponse, Response

from background_removal import __version__
from background_removal.page.access import HEALTH_PATH
from background_removal.page.cameras import Cameras
from background_removal.page.jobs import VideoQueue
from background_removal.page.metrics import MEDIA_TYPE, Family, Metrics, format_metrics, process_families
from background_removal.page.photo_service import PhotoService
from background_removal.page.settings import Limits
from background_removal.page.store import KINDS, Store


class Health(BaseModel):
    """Whether the page works."""

    status: str


class Monitoring:
    """Handles requests about the page itself.

    Args:
        metrics: Counts requests and work.
        limits: Quotas.
        store: Holds the files.
        service: Processes pictures.
        queue: Processes videos.
        cameras: Serves cameras.
    """

    def __init__(
        self,
        metrics: Metrics,
        limits: Limits,
        store: Store,
        service: PhotoService,
        queue: VideoQueue,
        cameras: Cameras,
    ) -> None:
        self._metrics = metrics
        self._limits = limits
        self._store = store
        self._service = service
        self._queue = queue
        self._cameras = cameras

    def health_router(self) -> APIRouter:
        """Return the route that needs no token."""
        router = APIRouter()
        router.add_api_route(HEALTH_PATH, self.health, response_model=Health)
        return router

    def router(self) -> APIRouter:
        """Return the route with the figures."""
        router = APIRouter()
        text = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "the figures"}}
        router.add_api_route("/metrics", self.figures, response_class=PlainTextResponse, responses=text)  # pyright: ignore[reportArgumentType]
        return router

    async def health(self) -> Response:
        """Return whether the page works: 200, or 503 if its folder for uploads is gone; it needs no token."""
        if not self._store.folder.is_dir():
            return JSONResponse({"status": "the folder for uploads is gone; start the page again"}, 503)
        return JSONResponse({"status": "ok"})

    async def figures(self) -> Response:
        """Return figures for Prometheus: requests, frames and their time, queues, cameras, uploads, memory."""
        families = [*self._metrics.families(), *self._state(), *process_families()]
        return Response(format_metrics(families), media_type=MEDIA_TYPE)

    def _state(self) -> list[Family]:
        def gauge(name: str, help_text: str, value: float) -> Family:
            return Family(f"background_removal_{name}", "gauge", help_text, [("", {}, float(value))])

        waiting = {"pictures": self._service.waiting, "videos": self._queue.waiting}
        queues = [("", {"queue": name}, float(count)) for name, count in waiting.items()]
        uploads = [("", {"kind": kind}, float(self._store.count(kind))) for kind in KINDS]
        version = [("", {"version": __version__}, 1.0)]
        return [
            Family("background_removal_info", "gauge", "Version of the program.", version),
            Family("background_removal_queue_length", "gauge", "Pictures and videos that wait.", queues),
            gauge("cameras", "Cameras that are served.", self._cameras.count),
            gauge("camera_places", "Cameras that can be served at once.", self._limits.cameras),
            Family("background_removal_uploads", "gauge", "Uploads that are kept.", uploads),
            gauge("upload_bytes", "Size of all uploads and results, bytes.", self._store.bytes),
        ]
