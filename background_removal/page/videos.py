"""Videos by HTTP: sent to a file, processed one after another, watched meanwhile, and fetched."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from background_removal.page.http_errors import PageError
from background_removal.page.jobs import FORMATS, Job, Jobs
from background_removal.page.looks import Look
from background_removal.page.photos import attachment, file_name, result_name
from background_removal.page.probe import MEDIA, probe
from background_removal.page.settings import Settings
from background_removal.page.store import Store
from background_removal.page.uploads import read_json, save_body


class Videos:
    """Answers what is asked of videos.

    Args:
        settings: How the page is served.
        store: Where they are kept.
        jobs: Where they are processed.
        parse: Returns the look that a visitor asks for.
    """

    def __init__(self, settings: Settings, store: Store, jobs: Jobs, parse: Callable[[dict[str, Any]], Look]) -> None:
        self._limits = settings.limits
        self._store = store
        self._jobs = jobs
        self._parse = parse

    def routes(self) -> list[Route]:
        """Return what is answered, and by whom."""
        return [
            Route("/api/videos", self.add, methods=["POST"]),
            Route("/api/videos", self.list),
            Route("/api/videos/{id}", self.remove, methods=["DELETE"]),
            Route("/api/videos/{id}", self.one),
            Route("/api/videos/{id}/start", self.start, methods=["POST"]),
            Route("/api/videos/{id}/cancel", self.cancel, methods=["POST"]),
            Route("/api/videos/{id}/frame", self.frame),
            Route("/api/videos/{id}/{file:str}", self.file),
        ]

    async def add(self, request: Request) -> Response:
        item = self._store.new("video", request.state.visitor, file_name(request.query_params.get("name", ""), "video"))
        item.busy = True  # a long one takes its time to arrive
        try:
            await save_body(request, item.path(), self._limits.video_bytes, "a video", self._store.check_room)
            info = await asyncio.to_thread(probe, item.path(), item.name, self._limits)
        except BaseException:
            self._store.remove(item.id)
            raise
        finally:
            item.busy = False
        item.width, item.height = info.width, info.height
        return JSONResponse(self._jobs.add(item, info).told, 201)

    async def list(self, request: Request) -> Response:
        items = self._store.of(request.state.visitor, "video")
        jobs = [self._jobs.of(item.id) for item in items]
        return JSONResponse({"videos": [job.told for job in jobs if job is not None]})

    async def one(self, request: Request) -> Response:
        return JSONResponse(self._job(request).told)

    async def start(self, request: Request) -> Response:
        job = self._job(request)
        told = await read_json(request)
        unknown = set(told) - {"look", "format", "matte"}
        if unknown:
            raise PageError(400, f"{min(unknown)}: there is no such setting; there are look, format, matte")
        kind, matte, given = told.get("format", "mp4"), told.get("matte", False), told.get("look", {})
        if kind not in FORMATS:
            raise PageError(400, f"format: must be one of {', '.join(FORMATS)}")
        if not isinstance(matte, bool) or not isinstance(given, dict):
            raise PageError(400, "matte must be true or false, and look an object")
        look = self._parse(given)
        if look.is_transparent and kind == "mp4":
            raise PageError(400, "format mp4: cannot store transparency; choose webm or mov")
        self._jobs.start(job, look, kind, matte)
        return JSONResponse(job.told)

    async def cancel(self, request: Request) -> Response:
        job = self._job(request)
        self._jobs.cancel(job)
        return JSONResponse(job.told)

    async def remove(self, request: Request) -> Response:
        self._jobs.remove(self._job(request))
        return Response(status_code=204)

    async def frame(self, request: Request) -> Response:
        picture = self._job(request).picture
        if not picture:
            raise PageError(404, "no frame of this video is done yet")
        return Response(picture, media_type="image/jpeg")

    async def file(self, request: Request) -> Response:
        job, which = self._job(request), request.path_params["file"]
        name = {"source": "source", "result": job.result, "matte": job.matte}.get(which)
        if name is None:
            raise PageError(404, "there is nothing here")
        path = job.item.path(name) if name else ""
        if not name or not os.path.isfile(path):
            raise PageError(404, f"this video has no {which} yet")
        suffix = os.path.splitext(name)[1]
        headers = {}
        if request.query_params.get("download"):
            shown = job.item.name if which == "source" else result_name(job.item.name, suffix)
            if which == "matte":
                shown = shown.replace("_out.", "_matte.")
            headers["Content-Disposition"] = attachment(shown)
        return FileResponse(path, media_type=MEDIA.get(suffix, job.info.media), headers=headers)

    def _job(self, request: Request) -> Job:
        item = self._store.get(request.path_params["id"], "video")
        job = self._jobs.of(item.id)
        if job is None:
            raise PageError(404, "this video is not here yet")
        return job
