import dataclasses
import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from grounding.answers.forms import TRUNCATED
from grounding.errors import UserError
from grounding.predictions.prediction_rows import read_predictions
from infer.engines.checkpoint import find_checkpoint, fingerprint_checkpoint
from infer.engines.protocol import RawAnswer, Request
from infer.recipe import InferRecipe
from infer.runs.predict import predict
from infer.runs.shards import merge_shards
from infer.scoring.scorecard import score_predictions
from tests.infer.several_pictures import GROUPS, join_questions, right_answer
from tests.models.heads.random_head import save_random_head

SLOW_ENGINE = Path(__file__).with_name("slow_engine.py")


class FakeEngine:
    """Answers with the width of the question, and remembers what it was asked."""

    def __init__(self, *, is_cut: bool = False) -> None:
        self.asked: list[Request] = []
        self.is_cut = is_cut

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        self.asked += requests
        return [
            RawAnswer(f"red square(100,200),(300,{400 + len(request.user)})", self.is_cut)
            for request in requests
        ]


@pytest.fixture
def recipe(checkpoint: Path, dataset: Any, tmp_path: Path) -> InferRecipe:
    return InferRecipe(
        checkpoint=str(checkpoint), dataset=str(dataset.path), output_dir=str(tmp_path / "out"), batch_size=2
    )


