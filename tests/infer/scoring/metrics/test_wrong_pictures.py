import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.boxes import Box
from grounding.card import Card
from grounding.categories import number_categories
from grounding.predictions.annotations import objects_by_image
from grounding.predictions.prediction_rows import Prediction, read_predictions
from grounding.samples import Detection
from infer.scoring.evaluation import Evaluation
from infer.scoring.metrics.wrong_pictures import measure_wrong_pictures
from infer.scoring.outputs import write_scores
from infer.scoring.scorecard import score
from tests.infer.scoring.made_predictions import right_answers, write_rows
from tests.infer.scoring.test_coco_evaluation import PYCOCOTOOLS_ORDER, random_case, reference
from tests.infer.several_pictures import GROUPS, join_questions

NAMES = ["cat", "dog"]
Placed = tuple[int, str, Box]
SIZES = {1: (100, 50), 2: (200, 200), 3: (100, 50), 4: (30, 30)}


def evaluation(
    truth: list[Placed],
    found: list[Placed],
    together: tuple[int, ...] = (1, 2, 3),
) -> Evaluation:
    """Return predictions about three pictures of a question and one of another; boxes are on 0..1."""
    card = Card("", {}, "objects", number_categories(NAMES), "none", {}, {})

    def in_pixels(number: int, box: Box) -> Box:
        width, height = SIZES[number]
        return Box(box.x1 * width, box.y1 * height, box.x2 * width, box.y2 * height)

    annotations = {
        "images": [{"id": n, "file_name": f"{n}", "width": w, "height": h} for n, (w, h) in SIZES.items()],
        "annotations": [
            {"id": place, "image_id": number, "category_id": NAMES.index(name) + 1, "iscrowd": 0}
            | {"bbox": list(in_pixels(number, box).xywh), "area": in_pixels(number, box).area}
            for place, (number, name, box) in enumerate(truth, start=1)
        ],
        "categories": [{"id": item.id, "name": item.name} for item in card.categories],
    }
    predictions = tuple(
        Prediction(
            number,
            tuple(Detection(name, in_pixels(at, box)) for at, name, box in found if at == number),
            (),
            together=together if number in together else (),
            found_elsewhere=sum(at != number and at in together for at, _, _ in found),
        )
        for number in SIZES
    )
    return Evaluation(card, annotations, predictions, 4, *objects_by_image(annotations, card), {})


LEFT, RIGHT = Box(0.1, 0.1, 0.4, 0.5), Box(0.6, 0.1, 0.9, 0.5)


def wrong(truth: list[Placed], found: list[Placed]) -> int:
    return int(measure_wrong_pictures(evaluation(truth, found)).values["wrong_picture_boxes"] or 0)


def test_a_box_of_another_pictures_object_is_counted_whatever_the_sizes() -> None:
    truth = [(1, "cat", LEFT), (2, "cat", RIGHT)]
    assert wrong(truth, [(1, "cat", LEFT), (2, "cat", RIGHT)]) == 0
    assert wrong(truth, [(1, "cat", RIGHT), (2, "cat", LEFT)]) == 2
    assert wrong(truth, [(3, "cat", RIGHT), (3, "cat", LEFT)]) == 2
    assert wrong(truth, [(1, "dog", RIGHT)]) == 0  # another label
    assert wrong(truth, [(1, "cat", LEFT), (1, "cat", LEFT)]) == 0  # a copy in its own picture
    assert wrong(truth, [(2, "cat", LEFT), (1, "cat", LEFT)]) == 0  # its object is found already
    assert wrong(truth, [(1, "cat", RIGHT), (3, "cat", RIGHT)]) == 1  # an object counts once
    assert wrong(truth, [(4, "cat", LEFT)]) == 0  # of another question
    values = measure_wrong_pictures(
        evaluation(truth, [(1, "cat", RIGHT), (3, "cat", LEFT), (4, "cat", LEFT)])
    )
    assert values.values == {"wrong_picture": 1.0, "wrong_picture_boxes": 2, "several_pictures": 1}


boxes = st.tuples(st.integers(1, 4), st.sampled_from(NAMES), st.sampled_from([LEFT, RIGHT, Box(0, 0, 1, 1)]))


@given(st.lists(boxes, max_size=6), st.lists(boxes, max_size=6))
@settings(max_examples=60, deadline=None)
def test_the_share_lies_between_nothing_and_all_false_boxes(truth: list[Placed], found: list[Placed]) -> None:
    run = evaluation(truth, found)
    count = measure_wrong_pictures(run).values["wrong_picture_boxes"] or 0
    in_question = list(zip(run.predictions, run.matches, strict=True))[:3]
    false = sum(not overlap for _, matches in in_question for overlap in matches.ious)
    missed = sum(
        len(run.objects.get(item.image_id, ())) - sum(map(bool, matches.ious))
        for item, matches in in_question
    )
    assert 0 <= count <= min(false, missed)
    # Moving every object and every box to the first picture leaves none in a wrong one.
    one = [(1, name, box) for _, name, box in truth], [(1, name, box) for _, name, box in found]
    assert wrong(*one) == 0


