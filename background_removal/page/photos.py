"""Photos and backgrounds by HTTP: uploaded once, shown in any look, fetched one by one or as a ZIP."""

from __future__ import annotations

import functools
import io
import os
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from background_removal.compositing.shipped import shipped_picture
from background_removal.errors import BackgroundRemovalError
from background_removal.files.images import read_image
from background_removal.files.saving.names import free_name
from background_removal.look import Look
from background_removal.page.cropping import cut, parse_box, result_headers
from background_removal.page.http_errors import PageError, plain_message
from background_removal.page.image_codec import check_transparency, encode_image, read_picture, shrink
from background_removal.page.looks import parse_look
from background_removal.page.models import (
    Background,
    BackgroundList,
    ImageQuery,
    LookChanges,
    Photo,
    PhotoList,
    PictureFormat,
    ResultQuery,
    ZipRequest,
    validate,
)
from background_removal.page.photo_service import PhotoService
from background_removal.page.routes import BINARY, UPLOAD_BODY, JsonRoute, binary_response, form_body
from background_removal.page.settings import Settings
from background_removal.page.store import Kind, Store, Upload
from background_removal.page.uploads import save_body, save_file_and_fields
from background_removal.support.paths import data_folder

# NASA's portrait of Eileen Collins, in the public domain; see samples/README.md.
SAMPLE = data_folder("samples") / "portrait.jpg"
# Side of a picture that is not scaled down, pixels.
FULL_SIZE = 1 << 30
# Longer side of thumbnails, pixels.
_THUMBNAIL_PIXELS = 320
_KEEP_A_DAY = {"Cache-Control": "private, max-age=86400"}
_SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}
_PICTURE = binary_response("image/png", "image/jpeg", "image/webp")


