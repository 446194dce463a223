"""Who may ask: nobody from elsewhere, by whatever way a browser lets him; and what a browser may do with answers."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from background_removal.page.settings import LOOPBACK

_POLICY = "; ".join(
    (
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' blob: data:",
        "media-src 'self' blob:", "connect-src 'self'", "form-action 'none'", "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)  # fmt: skip
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), fullscreen=(self), geolocation=()",
}
# Nothing that is asked for with one of these changes anything.
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_ANYWHERE = ("0.0.0.0", "::", "")


class AccessGuard:
    """Lets a request through only if it comes from the page itself, or from who has the token.

    Host is checked against names rebound to this computer's address (DNS rebinding), Origin against other pages of
    the same browser. The token, which a named host needs, comes once in the address (``/?token=...``) and then in a
    cookie that no script and no other page has; or as ``Authorization: Bearer TOKEN``.

    Args:
        app: What is guarded.
        host: The name or address that is served.
        port: Where it listens.
        token: What who asks must know; "" for nothing.
        secure: Whether it is served by HTTPS.
    """

    def __init__(self, app: ASGIApp, *, host: str, port: int, token: str, secure: bool) -> None:
        self._app = app
        self._token = token
        self._scheme = "https" if secure else "http"
        self._port = port
        self._anywhere = host in _ANYWHERE
        self._hosts = {*LOOPBACK, host.lower()}
        if self._anywhere:
            own = socket.gethostname().lower()
            self._hosts |= {own, f"{own}.local", socket.getfqdn().lower()}
        # Cookies do not know ports: two pages on one computer have names of their own for them.
        self._token_cookie, self._visitor_cookie = f"token-{port}", f"visitor-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        cookies = cookie_parser(headers.get("cookie", ""))
        problem, given = self._problem(scope, headers, cookies)
        visitor = cookies.get(self._visitor_cookie, "")
        fresh = not (20 <= len(visitor) <= 64 and visitor.isascii())
        if fresh:
            visitor = secrets.token_urlsafe(24)
        scope.setdefault("state", {})["visitor"] = visitor

        async def send_guarded(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                answer = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    answer.setdefault(name, value)
                if not answer.get("Cache-Control"):
                    answer["Cache-Control"] = "no-cache" if scope["path"].startswith("/static/") else "no-store"
                if problem is None and fresh:
                    answer.append("Set-Cookie", self._cookie(self._visitor_cookie, visitor))
                if problem is None and given:
                    answer.append("Set-Cookie", self._cookie(self._token_cookie, self._token))
            await send(message)

        if problem is not None:
            await JSONResponse({"error": problem[1]}, problem[0])(scope, receive, send_guarded)
            return
        await self._app(scope, receive, send_guarded)

    def _cookie(self, name: str, value: str) -> str:
        return f"{name}={value}; Path=/; HttpOnly; SameSite=Strict" + ("; Secure" if self._scheme == "https" else "")

    def _problem(self, scope: Scope, headers: Headers, cookies: dict[str, str]) -> tuple[tuple[int, str] | None, bool]:
        """Return the status and what is wrong, None if nothing is; and whether the token came in the address."""
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or not self._is_ours(host):
            return (403, "this page is not served under that name (Host)"), False
        changes = scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS
        origin = headers.get("origin")
        if changes and origin is not None and origin.lower() != f"{self._scheme}://{host.lower()}":
            return (403, "another page (Origin) may not do that"), False
        # Browsers that leave Origin out say so at least.
        if changes and headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return (403, "another page (Sec-Fetch-Site) may not do that"), False
        if not self._token:
            return None, False
        asked = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0] if scope["path"] == "/" else ""
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        if asked:
            return (None, True) if self._is_right(asked) else ((401, "the token is wrong"), False)
        if self._is_right(cookies.get(self._token_cookie, "")) or (
            kind.lower() == "bearer" and self._is_right(bearer.strip())
        ):
            return None, False
        return (401, "open the address with the token, as it was printed where the page was started"), False

    def _is_right(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self._token.encode())

    def _is_ours(self, host: str) -> bool:
        """Tell whether a Host (RFC 9110, 7.2) is a name that is served."""
        name, port = host.lower(), ""
        if name.startswith("["):
            name, _, port = name[1:].partition("]")
            port = port.removeprefix(":")
        elif ":" in name:
            name, _, port = name.rpartition(":")
        if port != str(self._port) and not (port == "" and self._port == (443 if self._scheme == "https" else 80)):
            return False
        return name in self._hosts or (self._anywhere and _is_address(name))


def _is_address(name: str) -> bool:
    """Tell whether a name is an address in numbers, which nobody can rebind."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
