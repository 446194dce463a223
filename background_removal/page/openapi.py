"""What programs can ask the page for, as OpenAPI 3.1 has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from background_removal.page.jobs import FORMATS
from background_removal.page.looks import BLURS, EFFECTS, PEOPLE, Look
from background_removal.page.settings import Limits

_Json = dict[str, Any]
_TEXT, _NUMBER, _WHOLE, _YES = {"type": "string"}, {"type": "number"}, {"type": "integer"}, {"type": "boolean"}
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_PICTURE_KINDS = {"type": "string", "enum": ["png", "jpeg", "webp"], "default": "png"}
_REASONS = {
    400: "the request is wrong",
    401: "the token is missing or wrong",
    403: "another page, or another name of this computer, asks",
    404: "it is not here (any more)",
    408: "it came too slowly",
    409: "it is being processed",
    413: "it is too large",
    415: "it is of no kind that can be read",
    422: "it cannot be read or processed",
    429: "too many things are kept",
    503: "too much is asked for at once",
}


def description(start: Look, backgrounds: Sequence[str], limits: Limits, version: str) -> _Json:
    """Return the description.

    Args:
        start: The look that counts where nothing is said.
        backgrounds: Names of the shipped ones.
        limits: How much is taken.
        version: The program's.
    """
    look = _look(start, backgrounds)
    fields: list[_Json] = [
        {"name": name, "in": "query", "schema": _TEXT if name == "effects" else schema}
        for name, schema in look["properties"].items()
    ]
    fields[-1]["description"] = "several are separated by commas"
    an_id = {"name": "id", "in": "path", "required": True, "schema": _TEXT}
    a_name = {"name": "name", "in": "query", "schema": _TEXT, "description": "what to call it"}
    kind = {"name": "format", "in": "query", "schema": _PICTURE_KINDS}
    longest = {
        "name": "longest", "in": "query", "schema": _WHOLE, "description": "scale down to so many pixels"
    }  # fmt: skip
    saved = {"name": "download", "in": "query", "schema": _TEXT, "description": "1 names the file, for a browser"}
    a_picture = _any_body(
        f"a picture of at most {limits.photo_bytes >> 20} MB and {limits.pixels / 1e6:g} million pixels"
    )
    a_video = _any_body(
        f"a video of at most {limits.video_bytes >> 30} GB, {limits.video_seconds // 60} minutes, "
        f"{limits.video_pixels / 1e6:.2g} million pixels"
    )
    picture_types = ("image/png", "image/jpeg", "image/webp")
    ref = {"$ref": "#/components/schemas/Video"}
    paths: _Json = {
        "/api/start": {"get": _operation("What there is to choose from, and how much is taken", answer={})},
        "/api/image": {
            "post": _operation(
                "The result of a picture; nothing is kept",
                [*fields, kind],
                {
                    "content": {
                        **a_picture["content"],
                        "multipart/form-data": {
                            "schema": {
                                "type": "object",
                                "required": ["file"],
                                "properties": {"file": {"type": "string", "format": "binary"}, **look["properties"]},
                            }
                        },
                    },
                    "required": True,
                },
                picture_types,
            )
        },
        "/api/backgrounds": {
            "post": _operation("Send a picture to stand behind people", [a_name], a_picture, _id(), 201)
        },
        "/api/backgrounds/{name}": {
            "get": _operation("A shipped background, small", [{**an_id, "name": "name"}], answer=("image/jpeg",))
        },
        "/api/uploads/{id}": {"get": _operation("A background that was sent, small", [an_id], answer=("image/jpeg",))},
        "/api/photos": {
            "post": _operation("Send a photo, to be shown in several looks", [a_name], a_picture, _id(), 201)
        },
        "/api/photos/{id}": {"delete": _operation("Remove it", [an_id], answer=None)},
        "/api/photos/{id}/source": {
            "get": _operation("As it came, upright", [an_id, kind, longest], answer=picture_types)
        },
        "/api/photos/{id}/result": {
            "get": _operation("In a look", [an_id, *fields, kind, longest, saved], answer=picture_types)
        },
        "/api/zip": {
            "post": _operation(
                "Many photos in one look",
                body=_json_body(
                    {"ids": {"type": "array", "items": _TEXT}, "look": _ref("Look"), "format": _PICTURE_KINDS}, ["ids"]
                ),
                answer=("application/zip",),
            )
        },
        "/api/videos": {
            "post": _operation("Send a video", [a_name], a_video, ref, 201),
            "get": _operation(
                "Those of this visitor, whom a cookie tells",
                answer={"type": "object", "properties": {"videos": {"type": "array", "items": ref}}},
            ),
        },
        "/api/videos/{id}": {
            "get": _operation("How far it is", [an_id], answer=ref),
            "delete": _operation("Remove it, and end the work on it", [an_id], answer=None),
        },
        "/api/videos/{id}/start": {
            "post": _operation(
                "Let it wait for its turn",
                [an_id],
                _json_body(
                    {"look": _ref("Look"), "format": {"type": "string", "enum": list(FORMATS)}, "matte": _YES}, []
                ),
                ref,
            )
        },
        "/api/videos/{id}/cancel": {"post": _operation("End the work on it", [an_id], answer=ref)},
        "/api/videos/{id}/frame": {
            "get": _operation("The result's frame at hand, small", [an_id], answer=("image/jpeg",))
        },
        **{
            f"/api/videos/{{id}}/{what}": {
                "get": _operation(f"{told}; Range is understood", [an_id, saved], answer=("video/mp4", "video/webm"))
            }
            for what, told in (("source", "As it came"), ("result", "The result"), ("matte", "Its alpha, in grey"))
        },
        "/api/camera": {
            "get": {
                **_operation(
                    "A WebSocket: frames as 4 bytes with a number (big-endian) and a JPEG picture, in and out",
                    [{"name": "source", "in": "query", "schema": {"type": "string", "enum": ["visitor", "webcam"]}}],
                    answer={},
                ),
                "description": "An answer with number n is the answer to all frames up to n; send no more than two "
                'before it. Texts in: {"look": {...}} changes the look, {"key": "a"} is a key of the window, '
                '{"shown": n} says that a frame of this computer\'s camera was shown. Texts out: {"said": ...} with '
                'the look after a key, {"trouble": ...} and {"error": ...}.',
            }
        },
    }  # fmt: skip
    video: _Json = {
        **dict.fromkeys(("id", "name", "error", "format"), _TEXT),
        "state": {"type": "string", "enum": ["uploaded", "queued", "working", "done", "failed", "cancelled"]},
        **dict.fromkeys(("width", "height", "place", "done"), _WHOLE),
        "frames": {"type": ["integer", "null"]},
        **dict.fromkeys(("seconds", "rate"), _NUMBER),
        "seconds_left": {"type": ["number", "null"]},
        **dict.fromkeys(("sound", "result", "matte"), _YES),
        "warnings": {"type": "array", "items": _TEXT},
        "look": {"anyOf": [_ref("Look"), {"type": "null"}]},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Background Removal", "version": version},
        "components": {
            "schemas": {
                "Look": look,
                "Video": {"type": "object", "properties": video},
                "Error": {"type": "object", "properties": {"error": _TEXT}},
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
        "paths": paths,
    }


def _look(start: Look, backgrounds: Sequence[str]) -> _Json:
    properties: _Json = {
        "background": {
            "type": "string",
            "description": f"blur, none, transparent, {', '.join(backgrounds)}, a colour, or upload:ID",
        },
        "blur": {"type": "string", "description": f"{', '.join(BLURS)}, or N%"},
        "threshold": _SHARE,
        "edge_softness": _SHARE,
        "light_wrap": _SHARE,
        "people": {"type": "string", "enum": list(PEOPLE)},
        "effects": {"type": "array", "items": {"type": "string", "enum": list(EFFECTS)}},
    }
    return {
        "type": "object",
        "properties": {name: {**schema, "default": start.told[name]} for name, schema in properties.items()},
    }


def _operation(
    summary: str,
    parameters: Sequence[_Json] = (),
    body: _Json | None = None,
    answer: _Json | Sequence[str] | None = None,
    status: int = 200,
) -> _Json:
    """Return one operation; its answer is a JSON schema, or types of files, or None for nothing."""
    if answer is None:
        good: _Json = {"204": {"description": "done"}}
    else:
        kinds = {"application/json": {"schema": answer}} if isinstance(answer, dict) else {kind: {} for kind in answer}
        good = {str(status): {"description": "done", "content": kinds}}
    bad = {
        str(code): {"description": why, "content": {"application/json": {"schema": _ref("Error")}}}
        for code, why in _REASONS.items()
    }
    told: _Json = {"summary": summary, "responses": {**good, **bad}}
    if parameters:
        told["parameters"] = list(parameters)
    if body:
        told["requestBody"] = body
    return told


def _ref(name: str) -> _Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _id() -> _Json:
    return {"type": "object", "properties": {"id": _TEXT, "name": _TEXT, "width": _WHOLE, "height": _WHOLE}}


def _any_body(what: str) -> _Json:
    return {"description": what, "required": True, "content": {"application/octet-stream": {}}}


def _json_body(properties: _Json, required: Sequence[str]) -> _Json:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return {"content": {"application/json": {"schema": schema}}}
