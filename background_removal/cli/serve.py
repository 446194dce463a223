"""``--serve``: serve the page of a request."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, replace

from background_removal.cli.request import Request
from background_removal.compositing.colors import is_color
from background_removal.compositing.shipped import shipped_picture, shipped_pictures
from background_removal.errors import InputError, InputNotFoundError
from background_removal.files.images import read_image
from background_removal.live.options import CameraOptions
from background_removal.look import PLAIN_BACKGROUNDS, Look
from background_removal.matting.networks.weights import models_here
from background_removal.page.looks import UPLOAD, parse_look
from background_removal.page.settings import LOOPBACK, Settings

log = logging.getLogger(__name__)

# Upload id of the background that the owner of the page names.
_OWN_PICTURE_ID = "yours"
# In place of a host: the addresses of the local network, by HTTPS.
_LAN = "lan"


def serve_page(request: Request, on_line: Callable[[str], object]) -> None:
    """Serve the page until Ctrl-C.

    Args:
        request: The address, and the look at the start.
        on_line: Called with the page's addresses and what belongs to them.

    Raises:
        InputError: the page cannot be served.
        KeyboardInterrupt: Ctrl-C was typed.
    """
    assert request.serve is not None
    host, port = parse_address(request.serve)
    look, pictures = _page_look(request.recipe.look)
    live = request.live
    settings = Settings(
        look=look,
        pictures=pictures,
        network=asdict(request.recipe.network),
        host=host,
        port=port,
        open_browser=not request.no_browser,
        certificate=request.cert,
        key=request.cert_key,
        webcam=request.webcam,
        camera=CameraOptions(live.size, live.rate, live.backend, live.reconnect),
        virtual_camera=request.live_arguments["live"] if live.virtual_camera is not None else None,
        models=models_here,
    )
    from background_removal.page.server import serve

    about: list[str] = []
    if host == _LAN:
        settings, about = _open_to_lan(settings)
    elif host not in LOOPBACK and not request.cert:
        log.info("browsers on other computers give their camera to pages by https:// alone: see --serve lan and --cert")

    def show(addresses: list[str]) -> None:
        for address in addresses:
            on_line(address)
        if host == _LAN and sys.stdout.isatty():
            from background_removal.page.lan import draw_qr_code

            on_line(draw_qr_code(addresses[0]))
        for line in about:
            on_line(line)

    serve(settings, show)


def _open_to_lan(settings: Settings) -> tuple[Settings, list[str]]:
    """Return the settings for the local network, and lines about its certificate.

    Raises:
        InputError: a package is missing, there is no network, or the certificate cannot be kept.
    """
    from background_removal.page.lan import list_addresses, list_names
    from background_removal.support.paths import user_folder

    addresses = tuple(list_addresses())
    any_address = "::" if ":" in addresses[0] else "0.0.0.0"
    # Not this computer's browser, which would warn of the certificate: the phone's is meant.
    settings = replace(settings, host=any_address, addresses=addresses, open_browser=False)
    if settings.certificate:
        return settings, []
    from background_removal.page.own_certificate import provide_certificate

    names = (*addresses, *list_names(), *LOOPBACK)
    own = provide_certificate(names, user_folder() / "page")
    settings = replace(settings, certificate=str(own.path), authority=own.authority, token=own.token)
    return settings, [f"certificate {own.path}", f"SHA-256 {own.fingerprint}"]


def parse_address(text: str) -> tuple[str, int]:
    """Return the host, or "lan", and the port of --serve; either may be left out.

    Raises:
        InputError: `text` is no address.

    >>> parse_address("8000"), parse_address("0.0.0.0"), parse_address("studio:80"), parse_address("[::1]:9000")
    (('127.0.0.1', 8000), ('0.0.0.0', 8765), ('studio', 80), ('::1', 9000))
    >>> parse_address("lan"), parse_address("lan:9000")
    (('lan', 8765), ('lan', 9000))
    """
    host, port = "127.0.0.1", "8765"
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif text.isdecimal():
        port = text
    elif ":" in text:
        host, _, port = text.rpartition(":")
    else:
        host = text
    if not (port.isascii() and port.isdecimal() and int(port) < 1 << 16) or "/" in host or ":" in host.strip(":") == "":
        raise InputError(f"--serve {text}: must be HOST:PORT, for instance 127.0.0.1:8765")
    return host or "127.0.0.1", int(port)


def _page_look(look: Look) -> tuple[Look, dict[str, str]]:
    """Return the look that a page starts with, and the owner's pictures in it."""
    background, pictures = look.background, {}
    if os.path.isfile(background) and shipped_picture(background) is None:
        read_image(background)  # reports a file that is no picture
        pictures, background = {_OWN_PICTURE_ID: background}, UPLOAD + _OWN_PICTURE_ID
    elif background not in PLAIN_BACKGROUNDS and shipped_picture(background) is None and not is_color(background):
        raise InputNotFoundError(
            f"--background {background}: no such picture, nor one of {', '.join(shipped_pictures())}; "
            "a page takes no folder, address or video here"
        )
    given = {**look.to_dict(), "background": background, "blur": str(look.blur)}
    from background_removal.page.http_errors import PageError

    try:
        return parse_look(given, Look(), lambda item_id: item_id in pictures), pictures
    except PageError as error:
        raise InputError(f"--{error}") from error
