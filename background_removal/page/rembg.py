"""HTTP interface of rembg's server (`rembg s`), for programs that were written for that."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any

import cv2
import numpy as np
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, ValidationError

from background_removal.compositing.colors import parse_color
from background_removal.errors import InputError
from background_removal.page.access import PROGRAM_PATH
from background_removal.page.http_errors import PageError
from background_removal.page.image_codec import encode_image, read_picture
from background_removal.page.photo_service import PhotoService
from background_removal.page.photos import clean_file_name
from background_removal.page.pool import RendererPool
from background_removal.page.routes import binary_response, form_body
from background_removal.page.settings import Settings
from background_removal.page.store import Store
from background_removal.page.uploads import save_file_and_fields

# The network of rembg's clients that name none; here it stands for the page's own.
_DEFAULT_MODEL = "u2net"
# Settings of the page's own network that describe its file, and fit no other.
_OF_ONE_FILE = ("model_size", "model_input", "model_output", "model_output_name")
_GREY_LEVEL = Annotated[int, Field(ge=0, le=255)]
_WORDS = {"a": "true or false", "om": "true or false", "ppm": "true or false", "ae": "a whole number from 0"}


class CutoutQuery(BaseModel):
    """Settings by rembg's names, as fields of the form or in the query; others are ignored, as rembg does."""

    model: str = Field(default=_DEFAULT_MODEL, description=f"a network; {_DEFAULT_MODEL} is the page's own")
    om: bool = Field(default=False, description="only the mask, in grey")
    ppm: bool = Field(default=False, description="cut the mask hard")
    bgc: str = Field(default="", description="background colour: R,G,B,A from 0 to 255, or #RRGGBB, or a name")
    a: bool = Field(default=False, description="a soft edge; it always is")
    af: _GREY_LEVEL = Field(default=240, description="without effect")
    ab: _GREY_LEVEL = Field(default=10, description="without effect")
    ae: int = Field(default=10, ge=0, description="without effect")
    extras: str = Field(default="", description="must be empty, or {}")


class RembgInterface:
    """Handles rembg's requests.

    Args:
        settings: Settings of the page.
        store: Holds the files.
        service: Processes the pictures.
        make_pool: Makes a pool of renderers with other networks.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        service: PhotoService,
        make_pool: Callable[[Mapping[str, Any]], RendererPool],
    ) -> None:
        self._settings = settings
        self._limits = settings.limits
        self._store = store
        self._service = service
        self._make_pool = make_pool
        # One network beside the page's own, the last one: some need gigabytes.
        self._other: tuple[str, RendererPool] | None = None
        # The matte as on the page, but the person stays where they are, in the whole picture.
        self._look = replace(
            settings.look, background="transparent", place="", shadow=0.0, foreground="", light_wrap=0.0, effects=()
        )

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter()
        form = form_body(CutoutQuery.model_json_schema()["properties"])
        png = {"response_class": Response, "responses": binary_response("image/png")}
        router.add_api_route(PROGRAM_PATH, self.remove, methods=["POST"], openapi_extra=form, **png)  # pyright: ignore[reportArgumentType]
        router.add_api_route(PROGRAM_PATH, self.refuse_address, status_code=403)
        return router

    async def remove(self, request: Request) -> Response:
        """Return a picture without its background, as rembg's server does: a transparent PNG, its mask, or in colour.

        The settings may be in the query as well.
        """
        upload = self._store.create("photo", request.state.visitor, "picture")
        try:
            limit, check_space = self._limits.photo_bytes, self._store.check_space
            name, fields = await save_file_and_fields(request, upload.path(), limit, "a picture", check_space)
            wanted = parse_query({**request.query_params, **fields})
            color, model = parse_background(wanted.bgc), self._find_model(wanted.model)
            name = clean_file_name(name, "picture")

            def work() -> bytes:
                picture = read_picture(upload.path(), name, self._limits.pixels)
                cutout = self._service.render_once(picture, name, self._look, pool=self._pool_of(model))
                return encode_image(finish_cutout(cutout, wanted.om, wanted.ppm, color), "png")[0]

            body = await self._service.run(work, request)
        finally:
            self._store.remove(upload.id)
        return Response(body, media_type="image/png")

    async def refuse_address(self, url: str = "") -> Response:
        """Refuse to fetch a picture by its address, which rembg does: others must not send this computer anywhere."""
        raise PageError(403, "this page fetches nothing by address; send the picture itself: POST, in the field file")

    def _find_model(self, name: str) -> str:
        """Return the network of that name, "" for the page's own; raises PageError if it is not on this computer."""
        if name in ("", _DEFAULT_MODEL, self._settings.network.get("model")):
            return ""
        here = self._settings.models()
        if name in here:
            return name
        known = ", ".join([f"{_DEFAULT_MODEL} (the page's own network)", *here])
        raise PageError(400, f"model {name[:40]}: is not on this computer, and is not downloaded; there are {known}")

    def _pool_of(self, model: str) -> RendererPool | None:
        """Return the pool with that network, None for the page's own; called inside `PhotoService.run`."""
        if not model:
            return None
        if self._other is None or self._other[0] != model:
            self._other = None  # freed before the next one is loaded
            network = {name: value for name, value in self._settings.network.items() if name not in _OF_ONE_FILE}
            network |= {"model": model, "runtime": "onnx"}
            self._other = model, self._make_pool(network)
        return self._other[1]


