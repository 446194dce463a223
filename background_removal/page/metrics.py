"""Figures of the page, as Prometheus reads them (text format 0.0.4)."""

from __future__ import annotations

import os
import sys
import threading
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Upper bounds of the histogram of work, seconds: from a camera's frame to the best matte of a large photo.
_BOUNDS = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.25, 2.5, 5.0, 10.0)
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"))

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Family:
    """Figures of one name.

    Attributes:
        name: Name, without its prefix and suffix.
        kind: "counter", "gauge" or "histogram".
        help: Meaning and unit.
        samples: Suffix of the name, labels and value of each figure.
    """

    name: str
    kind: str
    help: str
    samples: Iterable[tuple[str, Labels, float]]


@dataclass(slots=True)
class _Histogram:
    counts: list[int] = field(default_factory=lambda: [0] * (len(_BOUNDS) + 1))
    total: float = 0.0

    def samples(self, labels: Labels) -> Iterable[tuple[str, Labels, float]]:
        below = 0
        for bound, count in zip((*_BOUNDS, float("inf")), self.counts, strict=True):
            below += count
            yield "_bucket", {**labels, "le": "+Inf" if bound == float("inf") else f"{bound:g}"}, below
        yield "_sum", labels, self.total
        yield "_count", labels, below


class Metrics:
    """Counts requests and work; any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests = Counter[tuple[str, str, int]]()
        self._work: dict[str, _Histogram] = {}

    def count_request(self, method: str, route: str, status: int) -> None:
        """Count an answered request."""
        with self._lock:
            self._requests[method, route, status] += 1

    def observe_frame(self, kind: str, seconds: float) -> None:
        """Count a processed picture or frame of that kind, and the time that its processing took."""
        with self._lock:
            histogram = self._work.setdefault(kind, _Histogram())
            histogram.counts[bisect_left(_BOUNDS, seconds)] += 1
            histogram.total += seconds

    def families(self) -> list[Family]:
        """Return the figures."""
        with self._lock:
            requests = [
                ("_total", {"method": method, "route": route, "status": str(status)}, float(count))
                for (method, route, status), count in sorted(self._requests.items())
            ]
            work = [sample for kind, one in sorted(self._work.items()) for sample in one.samples({"kind": kind})]
            frames = [("_total", {"kind": kind}, float(sum(one.counts))) for kind, one in sorted(self._work.items())]
        return [
            Family("background_removal_requests", "counter", "Answered requests.", requests),
            Family("background_removal_frames", "counter", "Processed photos and frames.", frames),
            Family("background_removal_frame_seconds", "histogram", "Processing of one photo or frame.", work),
        ]


class RequestCounter:
    """ASGI application that counts the requests of another one by their route, never by an address as it was sent.

    Args:
        app: The application.
        metrics: Counts them.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        status = 0

        def count(status: int) -> None:
            method = scope.get("method", "GET")
            self._metrics.count_request(method if method in _METHODS else "other", _route(scope), status)

        async def send_counted(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
            elif message["type"] == "websocket.accept":  # it may stay open for hours
                count(101)
            await send(message)

        try:
            await self._app(scope, receive, send_counted)
        finally:
            if status:
                count(status)


def process_families() -> list[Family]:
    """Return the figures of this process, under the names that Prometheus has for them."""
    families = [
        Family("process_cpu_seconds", "counter", "Processor time.", [("_total", {}, time.process_time())]),
    ]
    memory = _resident_bytes()
    if memory is not None:
        help_text = "Resident memory, bytes."
        families.append(Family("process_resident_memory_bytes", "gauge", help_text, [("", {}, memory)]))
    return families


def format_metrics(families: Iterable[Family]) -> str:
    r"""Return figures as text.

    >>> print(format_metrics([Family("a_b", "gauge", "Of c.", [("", {"d": 'e"'}, 1.0)])]), end="")
    # HELP a_b Of c.
    # TYPE a_b gauge
    a_b{d="e\""} 1.0
    """
    lines: list[str] = []
    for family in families:
        # In this version of the format a counter's type has the name of its samples.
        name = family.name + ("_total" if family.kind == "counter" else "")
        lines += [f"# HELP {name} {family.help}", f"# TYPE {name} {family.kind}"]
        for suffix, labels, value in family.samples:
            pairs = ",".join(f'{key}="{_escape(text)}"' for key, text in labels.items())
            lines.append(f"{family.name}{suffix}{'{' + pairs + '}' if pairs else ''} {float(value)!r}")
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _route(scope: Scope) -> str:
    """Return the pattern of a request's route, "other" where it met none."""
    if path := getattr(scope.get("route"), "path", ""):
        return str(path)
    if scope["path"].startswith("/static/"):
        return "/static"
    return "/api/camera" if scope["type"] == "websocket" and scope["path"] == "/api/camera" else "other"


def _resident_bytes() -> float | None:
    """Return this process's memory, None where the system does not say."""
    if sys.platform != "linux":
        return None
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return float(pages * os.sysconf("SC_PAGE_SIZE"))
