"""The last look of each visitor, so that a reload of the page brings it back."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from fastapi import APIRouter, Request

from background_removal.look import Look
from background_removal.page.looks import UPLOAD
from background_removal.page.models import LookChanges
from background_removal.page.routes import JsonRoute

# Looks kept, the latest of as many visitors; each has some hundred bytes.
_MAX_LOOKS = 1000


class KeptLooks:
    """Handles requests for a visitor's look; visitors are known by a cookie.

    Args:
        first: The page's look.
        parse_look: Returns the look of a request.
        has_picture: Returns whether there is an uploaded background with that id.
    """

    def __init__(
        self, first: Look, parse_look: Callable[[LookChanges], Look], has_picture: Callable[[str], bool]
    ) -> None:
        self._first = first
        self._parse_look = parse_look
        self._has_picture = has_picture
        self._looks: OrderedDict[str, Look] = OrderedDict()

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter(route_class=JsonRoute)
        router.add_api_route("/api/look", self.keep, methods=["PUT"])
        plain = APIRouter()
        plain.add_api_route("/api/look", self.last)
        plain.include_router(router)
        return plain

    async def last(self, request: Request) -> Look:
        """Return the look that this visitor, known by a cookie, has kept, or else the page's."""
        look = self._looks.get(request.state.visitor, self._first)
        if self._is_gone(look.background):
            look = replace(look, background=self._first.background)
        return replace(look, foreground=self._first.foreground) if self._is_gone(look.foreground) else look

    async def keep(self, request: Request, wanted: LookChanges) -> Look:
        """Keep this visitor's look until the page ends."""
        look = self._parse_look(wanted)
        self._looks[request.state.visitor] = look
        self._looks.move_to_end(request.state.visitor)
        if len(self._looks) > _MAX_LOOKS:
            self._looks.popitem(last=False)
        return look

    def _is_gone(self, picture: str) -> bool:
        return picture.startswith(UPLOAD) and not self._has_picture(picture[len(UPLOAD) :])
