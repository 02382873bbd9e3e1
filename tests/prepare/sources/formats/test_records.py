import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from prepare.check.dataset import check_dataset
from prepare.pipeline import prepare_dataset
from prepare.reasons import (
    RECORD_AMBIGUOUS,
    RECORD_FLAWED,
    RECORD_IMAGE_UNMATCHED,
    RECORD_POINT,
    RECORD_UNMATCHED,
    RECORD_UNNAMED,
    RECORD_UNREADABLE,
    RECORD_WITH_BAD_BOX,
    RECORD_WITHOUT_IMAGE,
)

Make = Callable[..., Any]


def record(
    answer: str, objects: dict[str, Any] | None = None, image: str = "a.png", **more: Any
) -> dict[str, Any]:
    """Make a record that asks in words of its own."""
    messages = [
        {"role": "user", "content": "<image>What is there?"},
        {"role": "assistant", "content": answer},
    ]
    row = {"messages": messages, "images": [image]} | more
    return row if objects is None else row | {"objects": objects}


@pytest.fixture
def write_source(tmp_path: Path, png: Make) -> Callable[..., None]:
    """Write records about images of 40 x 20 pixels."""

    def write(rows: list[dict[str, Any]], name: str = "train.jsonl") -> None:
        folder = tmp_path / "source"
        folder.mkdir(exist_ok=True)
        for row in rows:
            for image in row.get("images", []):
                (folder / image).write_bytes(png())
        (folder / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")

    return write


@pytest.fixture
def records_for(recipe_for: Make) -> Make:
    return lambda source=None, **changes: recipe_for("records", source, **({"val_ratio": 0.0} | changes))


@pytest.mark.parametrize("answer_format", ["objects", "json"])
def test_our_own_data_set_goes_through_unchanged(
    photographs: Any,
    records_for: Make,
    recipe_for: Make,
    tmp_path: Path,
    read_rows: Make,
    answer_format: str,
) -> None:
    """Real photographs: prepared, then taken for records, the conversations are the same word for word."""
    sample = Path(__file__).parents[5] / "shared" / "coco_sample"
    first = recipe_for("coco_parquet", {"hub": "local", "path": str(sample)}, total_samples=20, val_ratio=0.2)
    source = tmp_path / "source"
    prepare_dataset(
        dataclasses.replace(first, categories="coco", answer_format=answer_format, output_dir=str(source))
    )
    prepare_dataset(records_for())
    for split, count in (("train", 16), ("val", 4)):
        before = {row["images"][0]: row for row in map(json.loads, (source / f"{split}.jsonl").open())}
        rows = read_rows(split)
        assert len(rows) == len(before) == count
        for row in rows:
            original = before[row["source"]]
            assert row["messages"] == original["messages"]
            assert row.get("objects") == original.get("objects")
            copy = (tmp_path / "dataset" / row["images"][0]).read_bytes()
            assert copy == (source / row["source"]).read_bytes()


def test_placeholders_keep_their_places(write_source: Make, records_for: Make, read_rows: Make) -> None:
    objects = {"ref": ["cat", "dog"], "bbox": [[0, 0, 40, 20], [4, 2, 20, 10], [10, 0, 20, 20]]}
    row = record("A <ref-object><bbox><bbox>, and a <ref-object><bbox>.", objects)
    write_source([row])
    prepare_dataset(records_for({"units": "pixels"}))
    (found,) = read_rows("train")
    assert found["messages"] == row["messages"]
    assert found["objects"] == {
        "ref": ["cat", "dog"],
        "bbox": [[0, 0, 1000, 1000], [100, 100, 500, 500], [250, 0, 500, 1000]],
    }
    assert found["source"] == "a.png"


@pytest.mark.parametrize(
    ("units", "boxes", "numbers"),
    [
        ("grid", "xyxy", [100, 100, 500, 500]),
        ("pixels", "xyxy", [4, 2, 20, 10]),
        ("relative", "cxcywh", [0.3, 0.3, 0.4, 0.4]),
    ],
)
def test_units_as_the_key_says(
    write_source: Make, records_for: Make, read_rows: Make, units: str, boxes: str, numbers: list[float]
) -> None:
    answer = json.dumps([{"bbox_2d": numbers, "label": "猫", "note": "x"}], ensure_ascii=False)
    write_source(
        [
            record("<ref-object><bbox>", {"ref": ["猫"], "bbox": [numbers]}),
            record(f"```json\n{answer}\n```", image="b.png"),
        ]
    )
    prepare_dataset(records_for({"units": units, "boxes": boxes}))
    rows = {row["source"]: row for row in read_rows("train")}
    assert rows["a.png"]["objects"]["bbox"] == [[100, 100, 500, 500]]
    assert json.loads(rows["b.png"]["messages"][1]["content"]) == [
        {"bbox_2d": [100, 100, 500, 500], "label": "猫", "note": "x"}
    ]


def test_the_truth_is_what_the_answers_name(
    write_source: Make, records_for: Make, tmp_path: Path, read_rows: Make
) -> None:
    asked = record(
        "<ref-object><bbox>", {"ref": ["dog", "cat"], "bbox": [[0, 0, 500, 500], [500, 0, 1000, 500]]}
    )
    asked["messages"][0]["content"] = "<image>Beside the <ref-object><bbox>?"
    write_source([asked, record("None of them is in the image."), record("[]", image="b.png")], "val.jsonl")
    write_source([record('[{"bbox_2d": [0, 0, 9, 9], "label": "cow"}]', image="c.png")])
    card = prepare_dataset(records_for())
    assert [category.name for category in card.categories] == ["cat", "cow"]
    truth = json.loads((tmp_path / "dataset/annotations_val.json").read_text())
    assert [item["bbox"] for item in truth["annotations"]] == [[20, 0, 20, 10]]
    assert [item["category_id"] for item in truth["annotations"]] == [1]
    assert [image["file_name"] for image in truth["images"]] == [row["images"][0] for row in read_rows("val")]
    assert len({image["id"] for image in truth["images"]}) == 3


def test_records_that_do_not_fit_are_counted(write_source: Make, records_for: Make, read_rows: Make) -> None:
    good = {"ref": ["cat"], "bbox": [[0, 0, 500, 500]]}
    two_marks = record("<ref-object><bbox>", good)
    two_marks["messages"][0]["content"] = "<image><image>What is there?"
    strange_role = record("<ref-object><bbox>", good)
    strange_role["messages"][0]["role"] = "narrator"
    write_source(
        [
            record("<ref-object><bbox>", good),
            record("<ref-object><bbox>, <ref-object><bbox>", good),
            record("nothing", good),
            record("<ref-object><bbox>", {"ref": ["cat"], "bbox": [[500, 0, 500, 500]]}),
            record('[{"bbox_2d": [1, 2, 3'),
            record("<|box_start|>(1,2),(3,4)<|box_end|>"),
            two_marks,
            strange_role,
        ]
    )
    card = prepare_dataset(records_for(max_bad_share=0.0))
    assert len(read_rows("train")) == 1
    assert card.dropped == {
        RECORD_FLAWED: 1,
        RECORD_IMAGE_UNMATCHED: 1,
        RECORD_UNMATCHED: 2,
        RECORD_UNNAMED: 1,
        RECORD_UNREADABLE: 1,
        RECORD_WITH_BAD_BOX: 1,
    }


def test_pixels_called_grid_are_refused(write_source: Make, records_for: Make) -> None:
    write_source([record("<ref-object><bbox>", {"ref": ["cat"], "bbox": [[0, 0, 1900, 700]]})])
    with pytest.raises(UserError, match=r"train\.jsonl, line 1: box \[0, 0, 1900, 700\]: source\.units=grid"):
        prepare_dataset(records_for())


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"images": ["a.png"]}, "line 1: messages are needed"),
        ({"messages": [{"role": "user"}], "images": ["a.png"]}, "line 1: messages need role and content"),
        (record("x", images=[]), "line 1: no image: the path of one image"),
        (record("x", {"ref": 1}), "line 1: messages need role"),
    ],
)
def test_a_line_of_another_form_names_itself(
    write_source: Make, records_for: Make, row: dict[str, Any], message: str
) -> None:
    write_source([row])
    with pytest.raises(UserError, match=message):
        prepare_dataset(records_for())


