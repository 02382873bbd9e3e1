from pathlib import Path
from typing import Any

import pytest

from grounding.errors import run_command
from infer.engines import opening
from infer.pairs.__main__ import main
from tests.infer.pairs.answering import RIGHT, ListEngine


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> ListEngine:
    engine = ListEngine([RIGHT, "red square(0,0),(90,90)"])
    monkeypatch.setattr(opening, "open_engine", lambda settings: engine)
    return engine


def test_the_command_says_what_was_made(
    engine: ListEngine, checkpoint: Path, dataset: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overlay = tmp_path / "more.yaml"
    overlay.write_text("answers: 2\nlimit: 3\nval_share: 0.5\n")
    words = ["limit=4", "--overlay", str(overlay)]
    assert main([str(checkpoint), str(dataset.path), *words]) == 0
    said = capsys.readouterr().out
    assert "4 questions, 2 answers each, mean reward 0.5" in said
    assert "4 pairs (2 in train.jsonl, 2 in val.jsonl)" in said
    assert said.endswith(f"{checkpoint / 'pairs'}\n")
    assert engine.asked == 8


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["split=val"], "split: pairs are made of the training split alone"),
        (["margn=1"], "unknown key 'margn', did you mean 'margin'?"),
        (["margin=2"], "margin: 2.0 is not above 0 and up to 1"),
        (["keep=all"], "keep: 'all' is not one of pairs, best"),
        (["answers=none"], "answers"),
    ],
)
def test_bad_words_are_one_line(
    engine: ListEngine,
    checkpoint: Path,
    dataset: Any,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    code = run_command(lambda: main([str(checkpoint), str(dataset.path), *words]))
    said = capsys.readouterr().err
    assert code == 2
    assert message in said
    assert said.count("\n") == 1
    assert engine.asked == 0
    assert not (checkpoint / "pairs").exists()
