"""The virtual camera of the page: one visitor's camera at a time, for meeting programs of this computer."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import numpy as np

from background_removal.errors import BackgroundRemovalError
from background_removal.live.options import LiveOptions
from background_removal.live.virtual_camera.virtual_camera import VirtualCamera
from background_removal.pipeline.frame import Frame, Sink, StreamInfo

log = logging.getLogger(__name__)

# Size without --size, pixels; a phone may be turned at any time, and meetings show wide pictures.
_SIZE = (1280, 720)
# Interval of the checks whether a frame is due, seconds; that of the engine's loop while no frame comes.
_IDLE_SECONDS = 0.01
# Before the first frame there is darkness behind the card.
_DARK = np.zeros((720, 1280, 3), np.uint8)


class ProgramCamera:
    """Keeps a virtual camera open from the page's start to its end, so that meeting programs do not lose it.

    Between two visitors, and while a visitor's frames do not come, it shows a card.

    Args:
        options: Its name, size, card and colour of transparency.

    Raises:
        InputError: pyvirtualcam or the driver is missing.
    """

    def __init__(self, options: LiveOptions) -> None:
        width, height = size = options.size or _SIZE
        self._camera = VirtualCamera(
            options.virtual_camera or "", size, card=options.card, transparent_color=options.transparent_color
        )
        self._camera.open(StreamInfo("camera", width, height, live=True))
        self._lock = threading.Lock()
        self._user: Sink | None = None
        self._closed = threading.Event()
        self._camera.write(Frame(_DARK))
        self._thread = threading.Thread(target=self._keep_rate, name="virtual camera", daemon=True)
        self._thread.start()

    @property
    def device(self) -> str:
        """Name of the virtual camera for programs."""
        return self._camera.device

    def show(self, user: Sink, frame: Frame) -> bool:
        """Show a visitor's frame, unless it shows another one's; return whether it does.

        Raises:
            ProcessingError: the device is gone.
        """
        with self._lock:
            self._user = self._user or user
            if self._user is not user or self._closed.is_set():
                return False
            self._camera.write(frame)
            return True

    def release(self, user: Sink) -> None:
        """Let another visitor be shown."""
        with self._lock:
            if self._user is user:
                self._user = None

    def close(self) -> None:
        """Close the virtual camera; calling it again does nothing."""
        if not self._closed.is_set():
            self._closed.set()
            self._thread.join()
            with self._lock:
                self._camera.close()

    def _keep_rate(self) -> None:
        """Repeat the last picture, or show the card, until closed."""
        try:
            while not self._closed.wait(_IDLE_SECONDS):
                with self._lock:
                    self._camera.idle("" if self._user is not None else "no camera")
        except BackgroundRemovalError as error:
            log.warning("%s", error)


class ProgramSink(Sink):
    """Shows one visitor's frames on the virtual camera, unless another visitor's are shown at the first of them.

    So a visitor who is left does not come into a meeting unasked.

    Args:
        camera: The virtual camera.
        on_shown: Called at the first frame that is shown.
    """

    def __init__(self, camera: ProgramCamera, on_shown: Callable[[], object]) -> None:
        self._camera = camera
        self._on_shown = on_shown
        self._is_shown: bool | None = None

    def write(self, frame: Frame) -> None:
        """Show a frame; raises ProcessingError if the device is gone."""
        if self._is_shown is False:
            return
        is_first, self._is_shown = self._is_shown is None, self._camera.show(self, frame)
        if is_first and self._is_shown:
            self._on_shown()

    def close(self, error: BaseException | None = None) -> None:
        self._camera.release(self)