@pytest.mark.parametrize("seed", range(4))
def test_the_score_of_rows_with_several_pictures_is_pycocotools_over_all_pictures(
    seed: int, tmp_path: Path
) -> None:
    """Rows with one to four pictures are written and read; the reference knows pictures alone."""
    annotations, alone = random_case(seed, scored=True)
    generator, left, rows = np.random.default_rng(seed), list(alone), []
    while left:
        own, left = left[: (count := int(generator.integers(1, 5)))], left[count:]
        detections = [
            {"label": found.label, "box": list(found.box.xyxy), "score": found.score, "picture": place}
            for place, item in enumerate(own)
            for found in item.detections
        ]
        pictures = [{"image_id": item.image_id, "image": "a.png"} for item in own]
        rows.append({**pictures[0], "pictures": pictures, "detections": detections})
    read = read_predictions(write_rows(tmp_path / "predictions.jsonl", rows))
    assert [replace(item, image="", together=(), found_elsewhere=0) for item in read] == alone
    names = {item["name"]: item["id"] for item in annotations["categories"]}
    card = Card("", {}, "objects", number_categories(list(names)), "none", {}, {})
    card = replace(card, categories=[replace(item, id=names[item.name]) for item in card.categories])
    objects = objects_by_image(annotations, card)
    found = score(Evaluation(card, annotations, tuple(read), 25, *objects, {}), draws=0)
    expected = dict(zip(PYCOCOTOOLS_ORDER, reference(annotations, alone), strict=True))
    for name in ("AP", "AP50", "AP75", "AR"):
        assert found.values[name] == pytest.approx(expected[name], abs=1e-9)
    before = score(Evaluation(card, annotations, tuple(alone), 25, *objects, {}), draws=0)
    assert found.per_category == before.per_category
    assert {key: found.values[key] for key in before.values} == before.values


def joined_rows(dataset: Any) -> list[dict[str, Any]]:
    """Return the right answers of the small data set as rows with several pictures."""
    by_id = {row["image_id"]: row for row in right_answers(dataset.path)}
    return [
        {
            "image_id": group[0],
            "pictures": [{"image_id": number} for number in group],
            "detections": [
                {**found, "picture": place}
                for place, number in enumerate(group)
                for found in by_id[number]["detections"]
            ],
        }
        for group in GROUPS
    ]


def test_problems_count_once_an_answer_and_the_report_names_confused_pictures(dataset: Any) -> None:
    join_questions(dataset.path)
    rows = joined_rows(dataset)
    path = write_rows(dataset.path / "predictions.jsonl", rows)
    report = write_scores(path, dataset.path, draws=20)
    scores = json.loads((dataset.path / "scores.json").read_text(encoding="utf-8"))
    assert (scores["AP"], scores["wrong_picture"], scores["several_pictures"]) == (pytest.approx(1), 0, 2)
    assert scores["readable"] == 1
    assert "wrong_picture" in report
    rows[0]["detections"] = []
    rows[0]["problems"] = ["truncated"]
    rows[1]["detections"][0] = dict(rows[1]["detections"][1])  # at the same place of the next picture
    report = write_scores(write_rows(path, rows), dataset.path, draws=20)
    scores = json.loads((dataset.path / "scores.json").read_text(encoding="utf-8"))
    assert (scores["wrong_picture_boxes"], scores["wrong_picture"]) == (1, pytest.approx(1 / 3))
    assert any(line.split() == ["wrong_picture_boxes", "1"] for line in report.splitlines())
    assert scores["problems"] == {"truncated": 1}
    assert (scores["readable"], scores["truncated"]) == (0.75, 0.25)
    assert scores["images"] == 7


def test_one_picture_a_question_has_no_such_metric(dataset: Any) -> None:
    path = write_rows(dataset.path / "predictions.jsonl", right_answers(dataset.path))
    report = write_scores(path, dataset.path, draws=20)
    scores = json.loads((dataset.path / "scores.json").read_text(encoding="utf-8"))
    assert not {"wrong_picture", "wrong_picture_boxes", "several_pictures"} & set(scores)
    assert "wrong_picture" not in report


def test_the_pictures_of_a_question_are_drawn_together() -> None:
    weights = evaluation([], []).draw(50)
    assert np.array_equal(weights[:, 0], weights[:, 1])
    assert np.array_equal(weights[:, 0], weights[:, 2])
    assert not np.array_equal(weights[:, 0], weights[:, 3])
    assert set(weights[:, [0, 3]].sum(axis=1)) == {2}


def test_many_pictures_that_hang_together_are_told() -> None:
    (note,) = evaluation([], []).notes_on_draws
    assert "3 of 4 pictures hang together" in note
    assert "2 groups can be drawn" in note
    assert evaluation([], [], together=(1, 2)).notes_on_draws == ()
    assert evaluation([], [], together=()).notes_on_draws == ()
