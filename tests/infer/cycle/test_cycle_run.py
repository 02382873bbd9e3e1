import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from grounding.boxes import Box, Size
from grounding.errors import UserError, run_command
from grounding.samples import Detection
from infer.asking.dataset_questions import Question
from infer.asking.parsed_answers import ParsedAnswer
from infer.cycle.__main__ import main
from infer.cycle.cycle_run import LONGEST_WORDS, find_again, judged_row
from infer.cycle.cycle_settings import CycleRunSettings
from infer.engines import opening
from infer.engines.protocol import RawAnswer, Request
from infer.scoring.scorecard import score_predictions
from infer.scoring.words.given_descriptions import read_given_descriptions
from tests.infer.scoring.made_predictions import right_answers, write_rows
from tests.infer.scoring.words.made_descriptions import CHINESE, ENGLISH, described

RIGHT, LOOSE = "(100,100),(500,500)", "(100,100),(500,250)"
"""The region of all descriptions, and a box with an IoU of 0.375."""

ROWS = [*ENGLISH, *CHINESE]


def boxed(*places: str) -> str:
    pieces = (f"<|object_ref_start|>it<|object_ref_end|><|box_start|>{one}<|box_end|>" for one in places)
    return ", ".join(pieces)


@dataclass
class WordEngine:
    """Finds dogs and the bus where they are, men too low, and cats nowhere; it dies after so many batches."""

    dies_after: int = 1000
    asked: list[Request] = field(default_factory=list)
    batches: int = 0

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        if self.batches == self.dies_after:
            raise KeyboardInterrupt
        self.batches += 1
        self.asked += requests
        return [RawAnswer(self._answer(request.user), is_cut=False) for request in requests]

    @staticmethod
    def _answer(text: str) -> str:
        if "dog" in text or "bus" in text or "狗" in text:
            return boxed(RIGHT, "(600,600),(900,900)")
        return boxed(LOOSE) if "man" in text else "I see none."


@pytest.fixture
def predictions(dataset: Any, checkpoint: Path, tmp_path: Path) -> Path:
    rows = [*right_answers(dataset.path), *ROWS]
    return write_rows(tmp_path / "run" / "predictions.jsonl", rows)


def settings(dataset: Any, checkpoint: Path, **more: Any) -> CycleRunSettings:
    return CycleRunSettings(
        **{"checkpoint": str(checkpoint), "dataset": str(dataset.path), "batch_size": 2, **more}
    )


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_descriptions_are_asked_about_the_whole_picture_and_judged(
    dataset: Any, checkpoint: Path, predictions: Path
) -> None:
    engine = WordEngine()
    rows = rows_of(find_again(predictions, settings(dataset, checkpoint), lambda _: engine))
    by_words = {row["words"]: row for row in rows}
    assert len(rows) == len(ROWS)
    assert by_words["a red dog on the left"]["iou"] == pytest.approx(1)
    assert by_words["a red dog on the left"]["box"] == pytest.approx([6.4, 6.4, 32, 32])
    assert by_words["a tall man"]["iou"] == pytest.approx(0.375)
    assert (
        by_words["The small cat sitting on a mat"] | {"box": None, "iou": 0}
        == by_words["The small cat sitting on a mat"]
    )
    assert by_words[""]["iou"] == 0
    assert len(engine.asked) == len(ROWS) - 1  # no words, no question
    assert {item.picture.name for item in engine.asked} == {"000101.png", "000103.png", "000104.png"}
    assert {item.system for item in engine.asked} == {"Be brief."}
    assert any("a tall man" in item.user and "hm" not in item.user for item in engine.asked)


def test_of_several_boxes_the_surest_counts() -> None:
    ((item,), size) = read_given_descriptions([("line 1", ROWS[0])]), Size(100, 100)
    question = Question.of_one(item.image_id, item.picture, size, Request((Path("a.png"),), "", "<image>dog"))
    boxes = [Detection("dog", Box(0, 0, 9, 9), 0.2), Detection("dog", Box(10, 10, 50, 50), 0.9)]
    row = judged_row(item, question, ParsedAnswer("", tuple(boxes), ()))
    assert (row["box"], row["iou"]) == ([10, 10, 50, 50], 1)
    first = judged_row(item, question, ParsedAnswer("", tuple(replace(one, score=None) for one in boxes), ()))
    assert first["iou"] == 0


@pytest.mark.usefixtures("no_java")
def test_the_scores_have_the_share_that_was_found_again(
    dataset: Any, checkpoint: Path, predictions: Path
) -> None:
    find_again(predictions, settings(dataset, checkpoint), lambda _: WordEngine())
    scores = score_predictions(predictions, dataset.path, draws=20)
    assert scores.metrics["cycle_accuracy_50"] == pytest.approx(3 / 7)
    assert scores.metrics["cycle_mean_iou"] == pytest.approx(3.375 / 7)
    assert scores.metrics["cycle_regions"] == 7
    assert "cycle_accuracy_50" in scores.intervals


@pytest.mark.usefixtures("no_java")
def test_boxes_of_other_words_do_not_count(dataset: Any, checkpoint: Path, predictions: Path) -> None:
    find_again(predictions, settings(dataset, checkpoint), lambda _: WordEngine())
    write_rows(predictions, [*right_answers(dataset.path), *ROWS[1:], {**ROWS[0], "raw": "a blue dog"}])
    scores = score_predictions(predictions, dataset.path, draws=0)
    assert "cycle_accuracy_50" not in scores.metrics
    engine = WordEngine()
    find_again(predictions, settings(dataset, checkpoint), lambda _: engine)
    assert len(engine.asked) == 6
    assert score_predictions(predictions, dataset.path, draws=0).metrics["cycle_regions"] == 7


