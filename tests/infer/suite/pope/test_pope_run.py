import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from grounding.suites.suite_recipe import load_suite
from infer.engines.protocol import RawAnswer, Request
from infer.suite.suite_run import run_suite
from infer.suite.suite_table import SuiteTable

METRICS = ("pope_accuracy", "pope_precision", "pope_recall", "pope_f1", "pope_yes_ratio")

FILES = {
    # (label, answer): worked out by hand in `test_the_figures_of_a_file_are_those_by_hand`
    "random": [
        *[("yes", "Yes, there is."), ("yes", "yes"), ("yes", "No."), ("no", "There is not one, sorry")],
        *[("no", "no"), ("no", "Yes"), ("no", ""), ("yes", "Yes. No, wait")],
    ],
    "popular": [("yes", "Yes"), ("no", "Yes"), ("yes", "No"), ("no", "No"), ("no", "No"), ("yes", "Yes")],
    "adversarial": [("yes", "Yes"), ("no", "Yes"), ("no", "Yes"), ("yes", "Yes")],
}


class AnsweringEngine:
    """Gives the answer that the question's text ends with."""

    def __init__(self) -> None:
        self.asked: list[Request] = []

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        self.asked += requests
        return [RawAnswer(request.user.partition("#")[2], is_cut=False) for request in requests]


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for number in range(4):
        Image.new("RGB", (30, 20), (number, 0, 0)).save(tmp_path / "images" / f"{number}.png")
    for name, rows in FILES.items():
        lines = [
            {"question_id": number, "image": f"{number // 2}.png", "text": f"Is there a dog?#{answer}"}
            | {"label": label}
            for number, (label, answer) in enumerate(rows, start=0)
        ]
        (tmp_path / f"{name}.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
    sets = "".join(
        f"  {name}: {{questions: {tmp_path}/{name}.json, images: {tmp_path}/images}}\n" for name in FILES
    )
    path = tmp_path / "pope.yaml"
    path.write_text(
        f"sets:\n{sets}metrics: [{', '.join(METRICS)}]\naverage: true\ndraws: 50\nanswers: {{batch_size: 3}}"
    )
    return path


def run(path: Path, checkpoint: Path) -> tuple[SuiteTable, AnsweringEngine]:
    engine = AnsweringEngine()
    return run_suite(load_suite(path, [f"checkpoint={checkpoint}"]), path, lambda settings: engine), engine


def published_scores(rows: Sequence[tuple[str, str]]) -> dict[str, float]:
    """The formulas of evaluate.py of POPE, on labels and on answers that are yes or no already."""
    labels = [0 if label == "no" else 1 for label, _ in rows]
    predictions = [0 if answer == "no" else 1 for _, answer in rows]
    pos, neg = 1, 0
    yes_ratio = predictions.count(1) / len(predictions)
    tp = tn = fp = fn = 0
    for prediction, label in zip(predictions, labels, strict=True):
        if prediction == pos and label == pos:
            tp += 1
        elif prediction == pos and label == neg:
            fp += 1
        elif prediction == neg and label == neg:
            tn += 1
        elif prediction == neg and label == pos:
            fn += 1
    precision, recall = tp / (tp + fp), tp / (tp + fn)
    f1 = 2 * precision * recall / (precision + recall)
    accuracy = (tp + tn) / (tp + tn + fp + fn)
    return dict(zip(METRICS, (accuracy, precision, recall, f1, yes_ratio), strict=True))


def test_the_figures_of_a_file_are_those_by_hand(suite: Path, checkpoint: Path) -> None:
    table, _ = run(suite, checkpoint)
    # Of four true yes, three are answered yes; of four true no, "Yes" and the empty answer count as yes.
    assert table.rows[0].name == "random"
    assert table.rows[0].values == pytest.approx(
        {
            "pope_accuracy": 5 / 8,
            "pope_precision": 3 / 5,
            "pope_recall": 3 / 4,
            "pope_f1": 2 / 3,
            "pope_yes_ratio": 5 / 8,
        }
    )


def test_all_figures_and_their_mean_are_those_of_the_published_formulas(
    suite: Path, checkpoint: Path
) -> None:
    table, _ = run(suite, checkpoint)
    read = {
        name: [
            (label, "no" if answer in ("No.", "No", "no", "There is not one, sorry") else "yes")
            for label, answer in rows
        ]
        for name, rows in FILES.items()
    }
    expected = {name: published_scores(rows) for name, rows in read.items()}
    for row in table.rows[:3]:
        assert row.values == pytest.approx(expected[row.name], abs=1e-12)
        low, high = row.intervals["pope_accuracy"]
        assert low <= row.values["pope_accuracy"] <= high  # type: ignore[operator]
    mean = table.rows[3]
    assert mean.name == "mean of 3 sets"
    assert mean.values == pytest.approx(
        {key: sum(expected[name][key] for name in FILES) / 3 for key in METRICS}, abs=1e-12
    )


def test_questions_are_asked_word_for_word_and_once(suite: Path, checkpoint: Path) -> None:
    first, engine = run(suite, checkpoint)
    assert engine.asked[0].user == "<image>Is there a dog?#Yes, there is."
    assert {request.system for request in engine.asked} == {"You are a helpful assistant."}
    assert all(request.is_free_form for request in engine.asked)
    second, again = run(suite, checkpoint)
    assert again.asked == []
    assert second == first


def test_answers_that_are_there_are_kept_and_the_others_asked(suite: Path, checkpoint: Path) -> None:
    run(suite, checkpoint)
    path = checkpoint / "suites" / "pope" / "random" / "as_prepared" / "answers.jsonl"
    whole = path.read_bytes()
    rows = whole.splitlines(keepends=True)
    path.with_name("answers.jsonl.part").write_bytes(
        b"".join(b"%d\t%s" % pair for pair in enumerate(rows[:3]))
    )
    path.unlink()
    _, engine = run(suite, checkpoint)
    assert len(engine.asked) == len(rows) - 3
    assert path.read_bytes() == whole


def test_unclear_answers_are_counted(suite: Path, checkpoint: Path) -> None:
    table, _ = run(suite, checkpoint)
    note = "1 answers say neither yes nor no: they count as yes, as published"
    assert table.notes["random/as_prepared"][0] == note
    assert f"- note: random/as_prepared: {note}" in table.as_markdown()
    saved: dict[str, Any] = json.loads(
        (checkpoint / "suites" / "pope" / "random" / "as_prepared" / "scores.json").read_text()
    )
    assert (saved["unclear"], saved["problems"], saved["pope_questions"]) == (1, 1, 8)


def test_files_about_the_same_pictures_are_drawn_alike(suite: Path, checkpoint: Path) -> None:
    """The order of the questions in a file does not matter to its draws."""
    first, _ = run(suite, checkpoint)
    file = suite.with_name("random.json")
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(reversed(lines)))
    second, _ = run(suite, checkpoint)
    assert second.rows[0].intervals == first.rows[0].intervals
    assert second.rows[0].values == first.rows[0].values
