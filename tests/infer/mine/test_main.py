from pathlib import Path
from typing import Any

import pytest

from grounding.errors import run_command
from infer.engines import opening
from infer.mine.__main__ import main
from tests.infer.mine.stubborn_engine import StubbornEngine


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> StubbornEngine:
    engine = StubbornEngine()
    monkeypatch.setattr(opening, "open_engine", lambda _: engine)
    return engine


def test_it_prints_what_was_found_and_where_to_look(
    checkpoint: Path, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(checkpoint), str(source), "answers=2"]) == 0
    printed = capsys.readouterr().out
    assert "9 records (4 x 1, 1 x 2, 2 x 3, 2 x 4), 2 of them ask for something absent" in printed
    assert "(1 invented, 1 neighbours)" in printed
    folder = checkpoint / "hard"
    assert printed.endswith(
        f"{folder}: the mined data set; look at it with python -m visualize hard {folder}\n"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["split=val"],
            "split: hard examples are mined in the training split alone: trained on val, no score",
        ),
        (["hardfrom=0.3"], "unknown key 'hardfrom', did you mean 'hard_from'?"),
        (["hard_from=0"], "hard_from: 0.0 is not above 0 and up to 1"),
        (["hard_from=1.5"], "hard_from: 1.5 is not above 0 and up to 1"),
        (["unannotated=-0.1"], "unannotated: -0.1 is not 0 and up to 1"),
        (["most_repeats=0"], "most_repeats: 0 is less than 1"),
        (["most_rarity=0.5"], "most_rarity: 0.5 is not a number from 1"),
        (["most_rarity=.inf"], "most_rarity: inf is not a number from 1"),
        (["negatives=-1"], "negatives: -1 is less than 0"),
        (["answers=0"], "answers: 0 is less than 1"),
        (["temperature=0"], "temperature: 0.0 is not above 0, as sampled answers need"),
        (["hard_from"], "'hard_from' is not key=value"),
        (["hard_from=much"], "hard_from: Value 'much'"),
    ],
)
def test_a_bad_word_is_one_line(
    checkpoint: Path, source: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(lambda: main([str(checkpoint), str(source), *words])) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}")
    assert not (checkpoint / "hard").exists()


def test_what_is_no_data_set_is_one_line(
    checkpoint: Path, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*words: Any) -> str:
        assert run_command(lambda: main(list(map(str, words)))) == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    assert "is not a prepared data set" in fails(checkpoint, tmp_path / "nothing")
    (source / "train.jsonl").unlink()
    assert fails(checkpoint, source).endswith("train.jsonl: no such file")
    assert not (checkpoint / "hard").exists()
