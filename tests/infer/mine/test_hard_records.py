from pathlib import Path
from typing import Any

import pytest

from grounding.card import load_card
from grounding.errors import UserError
from infer.mine.hard_records import repeated
from infer.mine.mine_settings import MineSettings
from infer.mine.mining import mine
from tests.infer.mine.stubborn_engine import (
    CAT,
    DOG,
    StubbornEngine,
    rows_of,
    write_mined_source,
    write_rows,
)

ABSENT = "None of them is in the image."
CATEGORY = "Detect all instances of: {category}."
EXPRESSION = "Find this in the image: {expression}."


def mined_from(source: Path, checkpoint: Path, **settings: Any) -> list[dict[str, Any]]:
    folder = source.parent / "hard"
    mine(
        str(checkpoint),
        source,
        MineSettings(answers=2, output_dir=str(folder), **settings),
        lambda _: StubbornEngine(),
    )
    return rows_of(folder / "hard.jsonl")


def asked(rows: list[dict[str, Any]]) -> dict[tuple[str, str], tuple[str, Any, Any]]:
    """Return (image, category) -> answer, objects and choice of the questions about one category."""
    return {
        (row["images"][0][-5], next(name for name in ("cat", "dog", "cow") if name in text)): (
            row["messages"][-1]["content"],
            row.get("objects"),
            row.get("negative"),
        )
        for row in rows
        if (text := row["messages"][-2]["content"]) != "<image>Task: Object Detection"
    }


def test_hard_records_stand_as_in_the_data_set(source: Path, mined: Path) -> None:
    before, rows = rows_of(source / "train.jsonl"), rows_of(mined / "hard.jsonl")
    assert rows[:5] == [
        {**row, "weight": weight} for row, weight in zip(before[1:], (4, 4, 3, 2, 3), strict=True)
    ]


def test_without_rarity_hardness_alone_decides(checkpoint: Path, source: Path) -> None:
    rows = mined_from(source, checkpoint, most_rarity=1, negatives=0)
    assert [row["weight"] for row in rows] == [3, 3, 2, 2, 3]


def test_what_is_invented_and_the_confusable_neighbour_are_asked_as_absent(mined: Path) -> None:
    rows = rows_of(mined / "hard.jsonl")
    found = asked(rows)
    assert found["2", "cat"] == (ABSENT, None, "neighbour")  # the dog was called a cat
    assert found["4", "cow"] == (ABSENT, None, "invented")
    absent = {key for key, (answer, _, _) in found.items() if answer == ABSENT}
    assert absent == {("2", "cat"), ("4", "cow")}  # a dog among cats is no reason: image 1 shows both
    assert all(row["weight"] == 1 for row in rows[5:])
    assert rows[5]["messages"][0] == {"role": "system", "content": "Be brief."}


def test_new_questions_come_with_as_many_that_boxes_answer(mined: Path) -> None:
    found = asked(rows_of(mined / "hard.jsonl"))
    one = "<ref-object><bbox>"
    assert found["2", "dog"] == (one, {"ref": ["dog"], "bbox": [DOG]}, None)
    assert found["4", "cat"] == (one, {"ref": ["cat"], "bbox": [CAT]}, None)
    assert len(found) == 4
    prompts = load_card(mined).prompts
    assert prompts.keys() == {"task.en1", *(f"category.en{number}" for number in range(1, 5))}


def test_a_data_set_that_asks_about_categories_gets_negatives_alone(checkpoint: Path, tmp_path: Path) -> None:
    source = write_mined_source(tmp_path / "data", prompts={"category.en2": CATEGORY})
    rows = mined_from(source, checkpoint)
    questions = [row["messages"][1]["content"] for row in rows[5:]]
    assert sorted(questions) == [
        "<image>Detect all instances of: cat.",
        "<image>Detect all instances of: cow.",
    ]
    assert load_card(tmp_path / "hard").prompts.keys() == {"category.en2"}


def test_answers_in_json_have_their_own_way_to_say_nothing(checkpoint: Path, tmp_path: Path) -> None:
    source = write_mined_source(tmp_path / "data", answer_format="json")
    rows = rows_of(source / "train.jsonl")
    for row in rows:
        objects = row.pop("objects")
        pairs = zip(objects["ref"], objects["bbox"], strict=True)
        row["messages"][-1]["content"] = str([{"bbox_2d": box, "label": label} for label, box in pairs])
    write_rows(source / "train.jsonl", rows)
    found = asked(mined_from(source, checkpoint))
    assert found["4", "cow"] == ("[]", None, "invented")
    assert found["4", "cat"] == ('[{"bbox_2d": [100, 100, 400, 400], "label": "cat"}]', None, None)


def test_what_another_record_names_in_the_image_is_not_absent(checkpoint: Path, tmp_path: Path) -> None:
    source = write_mined_source(tmp_path / "data")
    rows = rows_of(source / "train.jsonl")
    cow = {**rows[4], "objects": {"ref": ["cow"], "bbox": [[0, 0, 50, 50]]}}
    write_rows(source / "train.jsonl", [*rows, cow])
    found = asked(mined_from(source, checkpoint, limit=6))
    assert ("4", "cow") not in {key for key, (answer, _, _) in found.items() if answer == ABSENT}


def test_a_line_after_the_limit_that_is_no_record_is_one_line(checkpoint: Path, tmp_path: Path) -> None:
    source = write_mined_source(tmp_path / "data")
    write_rows(source / "train.jsonl", [*rows_of(source / "train.jsonl"), {"messages": 3}])
    with pytest.raises(UserError, match=r"train\.jsonl, line 7: .*: prepare the data set again"):
        mined_from(source, checkpoint, limit=6)
    assert not (tmp_path / "hard" / "card.json").exists()


def test_what_most_answers_see_at_one_place_may_lack_an_annotation(checkpoint: Path, tmp_path: Path) -> None:
    found = asked(mined_from(write_mined_source(tmp_path / "data"), checkpoint, unannotated=0.4))
    assert ("4", "cow") not in found


def test_referring_expressions_get_no_negatives(checkpoint: Path, tmp_path: Path) -> None:
    """A record about an expression does not name everything in its image."""
    source = write_mined_source(tmp_path / "data", prompts={"expression.en2": EXPRESSION})
    assert len(mined_from(source, checkpoint)) == 5


def test_records_are_repeated_by_weight_and_none_twice_in_a_row() -> None:
    rows = [{"name": name, "weight": weight} for name, weight in {"a": 3, "b": 1, "c": 2}.items()]
    assert [row["name"] for row in repeated(rows)] == list("abcaca")
    assert list(repeated([])) == []
