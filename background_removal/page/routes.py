"""Routes of the page: limits on JSON bodies, and parts of the OpenAPI document that types do not give."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from background_removal.page.models import Error
from background_removal.page.uploads import MAX_JSON_BYTES, read_body

# Statuses of failed requests and their meaning.
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Error, "description": description}
    for status, description in {
        400: "the request is wrong",
        401: "the token is missing or wrong",
        403: "the request comes from another page, or uses another name of this computer",
        404: "there is no such thing, or no longer",
        408: "the body came too slowly",
        409: "the video is being processed",
        413: "the body is too large",
        415: "the file is of another kind",
        422: "the file cannot be read or processed",
        429: "too many uploads are kept",
        503: "too many requests at once",
        507: "the disk is full",
    }.items()
}

_BINARY = {"schema": {"type": "string", "format": "binary"}}
# Schema of a file in a form.
BINARY: dict[str, Any] = _BINARY["schema"]
# Body of an upload, which is streamed to a file instead of parsed.
UPLOAD_BODY = {"requestBody": {"required": True, "content": {"application/octet-stream": _BINARY}}}


def form_body(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI of an upload that may also be a form with these fields."""
    properties = {"file": _BINARY["schema"], **fields}
    form = {"schema": {"type": "object", "required": ["file"], "properties": properties}}
    content = {"application/octet-stream": _BINARY, "multipart/form-data": form}
    return {"requestBody": {"required": True, "content": content}}


def binary_response(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI of a response with a file."""
    return {200: {"content": dict.fromkeys(media_types, _BINARY), "description": "the file"}}


class HeadAsGet:
    """Answers HEAD as GET, for FastAPI's routes; the server leaves out the body."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            as_get = {**scope, "method": "GET"}
            await self._app(as_get, receive, send)
            scope["route"] = as_get.get("route")
            return
        await self._app(scope, receive, send)


class JsonRoute(APIRoute):
    """Reads a JSON body with the page's limits on size and time, whatever its Content-Type."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return a handler that reads the body before FastAPI does."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            body = await read_body(request, MAX_JSON_BYTES, "this request")
            headers = [(name, value) for name, value in request.scope["headers"] if name != b"content-type"]
            scope = {**request.scope, "headers": [*headers, (b"content-type", b"application/json")]}

            async def receive() -> dict[str, Any]:
                return {"type": "http.request", "body": body, "more_body": False}

            return await handler(Request(scope, receive))

        return handle
