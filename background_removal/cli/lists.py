"""The lists that options print instead of doing anything else, such as ``--list-models``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from background_removal.cli.request import Request

# What makes a list is imported when that list is asked for: most need nothing heavy, and answer at once.


def requested_lines(request: Request) -> Iterable[str] | None:
    """Return the lines of the list that is asked for, None for no list."""
    if request.print_completion:
        from background_removal.cli.completion import completion_script

        return [completion_script(request.print_completion)]
    if request.list_models:
        from background_removal.matting.networks.weights import model_lines

        return model_lines()
    if request.list_devices:
        from background_removal.matting.networks.devices import device_lines

        return device_lines()
    if request.list_backgrounds:
        from background_removal.compositing.shipped import shipped_pictures

        return shipped_pictures()
    if request.list_cameras:
        return _camera_lines()
    return _microphone_lines() if request.list_microphones else None


def _camera_lines() -> Iterator[str]:
    from background_removal.live.camera.devices import list_camera_modes, list_cameras

    cameras = list_cameras()
    if not cameras:
        yield "no camera was found on this computer"
    for number, name in cameras.items():
        yield f"{number} ({name})"
        yield from (f"    {mode}" for mode in list_camera_modes(number))


def _microphone_lines() -> Iterator[str]:
    from background_removal.live.audio.sound_devices import list_microphones

    microphones = list_microphones()
    if not microphones:
        yield "no microphone was found on this computer"
    for place, (number, name) in enumerate(microphones.items()):
        yield f"{number} ({name})" + ("" if place else ", the usual one")
