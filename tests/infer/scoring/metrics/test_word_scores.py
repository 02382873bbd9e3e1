import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infer.compare import main as compare
from infer.cycle.cycle_run import read_descriptions
from infer.scoring.inputs import read_evaluation
from infer.scoring.metrics.catalogue import ALL_METRICS, METRICS, WORD_METRICS
from infer.scoring.metrics.word_scores import MeasuredWords, measure_descriptions
from infer.scoring.outputs import write_scores
from infer.scoring.scorecard import Scores, score_predictions
from infer.scoring.words.cycle_answers import cycle_row
from infer.scoring.words.given_descriptions import read_given_descriptions
from tests.infer.scoring.made_predictions import right_answers, write_rows, write_scored_run
from tests.infer.scoring.words.made_descriptions import CHINESE, ENGLISH, described

EVERY = [*ENGLISH, *CHINESE]


def measured(rows: list[dict[str, Any]], dataset: Any, folder: Path) -> MeasuredWords:
    path = write_rows(folder / "predictions.jsonl", rows)
    return measure_descriptions(read_evaluation(path, dataset.path))


def scored(rows: list[dict[str, Any]], dataset: Any, folder: Path) -> Scores:
    return score_predictions(write_rows(folder / "predictions.jsonl", rows), dataset.path, draws=40)


@pytest.mark.usefixtures("fake_java")
def test_all_kinds_of_answers_together_have_every_metric(dataset: Any, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "predictions.jsonl", EVERY)
    rows = [cycle_row(item, (1, 2, 3, 4), number % 2) for number, item in enumerate(read_descriptions(path))]
    write_rows(tmp_path / "cycle.jsonl", rows)
    evaluation = read_evaluation(path, dataset.path)
    words = measure_descriptions(evaluation)
    assert words.values.keys() == WORD_METRICS.keys()
    drawn = words.resample(evaluation.draw(5)).values
    assert drawn.keys() == words.sums.keys() | words.ratios.ratios.keys()
    assert {values.shape for values in drawn.values()} == {(5,)}
    assert {"meteor", "cider", "bleu_13a", "cycle_accuracy_50"} <= drawn.keys()
    assert list(ALL_METRICS)[: len(METRICS)] != list(METRICS)  # words stand before the answers' quality


@pytest.mark.usefixtures("no_java")
def test_the_shares_count_what_can_be_counted_by_hand(dataset: Any, tmp_path: Path) -> None:
    values = measured(EVERY, dataset, tmp_path).values
    assert values["words_exact"] == pytest.approx(3 / 7)  # the bus, the tall man, the red dog in Chinese
    assert values["words_empty"] == pytest.approx(1 / 7)
    assert values["attribute_label"] == pytest.approx(5 / 6)  # all but the empty answer; one has no label
    assert values["attribute_colour"] == pytest.approx(2 / 3)  # of the dogs and the man in blue
    assert values["attribute_size"] == 1
    assert values["attribute_state"] == pytest.approx(1 / 3)  # the cats' and the man's
    assert values["attribute_accuracy"] == pytest.approx((5 + 2 + 2 + 1) / 14)
    assert (values["regions"], values["regions_zh"], values["attributes"]) == (7, 2, 14)
    assert "cycle_regions" not in values


@pytest.mark.usefixtures("no_java")
def test_without_java_there_is_no_meteor_and_one_line_says_so(dataset: Any, tmp_path: Path) -> None:
    shown = write_scores(write_rows(tmp_path / "predictions.jsonl", EVERY), dataset.path, draws=10)
    assert "meteor is not measured: METEOR needs Java" in shown
    assert json.loads((tmp_path / "scores.json").read_text())["meteor"] is None


