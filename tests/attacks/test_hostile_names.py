"""Names and labels that a terminal would obey, in what the real commands print."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.attacks.test_hostile_checkpoints import RUN
from tests.prepare.sources.small_sources import SOURCES, replaced

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


@pytest.mark.parametrize(
    ("kind", "place"),
    [("coco_json", ("categories", 0, "name")), ("phrases", (1, "category")), ("voc", (1, "object", "name"))],
)
def test_a_label_of_a_source(tmp_path: Path, kind: str, place: tuple[str | int, ...]) -> None:
    make, write = SOURCES[kind]
    write(replaced(make(), place, EVIL), tmp_path / "source")
    words = [f"source.path={tmp_path / 'source'}", f"output_dir={tmp_path / 'data'}", "total_samples=null"]
    text = printed("prepare", f"recipes/prepare/{kind}.yaml", *words, "max_bad_share=0.9")
    text += printed("prepare.check", str(tmp_path / "data"))
    assert not any(letter in text for letter in "\x1b\x07\u202e")
