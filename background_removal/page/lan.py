"""Addresses of this computer in the local network, and the QR code of one for a phone."""

from __future__ import annotations

import ipaddress
import socket
import sys
from itertools import chain
from pathlib import Path

from background_removal.errors import InputError
from background_removal.support.installing import install_command

try:
    import ifaddr
    import segno
except ImportError as error:
    raise InputError(
        f"--serve lan needs extra packages ({error.name} is missing): {install_command('page')}"
    ) from error

# Where Linux describes its network interfaces.
_INTERFACES = Path("/sys/class/net")
# An address that belongs to no computer (RFC 5737); asking for the way there sends nothing.
_ELSEWHERE = ("192.0.2.1", 9)
# White around a QR code, modules; ISO/IEC 18004 asks for 4, readers of today are content with 2 on a black terminal.
_QUIET_MODULES = 2
# Black on white, whatever the terminal's colours are, by its fixed palette of 256.
_BLACK_ON_WHITE, _USUAL = "\x1b[38;5;16;48;5;231m", "\x1b[0m"


def list_addresses() -> list[str]:
    """Return the addresses at which other computers of the network reach this one, the likeliest first.

    Only IPv4, unless there is none: those of IPv6 are often open to the whole internet, and long to type.
    Not those of loopback, of a direct cable (link-local), or of a bridge that connects containers alone.

    Raises:
        InputError: there is none.
    """
    adapters = [each for each in ifaddr.get_adapters() if not _is_virtual_bridge(each.name)]
    texts = [ip.ip if isinstance(ip.ip, str) else ip.ip[0] for adapter in adapters for ip in adapter.ips]
    found = [ipaddress.ip_address(text) for text in texts]
    usable = [each for each in found if not (each.is_loopback or each.is_link_local or each.is_unspecified)]
    chosen = [each for each in usable if each.version == 4] or usable
    if not chosen:
        raise InputError("--serve lan: this computer has no address in a network; connect it to one")
    outgoing = _outgoing_address()
    # Stable: the system's order, after the address of the default route.
    return sorted(dict.fromkeys(map(str, chosen)), key=lambda text: text != outgoing)


def list_names() -> list[str]:
    """Return the names of this computer in the local network, in lower case."""
    own = socket.gethostname().lower()
    return list(dict.fromkeys([own, own if "." in own else f"{own}.local"]))


def draw_qr_code(text: str) -> str:
    """Return the QR code of a text as lines for a terminal, two rows of modules in each."""
    if sys.platform == "win32":
        import os

        os.system("")  # switches colours on in older consoles
    code = segno.make(text, error="l", micro=False)
    rows = [list(row) for row in code.matrix_iter(border=_QUIET_MODULES)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    halves = {(0, 0): " ", (1, 0): "▀", (0, 1): "▄", (1, 1): "█"}
    lines = (
        "".join(halves[int(bool(above)), int(bool(below))] for above, below in zip(*pair, strict=True))
        for pair in zip(rows[::2], rows[1::2], strict=True)
    )
    return "\n".join(f"{_BLACK_ON_WHITE}{line}{_USUAL}" for line in lines)


def _outgoing_address() -> str:
    """Return this computer's address on its default route, "" without one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def _is_virtual_bridge(name: str) -> bool:
    """Return whether an interface is a bridge without a device of this computer, such as docker0; known on Linux."""
    interface = _INTERFACES / name.partition(":")[0]
    if not (interface / "bridge").is_dir():
        return False
    ports = [_INTERFACES / port.name for port in (interface / "brif").glob("*")]
    return not any(chain.from_iterable((*port.glob("device"), *port.glob("lower_*")) for port in ports))
