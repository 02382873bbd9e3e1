"""Names and labels that a terminal would obey, in what the real commands print."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.attacks.test_hostile_checkpoints import RUN
from tests.infer.conftest import write_dataset

ROOT = Path(__file__).parents[2]
EVIL = "\x1b]0;owned\x07\x1b[2J\u202e"


def printed(*words: str) -> str:
    shown = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True)
    return f"{shown.stdout}{shown.stderr}".replace("\r", "")  # the progress bar's


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / f"run{EVIL}"
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(RUN | {"model": EVIL, "method": EVIL}))
    return folder


def is_harmless(text: str) -> bool:
    return r"\x1b]0;owned\x07" in text and not any(letter in text for letter in "\x1b\x07\u202e")


def test_the_record_of_a_run(run: Path) -> None:
    assert is_harmless(printed("train.runs", str(run.parent)))


@pytest.mark.parametrize(
    "command",
    [("infer.score",), ("visualize",), ("prepare.check",), ("infer.merge",), ("prepare.stats",)],
    ids=" ".join,
)
def test_an_error_names_a_folder(run: Path, command: tuple[str, ...]) -> None:
    text = printed(*command, str(run / "none"))
    assert text.startswith("error: ")
    assert is_harmless(text)


def test_a_category_in_the_table_of_scores(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "data").path
    for file in dataset.glob("*.json*"):
        file.write_text(file.read_text().replace("red square", json.dumps(EVIL)[1:-1]))
    predictions = tmp_path / "predictions.jsonl"
    images = json.loads((dataset / "annotations_val.json").read_text())["images"]
    rows = [{"image_id": image["id"], "detections": []} for image in images]
    predictions.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    text = printed("infer.score", str(predictions), "--dataset", str(dataset), "--draws", "0")
    assert "AP50" in text
    assert is_harmless(text)