CAT = "[4, 2, 20, 10]"
"""A box in pixels of an image of 40 x 20; on the grid it is [100, 100, 500, 500]."""


def talk(question: str, answer: str, image: str = "a.png", **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"<image>{question}"}, {"role": "assistant", "content": answer}]
    return {"messages": messages, "images": [image], **more}


def truth_of(folder: Path) -> list[tuple[str, list[float]]]:
    """The labels and boxes of the validation set, in pixels."""
    content = json.loads((folder / "annotations_val.json").read_text())
    names = {item["id"]: item["name"] for item in content["categories"]}
    return [(names[item["category_id"]], item["bbox"]) for item in content["annotations"]]


@pytest.fixture
def prepare_one(write_source: Make, records_for: Make, tmp_path: Path, read_rows: Make) -> Make:
    """Prepare one record in pixels for validation, beside a training record; return it and its truth."""

    def prepare(row: dict[str, Any], **source: Any) -> tuple[dict[str, Any], list[tuple[str, list[float]]]]:
        write_source([talk("Where?", '[{"bbox_2d": [0, 0, 9, 9], "label": "cow"}]', "z.png")])
        write_source([row], "val.jsonl")
        prepare_dataset(records_for({"units": "pixels"} | source, overwrite=True))
        (found,) = read_rows("val")
        return found, truth_of(tmp_path / "dataset")

    return prepare


