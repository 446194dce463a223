"""Videos by HTTP: uploaded, queued, watched while they are processed, and fetched."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import FileResponse

from background_removal.errors import InputError
from background_removal.files.video.cut import Cut
from background_removal.files.video.still import read_frame
from background_removal.look import Look
from background_removal.page.http_errors import PageError
from background_removal.page.image_codec import check_transparency, encode_image, shrink
from background_removal.page.jobs import VideoJob, VideoQueue
from background_removal.page.models import LookChanges, StillQuery, Video, VideoList, VideoStart
from background_removal.page.photo_service import PhotoService
from background_removal.page.photos import FULL_SIZE, clean_file_name, content_disposition, result_name
from background_removal.page.probe import MEDIA_TYPES, probe_video
from background_removal.page.routes import UPLOAD_BODY, JsonRoute, binary_response
from background_removal.page.settings import Settings
from background_removal.page.store import Store
from background_removal.page.uploads import save_body


class Videos:
    """Handles requests for videos.

    Args:
        settings: Settings of the page.
        store: Holds the files.
        queue: Processes the videos.
        service: Makes pictures of them.
        parse_look: Returns the look of a request.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        queue: VideoQueue,
        service: PhotoService,
        parse_look: Callable[[LookChanges], Look],
    ) -> None:
        self._limits = settings.limits
        self._store = store
        self._queue = queue
        self._service = service
        self._parse_look = parse_look

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter()
        add: Any = router.add_api_route
        add("/api/videos", self.add, methods=["POST"], status_code=201, openapi_extra=UPLOAD_BODY)
        add("/api/videos", self.list)
        add("/api/videos/{id}", self.remove, methods=["DELETE"], status_code=204, response_class=Response)
        add("/api/videos/{id}", self.describe)
        add("/api/videos/{id}/cancel", self.cancel, methods=["POST"])
        jpeg = binary_response("image/jpeg")
        add("/api/videos/{id}/frame", self.frame, response_class=Response, responses=jpeg)
        picture = binary_response("image/png", "image/jpeg", "image/webp")
        add("/api/videos/{id}/still", self.still, response_class=Response, responses=picture)
        video = {"response_class": FileResponse, "responses": binary_response("video/mp4", "video/webm")}
        add("/api/videos/{id}/source", self.source, **video)
        add("/api/videos/{id}/result", self.result, **video)
        add("/api/videos/{id}/matte", self.matte, **video)
        json_router = APIRouter(route_class=JsonRoute)
        json_router.add_api_route("/api/videos/{id}/start", self.start, methods=["POST"])
        router.include_router(json_router)
        return router

    async def add(self, request: Request, name: str = "") -> Video:
        """Upload a video."""
        upload = self._store.create("video", request.state.visitor, clean_file_name(name, "video"))
        upload.busy = True  # must not expire while it arrives
        try:
            await save_body(request, upload.path(), self._limits.video_bytes, "a video", self._store.check_space)
            info = await asyncio.to_thread(probe_video, upload.path(), upload.name, self._limits)
        except BaseException:
            self._store.remove(upload.id)
            raise
        finally:
            upload.busy = False
        upload.width, upload.height = info.width, info.height
        return self._queue.add(upload, info).describe()

    async def list(self, request: Request) -> VideoList:
        """Return the videos of this visitor, known by a cookie."""
        uploads = self._store.list_uploads(request.state.visitor, "video")
        jobs = [self._queue.find(upload.id) for upload in uploads]
        return VideoList(videos=[job.describe() for job in jobs if job is not None])

    async def describe(self, id: str) -> Video:
        """Return the state of a video."""
        return self._job(id).describe()

    async def start(self, id: str, wanted: VideoStart | None = None) -> Video:
        """Put a video into the queue."""
        job, wanted = self._job(id), wanted or VideoStart()
        look = self._parse_look(wanted.look)
        if look.is_transparent and wanted.format == "mp4":
            raise PageError(400, "format mp4: cannot store transparency; choose webm or mov")
        if job.info.seconds and wanted.start >= job.info.seconds:
            raise PageError(400, f"start {wanted.start:g}: the video has {job.info.seconds:g} s")
        try:
            cut = Cut(wanted.start, wanted.end)
        except InputError as error:
            raise PageError(400, f"end {wanted.end:g}: must be after start {wanted.start:g}, or 0") from error
        self._queue.start(job, look, wanted.format, wanted.matte, cut)
        return job.describe()

    async def cancel(self, id: str) -> Video:
        """Take a video out of the queue, or end its processing."""
        job = self._job(id)
        self._queue.cancel(job)
        return job.describe()

    async def remove(self, id: str) -> None:
        """Remove a video, and end its processing."""
        self._queue.remove(self._job(id))
        await self._service.run(lambda: self._service.forget(id))

    async def frame(self, id: str) -> Response:
        """Return the last processed frame, small."""
        preview = self._job(id).preview
        if not preview:
            raise PageError(404, "no frame of this video is done yet")
        return Response(preview, media_type="image/jpeg")

    async def still(self, request: Request, id: str, query: Annotated[StillQuery, Query()]) -> Response:
        """Return one frame of a video; for browsers that cannot decode it, and as preview of a look."""
        job, side, format = self._job(id), query.longest or FULL_SIZE, query.format
        look = self._parse_look(query)
        if query.of == "look":
            check_transparency(format, look.is_transparent)
        if query.of == "result" and not job.result:
            raise PageError(404, "this video has no result yet")

        def work() -> tuple[bytes, str]:
            if query.of == "look":
                image = self._service.render(job.upload, look, side, query.seconds).image
            elif query.of == "source":
                image = self._service.read(job.upload, query.seconds)
            else:
                path, name = job.upload.path(job.result), job.upload.name
                image = read_frame(path, query.seconds, name, keep_alpha=format != "jpeg")
            return encode_image(shrink(image, side), format)

        body, media_type = await self._service.run(work, request)
        return Response(body, media_type=media_type)

    async def source(self, id: str, download: str = "") -> Response:
        """Return a video as it was uploaded; understands Range."""
        job = self._job(id)
        return self._file(job, "source", "source", job.upload.name if download else "")

    async def result(self, id: str, download: str = "") -> Response:
        """Return the result of a video; understands Range."""
        job = self._job(id)
        name = result_name(job.upload.name, os.path.splitext(job.result)[1])
        return self._file(job, "result", job.result, name if download else "")

    async def matte(self, id: str, download: str = "") -> Response:
        """Return the alpha of a video, in grey; understands Range."""
        job = self._job(id)
        name = result_name(job.upload.name, ".mp4").replace("_out.", "_matte.")
        return self._file(job, "matte", job.matte, name if download else "")

    def _file(self, job: VideoJob, noun: str, file: str, download_name: str) -> Response:
        path = job.upload.path(file) if file else ""
        if not os.path.isfile(path):
            raise PageError(404, f"this video has no {noun} yet")
        media_type = MEDIA_TYPES.get(os.path.splitext(file)[1], job.info.media_type)
        headers = {"Content-Disposition": content_disposition(download_name)} if download_name else {}
        return FileResponse(path, media_type=media_type, headers=headers)

    def _job(self, id: str) -> VideoJob:
        upload = self._store.get(id, "video")
        job = self._queue.find(upload.id)
        if job is None:
            raise PageError(404, "this video is not here yet")
        return job
