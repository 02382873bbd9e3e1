from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from grounding.boxes import Box, Size, to_grid
from grounding.record.checker import check_record
from grounding.record.contract import Contract
from grounding.record.conversation import parse_record
from grounding.samples import Detection
from prepare.questions.objects import ImageObjects
from prepare.questions.questioner import QuestionAnswer
from prepare.questions.record_lines import RecordFormat, make_record
from prepare.questions.regions.region_questions import RegionQuestion, RegionQuestioner, make_region_record
from prepare.recipe import PrepareRecipe
from prepare.settings.describing_questions import DescribingQuestions
from prepare.settings.question_settings import YesNoQuestions
from prepare.sources.source_settings import SourceSettings

SIZE = Size(100, 100)
CAT, DOG, CAR = (
    Detection("cat", Box(10, 10, 40, 40)),
    Detection("dog", Box(50, 50, 90, 90)),
    Detection("car", Box(60, 10, 80, 30)),
)
TEXTS = {CAT: ("a cat", "the black animal"), DOG: ("a dog",), CAR: ()}
SHOWN = ImageObjects((CAT, DOG, CAR), (1.0,) * 3, (CAT, DOG, CAR), texts=tuple(TEXTS.values()))


def asking(share: float = 0.5, show: Any = "spotlight", *, labels: bool = False, **changes: Any) -> Any:
    return RegionQuestioner(
        PrepareRecipe(output_dir="unused", regions=DescribingQuestions(share, show, labels), **changes)
    )


def ask(questioner: Any, *, image_id: int = 1, asked: int = 4, is_val: bool = False) -> list[RegionQuestion]:
    made: list[RegionQuestion] = questioner.ask(
        image_id, "images/1.jpg", SIZE, [SHOWN], asked, Counter(), is_val=is_val
    )
    return made


def test_every_answer_is_a_text_of_the_object_at_the_box() -> None:
    made = [question for n in range(200) for question in ask(asking(), image_id=n)]
    known = {to_grid(item.box, SIZE): (item.label, texts) for item, texts in TEXTS.items() if texts}
    assert {question.region.box for question in made} == known.keys()
    for question in made:
        assert (question.region.label, question.region.phrases) == known[question.region.box]
        assert question.answer in question.region.phrases
        assert question.region.image == "images/1.jpg"
        assert question.wording.name.startswith("describe.en")
    answers = Counter(question.answer for question in made)
    assert answers.keys() == {"a dog", "a cat", "the black animal"}
    assert min(answers.values()) > 50
    assert len({question.wording.name for question in made}) > 2


def named(prompt: Any, *, labels: bool) -> list[RegionQuestion]:
    regions = DescribingQuestions(0.5, labels=labels, prompt=prompt)
    questioner = RegionQuestioner(PrepareRecipe(output_dir="unused", regions=regions))
    return [question for n in range(50) for question in ask(questioner, image_id=n)]


def test_a_recipe_names_the_question() -> None:
    made = named(["describe.en2", "describe_label.en3"], labels=True)
    asked = {(question.wording.name, question.answer == question.region.label) for question in made}
    assert asked == {("describe.en2", False), ("describe_label.en3", True)}
    assert {question.wording.name for question in named("describe.en1", labels=False)} == {"describe.en1"}
    # Without a question for texts, the source's texts are no answers: the name is asked for.
    made = named("describe_label.en2", labels=True)
    assert {question.wording.name for question in made} == {"describe_label.en2"}
    assert {question.region.phrases for question in made} == {("cat",), ("dog",), ("car",)}


def test_the_class_name_is_asked_for_where_nothing_else_is_known() -> None:
    made = [question for n in range(100) for question in ask(asking(labels=True), image_id=n)]
    cars = [question for question in made if question.region.label == "car"]
    assert len(cars) > 50
    for question in made:
        is_name = question.region.label == "car"
        assert question.wording.name.startswith("describe_label.en" if is_name else "describe.en")
        assert (question.answer == "car") == is_name


def test_the_share_is_that_of_all_records() -> None:
    made = sum(len(ask(asking(0.25), image_id=n, asked=3)) for n in range(500))
    assert 0.22 < made / (made + 1500) < 0.28
    both = asking(0.25, yes_no=YesNoQuestions(0.25))
    train = sum(len(ask(both, image_id=n, asked=3)) for n in range(500))
    assert 0.45 < train / 1500 < 0.55  # a quarter of twice as many records
    val = sum(len(ask(both, image_id=n, asked=3, is_val=True)) for n in range(500))
    assert 0.28 < val / 1500 < 0.38