@pytest.mark.parametrize(
    ("answer", "written"),
    [
        ("<ref>cat</ref><box>(4,2),(20,10)</box>", "<ref>cat</ref><box>(100,100),(500,500)</box>"),
        ("<ref>cat</ref><box>[[4, 2, 20, 10]]</box>", "<ref>cat</ref><box>[[100, 100, 500, 500]]</box>"),
        (CAT, "[100, 100, 500, 500]"),
        (
            f"<think>A cat.</think><answer>{CAT}</answer>",
            "<think>A cat.</think><answer>[100, 100, 500, 500]</answer>",
        ),
        (f"<think>At {CAT}.</think>{CAT}", "<think>At [100, 100, 500, 500].</think>[100, 100, 500, 500]"),
        (
            '<box x1="4" y1="2" x2="20" y2="10">cat</box>',
            '<box x1="100" y1="100" x2="500" y2="500">cat</box>',
        ),
        (
            "<|object_ref_start|>cat<|object_ref_end|><|box_start|>(4,2),(20,10)<|box_end|>",
            "<|object_ref_start|>cat<|object_ref_end|><|box_start|>(100,100),(500,500)<|box_end|>",
        ),
        ('{"cat": [[4, 2], [20, 10]]}', '{"cat": [[100, 100], [500, 500]]}'),
        ('{"bbox": [10%, 10%, 50%, 50%], "label": "cat"}', '{"bbox": [100, 100, 500, 500], "label": "cat"}'),
        (
            '{"label": "cat", "x": 4, "y": 2, "width": 16, "height": 8}',
            '{"label": "cat", "x": 100, "y": 100, "width": 400, "height": 400}',
        ),
        ("4, 2, 20, 10 cat", "100, 100, 500, 500 cat"),
        ("cat: (4, 2, 20, 10)", "cat: (100, 100, 500, 500)"),
        (
            '{"answer": "[{\\"bbox_2d\\": [4,2,20,10], \\"label\\": \\"cat\\"}]"}',
            '{"answer": "[{\\"bbox_2d\\": [100,100,500,500], \\"label\\": \\"cat\\"}]"}',
        ),
    ],
)  # fmt: skip
def test_boxes_in_any_spelling_are_rewritten_in_their_places(
    prepare_one: Make, answer: str, written: str
) -> None:
    found, truth = prepare_one(talk("Find the cat", answer))
    assert found["messages"][1]["content"] == written
    assert truth == [("cat", [4, 2, 16, 8])]


@pytest.mark.parametrize(
    ("question", "written"),
    [
        (f'What is in {{"bbox_2d": {CAT}}}?', 'What is in {"bbox_2d": [100, 100, 500, 500]}?'),
        ("What is at <box>(4,2),(20,10)</box>?", "What is at <box>(100,100),(500,500)</box>?"),
        (f"What is in {CAT}?", "What is in [100, 100, 500, 500]?"),
        ('Answer as {"bbox_2d": [x1, y1, x2, y2]}', 'Answer as {"bbox_2d": [x1, y1, x2, y2]}'),
    ],
)
def test_boxes_in_questions_are_rewritten_too(prepare_one: Make, question: str, written: str) -> None:
    found, truth = prepare_one(talk(question, "A cat"))
    assert found["messages"][0]["content"] == f"<image>{written}"
    assert truth == []


