"""Access control of the page: Host, Origin, token, and the headers that restrict browsers."""

from __future__ import annotations

import secrets
import socket
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from background_removal.page.settings import LOOPBACK
from background_removal.support.access import has_basic_password, has_bearer_token, is_served_host, is_token

_POLICY = "; ".join(
    (
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' blob: data:",
        "media-src 'self' blob:", "connect-src 'self'", "form-action 'none'", "frame-ancestors 'none'",
        "base-uri 'none'", "manifest-src 'self'",
    )
)  # fmt: skip
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(self), microphone=(self), fullscreen=(self), screen-wake-lock=(self), geolocation=()"
    ),
}
# Methods that change nothing, and need no check of the Origin.
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_ANY_ADDRESS = ("0.0.0.0", "::", "")
# Path that says whether the page works, and nothing else; it needs no token.
HEALTH_PATH = "/healthz"
# Path for programs that can be given an address alone, so that their token is part of it.
PROGRAM_PATH = "/api/remove"


class AccessGuard:
    """Lets a request through only from the page itself, or with the token.

    The Host check stops names rebound to this computer's address (DNS rebinding), the Origin check other pages of
    the same browser. The token, which a named host needs, comes once in the address (``/?token=...``) and then in a
    cookie that neither scripts nor other pages can read; or as ``Authorization: Bearer TOKEN``. Programs that can be
    given an address alone have it there, as the password (``http://any:TOKEN@host/``) or as ``/api/remove?token=...``.

    Args:
        app: The guarded application.
        host: The served name or address.
        port: The port.
        token: The token; "" for none.
        secure: Whether the page is served by HTTPS.
    """

    def __init__(self, app: ASGIApp, *, host: str, port: int, token: str, secure: bool) -> None:
        self._app = app
        self._token = token
        self._scheme = "https" if secure else "http"
        self._port = port
        self._any_address = host in _ANY_ADDRESS
        self._names = {*LOOPBACK, host.lower()}
        if self._any_address:
            own = socket.gethostname().lower()
            self._names |= {own, f"{own}.local", socket.getfqdn().lower()}
        # With the port, as browsers share cookies between the ports of a host.
        self._token_cookie, self._visitor_cookie = f"token-{port}", f"visitor-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        cookies = cookie_parser(headers.get("cookie", ""))
        problem = self._find_forgery(scope, headers)
        has_token = False
        if problem is None:
            problem, has_token = self._check_token(scope, headers, cookies)
        visitor = cookies.get(self._visitor_cookie, "")
        is_new = not (20 <= len(visitor) <= 64 and visitor.isascii())
        if is_new:
            visitor = secrets.token_urlsafe(24)
        scope.setdefault("state", {})["visitor"] = visitor

        async def send_guarded(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                response = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    response.setdefault(name, value)
                if not response.get("Cache-Control"):
                    response["Cache-Control"] = "no-cache" if scope["path"].startswith("/static/") else "no-store"
                if problem is None and is_new:
                    response.append("Set-Cookie", self._cookie(self._visitor_cookie, visitor))
                if has_token:
                    response.append("Set-Cookie", self._cookie(self._token_cookie, self._token))
            await send(message)

        if problem is not None:
            await _refusal(*problem, headers)(scope, receive, send_guarded)
            return
        await self._app(scope, receive, send_guarded)

    def _cookie(self, name: str, value: str) -> str:
        return f"{name}={value}; Path=/; HttpOnly; SameSite=Strict" + ("; Secure" if self._scheme == "https" else "")

    def _find_forgery(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Return the status and message for a request under another name or from another page, else None."""
        host = headers.get("host", "")
        default_port = 443 if self._scheme == "https" else 80
        if len(headers.getlist("host")) != 1 or not is_served_host(
            host, self._names, self._port, default_port, self._any_address
        ):
            return 403, "this page is not served under that name (Host)"
        if scope["type"] == "http" and scope["method"] in _SAFE_METHODS:
            return None
        origin = headers.get("origin")
        if origin is not None and origin.lower() != f"{self._scheme}://{host.lower()}":
            return 403, "another page (Origin) may not do that"
        # Sent by browsers that leave out Origin.
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return 403, "another page (Sec-Fetch-Site) may not do that"
        return None

    def _check_token(
        self, scope: Scope, headers: Headers, cookies: dict[str, str]
    ) -> tuple[tuple[int, str] | None, bool]:
        """Return the status and message without the right token, else None; and whether the address had it."""
        path, authorization = scope["path"], headers.get("authorization", "")
        if not self._token or path == HEALTH_PATH:
            return None, False
        query = parse_qs(scope["query_string"].decode("latin-1")) if path in ("/", PROGRAM_PATH) else {}
        if given := query.get("token", [""])[0]:
            return (None, path == "/") if is_token(given, self._token) else ((401, "the token is wrong"), False)
        if (
            is_token(cookies.get(self._token_cookie, ""), self._token)
            or has_bearer_token(authorization, self._token)
            or has_basic_password(authorization, self._token)
        ):
            return None, False
        return (401, "open the address with the token, as it was printed where the page was started"), False


def _refusal(status: int, message: str, headers: Headers) -> Response:
    """Return the answer to a request that may not be: a page in words for a person, else JSON."""
    if headers.get("sec-fetch-mode") == "navigate" or headers.get("accept", "").startswith("text/html"):
        return HTMLResponse(f"<!doctype html><title>Background Removal</title><h1>{status}</h1><p>{message}.", status)
    return JSONResponse({"error": message}, status)
