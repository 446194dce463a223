"""The sinks of a stream beside those that its caller gives: recordings, window, virtual camera, control interface."""

from __future__ import annotations

from typing import TYPE_CHECKING

from background_removal.live.control.stream_controls import EngineState, StreamControls
from background_removal.live.recording.recording import Recorder
from background_removal.live.recording.snapshots import Snapshots
from background_removal.pipeline.actions import Actions, Actor
from background_removal.pipeline.frame import Sink, StreamInfo
from background_removal.pipeline.objects import ObjectChain

if TYPE_CHECKING:
    from background_removal.live.virtual_camera.virtual_camera import VirtualCamera
    from background_removal.live.window.viewer import Viewer


def live_sinks(engine: EngineState, chain: ObjectChain, info: StreamInfo, viewer: Viewer | None) -> list[Sink]:
    """Return the sinks of a stream, in order.

    Args:
        engine: The engine, with its options.
        chain: The custom objects.
        info: The stream; only a camera has a virtual camera and a control interface.
        viewer: The window, if there is one.
    """
    live = engine.live
    sinks: list[Sink] = []
    actors: list[Actor] = [chain, StreamControls(engine, info.live)]
    if info.live and live.virtual_camera is not None:
        camera = _virtual_camera(engine, chain, live.virtual_camera)
        sinks.append(camera)
        actors.append(camera)
    is_controlled = info.live and live.control_port is not None
    # Without a window messages go to the log, and to the callers of the control interface.
    say = viewer.say if viewer is not None else _ignore if is_controlled else None
    if say is not None or live.record_path:
        recorder, snapshots = Recorder(live, engine.encoding, say), Snapshots(live, say or _ignore)
        sinks += [recorder, snapshots]
        actors += [snapshots, recorder]
    if viewer is not None:
        registry = viewer.serve(actors, chain)
        sinks.append(viewer)
    else:
        registry = Actions(actors)
    if is_controlled:
        from background_removal.live.control.control_server import ControlServer

        # Without another destination for frames, custom objects may want them.
        has_viewers = live.virtual_camera is None and not live.record_path
        sinks.append(ControlServer(live.control_port or 0, registry, say or _ignore, has_viewers))
    return sinks


def _virtual_camera(engine: EngineState, chain: ObjectChain, device: str) -> VirtualCamera:
    from background_removal.live.virtual_camera.virtual_camera import VirtualCamera

    return VirtualCamera(
        device,
        engine.live.size,
        card=engine.live.card,
        transparent_color=engine.live.transparent_color,
        background=lambda: chain.picture("room_picture", "room"),
    )


def _ignore(text: str) -> None:
    """Drop a message."""
