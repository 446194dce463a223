"""What benchmarks/compare.py says of a library that is not here, or may not fetch its network, and how it counts."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

_ASK = """
import sys
sys.path[:0] = sys.argv[1:]
import rivals
rivals.U2NET = "http://127.0.0.1:9/"
for name in ("rembg, u2net_human_seg", "backgroundremover"):
    try:
        rivals.make_way(name, download=False)
    except rivals.UnavailableError as error:
        print(error)
"""


def test_a_library_fetches_nothing_and_is_named_if_it_is_missing(tmp_path: Path) -> None:
    (tmp_path / "rembg.py").write_text("import urllib.request\nnew_session = urllib.request.urlopen\n")
    folders = [str(folder) for folder in (ROOT, ROOT / "benchmarks", tmp_path)]
    done = subprocess.run([sys.executable, "-c", _ASK, *folders], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "its network is not on this computer; --download fetches it",
        "not installed: python -m pip install backgroundremover",
    ]


def test_a_turn_is_the_mean_of_its_frames_and_ratios_are_of_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import compare

    class Slow:
        count = 0

        def __call__(self, frame: np.ndarray) -> np.ndarray:
            self.count += 1
            return frame

        def alpha(self) -> np.ndarray:
            return np.full((2, 2), self.count % 2, np.float32)

    frames = np.zeros((3, 2, 2, 3), np.uint8)
    clock = itertools.count()
    monkeypatch.setattr(compare.time, "perf_counter", lambda: next(clock) * 0.2)  # each frame takes 0.2 s
    way = Slow()
    turn = compare.take_turn(way, frames, itertools.cycle(range(3)), 10, 0.5)
    assert (way.count, round(turn.wall)) == (3, 200)
    ours, theirs = ([compare.Turn(n, n) for n in numbers] for numbers in ((1, 2, 3), (3, 8, 3)))
    assert compare.summarize_turns(theirs, ours, list("abcdef")) == dict(zip("abcdef", (3, 3, 3) * 2, strict=True))
    # An alpha that is right in every second frame: half of it is wrong, and all of it changes each time.
    assert compare.score(Slow(), frames, np.zeros((3, 2, 2), np.uint8)) == {
        "MAD": pytest.approx(2000 / 3),
        "dtSSD": pytest.approx(100),
    }
