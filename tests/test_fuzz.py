"""A few of the cases that benchmarks/fuzz makes, so that what it found stays mended."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from conftest import ROOT

COUNT = 60


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="fuzzing splits its processes off")
def test_whatever_is_in_a_file_is_done_or_told() -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "fuzz"), "--count", str(COUNT), "--seed", "3", "--json"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    counts = {outcome: sum(kind.get(outcome, 0) for kind in found["table"].values()) for outcome in found["outcomes"]}
    assert sum(counts.values()) == COUNT
    assert counts["right"] > 5, "seeds are files in order"
    assert counts["told"] > 20
    for bad in ("silent loss", "hang", "crash", "traceback", "memory"):
        assert counts[bad] == 0, found["bad"]