@pytest.mark.usefixtures("no_java")
@pytest.mark.parametrize(
    ("rows", "missing"),
    [
        ([described(1, "a red dog", ["the red dog"])], {"cider", "cider_zh", "bleu_zh"}),  # one document
        ([described(1, "", ["red dog"])], {"cider"}),
        ([described(n, "a dog", ["a dog"]) for n in range(3)], {"cider_zh"}),
        ([described(n, "\n\n", ["a dog", "..."]) for n in range(2)], set()),
        ([described(n, "!!", ["?", "."]) for n in range(2)], {"cider"}),  # no true text has a word
        ([described(1, "红", ["红色的狗"])], {"cider", "cider_zh", "bleu_13a"}),
        ([described(n, "dog\nor **狗**", ["狗"]) for n in range(2)], {"cider", "bleu_13a"}),
    ],
)
def test_few_empty_and_equal_texts_are_defined(
    rows: list[dict[str, Any]], missing: set[str], dataset: Any, tmp_path: Path
) -> None:
    scores = scored(rows, dataset, tmp_path)
    assert not missing & scores.metrics.keys()
    assert all(np.isfinite(value) for value in scores.metrics.values())
    assert scores.metrics["regions"] == len(rows)
    assert scores.intervals.keys() <= WORD_METRICS.keys()


@pytest.mark.usefixtures("no_java")
def test_equal_truths_give_no_cider_and_short_ones_no_bleu(dataset: Any, tmp_path: Path) -> None:
    short = scored([described(n, "a dog", ["a dog"]) for n in range(3)], dataset, tmp_path).metrics
    assert short["cider"] == 0
    assert "bleu_13a" not in short
    long = scored([described(n, "a dog on it", ["a dog on it"]) for n in range(3)], dataset, tmp_path).metrics
    assert long["bleu_13a"] == pytest.approx(100)
    empty = scored([described(n, "", ["a dog on it"]) for n in range(3)], dataset, tmp_path).metrics
    assert empty["bleu_13a"] == 0


@pytest.mark.usefixtures("no_java")
def test_words_alone_show_no_boxes(dataset: Any, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "predictions.jsonl", EVERY)
    shown = write_scores(path, dataset.path, draws=10, by=("kind", "category"))
    report = (tmp_path / "scores.md").read_text(encoding="utf-8")
    for text in (shown, report):
        assert not {"AP", "[boxes]", "## Boxes", "images", "## Categories", "category"} & set(text.split())
        assert "bleu_13a" in text
    assert "\n7 regions scored: " in shown
    assert not (tmp_path / "coco_results.json").exists()


def test_boxes_alone_show_no_words_and_have_the_same_keys(dataset: Any, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "predictions.jsonl", right_answers(dataset.path))
    shown = write_scores(path, dataset.path, draws=10)
    saved = json.loads((tmp_path / "scores.json").read_text())
    assert not WORD_METRICS.keys() & saved.keys()
    assert "[words]" not in shown
    assert "7 of 7 images scored: " in shown


@pytest.mark.usefixtures("no_java")
def test_words_beside_boxes_change_no_score_of_boxes(dataset: Any, tmp_path: Path) -> None:
    boxes = right_answers(dataset.path)
    boxes[0]["detections"] = []
    alone = scored(boxes, dataset, tmp_path / "alone")
    both = scored([ENGLISH[0], *boxes, *EVERY[1:]], dataset, tmp_path / "both")
    assert {key: both.metrics[key] for key in METRICS if key in both.metrics} == alone.metrics
    assert both.by_kind.keys() == alone.by_kind.keys()
    assert both.metrics["regions"] == 7


def test_regions_and_boxes_of_one_picture_are_drawn_together(dataset: Any, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "predictions.jsonl", [*right_answers(dataset.path), *ENGLISH])
    evaluation = read_evaluation(path, dataset.path)
    weights = evaluation.draw(30)
    assert weights.shape == (30, 7 + len(ENGLISH))
    pictures = [f"images/{number}.png" for number in ("000101", "000102", "000103")]
    for column, item in enumerate(evaluation.descriptions, start=7):
        assert np.array_equal(weights[:, column], weights[:, pictures.index(item.picture)])
    assert not np.array_equal(weights[:, 0], weights[:, 1])