class Photos:
    """Handles requests for photos and backgrounds.

    Args:
        settings: Settings of the page.
        store: Holds the files.
        service: Processes the pictures.
    """

    def __init__(self, settings: Settings, store: Store, service: PhotoService) -> None:
        self._settings = settings
        self._limits = settings.limits
        self._store = store
        self._service = service
        self._thumbnails: dict[str, bytes] = {}

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter()
        add: Any = router.add_api_route
        add("/api/backgrounds", self.add_background, methods=["POST"], status_code=201, openapi_extra=UPLOAD_BODY)
        add("/api/backgrounds", self.list_backgrounds)
        jpeg = {"response_class": Response, "responses": binary_response("image/jpeg")}
        add("/api/backgrounds/{name}", self.shipped, **jpeg)
        add("/api/uploads/{id}", self.upload, **jpeg)
        form = form_body({**ImageQuery.model_json_schema()["properties"], "hints": BINARY})
        picture = {"response_class": Response, "responses": _PICTURE}
        add("/api/image", self.image, methods=["POST"], openapi_extra=form, **picture)
        add("/api/photos", self.add, methods=["POST"], status_code=201, openapi_extra=UPLOAD_BODY)
        add("/api/photos", self.list_photos)
        add("/api/photos/{id}", self.remove, methods=["DELETE"], status_code=204, response_class=Response)
        add("/api/photos/{id}/hints", self.add_hints, methods=["POST"], status_code=204, response_class=Response,
            openapi_extra=UPLOAD_BODY)  # fmt: skip
        add("/api/photos/{id}/hints", self.remove_hints, methods=["DELETE"], status_code=204, response_class=Response)
        add("/api/sample", self.sample, **jpeg)
        add("/api/photos/{id}/source", self.source, **picture)
        add("/api/photos/{id}/result", self.result, **picture)
        json_router = APIRouter(route_class=JsonRoute)
        zipped = binary_response("application/zip")
        json_router.add_api_route(
            "/api/zip", self.zip, methods=["POST"], response_class=StreamingResponse, responses=zipped
        )
        router.include_router(json_router)
        return router

    def parse_look(self, changes: LookChanges, base: Look | None = None) -> Look:
        """Return `base`, by default the page's look, with the settings of a request; raises PageError."""
        return parse_look(changes.given(), base or self._settings.look, self.has_background)

    def has_background(self, id: str) -> bool:
        """Return whether there is an uploaded background with that id."""
        return self._store.has(id, "background")

    # -- backgrounds -------------------------------------------------------------------------------

    async def add_background(self, request: Request, name: str = "") -> Background:
        """Upload a picture to stand behind people."""
        upload = await self._receive(request, "background", name)
        return Background.of(upload)

    async def list_backgrounds(self, request: Request) -> BackgroundList:
        """Return the backgrounds of this visitor, known by a cookie, oldest first."""
        uploads = self._store.list_uploads(request.state.visitor, "background")
        return BackgroundList(backgrounds=[Background.of(upload) for upload in uploads if upload.width])

    async def shipped(self, name: str) -> Response:
        """Return the thumbnail of a shipped background."""
        name = name.removesuffix(".jpg")
        path = shipped_picture(name)
        if path is None:
            raise PageError(404, "there is no such background; GET /api/start lists them")
        if path not in self._thumbnails:
            self._thumbnails[path] = await self._service.run(lambda: make_thumbnail(read_image(path, name)))
        return Response(self._thumbnails[path], media_type="image/jpeg", headers=_KEEP_A_DAY)

    async def upload(self, id: str) -> Response:
        """Return the thumbnail of an uploaded background."""
        upload = self._store.get(id, "background")
        thumbnail = Path(upload.path("small"))
        if not thumbnail.is_file():
            data = await self._service.run(lambda: make_thumbnail(self._service.read(upload)))
            thumbnail.write_bytes(data)
        return Response(thumbnail.read_bytes(), media_type="image/jpeg", headers=_KEEP_A_DAY)

    # -- photos ------------------------------------------------------------------------------------

    async def image(self, request: Request, query: Annotated[ImageQuery, Query()]) -> Response:
        """Return the result of a picture; nothing is kept."""
        upload = self._store.create("photo", request.state.visitor, "picture")
        try:
            limit, check_space = self._limits.photo_bytes, self._store.check_space
            name, fields = await save_file_and_fields(
                request, upload.path(), limit, "a picture", check_space, second="hints"
            )
            query = validate(ImageQuery, {**query.model_dump(exclude_unset=True), **fields})
            name = clean_file_name(query.name or name, "picture")
            look = self.parse_look(query)
            check_transparency(query.format, look.is_transparent)

            def work() -> tuple[bytes, str]:
                picture = read_picture(upload.path(), name, self._limits.pixels)
                strokes = self._read_hints(upload) if os.path.exists(upload.path("hints")) else None
                image = self._service.render_once(picture, name, look, strokes, crop=query.crop)
                return encode_image(image, query.format)

            body, media_type = await self._service.run(work, request)
        finally:
            self._store.remove(upload.id)
        return Response(body, media_type=media_type)

    async def add(self, request: Request, name: str = "") -> Photo:
        """Upload a photo, to be shown in several looks."""
        upload = await self._receive(request, "photo", name)
        return Photo.of(upload)

    async def sample(self) -> Response:
        """Return the sample, a portrait in the public domain, to try the page with."""
        if not SAMPLE.is_file():
            raise PageError(404, "there is no sample here")
        return Response(SAMPLE.read_bytes(), media_type="image/jpeg", headers=_KEEP_A_DAY)

    async def list_photos(self, request: Request) -> PhotoList:
        """Return the photos of this visitor, known by a cookie, oldest first."""
        uploads = self._store.list_uploads(request.state.visitor, "photo")
        return PhotoList(photos=[Photo.of(upload) for upload in uploads if upload.width])

    async def remove(self, id: str) -> None:
        """Remove a photo."""
        upload = self._store.get(id, "photo")
        self._store.remove(upload.id)
        await self._service.run(lambda: self._service.forget(upload.id))

    async def add_hints(self, id: str, request: Request) -> None:
        """Correct a photo's matte by strokes: a picture of its shape, in place of those before.

        White keeps the thing that it marks, black erases it, grey (128) and transparent mark nothing.
        """
        upload = self._store.get(id, "photo")
        limit, check_space = self._limits.photo_bytes, self._store.check_space
        await save_body(request, upload.path("hints"), limit, "a picture of strokes", check_space)
        await self._service.run(lambda: self._service.set_hints(upload, self._read_hints(upload)))

    async def remove_hints(self, id: str) -> None:
        """Remove a photo's strokes."""
        upload = self._store.get(id, "photo")
        await self._service.run(lambda: self._service.set_hints(upload, None))

    def _read_hints(self, upload: Upload) -> np.ndarray:
        return read_picture(upload.path("hints"), "hints", self._limits.pixels)

    async def source(
        self,
        id: str,
        format: PictureFormat = "jpeg",
        longest: Annotated[int | None, Query(ge=1, le=1 << 16)] = None,
        box: Annotated[str, Query(description="left,top,right,bottom of the part, shares of the photo")] = "0,0,1,1",
    ) -> Response:
        """Return a photo as it was uploaded, upright, or a part of it."""
        upload = self._store.get(id, "photo")
        max_side, part = longest or FULL_SIZE, parse_box(box)
        body, media_type = await self._service.run(
            lambda: encode_image(cut(shrink(self._service.read(upload), max_side), part), format)
        )
        return Response(body, media_type=media_type)

    async def result(self, request: Request, id: str, query: Annotated[ResultQuery, Query()]) -> Response:
        """Return a photo in a look.

        Of a cropped one the headers say where: `X-Crop` is its left, top, right and bottom as shares of the whole,
        `X-Crop-Around` what it was placed by (`face`, `person` or `middle`), `X-Crop-Head` the height of the head as
        a share of its own (0 if unknown), and `X-Crop-Fits` whether the photo had room for it. `X-Person` is the
        left, top, right and bottom of the person in the whole, as shares of it.
        """
        upload = self._store.get(id, "photo")
        look = self.parse_look(query)
        check_transparency(query.format, look.is_transparent)

        def work() -> tuple[bytes, str, dict[str, str]]:
            rendered = self._service.render(upload, look, query.longest or FULL_SIZE, crop=query.crop)
            return (*encode_image(rendered.image, query.format, rendered.per_metre), result_headers(rendered))

        body, media_type, headers = await self._service.run(work, request)
        if query.download:
            headers["Content-Disposition"] = content_disposition(result_name(upload.name, _SUFFIXES[query.format]))
        return Response(body, media_type=media_type, headers=headers)

    async def zip(self, wanted: ZipRequest) -> Response:
        """Return several photos in one look; each is sent when it is done."""
        look = self.parse_look(wanted.look)
        check_transparency(wanted.format, look.is_transparent)
        uploads = [self._store.get(id, "photo") for id in wanted.ids]
        headers = {"Content-Disposition": content_disposition("photos.zip")}
        content = self._zip_photos(uploads, look, wanted)
        return StreamingResponse(content, media_type="application/zip", headers=headers)

    async def _zip_photos(self, uploads: list[Upload], look: Look, wanted: ZipRequest) -> AsyncIterator[bytes]:
        kind = wanted.format

        def make(upload: Upload) -> bytes:
            rendered = self._service.render(upload, look, FULL_SIZE, crop=wanted.crop)
            return encode_image(rendered.image, kind, rendered.per_metre)[0]

        out, names, failures = _ZipBuffer(), set[str](), list[str]()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:  # pictures are compressed already
            for upload in uploads:
                try:
                    body = await self._service.run(functools.partial(make, upload))
                except PageError as error:
                    failures.append(f"{upload.name}: {error}")
                except BackgroundRemovalError as error:
                    failures.append(f"{upload.name}: {plain_message(error)}")
                else:
                    name = free_name(result_name(upload.name, _SUFFIXES[kind]), names.__contains__)
                    names.add(name)
                    file.writestr(name, body)
                    yield out.take()
            if failures:
                file.writestr("errors.txt", "\n".join(failures) + "\n")
        yield out.take()

    async def _receive(self, request: Request, kind: Kind, name: str) -> Upload:
        upload = self._store.create(kind, request.state.visitor, clean_file_name(name, kind))
        try:
            check_space = self._store.check_space
            await save_body(request, upload.path(), self._limits.photo_bytes, f"a {kind}", check_space)
            shape = await self._service.run(lambda: self._service.read(upload).shape)
            upload.width, upload.height = shape[1], shape[0]
        except BaseException:
            self._store.remove(upload.id)
            raise
        return upload


