"""Who takes the frames of a stream beside those that its owner has named: window, recordings, virtual camera."""

from __future__ import annotations

from typing import TYPE_CHECKING

from background_removal.live.control.controls import Control, Controls, EngineState, StreamKeys
from background_removal.live.recording.recording import Recorder
from background_removal.live.recording.snapshots import Snapshots
from background_removal.pipeline.frame import Sink, StreamInfo
from background_removal.pipeline.objects import ObjectChain

if TYPE_CHECKING:
    from background_removal.live.window.viewer import Viewer


def live_sinks(engine: EngineState, chain: ObjectChain, info: StreamInfo, viewer: Viewer | None) -> list[Sink]:
    """Return the sinks of a stream, in order.

    Args:
        engine: Whose stream it is, and what is asked of it.
        chain: Its custom objects.
        info: What is known of it; only a camera's frames go to a virtual camera, and are controlled from outside.
        viewer: The window, if there is one.
    """
    live = engine.live
    sinks: list[Sink] = []
    controls: list[Control] = [chain, StreamKeys(engine, info.live)]
    if info.live and live.virtual_camera is not None:
        from background_removal.live.virtual_camera.virtual_camera import VirtualCamera

        camera = VirtualCamera(
            live.virtual_camera,
            live.size,
            card=live.card,
            transparent_color=live.transparent_color,
            background=lambda: chain.picture("room_picture", "room"),
        )
        sinks.append(camera)
        controls.append(camera)
    controlled = info.live and live.control_port is not None
    say = viewer.say if viewer is not None else _hear if controlled else None
    if say is not None or live.record_path:
        recorder, snapshots = Recorder(live, engine.encoding, say), Snapshots(live, say or _hear)
        sinks += [recorder, snapshots]
        controls += [snapshots, recorder]
    if viewer is not None:
        taking = viewer.serve(controls, chain)
        sinks.append(viewer)
    else:
        taking = Controls(controls, chain.objects)
    if controlled:
        from background_removal.live.control.control_server import ControlServer

        # Where frames go nowhere else, custom objects may want them.
        sinks_decide = bool(live.virtual_camera is not None or live.record_path)
        sinks.append(ControlServer(live.control_port or 0, taking, say or _hear, not sinks_decide))
    return sinks


def _hear(text: str) -> None:
    """Stand in for a window: what there is to say is in the log as well, and is told to whoever asks."""