@pytest.mark.parametrize(
    ("question", "answer", "objects", "truth"),
    [
        # the form of ms-swift: boxes before names, in JSON
        (
            "Task: Object Detection",
            '[\n\t{"bbox_2d": <bbox>, "label": "<ref-object>"},\n'
            '\t{"bbox_2d": <bbox>, "label": "<ref-object>"}\n]',
            ["cat", "dog"],
            ["cat", "dog"],
        ),
        ("Find", '{"label": "<ref-object>", "bbox_2d": [<bbox>, <bbox>]}', ["cat"], ["cat", "cat"]),
        # names in the question
        ("Where is <ref-object>?", "<bbox>", ["cat"], ["cat"]),
        ("Find <ref-object> and <ref-object>", "<bbox><bbox>", ["car", "truck"], ["car", "truck"]),
        ("Where is the cat?", "<bbox>", [], ["cat"]),
        # names and boxes in the answer
        ("Find", "<ref-object><bbox><bbox>", ["cat"], ["cat", "cat"]),
        ("Find", "No <ref-object>, but a <ref-object><bbox>", ["car", "truck"], ["truck"]),
    ],
)  # fmt: skip
def test_each_box_has_its_own_name(
    prepare_one: Make, question: str, answer: str, objects: list[str], truth: list[str]
) -> None:
    boxes = [[4, 2, 20, 10], [8, 4, 30, 18]][: len(truth)]
    row = talk(question, answer, objects={"ref": objects, "bbox": boxes})
    found, labelled = prepare_one(row)
    assert labelled == [
        (name, [x1, y1, x2 - x1, y2 - y1]) for name, (x1, y1, x2, y2) in zip(truth, boxes, strict=True)
    ]
    if "{" in answer:  # JSON answers are trained as JSON
        assert "objects" not in found
        assert "[100, 100, 500, 500]" in found["messages"][1]["content"]
        assert json.loads(found["messages"][1]["content"])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (
            talk(
                "Find <ref-object> and <ref-object>",
                "<bbox><bbox><bbox>",
                objects={"ref": ["a", "b"], "bbox": [[0, 0, 9, 9]] * 3},
            ),
            RECORD_AMBIGUOUS,
        ),
        (
            talk(
                "Find",
                "No <ref-object>, but <ref-object><bbox><bbox>",
                objects={"ref": ["a", "b"], "bbox": [[0, 0, 9, 9]] * 2},
            ),
            RECORD_AMBIGUOUS,
        ),
        (talk("What is it?", "<bbox>", objects={"ref": [], "bbox": [[0, 0, 9, 9]]}), RECORD_UNNAMED),
        (talk("Find the cat and the dog", CAT), RECORD_UNNAMED),
        (talk("What is at 4, 2, 20, 10?", "A cat"), RECORD_UNREADABLE),
        (talk("Where is it?", "It is between 4 2 20 10 or so"), RECORD_UNREADABLE),
        (talk("Where is it?", '[{"bbox_2d": [4, 2, 20], "label": "cat"}]'), RECORD_WITH_BAD_BOX),
        (talk("Where is it?", 'Here: {"bbox_2d": [4, 2, 20], "label": "cat"}'), RECORD_UNREADABLE),
        (talk("Point at it", '[{"point_2d": [4, 2], "label": "cat"}]'), RECORD_POINT),
        (talk("Find", "a <bbox>", images=["a.png", "b.png"]), RECORD_UNMATCHED),
    ],
)
def test_what_is_not_understood_is_counted_by_its_reason(
    write_source: Make, records_for: Make, row: dict[str, Any], reason: str
) -> None:
    good = talk("Find the cat", f'[{{"bbox_2d": {CAT}, "label": "cat"}}]', "z.png")
    write_source([good, row])
    card = prepare_dataset(records_for({"units": "pixels"}))
    assert card.dropped == {reason: 1}


def test_numbers_on_the_grid_can_stay_where_they_are(prepare_one: Make) -> None:
    found, _ = prepare_one(talk("What is at 4, 2, 20, 10?", "A cat, 1 of 2, 3, 4"), units="grid")
    assert found["messages"][0]["content"] == "<image>What is at 4, 2, 20, 10?"


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [("real", [4, 2, 20, 10]), ("norm1", [0.1, 0.1, 0.5, 0.5]), ("norm1000", [100, 100, 500, 500])],
)  # fmt: skip
def test_the_units_of_a_record_are_obeyed(prepare_one: Make, kind: str, numbers: list[float]) -> None:
    objects = {"ref": ["cat"], "bbox": [numbers], "bbox_type": kind}
    found, truth = prepare_one(talk("Find", "<ref-object><bbox>", objects=objects), units=None)
    assert found["objects"] == {"ref": ["cat"], "bbox": [[100, 100, 500, 500]]}
    assert truth == [("cat", [4, 2, 16, 8])]


