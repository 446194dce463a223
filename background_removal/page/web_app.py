"""What a phone needs to install the page: its manifest, and the certificate authority of its own certificate."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from background_removal.page.http_errors import PageError
from background_removal.page.settings import Settings

# Colour of the bar around an installed page before its own are known; that of the icon.
_THEME_COLOR = "#2f6feb"
# Colour of the window while it opens; the paper of style.css.
_PAPER_COLOR = "#f5f5f3"
_ICONS = (
    ("icon-192.png", "192x192", "any"), ("icon-512.png", "512x512", "any"),
    ("icon-maskable-512.png", "512x512", "maskable"),
)  # fmt: skip


class WebApp:
    """Serves the manifest and the certificate authority.

    Args:
        settings: Settings of the page.
        token: Token that visitors need; "" for none.
    """

    def __init__(self, settings: Settings, token: str) -> None:
        self._authority = settings.authority
        # An installed page keeps no cookie on some phones; who may read the manifest has the token already.
        self._start_url = f"/?token={quote(token)}" if token else "/"

    def router(self) -> APIRouter:
        """Return the routes."""
        router = APIRouter()
        router.add_api_route("/manifest.webmanifest", self._manifest, include_in_schema=False)
        router.add_api_route("/certificate.crt", self._certificate, include_in_schema=False)
        return router

    async def _manifest(self) -> Response:
        manifest = {
            "id": "/",
            "name": "Background Removal",
            "short_name": "Background",
            "description": "Replaces or blurs the background of a person.",
            "start_url": self._start_url,
            "scope": "/",
            "display": "standalone",
            "theme_color": _THEME_COLOR,
            "background_color": _PAPER_COLOR,
            "icons": [
                {"src": f"/static/{name}", "sizes": sizes, "type": "image/png", "purpose": purpose}
                for name, sizes, purpose in _ICONS
            ],
        }
        return JSONResponse(manifest, media_type="application/manifest+json")

    async def _certificate(self) -> Response:
        if not self._authority:
            raise PageError(404, "this page has no certificate of its own")
        return Response(self._authority, media_type="application/x-x509-ca-cert")
