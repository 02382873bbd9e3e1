"""Data sets with computed phrases: records, truth of validation, check, counts and exports."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grounding.answers.forms import ANSWER_FORMATS, NOTHING_FOUND
from grounding.boxes import GRID, Size, iou
from grounding.card import Card, load_card
from grounding.predictions.annotations import expressions_by_image, objects_by_image, read_annotations
from grounding.record.conversation import parse_record
from infer.score import main as score
from prepare.check.dataset import IMAGE_TWICE, IN_BOTH, check_dataset
from prepare.export.dataset_reading import true_data
from prepare.pipeline import prepare_dataset
from prepare.questions.relations.relation_choice import OTHER_CATEGORY, OTHER_NUMBER, OTHER_SIDE
from prepare.reasons import NO_RELATION
from prepare.settings.question_settings import Negatives, RelationQuestions
from prepare.sources.source_settings import SourceSettings
from prepare.stats.__main__ import write_stats

Make = Callable[..., Any]
FIRST, SECOND, DOG = (
    (0, [2.0, 2.0, 10.0, 8.0], 48.0),
    (0, [24.0, 4.0, 39.0, 18.0], 210.0),
    (1, [14.0, 3.0, 20.0, 9.0], 36.0),
)
SIZE = Size(40, 20)


@pytest.fixture
def source(tmp_path: Path, make_row: Make, write_rows: Make) -> None:
    rows = [
        make_row(1, objects=[FIRST, SECOND, DOG]),
        make_row(2, objects=[DOG]),
        make_row(3, objects=[FIRST, DOG]),
    ]
    write_rows(tmp_path / "source/train-00000-of-00001.parquet", rows)
    write_rows(tmp_path / "source/val-00000-of-00001.parquet", [make_row(9, objects=[FIRST, SECOND, DOG])])


def prepared(make_recipe: Make, **changes: Any) -> Card:
    settings: dict[str, Any] = {"total_samples": None, "prompt": ["category", "relation"], "overwrite": True}
    settings["categories"] = ["cat", "dog", "cup"]
    settings["negatives"] = Negatives(0.5, "random")
    card: Card = prepare_dataset(make_recipe(**(settings | changes)))
    return card


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize("answer_format", ANSWER_FORMATS)
def test_the_truth_of_validation_is_the_object_that_the_answer_names(
    tmp_path: Path, make_recipe: Make, answer_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    card = prepared(make_recipe, answer_format=answer_format)
    folder = tmp_path / "dataset"
    annotations = read_annotations(folder / "annotations_val.json")
    phrases, (objects, _) = expressions_by_image(annotations, card), objects_by_image(annotations, card)
    rows = [json.loads(line) for line in (folder / "val.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == len(annotations["images"])
    assert len(phrases) == card.counts["val"]["relations"] > 4
    predictions = []
    for row, image in zip(rows, annotations["images"], strict=True):
        record = parse_record(row)
        found = record.read_answers(SIZE).detections
        truth = objects.get(image["id"], [])
        assert len(found) == len(truth)
        assert all(iou(one.box, other.box) > 0.8 for one, other in zip(found, truth, strict=True))
        if (phrase := phrases.get(image["id"])) is not None:
            assert phrase in record.turns[1].text
            assert [item.label for item in truth] == [phrase] * len(truth)
            if image["negative"]:
                assert image["negative"] in (OTHER_SIDE, OTHER_NUMBER, OTHER_CATEGORY)
                assert record.answers == (NOTHING_FOUND[answer_format],)
            else:
                assert len(found) == 1
        labelled = [{"label": item.label, "box": list(item.box.xyxy), "score": None} for item in truth]
        predictions.append({"image_id": image["id"], "image": record.image, "detections": labelled})
    (folder / "predictions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in predictions))
    assert score([str(folder / "predictions.jsonl"), "--dataset", str(folder)]) == 0
    scores = json.loads((folder / "scores.json").read_text())
    assert scores["ref_accuracy_50"] == scores["ref_exact"] == scores["AP50"] == 1.0
    assert scores["false_positive_rate"] == 0.0


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize("answer_format", ANSWER_FORMATS)
def test_check_counts_and_exports_know_phrases_from_categories(
    tmp_path: Path, make_recipe: Make, answer_format: str
) -> None:
    card = prepared(make_recipe, answer_format=answer_format, language="any")
    folder = tmp_path / "dataset"
    assert set(check_dataset(folder).counts) <= {IN_BOTH, IMAGE_TWICE}  # all images are alike
    assert {name.partition(".")[0] for name in card.prompts} == {"category", "relation"}
    assert card.recipe["relations"] == {"most": 4}
    assert card.dropped[NO_RELATION] == 1  # the image with one dog
    write_stats(folder)
    train = json.loads((folder / "stats.json").read_text(encoding="utf-8"))["splits"]["train"]
    assert set(train["categories"]) == {"cat", "dog"}
    assert train["boxes_of_computed_phrases"] == train["boxes"] - 6 > 0
    data = true_data(folder)
    for split in ("train", "val"):
        assert {item.label for image in data.images[split] for item in image.objects} == {"cat", "dog"}
        phrases = {item.label for image in data.images[split] for item in image.phrases}
        assert phrases
        assert not phrases & {"cat", "dog"}


@pytest.mark.usefixtures("source")
def test_relations_alone_need_a_phrase_and_other_data_sets_do_not_know_of_them(
    tmp_path: Path, make_recipe: Make, read_folder: Make
) -> None:
    card = prepared(make_recipe, prompt="relation", negatives=Negatives())
    assert card.counts["train"]["images"] == 2
    assert card.dropped == {NO_RELATION: 1}
    assert card.counts["train"]["relations"] == card.counts["train"]["records"]
    assert card.counts["train"]["records"] == 4 + 2
    few = prepared(make_recipe, prompt="relation", negatives=Negatives(), relations=RelationQuestions(1))
    assert few.counts["train"]["records"] == 2
    alone = prepared(make_recipe, prompt="category")
    lines = (tmp_path / "dataset/train.jsonl").read_text(encoding="utf-8").splitlines()
    assert "relations" not in alone.recipe
    assert "relations" not in alone.counts["train"]
    assert NO_RELATION not in alone.dropped
    prepared(make_recipe)
    beside = (tmp_path / "dataset/train.jsonl").read_text(encoding="utf-8").splitlines()
    assert set(lines) < set(beside)  # the questions about categories are the same
    before = read_folder(tmp_path / "dataset")
    prepared(make_recipe)
    assert read_folder(tmp_path / "dataset") == before
    assert load_card(tmp_path / "dataset").grid == GRID


def test_attributes_of_a_coco_file_are_in_phrases(tmp_path: Path, make_recipe: Make, png: Make) -> None:
    (tmp_path / "source").mkdir()
    values = [
        [{"color": "red", "occluded": True, "area": 3}, {"color": " blue "}],
        [{"color": "blue", "make": "Fiat"}, {"color": "green"}],
        [{"color": "white"}, {}],
    ]
    images, annotations = [], []
    for number, pair in enumerate(values, start=1):
        (tmp_path / f"source/{number}.png").write_bytes(png(40 + number))
        images.append({"id": number, "file_name": f"{number}.png", "width": 40 + number, "height": 20})
        for attributes, x in zip(pair, (0, 24), strict=True):
            box = {"image_id": number, "category_id": 1, "bbox": [x, 4, 12, 12], "attributes": attributes}
            annotations.append({"id": len(annotations) + 1, **box})
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "cat"}]}
    (tmp_path / "source/instances_train.json").write_text(json.dumps(content))
    place = SourceSettings(kind="coco_json", path=str(tmp_path / "source"))
    recipe = replace(make_recipe(prompt="relation"), source=place, categories="source", total_samples=None)
    recipe = replace(
        recipe, relations=RelationQuestions(20), negatives=Negatives(0.8, "random"), val_ratio=0.0
    )
    card = prepare_dataset(recipe)
    lines = (tmp_path / "dataset/train.jsonl").read_text(encoding="utf-8").splitlines()
    asked: dict[tuple[str, bool], str] = {}
    for record in map(parse_record, map(json.loads, lines)):
        key = record.image, bool(record.read_answers(SIZE).detections)
        asked[key] = f"{asked.get(key, '')} {record.turns[1].text}"
    first, second, third = sorted({image for image, _ in asked})
    assert "the red cat" in asked[first, True]
    assert "the green cat" in asked[first, False]
    assert "the blue cat" in asked[second, True]
    assert "the red cat" in asked[second, False]
    assert "whose make" not in asked[second, True]  # the other one may be a Fiat
    assert "white" not in asked[third, True]  # the other one may be white
    assert "color" not in " ".join(asked.values())
    assert card.counts["train"]["relations"] == len(lines)
