from collections import Counter
from typing import Any

import pytest

from grounding.boxes import Box, Size, from_grid, iou, to_grid
from grounding.record.checker import check_record
from grounding.record.contract import Contract
from grounding.samples import Detection
from prepare.questions.negatives import TrainingStatistics
from prepare.questions.objects import ImageObjects
from prepare.questions.yes_no.box_questions import BoxQuestion, BoxQuestioner, make_box_record
from prepare.questions.yes_no.wrong_boxes import WRONG_BELOW
from prepare.reasons import NO_WRONG_BOX
from prepare.recipe import PrepareRecipe
from prepare.settings.question_settings import YesNoQuestions
from prepare.sources.source_settings import SourceSettings

SIZE = Size(100, 100)
NAMES = ("cat", "dog", "cup", "car")
CAT, DOG, CAR = (
    Detection("cat", Box(10, 10, 40, 40)),
    Detection("dog", Box(50, 50, 90, 90)),
    Detection("car", Box(60, 10, 80, 30)),
)


def asking(share: float = 0.5, show: str = "spotlight", **changes: Any) -> BoxQuestioner:
    recipe = PrepareRecipe(output_dir="unused", yes_no=YesNoQuestions(share, show), **changes)
    return BoxQuestioner(recipe, recipe.yes_no.wordings(recipe.language), TrainingStatistics(NAMES))


def shown(*detections: Detection, **more: Any) -> ImageObjects:
    return ImageObjects(detections, tuple(item.box.area for item in detections), detections, **more)


def ask(
    questioner: BoxQuestioner, *queries: ImageObjects, image_id: int = 1, asked: int = 4
) -> list[BoxQuestion]:
    return questioner.ask(image_id, SIZE, queries, asked, Counter())


def test_half_are_right_and_half_of_the_others_are_shifted() -> None:
    questioner = asking()
    made = [question for n in range(300) for question in ask(questioner, shown(CAT, DOG, CAR), image_id=n)]
    kinds = Counter(question.kind for question in made)
    assert len(made) > 1000
    assert 0.45 < kinds["truth"] / len(made) < 0.55
    assert 0.2 < kinds["shifted"] / len(made) < 0.3
    truth = {(item.label, to_grid(item.box, SIZE)) for item in (CAT, DOG, CAR)}
    for question in made:
        box = from_grid(*question.box, SIZE)
        same = [iou(box, item.box) for item in (CAT, DOG, CAR) if item.label == question.label]
        assert ((question.label, question.box) in truth) == (question.kind == "truth")
        if question.kind != "truth":
            assert max(same, default=0.0) < WRONG_BELOW
        if question.kind == "relabelled":
            assert question.box in {grid for _, grid in truth}


def test_the_share_is_that_of_all_records() -> None:
    for share in (0.1, 0.2, 0.6):
        questioner = asking(share)
        made = sum(len(ask(questioner, shown(CAT, DOG, CAR), image_id=n, asked=1)) for n in range(1000))
        assert made / (made + 1000) == pytest.approx(share, abs=0.03)


def test_an_object_gives_at_most_one_question_of_each_answer() -> None:
    questioner = asking(0.9)
    made = ask(questioner, shown(CAT, DOG), asked=10)
    assert Counter(question.kind == "truth" for question in made) == {True: 2, False: 2}
    assert {question.label for question in made if question.kind == "truth"} == {"cat", "dog"}
    assert len({(question.label, question.box) for question in made}) == 4


def test_questions_depend_on_seed_and_image_alone() -> None:
    first = ask(asking(), shown(CAT, DOG))
    assert first == ask(asking(), shown(CAT, DOG))
    assert first != ask(asking(seed=1), shown(CAT, DOG))
    assert first != ask(asking(), shown(CAT, DOG), image_id=2)


def test_crowds_and_objects_too_small_to_name_are_known_and_not_asked_about() -> None:
    fine = Detection("cat", Box(60, 60, 60.2, 80))
    crowd = Detection("cat", Box(42, 8, 70, 42))
    objects = ImageObjects((CAT, fine), (1.0, 1.0), (CAT,), crowds=(crowd,), crowd_areas=(1.0,))
    questioner = asking(0.8)
    made = [question for n in range(200) for question in ask(questioner, objects, image_id=n)]
    shifted = [from_grid(*one.box, SIZE) for one in made if one.kind == "shifted"]
    assert shifted
    assert all(iou(box, crowd.box) < WRONG_BELOW for box in shifted)
    assert {one.box for one in made if one.kind == "truth"} == {to_grid(CAT.box, SIZE)}
    assert all(one.label not in ("cat",) for one in made if one.kind == "relabelled")


def test_boxes_below_min_grid_size_are_not_asked_about() -> None:
    questioner = asking(0.8, min_grid_size=250)
    made = [question for n in range(100) for question in ask(questioner, shown(CAT, CAR), image_id=n)]
    assert made
    assert all(min(one.box[2] - one.box[0], one.box[3] - one.box[1]) >= 250 for one in made)
    assert ask(questioner, shown(CAR)) == []


def test_where_no_box_can_be_made_wrong_the_question_is_counted() -> None:
    whole = Detection("cat", Box(0, 0, 100, 100))
    questioner = BoxQuestioner(asking().recipe, asking().wordings, TrainingStatistics(("cat",)))
    dropped: Counter[str] = Counter()
    made = [q for n in range(100) for q in questioner.ask(n, SIZE, [shown(whole)], 1, dropped)]
    assert {question.kind for question in made} == {"truth"}
    assert len(made) + dropped[NO_WRONG_BOX] == 100
    assert dropped[NO_WRONG_BOX] > 30


def test_expressions_are_asked_about_in_the_place_of_categories() -> None:
    source = SourceSettings(kind="phrases", path="unused")
    questioner = asking(prompt="expression", source=source)
    queries = (shown(CAT, expression="the grey one"), shown(DOG, expression="the dog <left>"))
    made = [question for n in range(100) for question in ask(questioner, *queries, image_id=n)]
    assert {question.label for question in made} == {"the grey one", "the dog <left>"}
    assert {question.kind for question in made} == {"truth", "shifted", "relabelled"}


@pytest.mark.parametrize("answer_format", ["objects", "json"])
@pytest.mark.parametrize("show", ["outline", "spotlight", "text"])
@pytest.mark.parametrize("language", ["en", "zh", "any"])
def test_records_pass_the_check_of_their_card(answer_format: str, show: str, language: str) -> None:
    questioner = asking(show=show, language=language, answer_format=answer_format)
    made = [question for n in range(60) for question in ask(questioner, shown(CAT, DOG), image_id=n)]
    records = [make_box_record("images/1.png", question, answer_format) for question in made]
    contract = Contract(frozenset(NAMES), "You are a helpful assistant.", answer_format)
    assert [flaw for record in records for flaw in check_record(record, contract)] == []
    answers = {record["messages"][2]["content"] for record in records}
    assert answers == {"en": {"Yes", "No"}, "zh": {"是", "否"}, "any": {"Yes", "No", "是", "否"}}[language]
    for question, record in zip(made, records, strict=True):
        x1, y1, x2, y2 = question.box
        stated = f"[{x1}, {y1}, {x2}, {y2}]" if answer_format == "json" else f"({x1},{y1}),({x2},{y2})"
        text = record["messages"][1]["content"]
        assert (stated in text) == (show == "text")
        assert question.label in text
    assert len({question.wording.name for question in made}) == (8 if language == "any" else 4)
