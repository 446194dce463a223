"""Connections that ask for nothing are closed, so that nobody takes all the places by merely holding them."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

# A request's head must have come by then; a browser's comes at once, or the connection is one that it keeps for later.
HEAD_SECONDS = 10.0
# So many more connections than the server's limit are told that there are too many; the rest is closed at once.
_TOLD = 16


class HeadTimeoutProtocol(H11Protocol):
    """Uvicorn's own protocol, which waits for ever for the head of a request, with an end to that."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if self.limit_concurrency is not None and len(self.connections) > self.limit_concurrency + _TOLD:
            transport.abort()
            return
        self._wait()

    def data_received(self, data: bytes) -> None:
        if self._waiting is None and not self._is_asking:
            self._wait()
        super().data_received(data)
        if self._is_asking:
            self._wait_no_more()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    @property
    def _is_asking(self) -> bool:
        """Whether a request has come that is not answered yet."""
        upgraded = self.transport is not None and self.transport.get_protocol() is not self
        return upgraded or (self.cycle is not None and not self.cycle.response_complete)

    def _wait(self) -> None:
        self._waiting = asyncio.get_running_loop().call_later(HEAD_SECONDS, self._give_up)

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        if not self._is_asking:
            self.transport.close()
