"""Photos and backgrounds by HTTP: sent once, shown in any look, fetched one by one or as a ZIP."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from background_removal.compositing.shipped import shipped_picture
from background_removal.errors import BackgroundRemovalError
from background_removal.files.images import read_image
from background_removal.page.http_errors import PageError, plain
from background_removal.page.image_codec import check_kind, encode, read_picture, shrunk
from background_removal.page.looks import NAMES, Look, parse_look
from background_removal.page.photo_service import PhotoService
from background_removal.page.settings import Settings
from background_removal.page.store import Item, Store
from background_removal.page.uploads import read_json, save_body, save_file_and_fields

WHOLE = 1 << 30
# The longer side of pictures to click on, in pixels.
_SMALL = 320
_KEEP_A_DAY = {"Cache-Control": "private, max-age=86400"}
_SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}


class Photos:
    """Answers what is asked of photos and backgrounds.

    Args:
        settings: How the page is served.
        store: Where pictures are kept.
        desk: Where they are processed.
    """

    def __init__(self, settings: Settings, store: Store, desk: PhotoService) -> None:
        self._settings = settings
        self._limits = settings.limits
        self._store = store
        self._desk = desk
        self._small: dict[str, bytes] = {}

    def routes(self) -> list[Route]:
        """Return what is answered, and by whom."""
        return [
            Route("/api/backgrounds", self.add_background, methods=["POST"]),
            Route("/api/backgrounds/{name}", self.shipped),
            Route("/api/uploads/{id}", self.upload),
            Route("/api/image", self.image, methods=["POST"]),
            Route("/api/photos", self.add, methods=["POST"]),
            Route("/api/photos/{id}", self.remove, methods=["DELETE"]),
            Route("/api/photos/{id}/source", self.source),
            Route("/api/photos/{id}/result", self.result),
            Route("/api/zip", self.zip, methods=["POST"]),
        ]

    def look(self, given: Mapping[str, Any]) -> Look:
        """Return the look that is asked for; raises PageError."""
        return parse_look(given, self._settings.look, lambda id: self._store.has(id, "background"))

    # -- backgrounds -------------------------------------------------------------------------------

    async def add_background(self, request: Request) -> Response:
        item = await self._added(request, "background", "background")
        return JSONResponse({"id": item.id, "width": item.width, "height": item.height}, 201)

    async def shipped(self, request: Request) -> Response:
        name = request.path_params["name"].removesuffix(".jpg")
        path = shipped_picture(name)
        if path is None:
            raise PageError(404, "there is no such background; GET /api/start lists them")
        if path not in self._small:
            self._small[path] = await self._desk.do(lambda: small_jpeg(read_image(path, name)))
        return Response(self._small[path], media_type="image/jpeg", headers=_KEEP_A_DAY)

    async def upload(self, request: Request) -> Response:
        item = self._store.get(request.path_params["id"], "background")
        small = Path(item.path("small"))
        if not small.is_file():
            data = await self._desk.do(lambda: small_jpeg(self._desk.read(item)))
            small.write_bytes(data)
        return Response(small.read_bytes(), media_type="image/jpeg", headers=_KEEP_A_DAY)

    # -- photos ------------------------------------------------------------------------------------

    async def image(self, request: Request) -> Response:
        """Answer a picture with its result, and keep nothing."""
        item = self._store.new("photo", request.state.visitor, "picture")
        try:
            limit, room = self._limits.photo_bytes, self._store.check_room
            name, fields = await save_file_and_fields(request, item.path(), limit, "a picture", room)
            given = {**request.query_params, **fields}
            kind = str(given.pop("format", "png"))
            name = file_name(str(given.pop("name", name)), "picture")
            look = self.look(given)
            check_kind(kind, look.is_transparent)

            def work() -> tuple[bytes, str]:
                picture = read_picture(item.path(), name, self._limits.pixels)
                return encode(self._desk.result_of(picture, name, look), kind)

            body, media = await self._desk.do(work)
        finally:
            self._store.remove(item.id)
        return Response(body, media_type=media)

    async def add(self, request: Request) -> Response:
        item = await self._added(request, "photo", "photo")
        return JSONResponse({"id": item.id, "name": item.name, "width": item.width, "height": item.height}, 201)

    async def remove(self, request: Request) -> Response:
        item = self._store.get(request.path_params["id"], "photo")
        self._store.remove(item.id)
        await self._desk.do(lambda: self._desk.forget(item.id))
        return Response(status_code=204)

    async def source(self, request: Request) -> Response:
        item = self._store.get(request.path_params["id"], "photo")
        kind, longest = request.query_params.get("format", "jpeg"), _longest(request.query_params)
        body, media = await self._desk.do(lambda: encode(shrunk(self._desk.read(item), longest), kind))
        return Response(body, media_type=media)

    async def result(self, request: Request) -> Response:
        item = self._store.get(request.path_params["id"], "photo")
        given = {name: value for name, value in request.query_params.items() if name in NAMES}
        others = set(request.query_params) - {*NAMES, "format", "longest", "download"}
        look = self.look({**given, **dict.fromkeys(others, "")})
        kind, longest = request.query_params.get("format", "png"), _longest(request.query_params)
        check_kind(kind, look.is_transparent)

        def work() -> tuple[bytes, str, bool | None]:
            image, found = self._desk.result(item, look, longest)
            return (*encode(image, kind), found)

        body, media, found = await self._desk.do(work)
        headers = {} if found is None else {"X-Found-Person": "yes" if found else "no"}
        if request.query_params.get("download"):
            headers["Content-Disposition"] = attachment(result_name(item.name, _SUFFIXES[kind]))
        return Response(body, media_type=media, headers=headers)

    async def zip(self, request: Request) -> Response:
        """Answer many photos in one look; each is sent as soon as it is done."""
        told = await read_json(request)
        ids, kind = told.get("ids"), told.get("format", "png")
        if not isinstance(ids, list) or not ids or any(not isinstance(id, str) for id in ids):
            raise PageError(400, "ids: must be a list of photos")
        if not isinstance(kind, str) or not isinstance(told.get("look", {}), dict):
            raise PageError(400, "format must be a text, and look an object")
        look = self.look(told.get("look", {}))
        check_kind(kind, look.is_transparent)
        items = [self._store.get(id, "photo") for id in ids]
        headers = {"Content-Disposition": attachment("photos.zip")}
        return StreamingResponse(self._zipped(items, look, kind), media_type="application/zip", headers=headers)

    async def _zipped(self, items: list[Item], look: Look, kind: str) -> AsyncIterator[bytes]:
        out, names, failed = _Outgoing(), set[str](), list[str]()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:  # pictures are compressed already
            for item in items:
                try:
                    body, _ = await self._desk.do(
                        lambda item=item: encode(self._desk.result(item, look, WHOLE)[0], kind)
                    )
                except PageError as error:
                    failed.append(f"{item.name}: {error}")
                except BackgroundRemovalError as error:
                    failed.append(f"{item.name}: {plain(error)}")
                else:
                    file.writestr(_unused(result_name(item.name, _SUFFIXES[kind]), names), body)
                    yield out.taken()
            if failed:
                file.writestr("errors.txt", "\n".join(failed) + "\n")
        yield out.taken()

    async def _added(self, request: Request, kind: Any, what: str) -> Item:
        item = self._store.new(kind, request.state.visitor, file_name(request.query_params.get("name", ""), what))
        try:
            await save_body(request, item.path(), self._limits.photo_bytes, f"a {what}", self._store.check_room)
            shape = await self._desk.do(lambda: self._desk.read(item).shape)
            item.width, item.height = shape[1], shape[0]
        except BaseException:
            self._store.remove(item.id)
            raise
        return item


class _Outgoing(io.RawIOBase):
    """What a ZIP is written to and taken from, piece by piece."""

    def __init__(self) -> None:
        self._data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self._data += data
        return len(data)

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        data, self._data = bytes(self._data), bytearray()
        return data


def small_jpeg(image: np.ndarray) -> bytes:
    """Return a small picture to click on."""
    return encode(shrunk(image, _SMALL), "jpeg")[0]


def file_name(text: str, otherwise: str) -> str:
    """Return what a visitor calls a file, short and of one line, without folders.

    >>> file_name("C:\\\\me\\\\a b.jpg", "photo"), file_name("../..", "photo"), file_name("", "photo")
    ('a b.jpg', 'photo', 'photo')
    """
    name = text.replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(letter for letter in name if letter.isprintable())[:120].strip()
    return name if name.strip(". ") else otherwise


def result_name(name: str, suffix: str) -> str:
    """Return what the result of a file is called.

    >>> result_name("me.jpg", ".png")
    'me_out.png'
    """
    return f"{os.path.splitext(name)[0]}_out{suffix}"


def attachment(name: str) -> str:
    """Return the header that lets a browser save an answer under a name (RFC 6266, RFC 8187)."""
    from urllib.parse import quote

    return f"attachment; filename*=utf-8''{quote(name, safe='')}"


def _unused(name: str, names: set[str]) -> str:
    stem, suffix = os.path.splitext(name)
    number = 1
    while name in names:
        number += 1
        name = f"{stem}_{number}{suffix}"
    names.add(name)
    return name


def _longest(query: Mapping[str, str]) -> int:
    """Return how long the longer side may be, in pixels."""
    text = query.get("longest", "")
    if not text:
        return WHOLE
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 1 << 16):
        raise PageError(400, "longest: must be a number of pixels")
    return int(text)
