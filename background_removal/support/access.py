"""Access checks of the two local HTTP servers: the Host header against DNS rebinding, and a token."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Collection


def is_served_host(
    header: str, names: Collection[str], port: int, default_port: int | None = None, any_address: bool = False
) -> bool:
    """Return whether a Host header (RFC 9110, 7.2) names this server.

    Args:
        header: The header's value.
        names: Host names and addresses of this server, in lower case.
        port: Port of this server.
        default_port: The scheme's port, which the header may leave out.
        any_address: Whether each numeric address is accepted; DNS cannot rebind one.

    >>> is_served_host("localhost:80", ["localhost"], 80), is_served_host("evil.example:80", ["localhost"], 80)
    (True, False)
    >>> is_served_host("localhost", ["localhost"], 80, 80), is_served_host("[::1]:81", [], 81, any_address=True)
    (True, True)
    """
    name, port_text = header.lower(), ""
    if name.startswith("["):
        name, _, port_text = name[1:].partition("]")
        port_text = port_text.removeprefix(":")
    elif ":" in name:
        name, _, port_text = name.rpartition(":")
    if port_text != str(port) and not (port_text == "" and port == default_port):
        return False
    return name in names or (any_address and _is_address(name))


def is_token(given: str, token: str) -> bool:
    """Return whether a token is the right one, in constant time."""
    return hmac.compare_digest(given.encode(), token.encode())


def has_bearer_token(authorization: str, token: str) -> bool:
    """Return whether an Authorization header carries the token.

    >>> has_bearer_token("Bearer abc", "abc"), has_bearer_token("Basic abc", "abc"), has_bearer_token("", "abc")
    (True, False, False)
    """
    scheme, _, given = authorization.partition(" ")
    return scheme.lower() == "bearer" and is_token(given.strip(), token)


def has_basic_password(authorization: str, token: str) -> bool:
    """Return whether an Authorization header carries the token as a password, of any user (RFC 7617).

    >>> has_basic_password("Basic eDphYmM=", "abc"), has_basic_password("Basic eDphYmM=", "abcd")
    (True, False)
    """
    scheme, _, given = authorization.partition(" ")
    try:
        password = base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return False
    return scheme.lower() == "basic" and is_token(password, token)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
