"""Timeout for connections without a request, so that idle ones cannot use up the limit."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

# Timeout for the head of a request, seconds; browsers send it at once.
HEAD_SECONDS = 10.0


class HeadTimeout:
    """ASGI application that knows which connections have a request, and closes the others in time.

    Args:
        app: The application that answers requests.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._busy: set[tuple[object, ...]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = tuple(scope.get("client") or ())
        self._busy.add(client)
        try:
            await self._app(scope, receive, send)
        finally:
            self._busy.discard(client)

    async def watch(self, server: uvicorn.Server) -> None:
        """Close idle connections until cancelled."""
        idle_since: dict[Any, float] = {}
        while True:
            await asyncio.sleep(min(1.0, HEAD_SECONDS / 4))
            now, transports = time.monotonic(), [each.transport for each in server.server_state.connections]
            idle = [each for each in transports if (each.get_extra_info("peername") or ())[:2] not in self._busy]
            idle_since = {each: idle_since.get(each, now) for each in idle}
            for transport, since in idle_since.items():
                if now - since >= HEAD_SECONDS:
                    transport.close()
