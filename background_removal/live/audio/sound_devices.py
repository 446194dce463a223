"""The microphones of this computer, as PortAudio knows them."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import ModuleType
from typing import Any, TypeVar

from background_removal.errors import InputError
from background_removal.pipeline.worker import Worker
from background_removal.support.installing import install_command
from background_removal.support.stderr import restore_fd

Answer = TypeVar("Answer")

# Timeout of the sound server, seconds; listing many devices takes a second or two.
ANSWER_SECONDS = 8.0


def list_microphones() -> dict[int, str]:
    """Return the names of this computer's microphones by number, the default one first.

    Raises:
        InputError: PortAudio is not installed, or the sound server does not answer.
    """
    return _ask_sound_server(_list_inputs)


def find_microphone(device: str) -> tuple[int, int, int]:
    """Find a microphone; return PortAudio's number, the samples per second, and the channels, 1 or 2.

    Args:
        device: Its name, a part of it, or its number, as in `list_microphones`; "default" for the default one.

    Raises:
        InputError: there is none, PortAudio is not installed, or the sound server does not answer.
    """

    def query() -> tuple[int, int, int]:
        number = _find_number(device, _list_inputs())
        found: Any = _load_sounddevice().query_devices(number)
        return number, round(found["default_samplerate"]), min(2, found["max_input_channels"])

    return _ask_sound_server(query)


def _ask_sound_server(query: Callable[[], Answer]) -> Answer:
    """Return the result of `query`, called in a thread, as the sound server may hang for ever."""

    def work(worker: Worker[Answer]) -> None:
        worker.put(query())

    with ExitStack() as stack:
        # PortAudio's module redirects stderr to nowhere while it loads; if it hangs, that has to be undone.
        stack.enter_context(restore_fd(2))
        worker = stack.enter_context(Worker(work, "sound server", join_seconds=0))
        answer = next(worker.items(ANSWER_SECONDS))
        if answer is not None:
            return answer
    raise InputError(f"the microphone cannot be used: the system's sound did not answer for {ANSWER_SECONDS:g} s")


def _list_inputs() -> dict[int, str]:
    sounddevice: Any = _load_sounddevice()
    interfaces, devices = sounddevice.query_hostapis(), sounddevice.query_devices()
    if not interfaces:
        return {}
    # Windows has several interfaces to the same devices; PortAudio has a default one.
    default = interfaces[sounddevice.default.hostapi]
    numbers = [number for number in default["devices"] if devices[number]["max_input_channels"] > 0]
    numbers.sort(key=lambda number: number != default["default_input_device"])
    return {number: devices[number]["name"] for number in numbers}


def _find_number(device: str, known: Mapping[int, str]) -> int:
    if not known:
        driver = "; with PipeWire or PulseAudio: apt-get install libasound2-plugins" if sys.platform == "linux" else ""
        raise InputError(f"`microphone` {device}: no microphone was found on this computer{driver}")
    if device == "default":
        return next(iter(known))
    if device.isdecimal() and int(device) in known:
        return int(device)
    wanted = device.casefold()
    found = [number for number, name in known.items() if name.casefold() == wanted]
    found = found or [number for number, name in known.items() if wanted in name.casefold()]
    if len(found) == 1:
        return found[0]
    others = ", ".join(f"{number} ({known[number]})" for number in found or known)
    problem = "several have this in their names; give a number" if found else "there is none of this name; choose"
    raise InputError(f"`microphone` {device}: {problem}: {others}")


def _load_sounddevice() -> ModuleType:
    """Import PortAudio's module, which lists the devices present at that time."""
    try:
        import sounddevice
    except ImportError as error:
        raise InputError(f"the microphone needs an extra package: {install_command('live')}") from error
    except OSError as error:  # the wheels for macOS and Windows include it
        raise InputError(f"the microphone needs PortAudio ({error}): apt-get install libportaudio2") from error
    except Exception as error:  # sounddevice's own errors, not nameable without it
        raise InputError(f"the microphone cannot be used ({error})") from error
    # Its exit handler would wait for a hanging sound server.
    atexit.unregister(getattr(sounddevice, "_exit_handler", atexit.unregister))
    return sounddevice