@pytest.mark.usefixtures("no_java")
def test_a_draw_without_such_a_region_has_no_value(dataset: Any, tmp_path: Path) -> None:
    words = measured(EVERY, dataset, tmp_path)
    nothing = np.zeros((1, len(EVERY)))
    assert all(np.isnan(values).all() for values in words.resample(nothing).values.values())
    is_chinese = np.array([item.is_chinese for item in read_descriptions(tmp_path / "predictions.jsonl")])
    drawn = words.resample(is_chinese[np.newaxis].astype(float)).values
    assert np.isnan(drawn["bleu_13a"]).all()
    assert drawn["bleu_zh"] == pytest.approx([words.values["bleu_zh"]])
    once = words.resample(np.ones((1, len(EVERY)))).values
    assert {key: values[0] for key, values in once.items()} == pytest.approx(
        {key: words.values[key] for key in once}
    )


@pytest.mark.usefixtures("no_java")
def test_runs_are_compared_on_the_regions_that_both_have(
    dataset: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    better = [
        *EVERY[1:],
        described(3, "a man in a blue shirt", ["man in a blue shirt"], image="images/000102.png"),
    ]
    better = [row for row in better if row["raw"]] + [described(99, "new", ["new"])]
    runs = {
        name: write_scored_run(tmp_path / name, rows, dataset.path, dataset.path)
        for name, rows in (("old", EVERY), ("new", better))
    }
    assert compare([f"{name}={folder}" for name, folder in runs.items()]) == 0
    shown = capsys.readouterr().out
    (row,) = [line.split() for line in shown.splitlines() if line.startswith("words_exact")]
    # Six regions are common: three right before, four after; the first of the old run is not among them.
    assert row[-4] == "+16.7"
    assert "images that both answered" not in shown


@pytest.mark.usefixtures("no_java")
@pytest.mark.parametrize("words", [False, True])
def test_runs_without_anything_in_common_are_not_compared(
    words: bool, dataset: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = right_answers(dataset.path)
    rows = {"old": [boxes[0], ENGLISH[0]], "new": [boxes[1], ENGLISH[1]] if words else [boxes[1]]}
    runs = {
        name: write_scored_run(tmp_path / name, found, dataset.path, dataset.path)
        for name, found in rows.items()
    }
    assert compare([f"{name}={folder}" for name, folder in runs.items()]) == 0
    said = (
        "no image was answered and no region described in both" if words else "no image was answered in both"
    )
    assert f"no change image by image: {said}" in capsys.readouterr().out


def test_a_row_that_is_no_description_is_one_line(dataset: Any, tmp_path: Path) -> None:
    from grounding.errors import UserError

    for change, message in (
        ({"raw": None}, "needs its text under raw"),
        ({"image_id": "x"}, "image_id 'x' is not a whole number"),
        ({"region": {"box": [0, 0, 0, 5], "show": "text", "phrases": ["a"]}}, "region.box"),
        ({"image": "../x.png"}, "not inside the data set's folder"),
    ):
        path = write_rows(tmp_path / "predictions.jsonl", [{**ENGLISH[0], **change}])
        with pytest.raises(UserError, match=message) as caught:
            read_evaluation(path, dataset.path)
        assert "line 1" in str(caught.value)
        assert "\n" not in str(caught.value)


def test_answers_come_in_one_order_and_repeats_are_numbered() -> None:
    twice = [*ENGLISH, ENGLISH[0]]
    found = read_given_descriptions((f"line {n}", row) for n, row in enumerate(twice))
    assert found == read_given_descriptions((f"line {n}", row) for n, row in enumerate(reversed(twice)))
    assert [item.repeat for item in found if item.image_id == ENGLISH[0]["image_id"]] == [0, 1]
    assert len({item.key for item in found}) == len(twice)
