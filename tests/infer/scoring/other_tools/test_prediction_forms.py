"""Predictions in the forms of other tools score what the same boxes score in this project's rows."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grounding.errors import UserError
from infer.recipe import InferRecipe, save_recipe
from infer.scoring.inputs import read_evaluation
from infer.scoring.other_tools.habits import PredictionHabits
from infer.scoring.outputs import write_scores
from infer.scoring.scorecard import score
from tests.infer.conftest import write_dataset
from tests.infer.scoring.made_predictions import right_answers, write_rows
from tests.infer.several_pictures import GROUPS, join_questions, right_answer

ROOT = Path(__file__).parents[4]
ANSWER = "<|object_ref_start|>red square<|object_ref_end|><|box_start|>(100,100),(500,500)<|box_end|>"
"""The right answer about each image of the small data set: its object is there in every image."""

PIXELS = PredictionHabits(answer_units="pixels")


def images(folder: Path) -> list[dict[str, Any]]:
    content = json.loads((folder / "annotations_val.json").read_text(encoding="utf-8"))
    return list(content["images"])


def coco_results(folder: Path) -> list[dict[str, Any]]:
    content = json.loads((folder / "annotations_val.json").read_text(encoding="utf-8"))
    return [
        {"image_id": item["image_id"], "category_id": item["category_id"], "bbox": item["bbox"], "score": 0.9}
        for item in content["annotations"]
    ]


def choice(text: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]}


TEXTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "raw": lambda image: {"image_id": image["id"], "raw": ANSWER},
    "id as text": lambda image: {"image_id": f"{image['id']:012}", "answer": ANSWER},
    "id as decimal": lambda image: {"image_id": float(image["id"]), "raw": ANSWER},
    "file name": lambda image: {"image": image["file_name"], "text": ANSWER},
    "path elsewhere": lambda image: {"image_path": f"/data/val/{image['file_name']}", "output": ANSWER},
    "Windows path": lambda image: {"img": f"D:\\val\\{image['file_name']}", "pred": ANSWER},
    "name without ending": lambda image: {"filename": Path(image["file_name"]).stem, "prediction": ANSWER},
    "ms-swift": lambda image: {
        "response": ANSWER,
        "labels": "another text",
        "logprobs": None,
        "messages": [{"role": "user", "content": "<image>Detect"}, {"role": "assistant", "content": ANSWER}],
        "images": [{"bytes": None, "path": f"/data/images/{image['file_name']}"}],
    },
    "LLaMA-Factory": lambda image: {"prompt": "<|im_start|>user", "predict": ANSWER, "label": "the truth"},
    "vLLM batch": lambda image: {
        "id": "vllm-1",
        "custom_id": f"image-{image['id']}",
        "response": {"status_code": 200, "request_id": "r", "body": choice(ANSWER)},
        "error": None,
    },
    "chat completion": lambda image: {"image_id": image["id"], **choice(ANSWER)},
    "parts of a message": lambda image: {
        "image_id": image["id"],
        "response": [{"type": "text", "text": ANSWER[:20]}, {"type": "text", "text": ANSWER[20:]}],
    },
    "vLLM offline": lambda image: {
        "image": image["file_name"],
        "prompt": "Detect",
        "outputs": [{"index": 0, "text": ANSWER, "finish_reason": "stop"}],
    },
    "pipeline": lambda image: {"image": image["file_name"], "generated_text": [{"generated_text": ANSWER}]},
    "parsed boxes": lambda image: {
        "image_id": image["id"],
        "prediction": [{"bbox_2d": [100, 100, 500, 500], "label": "red square"}],
    },
    "LLaVA": lambda image: {"question_id": image["id"], "prompt": "Detect", "text": ANSWER, "model_id": "m"},
}


@pytest.mark.parametrize("form", TEXTS)
@pytest.mark.parametrize("file", ["lines", "list", "pretty"])
def test_texts_of_every_tool_are_read(dataset: Any, tmp_path: Path, form: str, file: str) -> None:
    rows = [TEXTS[form](image) for image in images(dataset.path)]
    path = tmp_path / "theirs.json"
    if file == "lines":
        write_rows(path, rows)
    else:
        path.write_text(json.dumps(rows, indent=2 if file == "pretty" else None), encoding="utf-8")
    evaluation = read_evaluation(path, dataset.path)
    assert "read as texts of answers: 7 under" in evaluation.notes[0]
    assert len(evaluation.notes) == 1
    values = score(evaluation, draws=0).values
    assert (values["f1_95"], values["readable"], values["detections"]) == (1, 1, 7)
    assert all(item.raw for item in evaluation.predictions)


def test_the_order_counts_only_where_no_row_names_an_image_and_none_is_missing(
    dataset: Any, tmp_path: Path
) -> None:
    rows = [{"predict": ANSWER, "label": ""} for _ in images(dataset.path)]
    path = write_rows(tmp_path / "generated_predictions.jsonl", rows)
    assert "by the order of the annotations" in read_evaluation(path, dataset.path).notes[0]
    write_rows(path, rows[:-1])
    with pytest.raises(UserError, match="name no image, and 6 rows are not the 7 of the annotations"):
        read_evaluation(path, dataset.path)
    write_rows(path, [{"id": number, **row} for number, row in enumerate(rows)])
    assert "by the order" in read_evaluation(path, dataset.path).notes[0]
    write_rows(path, [{"id": image["id"], **row} for image, row in zip(images(dataset.path), rows)])  # noqa: B905
    assert "images by `id`" in read_evaluation(path, dataset.path).notes[0]


def test_another_order_is_told_by_the_right_answers_beside(dataset: Any, tmp_path: Path) -> None:
    path = dataset.path / "annotations_val.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    rows = []
    for number, (image, item) in enumerate(zip(content["images"], content["annotations"], strict=True)):
        corner = number * 100  # on the grid: each image has its object elsewhere
        box = [corner / 1000 * image["width"], 0.0, 0.1 * image["width"], 0.5 * image["height"]]
        item["bbox"] = box
        text = f"red square({corner},0),({corner + 100},500)"
        rows.append({"predict": text, "label": text})
    path.write_text(json.dumps(content), encoding="utf-8")
    theirs = write_rows(tmp_path / "theirs.jsonl", rows)
    assert len(read_evaluation(theirs, dataset.path).notes) == 1
    write_rows(theirs, [*rows[1:], rows[0]])
    notes = read_evaluation(theirs, dataset.path).notes
    assert notes[1].startswith("order: the right answers in 7 of 7 rows fit no object of the image")


def test_pixels_and_pixels_of_the_resized_image_are_read_when_they_are_named(
    dataset: Any, tmp_path: Path
) -> None:
    rows = []
    for image, row in zip(images(dataset.path), right_answers(dataset.path), strict=True):
        box = row["detections"][0]["box"]
        rows.append({"image_id": image["id"], "raw": json.dumps([{"bbox_2d": box, "label": "red square"}])})
    path = write_rows(tmp_path / "qwen25.jsonl", rows)
    assert score(read_evaluation(path, dataset.path), 0).values["f1_50"] == 0
    read = read_evaluation(path, dataset.path, habits=PIXELS)
    assert score(read, 0).values["f1_95"] == 1
    assert "units of pixels" in read.notes[0]
    with pytest.raises(UserError, match="--answer-units pixels_resized needs --checkpoint DIR"):
        read_evaluation(path, dataset.path, habits=PredictionHabits(answer_units="pixels_resized"))
    save_recipe(
        InferRecipe(
            checkpoint="m", dataset=str(dataset.path), output_dir=str(tmp_path), answer_units="pixels"
        )
    )
    assert score(read_evaluation(path), 0).values["f1_95"] == 1


def test_cocos_results_score_as_boxes_do(dataset: Any, tmp_path: Path) -> None:
    rows = coco_results(dataset.path)[:5]
    native = right_answers(dataset.path)
    for row in native:
        row["detections"] = row["detections"] if row["image_id"] <= 105 else []
    expected = score(read_evaluation(write_rows(tmp_path / "a.jsonl", native), dataset.path), 0).values
    for content in (json.dumps(rows), json.dumps({"annotations": rows}), "\n".join(map(json.dumps, rows))):
        path = tmp_path / "results.json"
        path.write_text(content, encoding="utf-8")
        evaluation = read_evaluation(path, dataset.path)
        found = score(evaluation, 0).values
        assert {key: found[key] for key in expected if key in ("AP", "f1_95", "recall_50", "images")} == {
            key: expected[key] for key in ("AP", "f1_95", "recall_50", "images")
        }
        assert evaluation.notes == (
            "read as COCO's results: 5 boxes; 2 of 7 images have none: nothing was found in them",
        )
    names = [{"image_id": row["image_id"], "label": "red square", "bbox": row["bbox"]} for row in rows]
    path.write_text(json.dumps(names), encoding="utf-8")
    assert score(read_evaluation(path, dataset.path), 0).values["f1_50"] == expected["f1_50"]


def test_our_own_coco_results_are_read_again_and_stay(dataset: Any, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "out" / "predictions.jsonl", right_answers(dataset.path))
    write_scores(path, dataset.path, draws=0)
    results = path.with_name("coco_results.json")
    before, scores = results.read_bytes(), path.with_name("scores.json").read_bytes()
    write_scores(results, dataset.path, draws=0)
    assert results.read_bytes() == before
    again = json.loads(path.with_name("scores.json").read_bytes())
    assert {key: again[key] for key in ("AP", "f1_95")} == {
        key: json.loads(scores)[key] for key in ("AP", "f1_95")
    }
    with pytest.raises(UserError, match=r"scores\.json: the scores would replace it"):
        write_scores(path.with_name("scores.json"), dataset.path)


def test_categories_that_the_annotations_lack_are_said(dataset: Any, tmp_path: Path) -> None:
    rows = coco_results(dataset.path)
    path = tmp_path / "results.json"
    path.write_text(json.dumps([{**row, "category_id": 0} for row in rows]), encoding="utf-8")
    with pytest.raises(UserError, match=r"7 of 7 boxes have a category_id that .* \(0; they have 1 to 2\)"):
        read_evaluation(path, dataset.path)
    rows[0]["category_id"] = 0
    path.write_text(json.dumps(rows), encoding="utf-8")
    notes = read_evaluation(path, dataset.path).notes
    assert "1 of 7 boxes have a category_id" in notes[1]
    assert notes[1].endswith("left out: do their ids begin at 0?")


def test_xywh_under_the_key_of_corners_is_named_with_its_share(dataset: Any, tmp_path: Path) -> None:
    rows = right_answers(dataset.path)
    for row in rows[:3]:
        x1, y1, x2, y2 = row["detections"][0]["box"]
        row["detections"][0]["box"] = [x1 + 40, y1 + 40, (x2 - x1) / 2, y2 - y1]
    path = write_rows(tmp_path / "mine.jsonl", rows)
    (note,) = read_evaluation(path, dataset.path).notes
    assert note.startswith("upside down: 3 of 7 boxes (42.9%) have x2 < x1 or y2 < y1")
    assert "--boxes xywh" in note
    assert note in write_scores(path, dataset.path, draws=0)
    whole = right_answers(dataset.path)
    for row in whole:
        x1, y1, x2, y2 = row["detections"][0]["box"]
        row["detections"][0]["box"] = [x1, y1, x2 - x1, y2 - y1]
    evaluation = read_evaluation(write_rows(path, whole), dataset.path, habits=PredictionHabits(boxes="xywh"))
    assert score(evaluation, 0).values["f1_95"] == 1
    assert evaluation.notes == ()
    assert read_evaluation(write_rows(path, right_answers(dataset.path)), dataset.path).notes == ()


def test_corners_under_cocos_bbox_are_named_with_their_share(dataset: Any, tmp_path: Path) -> None:
    rows = coco_results(dataset.path)
    path = tmp_path / "results.json"
    sizes = {image["id"]: (image["width"], image["height"]) for image in images(dataset.path)}
    for row in rows:
        width, height = sizes[row["image_id"]]
        row["bbox"] = [width * 0.3, height * 0.3, width * 0.9, height * 0.9]
    path.write_text(json.dumps(rows), encoding="utf-8")
    notes = read_evaluation(path, dataset.path).notes
    assert notes[-1].startswith("corners: 7 of 7 boxes (100.0%) end outside of their image")
    assert "--boxes xyxy" in notes[-1]
    read = read_evaluation(path, dataset.path, habits=PredictionHabits(boxes="xyxy"))
    assert len(read.notes) == 1
    assert read.predictions[0].detections[0].box.xyxy == pytest.approx((19.2, 19.2, 57.6, 57.6))
    path.write_text(json.dumps([{**row, "bbox": [5, 5, -3, 4]} for row in rows]), encoding="utf-8")
    assert "have a width or height below 0" in read_evaluation(path, dataset.path).notes[-1]


def test_upside_down_boxes_in_texts_are_named(dataset: Any, tmp_path: Path) -> None:
    turned = '[{"bbox_2d": [500, 500, 100, 100], "label": "red square"}]'
    rows = [{"image_id": image["id"], "raw": ANSWER} for image in images(dataset.path)]
    rows[0]["raw"] = rows[1]["raw"] = turned
    notes = read_evaluation(write_rows(tmp_path / "theirs.jsonl", rows), dataset.path).notes
    assert notes[1].startswith("upside down: 2 of 7 boxes (28.6%) in the answers have x2 < x1")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"image_id": 101, "mask": "x"}], "line 1: not a prediction: its keys are image_id, mask; a row"),
        ([{"image": "nobody.png", "raw": ""}], "line 1: `image` 'nobody.png' is no image of the data set"),
        ([{"image_id": 9, "raw": ""}], "line 1: `image_id` 9 is no image of the data set"),
        ([{"image_id": 101, "text": "a", "answer": "b"}], "line 1: `text` and `answer` differ: name the"),
        ([{"image_id": 101, "response": ["a", "b"]}], "line 1: `response` holds 2 answers: keep one"),
        ([{"image_id": 101, "raw": 7}], "line 1: `raw` holds no text of an answer"),
        ([{"image_id": 101, "raw": ""}] * 2, "line 2: image_id 101 comes a second time"),
        ([{"image_id": 101, "raw": ""}], "6 of 7 images have no prediction, the first is image_id 102"),
        ([{"image_id": 101, "category_id": 1}], r"not a box of COCO's results \(no 'bbox'\): a row needs"),
        ([{"image_id": 9, "category_id": 1, "bbox": [1, 2, 3, 4]}], "image_id 9 is no image of the data set"),
        ([{"image_id": 101, "category_id": 1, "bbox": [1, 2, 3]}], "a box has 3 numbers, not 4"),
        ([{"custom_id": "a-1", "raw": ""}], "name no image, and 1 rows are not the 7"),
    ],
)
def test_what_is_missing_is_said_in_one_line(
    dataset: Any, tmp_path: Path, rows: list[dict[str, Any]], message: str
) -> None:
    path = write_rows(tmp_path / "theirs.jsonl", rows)
    with pytest.raises(UserError, match=message) as caught:
        read_evaluation(path, dataset.path)
    assert "\n" not in str(caught.value)


def test_a_failed_request_is_an_unreadable_answer(dataset: Any, tmp_path: Path) -> None:
    rows = [TEXTS["vLLM batch"](image) for image in images(dataset.path)]
    rows[1]["response"] = {"status_code": 400, "request_id": "r", "body": {"error": "too long"}}
    rows[2] |= {"response": None, "error": {"message": "no"}}
    rows[3]["response"]["body"]["choices"][0]["finish_reason"] = "length"
    evaluation = read_evaluation(write_rows(tmp_path / "batch.jsonl", rows), dataset.path)
    assert evaluation.notes[1] == "2 of 7 rows have an error in place of an answer"
    scores = score(evaluation, 0)
    assert scores.problems == {"empty answer": 2, "truncated": 1}
    assert scores.values["readable"] == pytest.approx(5 / 7)


def test_digits_with_zeros_are_a_file_before_they_are_an_id(dataset: Any, tmp_path: Path) -> None:
    path = dataset.path / "annotations_val.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    for image in content["images"]:
        image["file_name"] = f"{308 - image['id']:06}.png"  # the file of image 101 is 000207.png, and so on
    content["images"][0]["file_name"] = "000102.png"
    path.write_text(json.dumps(content), encoding="utf-8")
    rows = [{"image_id": Path(image["file_name"]).stem, "raw": ANSWER} for image in content["images"]]
    theirs = write_rows(tmp_path / "theirs.jsonl", rows)
    ids = {item.image_id for item in read_evaluation(theirs, dataset.path).predictions}
    assert ids == {image["id"] for image in content["images"]}


def test_one_name_in_two_folders_needs_more_of_the_path(dataset: Any, tmp_path: Path) -> None:
    path = dataset.path / "annotations_val.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["images"][0]["file_name"], content["images"][1]["file_name"] = "a/x.png", "b/x.png"
    path.write_text(json.dumps(content), encoding="utf-8")
    rows = [{"image": f"/data/{image['file_name']}", "raw": ANSWER} for image in content["images"]]
    theirs = write_rows(tmp_path / "theirs.jsonl", rows)
    assert score(read_evaluation(theirs, dataset.path), 0).values["f1_95"] == 1
    rows[0]["image"] = "x.png"
    with pytest.raises(UserError, match=r"line 1: several images are named 'x\.png'"):
        read_evaluation(write_rows(theirs, rows), dataset.path)


def test_questions_about_one_file_take_its_entries_in_order(dataset: Any, tmp_path: Path) -> None:
    path = dataset.path / "annotations_val.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    for image in content["images"]:
        image["file_name"] = "one.png"
    path.write_text(json.dumps(content), encoding="utf-8")
    rows = [{"image": "one.png", "raw": ANSWER} for _ in content["images"]]
    theirs = write_rows(tmp_path / "theirs.jsonl", rows)
    ids = [item.image_id for item in read_evaluation(theirs, dataset.path).predictions]
    assert ids == [image["id"] for image in content["images"]]
    with pytest.raises(UserError, match="line 8: image_id 107 comes a second time"):
        read_evaluation(write_rows(theirs, [*rows, rows[0]]), dataset.path)


def test_the_command_reads_them(dataset: Any, tmp_path: Path) -> None:
    path = tmp_path / "out" / "results.json"
    path.parent.mkdir()
    path.write_text(json.dumps(coco_results(dataset.path)), encoding="utf-8")
    words = ["infer.score", str(path), "--dataset", str(dataset.path), "--draws", "0"]
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "read as COCO's results: 7 boxes" in done.stdout
    turned = [*words, "--boxes", "xyxy"]
    done = subprocess.run([sys.executable, "-m", *turned], cwd=ROOT, capture_output=True, text=True)
    assert re.search(
        r"^AP +20\.0%", done.stdout, re.MULTILINE
    )  # 0.1 to 0.4 of each side, where 0.1 to 0.5 is true


def test_rows_of_both_kinds_can_be_in_one_file(dataset: Any, tmp_path: Path) -> None:
    rows = right_answers(dataset.path)
    rows[2] = {"image_id": rows[2]["image_id"], "raw": ANSWER}
    path = write_rows(tmp_path / "mixed.jsonl", rows)
    evaluation = read_evaluation(path, dataset.path, habits=PIXELS)
    assert score(evaluation, 0).values["detections"] == 6  # (500, 500) lies outside of that image
    assert score(read_evaluation(path, dataset.path), 0).values["f1_95"] == 1


KEYS = ("image_id", "image", "images", "raw", "response", "text", "custom_id", "category_id", "bbox", "label")
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(95, 110)
    | st.integers()
    | st.floats()
    | st.sampled_from(["101", "000101.png", "x/000102.png", ANSWER, "red square", "", "[1,2", "\\", "/"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["path", "body", "choices", "text", "box", "bbox", "type"]), inner)
    ),
    max_leaves=6,
)
ID = st.sampled_from((101, 102, "103", 104.0))
ROWS = st.lists(
    st.dictionaries(st.sampled_from((*KEYS, "detections", "error")), VALUES)
    | st.fixed_dictionaries({"image_id": ID, "category_id": VALUES | st.just(1), "bbox": VALUES})
    | st.fixed_dictionaries({"image_id": ID, "response": VALUES}),
    max_size=4,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(rows=ROWS, wrapped=st.booleans())
def test_any_rows_are_read_or_refused_in_one_line(
    folders: tuple[Path, Path], rows: list[dict[str, Any]], wrapped: bool
) -> None:
    data, path = folders
    if wrapped:
        path.write_text(json.dumps({"results": rows}), encoding="utf-8")
    else:
        write_rows(path, rows)
    said = ""
    try:
        read_evaluation(path, data)
    except UserError as error:
        said = str(error)
    assert "\n" not in said


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A small data set, and a file beside it."""
    folder = tmp_path_factory.mktemp("forms")
    return write_dataset(folder / "data").path, folder / "theirs.json"