def test_a_box_is_asked_about_once_and_with_any_of_the_ways_to_show_it() -> None:
    shows = ["spotlight", "blur", "crop", "text", "outline"]
    made = [ask(asking(0.9, shows), image_id=n, asked=9) for n in range(100)]
    assert {len(questions) for questions in made} == {2}
    counts = Counter(question.region.show for questions in made for question in questions)
    assert counts.keys() == set(shows)
    assert min(counts.values()) > 20
    for questions in made:
        for question in questions:
            assert question.wording.states_box == (question.region.show == "text")


def test_questions_depend_on_seed_and_image_alone() -> None:
    first = [ask(asking(show=["blur", "text"]), image_id=n) for n in range(20)]
    assert first == [ask(asking(show=["blur", "text"]), image_id=n) for n in range(20)]
    assert first != [ask(asking(show=["blur", "text"], seed=1), image_id=n) for n in range(20)]


@pytest.mark.parametrize("answer_format", ["objects", "json"])
@pytest.mark.parametrize("show", ["spotlight", "text"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_record_is_one_that_training_takes(answer_format: str, show: str, language: str) -> None:
    questioner = asking(0.9, show, labels=True, answer_format=answer_format, language=language)
    contract = Contract(frozenset({"cat"}), "You are a helpful assistant.", answer_format)
    questions = ask(questioner, asked=9)
    assert len(questions) == 3
    for question in questions:
        row = make_region_record("images/region_1.png", question, answer_format)
        assert list(check_record(row, contract)) == []
        assert row["messages"][-1]["content"] == question.answer
        assert row["region"]["box"] == list(question.region.box)
        (text,) = (message["content"] for message in row["messages"] if message["role"] == "user")
        x1, y1, x2, y2 = question.region.box
        stated = {"objects": f"({x1},{y1}),({x2},{y2})", "json": f"[{x1}, {y1}, {x2}, {y2}]"}[answer_format]
        assert (stated in text) == (show == "text")


ABOUT_BOXES = [
    make_record("images/1.jpg", SIZE, QuestionAnswer("Where is the cat?", (CAT,)), RecordFormat("objects")),
    make_record("images/1.jpg", SIZE, QuestionAnswer("Where is a bus?", ()), RecordFormat("objects")),
    make_record(
        "images/1.jpg", SIZE, QuestionAnswer("List all.", (CAT, DOG)), RecordFormat("objects", 1, "Go on.")
    ),
]


def dialogues(share: float, count: int = 100) -> list[RegionQuestion]:
    questioner = RegionQuestioner(
        PrepareRecipe(output_dir="unused", regions=DescribingQuestions(0.5, dialogue=share))
    )
    return [
        question
        for n in range(count)
        for question in questioner.ask(
            n, "images/1.jpg", SIZE, [SHOWN], 4, Counter(), is_val=False, about_boxes=ABOUT_BOXES
        )
    ]


def test_a_share_of_the_questions_goes_on_with_one_about_boxes() -> None:
    assert all(question.then is None for question in dialogues(0.0))
    assert all(question.then in ABOUT_BOXES for question in dialogues(1.0))
    some = dialogues(0.25, 400)
    assert 0.2 < sum(question.then is not None for question in some) / len(some) < 0.3
    assert [replace(question, then=None) for question in some] == dialogues(0.0, 400)
    assert len({id(question.then) for question in some if question.then}) == len(ABOUT_BOXES)


def test_a_dialogue_is_one_that_training_takes() -> None:
    contract = Contract(frozenset({"cat", "dog"}), "You are a helpful assistant.", "objects")
    for question in dialogues(1.0, 20):
        assert question.then is not None
        row = make_region_record("images/region_1.png", question, "objects")
        assert list(check_record(row, contract)) == []
        record, alone = parse_record(row), parse_record(question.then)
        later = [turn.text.replace("<image>", "") for turn in alone.turns if turn.role != "system"]
        assert [turn.text for turn in record.turns[3:]] == later
        assert record.answers[0] == question.answer
        assert record.read_answers(SIZE).detections == alone.read_answers(SIZE).detections
        assert [turn.text.count("<image>") for turn in record.turns[:2]] == [0, 1]


def test_objects_that_only_have_a_placeholder_as_category_have_no_name() -> None:
    item = Detection("object", CAT.box)
    objects = ImageObjects((item,), (1.0,), (item,), texts=(("a cat",),))
    recipe = PrepareRecipe(
        output_dir="unused",
        regions=DescribingQuestions(0.9, labels=True),
        source=SourceSettings(kind="phrases", path="unused"),
        prompt="expression",
    )
    (question,) = RegionQuestioner(recipe).ask(1, "a", SIZE, [objects], 9, Counter(), is_val=False)
    assert (question.region.label, question.answer) == (None, "a cat")
    bare = ImageObjects((item,), (1.0,), (item,))
    assert RegionQuestioner(recipe).ask(1, "a", SIZE, [bare], 9, Counter(), is_val=False) == []
