"""The contract of a custom object: what is called, what is left alone, and what errors say."""

from __future__ import annotations

import threading
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from conftest import done, probe

from engine import Engine
from pipeline.errors import InputError, ProcessingError
from pipeline.frame import Frame, StreamInfo
from pipeline.objects import FrameObject, ObjectChain

INFO = StreamInfo("clip.mp4", 64, 48)
IMAGE = np.full((48, 64, 3), 100, np.uint8)


class Everything(FrameObject):
    """Notes all that it is told."""

    keys = {"x": "mine"}  # noqa: RUF012

    def __init__(self) -> None:
        self.calls: list[object] = []

    def meet(self, objects) -> None:
        self.calls.append(("meet", len(objects)))

    def open(self, info: StreamInfo) -> None:
        self.calls.append(("open", info.name))

    def at(self, seconds: float) -> None:
        self.calls.append(("at", seconds))

    def __call__(self, image: np.ndarray) -> np.ndarray:
        self.calls.append("call")
        return image

    def view(self, image: np.ndarray) -> np.ndarray:
        return 255 - image

    def on_key(self, key: str) -> bool | str:
        return "x was used" if key == "x" else False

    def close(self) -> None:
        self.calls.append("close")


def test_everything_is_called_in_its_order() -> None:
    item = Everything()
    chain = ObjectChain([item, np.flipud])
    chain.open(INFO)
    frame = chain(Frame(IMAGE, 3, 120))
    chain.close()
    chain.close()
    assert frame.processed
    assert item.calls == [("meet", 2), ("open", "clip.mp4"), ("at", 0.12), "call", "close"]
    assert (chain.view(IMAGE) == 155).all()
    assert chain.keys == {"x": "mine"}
    assert (chain.on_key("x"), chain.on_key("y")) == ("x was used", False)


def test_what_only_has_such_names_works_and_is_left_alone(clip: Callable) -> None:
    """A ufunc has .at; a class of the user's may have a view of its own, with other arguments."""

    class Other:
        keys = ("x",)
        close = "nothing to call"

        def __call__(self, image: np.ndarray) -> np.ndarray:
            return 255 - image

        def view(self, image: np.ndarray, zoom: float) -> np.ndarray:
            raise AssertionError("view was called")

        def open(self) -> None:
            raise AssertionError("open was called")

        def at(self, x: int, y: int) -> None:
            raise AssertionError("at was called")

        def on_key(self) -> None:
            raise AssertionError("on_key was called")

    source = clip(frames=4).path
    plain = probe(done(Engine(video_path=source, custom_objects=[lambda image: 255 - image])), images=True)
    for item in (np.invert, Other(), cv2.bitwise_not):
        chain = ObjectChain([item])
        assert chain.on_key("x") is False
        assert chain.view(IMAGE) is IMAGE
        found = probe(done(Engine(video_path=source, custom_objects=[item])), images=True)
        assert all((a == b).all() for a, b in zip(found.images, plain.images, strict=True))


def test_an_object_may_imitate_the_contract_with_arguments_of_its_own() -> None:
    class Imitates:
        def __init__(self) -> None:
            self.opened = self.seconds = None

        def open(self, stream, *, verbose: bool = False) -> None:
            self.opened = stream.name

        def at(self, seconds: float, _: int = 0) -> None:
            self.seconds = seconds

        def __call__(self, image: np.ndarray) -> np.ndarray:
            return image

    item = Imitates()
    chain = ObjectChain([item])
    chain.open(INFO)
    chain(Frame(IMAGE, 1, 40))
    assert (item.opened, item.seconds) == ("clip.mp4", 0.04)


def test_what_cannot_be_called_is_refused_with_its_name() -> None:
    with pytest.raises(InputError, match="custom object int: must be callable"):
        Engine(custom_objects=[3])


@pytest.mark.parametrize("method", ["meet", "open", "at", "__call__", "view", "on_key", "close"])
def test_errors_name_the_object(method: str) -> None:
    def fails(self, *_: object) -> None:
        raise ZeroDivisionError("by design")

    chain = ObjectChain([type("Culprit", (FrameObject,), {method: fails})()])

    def use() -> None:
        chain.open(INFO)
        chain(Frame(IMAGE, 7, 280))
        chain.view(IMAGE)
        chain.on_key("x")
        chain.close()

    with pytest.raises(ProcessingError, match=r"custom object Culprit .*ZeroDivisionError: by design") as caught:
        use()
    if method in ("at", "__call__"):
        assert "on frame 7 (0.280 s)" in str(caught.value)


def test_a_key_that_fails_for_lack_of_a_file_is_told_and_does_not_end_the_run() -> None:
    class Fails(FrameObject):
        def on_key(self, key: str) -> bool:
            raise InputError("no such folder")

    assert ObjectChain([Fails()]).on_key("b") == "no such folder"


def test_all_that_were_opened_are_closed_when_one_cannot_be() -> None:
    first, last = Everything(), Everything()

    class Locked(FrameObject):
        def open(self, info: StreamInfo) -> None:
            raise OSError("locked")

    chain = ObjectChain([first, Locked(), last])
    with pytest.raises(ProcessingError, match="Locked could not be opened"):
        chain.open(INFO)
    chain.close()
    assert first.calls[-1] == "close"
    assert "close" not in last.calls


def test_keys_are_offered_to_the_first_that_names_them() -> None:
    class Second(FrameObject):
        keys = {"x": "theirs", "y": "only theirs"}  # noqa: RUF012

    assert ObjectChain([Everything(), Second()]).keys == {"x": "mine", "y": "only theirs"}


def test_an_engine_in_another_thread_leaves_signals_alone(clip: Callable) -> None:
    source = clip(frames=4).path
    results: list[str] = []
    thread = threading.Thread(target=lambda: results.append(done(Engine(video_path=source))))
    thread.start()
    thread.join(60)
    assert len(probe(results[0]).times) == 4