class _ZipBuffer(io.RawIOBase):
    """File that a ZIP is written to, and sent from piece by piece."""

    def __init__(self) -> None:
        self._data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._data += data
        return len(data)

    def take(self) -> bytes:
        """Return and remove the written bytes."""
        data, self._data = bytes(self._data), bytearray()
        return data


def make_thumbnail(image: np.ndarray) -> bytes:
    """Return a small JPEG of a picture."""
    return encode_image(shrink(image, _THUMBNAIL_PIXELS), "jpeg")[0]


def clean_file_name(text: str, default: str) -> str:
    """Return a visitor's file name, short, on one line and without folders.

    >>> clean_file_name("C:\\\\me\\\\a b.jpg", "photo"), clean_file_name("../..", "photo"), clean_file_name("", "photo")
    ('a b.jpg', 'photo', 'photo')
    """
    name = text.replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(letter for letter in name if letter.isprintable())[:120].strip()
    return name if name.strip(". ") else default


def result_name(name: str, suffix: str) -> str:
    """Return the file name of a result.

    >>> result_name("me.jpg", ".png")
    'me_out.png'
    """
    return f"{os.path.splitext(name)[0]}_out{suffix}"


def content_disposition(name: str) -> str:
    """Return the header with which a browser saves a response under a name (RFC 6266, RFC 8187)."""
    return f"attachment; filename*=utf-8''{quote(name, safe='')}"
