import json
from pathlib import Path

import pytest

from grounding.card import Card, load_card, save_card
from grounding.categories import COCO_CATEGORIES, Category, number_categories
from grounding.errors import UserError

CARD = Card(
    system_prompt="system",
    prompts={"task.en1": "Was ist das?", "category.zh1": "找出图中的每个“{category}”。"},
    answer_format="objects",
    categories=(Category(1, "cup"),),
    source_fingerprint="abc",
    recipe={"seed": 42},
    counts={"train": {"images": 3, "objects": 5}},
    dropped={"no area": 1},
)


def test_round_trip(tmp_path: Path) -> None:
    save_card(CARD, tmp_path)
    assert load_card(tmp_path) == CARD
    assert "找出图中" in (tmp_path / "card.json").read_text(encoding="utf-8")


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="python -m prepare"):
        load_card(tmp_path)


@pytest.mark.parametrize(
    "change", [{"version": 99}, {"grid": 999}, {"answer_format": "xml"}, {"extra": 1}, {"categories": 3}]
)
def test_a_card_of_another_kind_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    save_card(CARD, tmp_path)
    path = tmp_path / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError, match=r"card\.json"):
        load_card(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"prompts": ["Was?"]},
        {"prompts": {"task.en1": None}},
        {"system_prompt": 3},
        {"answer_format": ["objects"]},
        {"categories": [{"id": "1", "name": "cup"}]},
        {"categories": [{"id": 1, "name": ["cup"]}]},
        {"categories": [[1, "cup"]]},
        {"source_fingerprint": None},
        {"recipe": None},
        {"recipe": {"source": "yolo"}},
        {"counts": {"train": 3}},
        {"counts": {"train": {"images": "three"}}},
        {"dropped": ["no area"]},
        {"grid": "1000"},
        {"version": [2]},
        {"version": True},
    ],
    ids=str,
)
def test_values_of_another_type_are_refused(tmp_path: Path, change: dict[str, object]) -> None:
    save_card(CARD, tmp_path)
    path = tmp_path / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError, match=rf"card\.json: not a data set card \({next(iter(change))}"):
        load_card(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{", "null"])
def test_not_a_card(tmp_path: Path, content: str) -> None:
    (tmp_path / "card.json").write_text(content)
    with pytest.raises(UserError, match=r"card\.json"):
        load_card(tmp_path)


def test_coco_categories() -> None:
    assert len(COCO_CATEGORIES) == 80
    assert COCO_CATEGORIES[0] == Category(1, "person")
    assert COCO_CATEGORIES[11] == Category(13, "stop sign")  # id 12, street sign, is one of the gaps
    assert COCO_CATEGORIES[79] == Category(90, "toothbrush")


@pytest.mark.parametrize("names", [["cup", "cup"], [""], ["a<bbox>"], ["<|im_end|>"]])
def test_bad_category_names(names: list[str]) -> None:
    with pytest.raises(UserError, match="categories"):
        number_categories(names)


def test_a_card_of_version_1_has_one_question(tmp_path: Path) -> None:
    save_card(CARD, tmp_path)
    path = tmp_path / "card.json"
    content = json.loads(path.read_text()) | {"version": 1, "question": "Task: Object Detection"}
    del content["prompts"]
    path.write_text(json.dumps(content))
    assert load_card(tmp_path).prompts == {"task.en1": "Task: Object Detection"}