def ask(recipe: InferRecipe, **kwargs: bool) -> tuple[FakeEngine, list[dict[str, Any]]]:
    engine = FakeEngine(**kwargs)
    path = predict(recipe, lambda *_: engine)
    return engine, [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_rows_hold_the_answer_in_original_pixels(recipe: InferRecipe) -> None:
    engine, rows = ask(recipe)
    assert [row["image_id"] for row in rows] == list(range(101, 108))
    assert rows[3] == {
        "image_id": 104,
        "image": "images/000104.png",
        "width": 200,
        "height": 150,
        "question": "Task: Object Detection red square red square red square",
        "raw": rows[3]["raw"],
        "detections": [
            {
                "label": "red square",
                "box": [20.0, 30.0, 60.0, rows[3]["detections"][0]["box"][3]],
                "score": None,
            }
        ],
        "problems": [],
    }
    assert engine.asked[0].system == ""
    assert engine.asked[1].system == "Be brief."
    assert engine.asked[1].user.startswith("<image>\nTask:")


def test_rows_tell_how_many_views_were_added(recipe: InferRecipe) -> None:
    engine, rows = ask(dataclasses.replace(recipe, views="global+tiles", view_tiles=3))
    assert [len(request.images) for request in engine.asked] == [10] * 7
    shown = read_predictions(recipe.output_path / "predictions.jsonl")
    assert [item.views for item in shown] == [9] * 7
    assert all(row["question"].startswith("Task: Object Detection") for row in rows)
    _, rows = ask(dataclasses.replace(recipe, output_dir=recipe.output_dir + "_plain"))
    assert not any("views" in row for row in rows)


def test_answers_that_another_head_has_read_are_asked_again(
    recipe: InferRecipe, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    own = fingerprint_checkpoint(find_checkpoint(tiny_checkpoint))
    head = save_random_head(tmp_path, own)
    keys = {"checkpoint": str(tiny_checkpoint), "score": "head", "boxes": "head", "box_head": str(head)}
    recipe = dataclasses.replace(recipe, **keys)  # type: ignore[arg-type]
    assert len(ask(recipe)[0].asked) == 7
    assert ask(recipe)[0].asked == []
    save_random_head(tmp_path, own, hidden=5)
    assert len(ask(recipe)[0].asked) == 7
    save_random_head(tmp_path, "of another checkpoint")
    with pytest.raises(UserError, match="made for another checkpoint"):
        ask(recipe)


def test_a_cut_answer_is_a_problem(recipe: InferRecipe) -> None:
    assert {tuple(row["problems"]) for row in ask(recipe, is_cut=True)[1]} == {(TRUNCATED,)}


def test_the_train_split_takes_ids_from_names_and_sizes_from_images(recipe: InferRecipe) -> None:
    val = ask(recipe)[1]
    train = ask(dataclasses.replace(recipe, split="train", output_dir=recipe.output_dir + "_train"))[1]
    assert train == val


def test_complete_predictions_are_not_made_again(recipe: InferRecipe) -> None:
    ask(recipe)
    assert ask(recipe)[0].asked == []
    assert ask(dataclasses.replace(recipe, batch_size=5))[0].asked == []


def test_another_recipe_is_refused_unless_overwrite_is_set(recipe: InferRecipe) -> None:
    ask(recipe)
    other = dataclasses.replace(recipe, limit=3)
    with pytest.raises(UserError, match=r"limit=3 \(was None\)"):
        ask(other)
    assert len(ask(dataclasses.replace(other, overwrite=True))[1]) == 3
    assert ask(other)[0].asked == []  # overwrite was a wish of that run alone


def test_changed_weights_and_changed_questions_ask_again(recipe: InferRecipe, checkpoint: Path) -> None:
    ask(recipe)
    scores = recipe.output_path / "scores.json"
    scores.write_text("{}", encoding="utf-8")
    (checkpoint / "model.safetensors").write_bytes(b"retrain")
    assert len(ask(recipe)[0].asked) == 7
    assert not scores.exists()
    jsonl = recipe.dataset_path / "val.jsonl"
    jsonl.write_text(jsonl.read_text(encoding="utf-8").replace("Task:", "Job:"), encoding="utf-8")
    assert len(ask(recipe)[0].asked) == 7


@pytest.mark.parametrize("torn", [b"", b"5", b'5\t{"image_id": 1', b'{"image_id": 101}\n'])
@pytest.mark.parametrize("places", [(), (0, 1, 2), (6, 2, 3), tuple(range(7))])
def test_only_images_without_a_row_are_asked(
    recipe: InferRecipe, places: tuple[int, ...], torn: bytes
) -> None:
    whole = predict(recipe, lambda *_: FakeEngine())
    expected = whole.read_bytes()
    rows = expected.splitlines(keepends=True)
    part = whole.with_name("predictions.jsonl.part")
    part.write_bytes(b"".join(b"%d\t%s" % (place, rows[place]) for place in places) + torn)
    whole.unlink()
    assert len(ask(recipe)[0].asked) == 7 - len(places)
    assert whole.read_bytes() == expected
    assert not part.exists()


@pytest.mark.parametrize("torn", [b"5", b'5\t{"image_id": 1'])
def test_a_torn_row_spoils_no_later_one(recipe: InferRecipe, torn: bytes) -> None:
    class Failing(FakeEngine):
        def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
            if self.asked:
                raise UserError("the second batch fails")
            return super().answer(requests)

    whole = predict(recipe, lambda *_: FakeEngine())
    expected = whole.read_bytes()
    whole.with_name("predictions.jsonl.part").write_bytes(
        b"0\t" + expected.splitlines(keepends=True)[0] + torn
    )
    whole.unlink()
    with pytest.raises(UserError, match="the second batch fails"):
        predict(recipe, lambda *_: Failing())
    assert len(ask(recipe)[0].asked) == 5  # the first two are there
    assert whole.read_bytes() == expected


def test_two_processes_do_not_write_one_file(recipe: InferRecipe) -> None:
    class Nested(FakeEngine):
        def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
            with pytest.raises(UserError, match="another process is writing it"):
                ask(recipe)
            return super().answer(requests)

    predict(recipe, lambda *_: Nested())
    assert ask(recipe)[0].asked == []


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(recipe: InferRecipe, tmp_path: Path) -> None:
    def command(name: str) -> list[str]:
        words = [SLOW_ENGINE, recipe.dataset, tmp_path / name, recipe.checkpoint, tmp_path / f"{name}.log"]
        return [sys.executable, *map(str, words)]

    subprocess.run(command("undisturbed"), check=True, capture_output=True)
    log = tmp_path / "killed.log"
    with subprocess.Popen(command("killed"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not (log.is_file() and len(log.read_text().splitlines()) >= 4):
            time.sleep(0.01)
        time.sleep(0.05)  # the batch is in the log before it is in the file
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "killed" / "predictions.jsonl").exists()
    subprocess.run(command("killed"), check=True, capture_output=True)
    predictions = [tmp_path / name / "predictions.jsonl" for name in ("undisturbed", "killed")]
    assert predictions[0].read_bytes() == predictions[1].read_bytes()
    assert log.read_text() == (tmp_path / "undisturbed.log").read_text()  # none asked twice, none lost


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda model, data: (model / "model.safetensors").unlink(), "no model.*train first"),
        (lambda model, data: (model / "tokenizer.json").unlink(), "no tokenizer.json"),
        (lambda model, data: (model / "config.json").unlink(), "no config.json"),
        (lambda model, data: (model / "preprocessor_config.json").unlink(), "no preprocessor_config.json"),
        (lambda model, data: (data / "card.json").unlink(), "card.json"),
        (lambda model, data: (data / "val.jsonl").unlink(), "val.jsonl"),
        (lambda model, data: (data / "val.jsonl").write_text(""), "no record"),
        (lambda model, data: (data / "images" / "000103.png").unlink(), "line 3: no image"),
        (lambda model, data: (data / "annotations_val.json").write_text("[]"), "not COCO annotations"),
        (lambda model, data: (data / "val.jsonl").write_text('{"images": ["images/000101.png"]}'), "line 1"),
    ],
)
def test_what_is_missing_is_named(recipe: InferRecipe, damage: Any, message: str) -> None:
    damage(Path(recipe.checkpoint), recipe.dataset_path)
    with pytest.raises(UserError, match=message):
        ask(recipe)


def test_a_data_set_that_asks_for_words_alone_is_asked(recipe: InferRecipe) -> None:
    path = recipe.dataset_path / "val.jsonl"
    mark = {"box": [1, 2, 300, 400], "show": "text", "label": "cat", "phrases": ["a cat"]}
    rows = [json.loads(line) | {"region": mark} for line in path.read_text(encoding="utf-8").splitlines()]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    engine, answered = ask(recipe)
    assert len(engine.asked) == len(rows)
    assert [row["region"] for row in answered] == [mark] * len(rows)
    assert ask(recipe)[0].asked == []


