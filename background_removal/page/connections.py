"""Limit on the connections, and a timeout for those without a request, so that idle ones cannot use it up."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import uvicorn
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

# Timeout for the head of a request, seconds; browsers send it at once.
HEAD_SECONDS = 10.0
# Time after which a visitor shall ask again who was one too many, seconds.
_RETRY_SECONDS = 10


class ConnectionLimit:
    """ASGI application that refuses requests of too many connections, and closes those without a request in time.

    Args:
        app: The application that answers requests.
        limit: Connections open at once.
    """

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit
        self._server: uvicorn.Server | None = None
        self._busy: set[tuple[object, ...]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._server and len(self._server.server_state.connections) > self._limit:
            message = f"{self._limit} connections are open, and no more can be; try again in {_RETRY_SECONDS} s"
            refusal = JSONResponse({"error": message}, 503, {"Retry-After": str(_RETRY_SECONDS), "Connection": "close"})
            await refusal(scope, receive, send)
            return
        client = tuple(scope.get("client") or ())
        self._busy.add(client)
        try:
            await self._app(scope, receive, send)
        finally:
            self._busy.discard(client)

    async def watch(self, server: uvicorn.Server) -> None:
        """Count the connections of `server`, and close idle ones, until cancelled."""
        self._server = server
        idle_since: dict[Any, float] = {}
        while True:
            await asyncio.sleep(min(1.0, HEAD_SECONDS / 4))
            now, transports = time.monotonic(), [each.transport for each in server.server_state.connections]
            idle = [each for each in transports if (each.get_extra_info("peername") or ())[:2] not in self._busy]
            idle_since = {each: idle_since.get(each, now) for each in idle}
            for transport, since in idle_since.items():
                if now - since >= HEAD_SECONDS:
                    transport.close()
