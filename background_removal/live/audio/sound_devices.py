"""The microphones of this computer, as PortAudio knows them."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from types import ModuleType
from typing import Any, TypeVar

from background_removal.errors import InputError
from background_removal.pipeline.worker import Worker
from background_removal.support.installing import install_command

Answer = TypeVar("Answer")

# How long the system's sound may take: where many devices are plugged in, looking at all takes a second or two.
ANSWER_SECONDS = 8.0


def list_microphones() -> dict[int, str]:
    """Return the names of this computer's microphones by their numbers, the usual one first.

    Raises:
        InputError: what finds them is not installed, or does not answer.
    """
    return _answered(_known)


def find_microphone(device: str) -> tuple[int, int, int]:
    """Return PortAudio's number of a microphone, its samples in a second, and its channels, 1 or 2.

    Args:
        device: Its name, a part of it, or its number, as `list_microphones` tells them; "default" for the usual one.

    Raises:
        InputError: there is none, or what finds it is not installed or does not answer.
    """

    def ask() -> tuple[int, int, int]:
        number = _number_of(device, _known())
        found: Any = _sounddevice().query_devices(number)
        return number, round(found["default_samplerate"]), min(2, found["max_input_channels"])

    return _answered(ask)


def _answered(ask: Callable[[], Answer]) -> Answer:
    """Return what `ask` does, which a sound server that hangs would hold up for ever."""

    def work(worker: Worker[Answer]) -> None:
        worker.put(ask())

    with ExitStack() as stack:
        # PortAudio's module sends what is written to stderr nowhere while it loads, and there it would stay.
        stderr = os.dup(2)
        stack.callback(os.close, stderr)
        worker = stack.enter_context(Worker(work, "sound server", join_seconds=0))
        answer = next(worker.items(ANSWER_SECONDS))
        if answer is not None:
            return answer
        os.dup2(stderr, 2)
    raise InputError(f"the microphone cannot be used: the system's sound did not answer for {ANSWER_SECONDS:g} s")


def _known() -> dict[int, str]:
    sounddevice: Any = _sounddevice()
    interfaces, devices = sounddevice.query_hostapis(), sounddevice.query_devices()
    if not interfaces:
        return {}
    # Windows has several interfaces to the same devices, of which PortAudio has chosen one.
    usual = interfaces[sounddevice.default.hostapi]
    numbers = [number for number in usual["devices"] if devices[number]["max_input_channels"] > 0]
    numbers.sort(key=lambda number: number != usual["default_input_device"])
    return {number: devices[number]["name"] for number in numbers}


def _number_of(device: str, known: Mapping[int, str]) -> int:
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


def _sounddevice() -> ModuleType:
    """Return PortAudio's module; it knows the devices that there are when it is loaded."""
    try:
        import sounddevice
    except ImportError as error:
        raise InputError(f"the microphone needs an extra package: {install_command('live')}") from error
    except OSError as error:  # the wheels for macOS and Windows bring it along
        raise InputError(f"the microphone needs PortAudio ({error}): apt-get install libportaudio2") from error
    except Exception as error:  # its own, which cannot be named without it
        raise InputError(f"the microphone cannot be used ({error})") from error
    # At the program's end it would wait for the sound server, however long that hangs.
    atexit.unregister(getattr(sounddevice, "_exit_handler", atexit.unregister))
    return sounddevice