def test_questions_for_words_follow_those_about_boxes_and_their_rows_have_the_mark(
    recipe: InferRecipe, dataset: Any
) -> None:
    path = dataset.path / "val.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    mark = {"box": [1, 2, 300, 400], "show": "text", "label": None, "phrases": ["a cat"], "image": "a.png"}
    described = [row | {"region": mark} for row in rows[:3]]
    mixed = [*described[:2], *rows, described[2]]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in mixed), encoding="utf-8")
    engine, answered = ask(dataclasses.replace(recipe, score="none"))
    assert [row["image_id"] for row in answered[: len(rows)]] == list(range(101, 108))
    words = answered[len(rows) :]
    assert [row["image"] for row in words] == [row["images"][0] for row in described]
    assert all(request.is_free_form for request in engine.asked[-3:])
    for row in words:
        assert row["region"] == mark
        assert row["raw"].startswith("red square(100,200)")
        assert (row["detections"], row["problems"]) == ([], [])
    assert all("region" not in row for row in answered[: len(rows)])
    engine, again = ask(dataclasses.replace(recipe, limit=2, output_dir=f"{recipe.output_dir}_2"))
    assert [row["image_id"] for row in again[:2]] == [101, 102]
    assert again[2:] == words[:2]
    engine, _ = ask(recipe)
    assert engine.asked == []


class PicturesEngine(FakeEngine):
    """Finds the same place in each picture, in answers as they are trained."""

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        self.asked += requests
        return [RawAnswer(right_answer(len(request.images)), self.is_cut) for request in requests]


def test_a_row_about_several_pictures_has_them_and_each_box_says_its_own(recipe: InferRecipe) -> None:
    join_questions(Path(recipe.dataset))
    engine = PicturesEngine()
    path = predict(recipe, lambda *_: engine)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [len(request.images) for request in engine.asked] == list(map(len, GROUPS))
    assert [row["image_id"] for row in rows] == [group[0] for group in GROUPS]
    assert rows[0]["pictures"] == [
        {"image_id": 101, "image": "images/000101.png", "width": 64, "height": 64},
        {"image_id": 102, "image": "images/000102.png", "width": 120, "height": 40},
    ]
    assert rows[0]["question"] == "Task: Object Detection"
    assert rows[0]["detections"] == [
        {"label": "red square", "box": [6.4, 6.4, 32.0, 32.0], "score": None, "picture": 0},
        {"label": "red square", "box": [12.0, 4.0, 60.0, 20.0], "score": None, "picture": 1},
    ]
    assert "pictures" not in rows[2]
    assert "picture" not in rows[2]["detections"][0]
    assert [item.image_id for item in read_predictions(path)] == list(range(101, 108))
    assert score_predictions(path, draws=0).metrics["f1_95"] == 1


def test_questions_with_several_pictures_resume_and_another_picture_asks_again(recipe: InferRecipe) -> None:
    data = Path(recipe.dataset)
    join_questions(data)
    expected = predict(recipe, lambda *_: PicturesEngine()).read_bytes()
    part = recipe.output_path / "predictions.jsonl.part"
    part.write_bytes(b"1\t" + expected.splitlines(keepends=True)[1])
    (recipe.output_path / "predictions.jsonl").unlink()
    engine = PicturesEngine()
    assert predict(recipe, lambda *_: engine).read_bytes() == expected
    assert [len(request.images) for request in engine.asked] == [2, 1, 1]
    unchanged = PicturesEngine()
    predict(recipe, lambda *_: unchanged)
    assert unchanged.asked == []
    with (data / "images" / "000104.png").open("ab") as image:
        image.write(b"another length")  # of a picture that is not its question's first
    again = PicturesEngine()
    predict(recipe, lambda *_: again)
    assert len(again.asked) == 4


@pytest.mark.parametrize("count", [2, 3])
def test_shards_of_questions_with_several_pictures(recipe: InferRecipe, count: int) -> None:
    join_questions(Path(recipe.dataset))
    whole = dataclasses.replace(recipe, output_dir=f"{recipe.output_dir}_whole")
    expected = predict(whole, lambda *_: PicturesEngine()).read_bytes()
    for number in range(count):
        predict(dataclasses.replace(recipe, shard=f"{number}/{count}"), lambda *_: PicturesEngine())
    assert merge_shards(recipe.output_path).read_bytes() == expected
    limited = dataclasses.replace(whole, limit=2, output_dir=f"{recipe.output_dir}_limit")
    path = predict(limited, lambda *_: PicturesEngine())
    assert path.read_bytes() == b"".join(expected.splitlines(keepends=True)[:2])
    assert score_predictions(path, draws=0).values["images"] == 5


def test_zoom_into_several_pictures_is_refused_before_a_model_is_loaded(recipe: InferRecipe) -> None:
    join_questions(Path(recipe.dataset))
    with pytest.raises(UserError, match="zoom=tiles: asks about parts of one picture, and a question has 2"):
        predict(dataclasses.replace(recipe, zoom="tiles"), lambda *_: pytest.fail("loaded"))
    assert not recipe.output_path.exists()
