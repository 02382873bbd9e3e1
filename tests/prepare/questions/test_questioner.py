"""Questions and answers: of single images, and of whole data sets as a recipe asks for them."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grounding.answers.forms import NOTHING_FOUND
from grounding.answers.reader import read_answer
from grounding.boxes import Box, Size
from grounding.errors import UserError
from grounding.prompts import find_wordings
from grounding.recipe.loading import load_recipe
from grounding.samples import Detection
from prepare.pipeline import prepare_dataset
from prepare.questions.negatives import TrainingStatistics
from prepare.questions.objects import ImageObjects
from prepare.questions.questioner import QuestionAnswer, Questioner
from prepare.questions.record_lines import RecordFormat, make_record
from prepare.reasons import ANSWER_TOO_LONG, BOX_TOO_SMALL, DESCRIPTION_EMPTY, DESCRIPTION_WITH_MARKUP
from prepare.recipe import PrepareRecipe
from prepare.settings.describing_questions import DescribingQuestions
from prepare.settings.question_settings import Negatives
from prepare.sources.source_settings import SourceSettings

Make = Callable[..., Any]
SIZE = Size(100, 100)
NAMES = ("cat", "dog", "cup", "car")
CAT, DOG = Detection("cat", Box(10, 10, 50, 50)), Detection("dog", Box(0, 0, 90, 90))
SMALL_CAT = Detection("cat", Box(60, 60, 60.4, 80))
RECIPES = Path(__file__).parents[3] / "recipes" / "prepare"


def asking(prompt: str | list[str], share: float = 0.0, **changes: Any) -> Questioner:
    settings: dict[str, Any] = {
        "output_dir": "unused",
        "answer_format": "json",
        "negatives": Negatives(share),
    }
    if prompt == "expression":
        settings["source"] = SourceSettings(kind="phrases", path="unused")
    recipe = PrepareRecipe(prompt=prompt, **(settings | changes))
    statistics = TrainingStatistics(NAMES)
    for present in ({"cat", "dog"}, {"cat", "cup"}, {"car"}):
        statistics.co_occurrence.add(present)
    return Questioner(recipe, recipe.wordings, NAMES, statistics)


def shown(
    detections: tuple[Detection, ...], trainable: tuple[Detection, ...] | None = None, **more: Any
) -> ImageObjects:
    areas = tuple(detection.box.area for detection in detections)
    return ImageObjects(detections, areas, detections if trainable is None else trainable, **more)


def ask(
    questioner: Questioner, *detections: Detection, image_id: int = 1, is_val: bool = False
) -> list[QuestionAnswer]:
    return questioner.ask(image_id, SIZE, [shown(detections)], Counter(), is_val=is_val)


def test_one_question_about_everything() -> None:
    (question,) = ask(asking("task"), CAT, DOG)
    assert question == QuestionAnswer("Task: Object Detection", (CAT, DOG))
    (question,) = ask(asking("qwen_detection"), CAT)
    assert "'cat, dog, cup, car'" in question.text


def test_one_category_at_a_time() -> None:
    questions = ask(asking("category"), CAT, DOG, SMALL_CAT)
    assert [(question.about, question.answer) for question in questions] == [
        ("cat", (CAT, SMALL_CAT)),
        ("dog", (DOG,)),
    ]
    assert all(str(question.about) in question.text for question in questions)


def test_answers_tell_what_the_source_says_of_an_object() -> None:
    told = shown((CAT, DOG), texts=(("a black cat", "the cat", " "), ()))
    questions = [
        question
        for image in range(40)
        for question in asking("category", descriptions=True).ask(image, SIZE, [told], Counter())
    ]
    cats = [question.answer for question in questions if question.about == "cat"]
    assert {item.description for (item,) in cats} == {"a black cat", "the cat"}
    assert all(replace(item, description=None) == CAT for (item,) in cats)
    assert {question.answer for question in questions if question.about == "dog"} == {(DOG,)}
    (question,) = asking("task").ask(1, SIZE, [told], Counter())
    assert question.answer == (CAT, DOG)
    phrases = asking("relation", descriptions=True).ask(1, SIZE, [told], Counter())
    assert phrases == []  # a dog around a cat
    right = Detection("dog", Box(60, 10, 90, 50))
    told = shown((CAT, right), texts=((), ("a brown dog",)))
    answers = [
        found.answer[0] for found in asking("relation", descriptions=True).ask(1, SIZE, [told], Counter())
    ]
    assert {(item.label, item.description) for item in answers} == {
        ("the cat to the left of the dog", None),
        ("the dog to the right of the cat", "a brown dog"),
    }


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_texts_that_cannot_be_answers_are_no_descriptions_and_counted_once(share: float) -> None:
    told = shown((CAT, DOG), texts=(("see <box>", "\n"), ("a  brown\tdog",)))
    dropped: Counter[str] = Counter()
    asker = asking("task", descriptions=True, regions=DescribingQuestions(share=share))
    (question,) = asker.ask(1, SIZE, [told], dropped)
    assert [item.description for item in question.answer] == [None, "a brown dog"]
    assert dropped == ({} if share else {DESCRIPTION_WITH_MARKUP: 1, DESCRIPTION_EMPTY: 1})


def test_small_objects_take_their_descriptions_with_them() -> None:
    told = shown((SMALL_CAT, CAT), texts=(("small",), ("large",)))
    (question,) = asking("category", descriptions=True, min_grid_size=5).ask(1, SIZE, [told], Counter())
    assert question.answer == (replace(CAT, description="large"),)


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_the_share_of_negatives_holds_over_many_images(share: float) -> None:
    questioner = asking("category", share=share)
    questions = [question for image in range(2000) for question in ask(questioner, CAT, image_id=image)]
    negatives = [question for question in questions if question.negative]
    assert len(negatives) / len(questions) == pytest.approx(share, abs=0.02)
    assert all(not question.answer and question.about != "cat" for question in negatives)
    assert all(question.answer for question in questions if not question.negative)


def test_what_is_there_without_a_usable_box_is_not_asked_for_in_vain() -> None:
    questioner = asking("category", share=0.9)
    objects = [shown((CAT, Detection("dog", Box(1, 1, 1.01, 2))), (CAT,), unboxed=frozenset({"cup"}))]
    questions = questioner.ask(1, SIZE, objects, Counter())
    assert [question.about for question in questions] == ["cat", "car"]


def test_small_boxes_leave_answers_and_questions() -> None:
    dropped: Counter[str] = Counter()
    questioner = asking("category", min_grid_size=5)
    objects = [shown((CAT, SMALL_CAT))]
    assert questioner.ask(1, SIZE, objects, dropped)[0].answer == (CAT,)
    assert dropped == {BOX_TOO_SMALL: 1}
    exact = Detection("cat", Box(0, 0, 0.5, 9))  # five steps wide
    assert questioner.ask(1, SIZE, [shown((exact,))], Counter())[0].answer == (exact,)
    assert questioner.ask(1, SIZE, [shown((SMALL_CAT,))], Counter()) == []


def test_long_answers_are_dropped_from_training_alone() -> None:
    dropped: Counter[str] = Counter()
    questioner = asking("task", max_objects=1)
    objects = [shown((CAT, DOG))]
    assert questioner.ask(1, SIZE, objects, dropped) == []
    assert dropped == {ANSWER_TOO_LONG: 1}
    assert len(ask(questioner, CAT, DOG, is_val=True)) == 1
    assert len(ask(asking("task", max_objects=1, overflow="turns"), CAT, DOG)) == 1


def test_order_of_the_answer() -> None:
    assert ask(asking("task", order="area"), CAT, DOG)[0].answer == (DOG, CAT)
    assert ask(asking("task", order="reading"), CAT, DOG)[0].answer == (DOG, CAT)


def test_expressions_with_and_without_an_object() -> None:
    questioner = asking("expression", share=0.5)
    for expression, category in (("the cat", "cat"), ("a grey cat", "cat"), ("old car", "car")):
        questioner.statistics.phrases.add(expression, [category])
    objects = [
        shown((CAT,), expression="the cat"),
        shown((), expression="the bird"),
        shown((DOG,), (), expression="tiny dog"),
    ]
    questions = questioner.ask(1, SIZE, objects, Counter())
    assert [(question.about, question.negative) for question in questions][:2] == [
        ("the cat", None),
        ("the bird", "source"),
    ]
    assert questions[0].answer == (Detection("the cat", CAT.box),)
    assert "tiny dog" not in {question.about for question in questions}
    many = [q for i in range(300) for q in questioner.ask(i, SIZE, objects[:1], Counter()) if q.negative]
    assert {question.about for question in many} == {"a grey cat", "old car"}


def test_several_turns() -> None:
    question = QuestionAnswer("What?", (CAT, DOG, SMALL_CAT))
    record = make_record("images/1.jpg", SIZE, question, RecordFormat("objects", 2, "Go on."))
    contents = [(message["role"], message["content"]) for message in record["messages"]]
    assert contents[1:] == [
        ("user", "<image>What?"),
        ("assistant", "<ref-object><bbox>, <ref-object><bbox>"),
        ("user", "Go on."),
        ("assistant", "<ref-object><bbox>"),
    ]
    assert record["objects"]["ref"] == ["cat", "dog", "cat"]


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def source(tmp_path: Path, make_row: Make, write_rows: Make) -> Path:
    cat, both = (0, [4.0, 2.0, 20.0, 10.0], 128.0), (1, [0.0, 0.0, 30.0, 18.0], 500.0)
    rows = {
        i: make_row(i, objects=[cat, both] if i % 2 else [cat]) for i in (*range(1, 41), *range(101, 111))
    }
    write_rows(tmp_path / "source/train-00000-of-00001.parquet", [rows[i] for i in range(1, 41)])
    write_rows(tmp_path / "source/val-00000-of-00001.parquet", [rows[i] for i in range(101, 111)])
    return tmp_path / "source"


@pytest.mark.parametrize(("answer_format", "prompt"), [("objects", "category"), ("json", "qwen_category")])
def test_a_data_set_of_one_category_a_question(
    source: Path, make_recipe: Make, tmp_path: Path, answer_format: str, prompt: str
) -> None:
    card = prepare_dataset(
        make_recipe(
            total_samples=None,
            categories=["cat", "dog"],
            prompt=prompt,
            language="any",
            answer_format=answer_format,
            negatives=Negatives(0.25, "adversarial"),
        )
    )
    folder = tmp_path / "dataset"
    assert set(card.prompts) == {wording.name for wording in find_wordings(prompt, "any")}
    assert len(list((folder / "images").iterdir())) == 50  # shared by the questions
    train = rows_of(folder / "train.jsonl")
    nothing = [row for row in train if row["messages"][-1]["content"] == NOTHING_FOUND[answer_format]]
    assert len(train) - len(nothing) == 40 + 20
    assert nothing
    assert all(
        "objects" not in row and read_answer(row["messages"][-1]["content"], SIZE).problems == ()
        for row in nothing
    )
    assert len({row["messages"][1]["content"] for row in train}) > 4  # paraphrases, two languages
    truth, val = json.loads((folder / "annotations_val.json").read_text()), rows_of(folder / "val.jsonl")
    assert [image["file_name"] for image in truth["images"]] == [row["images"][0] for row in val]
    assert len({image["id"] for image in truth["images"]}) == len(val)
    boxes = Counter(row["image_id"] for row in truth["annotations"])
    names = {row["id"]: row["name"] for row in truth["categories"]}
    for image, row in zip(truth["images"], val, strict=True):
        assert image["asked"] in row["messages"][1]["content"]
        assert boxes[image["id"]] == (0 if image["negative"] else 1)
        assert image["negative"] in (None, "adversarial")
    for annotation in truth["annotations"]:
        (image,) = [image for image in truth["images"] if image["id"] == annotation["image_id"]]
        assert names[annotation["category_id"]] == image["asked"]


def test_questions_do_not_depend_on_the_order_of_the_rows(
    source: Path, make_recipe: Make, tmp_path: Path, make_row: Make, write_rows: Make
) -> None:
    settings = {
        "total_samples": None,
        "prompt": ["category", "detection"],
        "negatives": Negatives(0.3, "mixed"),
    }
    prepare_dataset(make_recipe(**settings))
    import pyarrow.parquet as pq

    path = source / "train-00000-of-00001.parquet"
    rows = pq.read_table(path).to_pylist()
    write_rows(path, rows[::-1], 3)
    prepare_dataset(make_recipe(**settings, output_dir=str(tmp_path / "again")))
    for name in ("train.jsonl", "val.jsonl", "annotations_val.json"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "dataset" / name).read_bytes()


def test_a_crowded_image_is_replaced_by_the_next_of_the_draw(
    source: Path, make_recipe: Make, tmp_path: Path
) -> None:
    card = prepare_dataset(make_recipe(total_samples=20, val_ratio=0.0, max_objects=1))
    assert card.counts["train"]["images"] == 20
    assert card.dropped[ANSWER_TOO_LONG] > 0
    assert all(len(row["objects"]["ref"]) == 1 for row in rows_of(tmp_path / "dataset/train.jsonl"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["prompt=qwen_detection"], "qwen_detection.en1 asks for JSON, but answer_format=objects"),
        (["negatives.share=0.2"], "prompt=task does not ask about one category or expression"),
        (["prompt=category", "negatives.share=1"], "negatives.share: 1.0 is not a share"),
        (["negatives.choice=popluar"], "did you mean 'popular'?"),
        (["order=size"], "order: no 'size' (there are source, reading, area)"),
        (["overflow=cut"], "overflow: no 'cut' (there are drop, turns)"),
        (["max_objects=0"], "max_objects: 0 is not"),
        (["min_grid_size=0"], "min_grid_size: 0 is not"),
        (["language=fr"], "language: no 'fr' (there are en, zh, any)"),
        (["prompt=[task,categry]"], "did you mean 'category'?"),
    ],
)
def test_bad_settings(words: list[str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOWNLOAD_SOURCE", raising=False)
    with pytest.raises(UserError) as caught:
        load_recipe(PrepareRecipe, RECIPES / "coco.yaml", words)
    assert message in str(caught.value)