@pytest.mark.parametrize(
    ("kind", "message"),
    [("real", "boxes are pixels, and source.units=grid"), ("norm9", "bbox_type 'norm9': there are real")],
)
def test_units_at_odds_with_the_recipe_are_refused(
    write_source: Make, records_for: Make, kind: str, message: str
) -> None:
    objects = {"ref": ["cat"], "bbox": [[4, 2, 20, 10]], "bbox_type": kind}
    write_source([talk("Find", "<ref-object><bbox>", objects=objects)])
    with pytest.raises(UserError, match=rf"train\.jsonl, line 1: .*{message}"):
        prepare_dataset(records_for({"units": "grid"}))


@pytest.mark.parametrize(
    "row",
    [
        {"id": 0, "image": "a.png", "conversations": [
            {"from": "human", "value": "<image>\nFind the cat"}, {"from": "gpt", "value": CAT}]},
        {"images": ["a.png"], "query": "<image>Where is the cat?", "response": CAT},
        {"images": ["a.png"], "instruction": "<image>Locate the cat.", "input": "", "output": CAT},
    ],
)  # fmt: skip
def test_rows_of_other_trainers_are_read(prepare_one: Make, tmp_path: Path, png: Make, row: Any) -> None:
    (tmp_path / "source").mkdir(exist_ok=True)
    (tmp_path / "source" / "a.png").write_bytes(png())
    found, truth = prepare_one(row)
    assert [message["role"] for message in found["messages"]] == ["user", "assistant"]
    assert found["messages"][1]["content"] == "[100, 100, 500, 500]"
    assert truth == [("cat", [4, 2, 16, 8])]


def test_arrays_are_read_where_no_file_has_lines(
    write_source: Make, records_for: Make, tmp_path: Path, read_rows: Make
) -> None:
    row = talk("Find the cat", CAT)
    write_source([row])
    lines = tmp_path / "source" / "train.jsonl"
    lines.rename(tmp_path / "unused.jsonl")
    (tmp_path / "source" / "data.json").write_text("\ufeff" + json.dumps([row, row | {"images": []}]))
    card = prepare_dataset(records_for({"units": "pixels"}))
    assert read_rows("train")[0]["messages"][1]["content"] == "[100, 100, 500, 500]"
    assert card.dropped == {RECORD_WITHOUT_IMAGE: 1}
    (tmp_path / "source" / "data.json").write_text(json.dumps([row, 5]))
    with pytest.raises(UserError, match=r"data\.json, item 2: not a JSON object"):
        prepare_dataset(records_for({"units": "pixels"}, overwrite=True))


CASES = Path(__file__).parents[5] / "shared" / "import_cases"


@pytest.mark.skipif(not CASES.is_dir(), reason="no folder ../shared/import_cases")
@pytest.mark.parametrize(
    ("case", "units", "labels"),
    [
        *((case, "pixels", {"cat", "dog"}) for case in ("z03*", "z05*", "z08*", "z15*", "r04*")),
        ("z12*", "pixels", {"dog"}),
        *((case, "pixels", {"cat"}) for case in ("r00*", "r06*", "r08*", "r12*", "r14*")),
        *((case, None, {"cat"}) for case in ("r01*", "x02*")),
        ("g08*", "pixels", {"left cat"}),
        ("g13*", "relative", {"cat"}),
    ],
)
def test_import_cases_are_read(
    records_for: Make, tmp_path: Path, case: str, units: str | None, labels: set[str]
) -> None:
    (folder,) = CASES.glob(case)
    recipe = records_for({"path": str(folder), "units": units}, val_ratio=0.5)
    card = prepare_dataset(recipe)
    assert {category.name for category in card.categories} == labels
    assert card.dropped == {}
    boxes = {tuple(box) for _, box in truth_of(tmp_path / "dataset")}
    assert boxes <= {(x, 10, 50, 30) for x in (10, 30, 50, 70)} | {(100, 50, 60, 40)}
    report = check_dataset(tmp_path / "dataset")
    assert not report.errors