@pytest.mark.parametrize("dies_after", [0, 1, 2])
def test_a_killed_run_resumes_and_ends_with_the_same_bytes(
    dies_after: int, dataset: Any, checkpoint: Path, predictions: Path
) -> None:
    whole = find_again(predictions, settings(dataset, checkpoint), lambda _: WordEngine()).read_bytes()
    for name in ("cycle.jsonl", "cycle.json"):
        (predictions.parent / name).unlink()
    first = WordEngine(dies_after)
    with pytest.raises(KeyboardInterrupt):
        find_again(predictions, settings(dataset, checkpoint), lambda _: first)
    assert not (predictions.parent / "cycle.jsonl").exists()
    second = WordEngine()
    assert find_again(predictions, settings(dataset, checkpoint), lambda _: second).read_bytes() == whole
    assert len(first.asked) + len(second.asked) == 6
    third = WordEngine()
    find_again(predictions, settings(dataset, checkpoint), lambda _: third)
    assert third.asked == []
    assert not list(predictions.parent.glob("*.part*"))


def test_other_settings_need_overwrite(dataset: Any, checkpoint: Path, predictions: Path) -> None:
    find_again(predictions, settings(dataset, checkpoint), lambda _: WordEngine())
    with pytest.raises(UserError, match=r"other settings are here: wording=category.en2 \(was None\)"):
        find_again(predictions, settings(dataset, checkpoint, wording="category.en2"), lambda _: WordEngine())
    changed = settings(dataset, checkpoint, wording="category.en2", overwrite=True)
    engine = WordEngine()
    find_again(predictions, changed, lambda _: engine)
    assert len(engine.asked) == 6


def test_limit_and_long_words_bound_what_is_asked(dataset: Any, checkpoint: Path, tmp_path: Path) -> None:
    rows = [
        described(1, "dog " * LONGEST_WORDS, ["dog"]),
        *(described(n, "dog", ["dog"]) for n in range(2, 9)),
    ]
    path = write_rows(tmp_path / "run" / "predictions.jsonl", rows)
    engine = WordEngine()
    found = rows_of(find_again(path, settings(dataset, checkpoint, limit=4), lambda _: engine))
    assert [row["iou"] > 0.9 for row in found] == [False, True, True, True]
    assert len(engine.asked) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"region": {**ROWS[0]["region"], "image": "images/nowhere.png"}}, "no picture of description"),
        ({"region": {**ROWS[0]["region"], "image": "../predictions.jsonl"}}, "no picture of description"),
        ({"region": {"box": [0, 0, 1, 1], "show": "none", "phrases": ["a"]}}, "region.show"),
    ],
)
def test_pictures_that_are_not_there_are_one_line(
    change: dict[str, Any], message: str, dataset: Any, checkpoint: Path, tmp_path: Path
) -> None:
    path = write_rows(tmp_path / "run" / "predictions.jsonl", [{**ROWS[0], **change}])
    with pytest.raises(UserError, match=message) as caught:
        find_again(path, settings(dataset, checkpoint), lambda _: WordEngine())
    assert "\n" not in str(caught.value)
    assert [one.name for one in path.parent.iterdir()] == ["predictions.jsonl"]


def test_the_command_prints_the_share_with_its_interval(
    dataset: Any,
    checkpoint: Path,
    predictions: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(opening, "open_engine", lambda _: WordEngine())
    words = [str(predictions.parent), f"checkpoint={checkpoint}", f"dataset={dataset.path}"]
    assert main(words) == 0
    said = capsys.readouterr().out.splitlines()
    (row,) = [line.split() for line in said if line.startswith("cycle_accuracy_50")]
    assert row[1] == "42.9%"
    assert "7 of 7 descriptions, 1 of them without words" in said
    assert said[-1].startswith(f"{predictions.parent / 'cycle.jsonl'}: ")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "checkpoint must be set"),
        (["chekpoint=x"], "unknown key 'chekpoint', did you mean 'checkpoint'?"),
        (["checkpoint=x", "limit=0"], "limit: 0 is less than 1"),
        (["checkpoint=x", "score=calibrated"], "score: calibrated is not made here"),
        (["checkpoint=x", "tensor_parallel=2"], "tensor_parallel: this command asks one process"),
        (["checkpoint=x", "wording=describe"], "wording"),
    ],
)
def test_bad_words_are_one_line(
    words: list[str], message: str, predictions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(lambda: main([str(predictions), *words])) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_no_descriptions_are_one_line(dataset: Any, checkpoint: Path, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "run" / "predictions.jsonl", right_answers(dataset.path))
    with pytest.raises(UserError, match="no descriptions in it"):
        find_again(path, settings(dataset, checkpoint), lambda _: WordEngine())
    with pytest.raises(UserError, match="no such file: run `python -m infer` first"):
        find_again(tmp_path / "nowhere.jsonl", settings(dataset, checkpoint), lambda _: WordEngine())


def test_the_tiny_model_is_asked_for_real(dataset: Any, tiny_checkpoint: Path, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "run" / "predictions.jsonl", ENGLISH[:2])
    chosen = settings(dataset, tiny_checkpoint, max_new_tokens=8)
    rows = rows_of(find_again(path, chosen, opening.open_engine))
    assert [row["words"] for row in rows] == ["a red dog on the left", "The small cat sitting on a mat"]
    assert all(0 <= row["iou"] <= 1 for row in rows)