def test_answers_in_words_beside_the_boxes_change_no_score(tmp_path: Path) -> None:
    data = write_dataset(tmp_path / "data").path
    path = tmp_path / "predictions.jsonl"
    rows = right_answers(data)
    write_rows(path, rows)
    expected = read_evaluation(path, data)
    mark = {"box": [1, 2, 300, 400], "show": "text", "label": None, "phrases": ["a cat"]}
    words = [{**row, "image_id": 10**14 + n, "raw": "a cat", "region": mark} for n, row in enumerate(rows)]
    write_rows(path, [words[0], *rows, *words[1:]])
    assert replace(read_evaluation(path, data), descriptions=()) == expected


def joined(dataset: Any, make: Callable[[list[dict[str, Any]], str], dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each question of a data set that shows several pictures, with the right answer."""
    join_questions(dataset.path)
    by_id = {image["id"]: image for image in images(dataset.path)}
    return [make([by_id[number] for number in group], right_answer(len(group))) for group in GROUPS]


JOINED: dict[str, Callable[[list[dict[str, Any]], str], dict[str, Any]]] = {
    "ms-swift": lambda shown, text: {"response": text, "images": [each["file_name"] for each in shown]},
    "ms-swift's objects": lambda shown, text: {
        "response": text,
        "images": [{"bytes": None, "path": f"/data/val/{each['file_name']}"} for each in shown],
    },
    "id of the first": lambda shown, text: {"image_id": shown[0]["id"], "raw": text},
    "ids of all": lambda shown, text: {"image_id": [each["id"] for each in shown], "raw": text},
    "own id": lambda shown, text: {"question_id": f"q-{shown[0]['id']}", "text": text},
    "by order": lambda shown, text: {"response": text},
}


@pytest.mark.parametrize("form", JOINED)
def test_texts_about_several_pictures_are_read_as_one_prediction_each(
    dataset: Any, tmp_path: Path, form: str
) -> None:
    path = write_rows(tmp_path / "theirs.jsonl", joined(dataset, JOINED[form]))
    evaluation = read_evaluation(path, dataset.path)
    values = score(evaluation, draws=0).values
    assert (values["f1_95"], values["readable"], values["detections"]) == (1, 1, 7)
    assert (values["several_pictures"], values["wrong_picture_boxes"]) == (2, 0)
    assert [item.place for item in evaluation.predictions] == [0, 1, 0, 1, 2, 0, 0]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"image": "000102.png"}, "`image` names one picture of a question with 2: name all in `images`"),
        ({"image_id": 102}, "`image_id` names picture 2 of a question with 2: give the id of the first"),
        ({"images": ["000102.png", "000101.png"]}, "2 pictures that no question of the data set shows"),
        ({"images": ["000101.png", "gone.png"]}, "gone.png' is no image of the data set"),
    ],
)
def test_pictures_that_are_no_question_are_refused(
    dataset: Any, tmp_path: Path, row: dict[str, Any], message: str
) -> None:
    join_questions(dataset.path)
    path = write_rows(tmp_path / "theirs.jsonl", [{**row, "response": right_answer(2)}])
    with pytest.raises(UserError, match=f"line 1: .*{message}"):
        read_evaluation(path, dataset.path)


def test_cocos_results_of_the_first_questions_count_their_pictures(dataset: Any, tmp_path: Path) -> None:
    join_questions(dataset.path)
    recipe = InferRecipe(checkpoint="m", dataset=str(dataset.path), output_dir=str(tmp_path), limit=2)
    save_recipe(recipe)
    rows = [row for row in coco_results(dataset.path) if row["image_id"] in GROUPS[1][1:]]
    path = write_rows(tmp_path / "theirs.jsonl", rows)
    found = read_evaluation(path, dataset.path)
    assert [item.image_id for item in found.predictions] == [101, 102, 103, 104, 105]
