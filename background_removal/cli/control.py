"""``python main.py control``: run actions of a program that was started with --control."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from background_removal.cli.options import program_name
from background_removal.errors import InputError, ProcessingError
from background_removal.live.control.control_file import Address, addresses
from background_removal.pipeline.actions import ALL, rows_of

# Timeout for an answer, seconds; longer than the timeout of the run itself.
_ANSWER_SECONDS = 15.0

_HEAD = """\
usage: {program} control [--port PORT] ACTION [ARGUMENT]

Tell a run that was started with --control what to do:

"""
_FOOT = """
  key K                                     type a key, for objects of your own: key x, key space
  status                                    the state of the run
  actions                                   what this run can do

--port is needed only where several runs can be controlled.
"""


def control(arguments: Sequence[str], on_line: Callable[[str], object]) -> int:
    """Run the command ``control``.

    Args:
        arguments: The arguments after ``control``.
        on_line: Called with each line of output.

    Returns:
        The exit code.

    Raises:
        InputError: there is no run, or the arguments are wrong.
        ProcessingError: the action failed.
    """
    words, port = list(arguments), None
    if words[:1] == ["--port"]:
        if len(words) < 2 or not words[1].isdecimal():
            raise InputError("--port: must be followed by a number")
        port, words = int(words[1]), words[2:]
    if not words or words[0] in ("-h", "--help", "help"):
        on_line(usage())
        return 0
    name, argument = words[0], " ".join(words[1:])
    address = _running(port)
    if name == "status":
        for what, value in _request(address, "GET", "/status").items():
            on_line(f"{what}: {_format(value)}")
        return 0
    if name == "actions":
        for row in _request(address, "GET", "/actions")["actions"]:
            on_line(_row(" | ".join(row["names"]), row["takes"], row["meaning"]))
        return 0
    answer = _request(address, "POST", f"/actions/{quote(name, safe='')}", {"argument": argument})
    on_line(answer["message"] or ("done" if answer["done"] else "nothing was done"))
    return 0


def usage() -> str:
    """Return the help, made from the declared actions."""
    rows = (_row(row.usage, "", row.label) for row in rows_of(ALL))
    return _HEAD.format(program=program_name()) + "\n".join(rows) + _FOOT


def _row(names: str, takes: str, label: str) -> str:
    return f"  {f'{names} {takes}'.strip():<41} {label}"


def _format(value: Any) -> str:
    return {True: "yes", False: "no", "": "-"}.get(value, str(value)) if isinstance(value, (bool, str)) else str(value)


def _running(port: int | None) -> Address:
    """Return the address of the run at `port`, or of the only one."""
    known = [address for address in addresses() if port in (None, address.port)]
    alive = [address for address in known if _answers(address)]
    if not alive:
        where = "" if port is None else f" at port {port}"
        raise InputError(f"nothing that can be controlled runs{where}; start it with --control")
    if len(alive) > 1:
        ports = ", ".join(str(address.port) for address in alive)
        raise InputError(f"several runs can be controlled: say which by --port, of {ports}")
    return alive[0]


def _answers(address: Address) -> bool:
    """Return whether a run answers; a killed one leaves its file."""
    connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=_ANSWER_SECONDS)
    try:
        connection.connect()
    except OSError:
        return False
    finally:
        connection.close()
    return True


def _request(address: Address, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Send a request; return the body of the response."""
    connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=_ANSWER_SECONDS)
    headers = {"Authorization": f"Bearer {address.token}", "Content-Type": "application/json"}
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        content = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ProcessingError(f"the run at port {address.port} gave no answer: {error}") from error
    finally:
        connection.close()
    if response.status == 200:
        return content
    message = str(content.get("error", response.reason)) if isinstance(content, dict) else response.reason
    raise (InputError if response.status < 500 else ProcessingError)(message)