def parse_query(given: dict[str, str]) -> CutoutQuery:
    """Return rembg's settings; raises PageError if they cannot be used.

    >>> parse_query({"om": "true", "model": "", "unknown": "1"}).om
    True
    """
    try:
        query = CutoutQuery.model_validate({name: value for name, value in given.items() if value})
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        raise PageError(400, f"{name}: must be {_WORDS.get(name, 'a whole number from 0 to 255')}") from error
    try:
        extras = json.loads(query.extras or "{}")
    except (ValueError, RecursionError):
        extras = None
    if extras != {}:
        raise PageError(400, "extras: must be empty; points and boxes for a network cannot be given here")
    return query


def parse_background(text: str) -> tuple[int, int, int, int] | None:
    """Parse rembg's background colour to (B, G, R, A), 0 to 255; None for none.

    Raises:
        PageError: it is no colour.

    >>> parse_background("255,128,0,255"), parse_background("#ff8000"), parse_background("1, 2, 3")
    ((0, 128, 255, 255), (0, 128, 255, 255), (3, 2, 1, 255))
    """
    text = text.strip()
    if not text:
        return None
    parts = [part.strip() for part in text.split(",")]
    if len(parts) in (3, 4) and all(part.isascii() and part.isdecimal() and len(part) < 4 for part in parts):
        red, green, blue, alpha = (*map(int, parts), 255)[:4]
        if max(red, green, blue, alpha) < 256:
            return blue, green, red, alpha
    try:
        return (*parse_color(text), 255)
    except InputError:
        raise PageError(
            400, f"bgc {text[:40]}: must be R,G,B or R,G,B,A, whole numbers from 0 to 255, #RRGGBB, or a colour's name"
        ) from None


def finish_cutout(
    cutout: np.ndarray, only_mask: bool, is_hard: bool, color: tuple[int, int, int, int] | None
) -> np.ndarray:
    """Return a cut-out as rembg's clients want it.

    Args:
        cutout: uint8 (H, W, 4) BGRA.
        only_mask: Return its alpha alone, which no colour changes.
        is_hard: Cut the alpha at the half, to 0 and 255.
        color: Colour behind it, (B, G, R, A); None for none.

    Returns:
        uint8 (H, W, 4) BGRA, or the alpha, uint8 (H, W, 1).

    >>> finish_cutout(np.uint8([[[9, 9, 9, 255], [9, 9, 9, 0]]]), False, False, (1, 2, 3, 128)).tolist()
    [[[9, 9, 9, 255], [1, 2, 3, 128]]]
    """
    if is_hard:
        cutout[..., 3] = np.where(cutout[..., 3] > 127, np.uint8(255), np.uint8(0))
    if only_mask:
        return np.ascontiguousarray(cutout[..., 3:])
    if color is None:
        return cutout
    # The operator "over" of Porter and Duff, 1984, with colours that are not multiplied by their alpha.
    share = cutout[..., 3].astype(np.float32) / 255
    alpha = share + (1 - share) * np.float32(color[3] / 255)
    share /= np.maximum(alpha, np.float32(1e-6))
    ground = np.full((*cutout.shape[:2], 3), color[:3], np.uint8)
    mixed = cv2.blendLinear(np.ascontiguousarray(cutout[..., :3]), ground, share, 1 - share)
    return np.dstack([mixed, np.rint(alpha * 255).astype(np.uint8)])
