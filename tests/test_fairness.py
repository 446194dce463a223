"""Scores by group: the table of benchmarks/fairness.py on made-up scores and on small pictures."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType, SimpleNamespace

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def fairness(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("fairness")


def made_up(fairness: ModuleType, values: dict[str, list[float]]) -> list:
    return [
        fairness.Labelled(f"{value} {n}", f"{value} {n}", {"skin": (value,)}, {"MAD": mad, "IoU": 100 - mad})
        for value, group in values.items()
        for n, mad in enumerate(group)
    ]


def test_a_group_is_compared_with_everyone_else(fairness: ModuleType) -> None:
    spread = np.linspace(-1, 1, 40)
    pictures = made_up(fairness, {"dark": [*(12 + spread)], "light": [*(10 + spread)]})
    dark, light = fairness.compare(pictures, "skin")
    assert (dark["value"], dark["pictures"], dark["persons"], dark["few"]) == ("dark", 40, 40, False)
    assert dark["MAD"]["mean"] == pytest.approx(12)
    assert (dark["MAD"]["worst"], dark["IoU"]["worst"]) == (pytest.approx(13), pytest.approx(87))
    assert dark["MAD"]["difference"] == pytest.approx(2) == -light["MAD"]["difference"]
    low, high = dark["MAD"]["interval"]
    # Four standard errors wide: 2 * 1.96 * sqrt(2 * 0.35 / 40).
    assert low < 2 < high
    assert high - low == pytest.approx(0.52, abs=0.08)


def test_few_persons_are_marked_and_one_has_no_interval(
    fairness: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = fairness.compare(made_up(fairness, {"dark": [12.0], "light": [10.0, 11.0]}), "skin")
    assert all(row["few"] for row in rows)
    assert rows[0]["MAD"]["interval"] is None
    fairness.print_table(rows, as_markdown=False)
    out = capsys.readouterr().out
    assert "skin: dark *" in out
    assert "+1.5 (?)" in out
    assert "fewer than 30 persons" in out


def test_pictures_of_one_person_count_once(fairness: ModuleType) -> None:
    pictures = [
        fairness.Labelled("a", "1", {"hair": ("long",)}, {"MAD": 10.0, "IoU": 90.0}),
        fairness.Labelled("b", "1", {"hair": ("long",)}, {"MAD": 20.0, "IoU": 90.0}),
        fairness.Labelled("c", "2", {"hair": ("long", "short")}, {"MAD": 45.0, "IoU": 90.0}),
        fairness.Labelled("d", "3", {}, {"MAD": 99.0, "IoU": 9.0}),  # hair not visible: in no group
    ]
    long, short = fairness.compare(pictures, "hair")
    assert (long["pictures"], long["persons"], long["MAD"]["mean"], long["MAD"]["difference"]) == (3, 2, 30, None)
    assert (short["pictures"], short["MAD"]["difference"]) == (1, 30)


def test_a_folder_is_scored_with_its_labels(
    fairness: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("input", "alpha"):
        (tmp_path / name).mkdir()
    truth = np.zeros((20, 30), np.uint8)
    truth[:, :15] = 255
    for stem in ("a", "b"):
        cv2.imwrite(str(tmp_path / "input" / f"{stem}.jpg"), np.zeros((20, 30, 3), np.uint8))
        cv2.imwrite(str(tmp_path / "alpha" / f"{stem}.png"), truth)
    (tmp_path / "labels.csv").write_text("file,hat,skin\na.jpg,yes,not visible\nb.jpg,no,\n", encoding="utf-8")
    everything = SimpleNamespace(alpha=lambda image: np.ones(image.shape[:2], np.float32))
    monkeypatch.setattr(fairness, "MPSegmentation", lambda **arguments: everything)
    monkeypatch.setattr("sys.argv", ["fairness.py", str(tmp_path), "--markdown"])
    assert fairness.main() == 0
    out = capsys.readouterr().out
    assert "2 pictures and clips of 2 persons" in out
    assert "| hat: yes * | 1 / 1 | 500.0 | 500.0 | +0.0 (?) | 50.0 | 50.0 | +0.0 (?) |" in out
    assert "skin" not in out
    (tmp_path / "alpha" / "b.png").unlink()
    with pytest.raises(SystemExit, match=r"b\.png: not a readable image"):
        fairness.main()


def test_labels_need_a_file_in_every_row(fairness: ModuleType, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("name,hat\na.jpg,yes\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="needs a column `file`"):
        fairness.read_labels(labels)
    shipped = fairness.read_labels(ROOT / "benchmarks" / "fairness_labels.csv")
    assert len({row["person"] for row in shipped}) == 16
    assert len({row["file"] for row in shipped}) == len(shipped) == 21
