"""Computed phrases: each is true of exactly the object that it is asked about, or of none."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grounding.boxes import Box, Size
from grounding.categories import COCO_CATEGORIES
from grounding.prompts import LANGUAGES, find_wordings
from grounding.samples import Detection
from prepare.questions.negatives import TrainingStatistics
from prepare.questions.objects import ImageObjects, ObjectReader
from prepare.questions.relations.relation_choice import (
    OTHER_ATTRIBUTE,
    OTHER_CATEGORY,
    OTHER_NUMBER,
    OTHER_SIDE,
)
from prepare.questions.relations.relation_questions import RelationQuestion, RelationQuestioner
from prepare.questions.relations.relation_types import SceneObject
from prepare.recipe import PrepareRecipe
from prepare.settings.question_settings import Negatives, RelationQuestions
from prepare.source_types import Annotation, Frame
from prepare.sources.source_of_recipe import open_recipe_source
from prepare.sources.source_settings import SourceSettings
from tests.prepare.questions.relations.phrase_readings import (
    NAMES,
    PATTERNS,
    VALUES,
    kind_of,
    labels_in,
    readings,
)

SAMPLE = Path(__file__).parents[5] / "shared" / "coco_sample"


def asking(
    share: float = 0.5, language: str = "any", most: int = 8, names: tuple[str, ...] = NAMES
) -> RelationQuestioner:
    recipe = PrepareRecipe(
        prompt="relation",
        language=language,
        output_dir="unused",
        negatives=Negatives(share, "mixed"),
        relations=RelationQuestions(most),
        seed=7,
    )
    statistics = TrainingStatistics(names)
    for name, values in VALUES.items():
        statistics.attribute_values[name] = set(values)
    return RelationQuestioner(recipe, recipe.wordings, names, statistics)


def random_objects(chance: random.Random) -> tuple[Size, ImageObjects]:
    size = Size(chance.randint(80, 2000), chance.randint(80, 2000))
    detections, areas, attributes = [], [], []
    for _ in range(chance.randint(1, 10)):
        width, height = (chance.uniform(0.02, 0.5) * side for side in (size.width, size.height))
        x, y = chance.uniform(0, size.width - width), chance.uniform(0, size.height - height)
        # Some positions come again, so that edges and centres are equal.
        x = chance.choice((x, 0.0, round(x / size.width, 1) * (size.width - width)))
        detections.append(Detection(chance.choice(NAMES), Box(x, y, x + width, y + height)))
        areas.append(chance.choice((1.0, 0.7, 0.2, 0.0)) * width * height)
        attributes.append(
            {name: chance.choice(values) for name, values in VALUES.items() if chance.random() < 0.6}
        )
    crowds = (Detection(chance.choice(NAMES), Box(0, 0, 9, 9)),) if chance.random() < 0.15 else ()
    unboxed, unusable = (
        frozenset(chance.sample(NAMES, 1)) if chance.random() < 0.15 else frozenset[str]() for _ in range(2)
    )
    return size, ImageObjects(
        tuple(detections),
        tuple(areas),
        tuple(detections),
        crowds,
        (9.0,) * len(crowds),
        unboxed,
        attributes=tuple(attributes),
        unusable=unusable,
    )


def drawn_scenes(number: int) -> Iterator[tuple[int, Size, ImageObjects]]:
    chance = random.Random(17)
    for image_id in range(number):
        yield image_id, *random_objects(chance)


def photographed_scenes() -> Iterator[tuple[int, Size, ImageObjects]]:
    source = open_recipe_source(
        SourceSettings(kind="coco_parquet", hub="local", path=str(SAMPLE)), COCO_CATEGORIES
    )
    reader = ObjectReader(source.box_format, frozenset(category.name for category in COCO_CATEGORIES))
    for split in ("train", "val"):
        for annotation in source.scan(split):
            assert isinstance(annotation, Annotation)
            assert annotation.size is not None
            yield (
                annotation.image_id or 0,
                annotation.size,
                reader.read(annotation.queries[0], Frame(annotation.size)),
            )


def check(question: RelationQuestion, size: Size, image: ImageObjects) -> None:
    """Check a question against the readings of its phrase, over all objects of the image."""
    attributes: Any = image.attributes or [{}] * len(image.detections)
    rows = zip(image.detections, image.areas, attributes, strict=True)
    objects = [SceneObject(item.label, item.box, area, values) for item, area, values in rows]
    wanted = set() if question.place is None else {question.place}
    assert all(found == wanted for found in readings(question.phrase, objects, size)), question
    named = labels_in(question.phrase)
    elsewhere = {crowd.label for crowd in image.crowds} | image.unboxed | image.unusable
    assert not named & elsewhere, question
    for label in named:
        others = {item.label for item in image.detections} - {label}
        assert not any(f" {label} " in f" {other} " for other in others), question
    assert (question.negative is None) == (question.place is not None)
    assert question.phrase in question.text


def counted(scenes: Iterator[tuple[int, Size, ImageObjects]], questioner: RelationQuestioner) -> Counter[str]:
    kinds: Counter[str] = Counter()
    for image_id, size, image in scenes:
        questions = list(questioner.ask(image_id, size, [image]))
        assert len({question.phrase for question in questions}) == len(questions)
        for question in questions:
            check(question, size, image)
            kinds[question.negative or kind_of(question.phrase)] += 1
    return kinds


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_thousand_phrases_mean_exactly_the_object_that_they_name(language: str) -> None:
    kinds = counted(drawn_scenes(400), asking(language=language))
    assert sum(kinds[kind] for kind in PATTERNS) >= 1000
    assert min(kinds[kind] for kind in PATTERNS) >= 20
    changes = (OTHER_SIDE, OTHER_NUMBER, OTHER_ATTRIBUTE, OTHER_CATEGORY)
    assert min(kinds[change] for change in changes) >= 20


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="no folder ../shared/coco_sample with photographs")
def test_phrases_about_photographs_mean_exactly_the_object_that_they_name() -> None:
    names = tuple(category.name for category in COCO_CATEGORIES)
    kinds = counted(photographed_scenes(), asking(names=names, most=20))
    assert sum(kinds[kind] for kind in PATTERNS) >= 1000
    assert kinds["words"] == kinds["property"] == 0  # COCO states no attributes


def test_the_share_of_false_phrases_holds_over_many_images() -> None:
    questioner = asking(share=0.25, most=4)
    questions = [
        one for image_id, size, image in drawn_scenes(400) for one in questioner.ask(image_id, size, [image])
    ]
    negatives = sum(question.negative is not None for question in questions)
    assert negatives / len(questions) == pytest.approx(0.25, abs=0.03)


def test_questions_depend_on_seed_and_image_alone() -> None:
    scenes = list(drawn_scenes(20))
    first = [list(asking().ask(image_id, size, [image])) for image_id, size, image in scenes]
    again = [list(asking().ask(image_id, size, [image])) for image_id, size, image in reversed(scenes)]
    assert first == again[::-1]
    other = [list(asking().ask(image_id + 1, size, [image])) for image_id, size, image in scenes]
    assert first != other


SIZE = Size(1000, 1000)


def shown(*rows: tuple[str, tuple[int, int, int, int], dict[str, str]], **more: Any) -> ImageObjects:
    detections = tuple(Detection(label, Box(*map(float, box))) for label, box, _ in rows)
    areas = tuple(item.box.area for item in detections)
    attributes = tuple(values for _, _, values in rows)
    return ImageObjects(detections, areas, detections, attributes=attributes, **more)


def phrases(
    image: ImageObjects, share: float = 0.0, language: str = "en", most: int = 99
) -> dict[str, int | None]:
    questions = asking(share, language, most).ask(1, SIZE, [image])
    return {question.phrase: question.place for question in questions}


LEFT_DOG = ("dog", (50, 400, 250, 600), {"color": "red", "size": "small"})
RIGHT_DOG = ("dog", (700, 550, 950, 900), {"color": "blue", "size": "small"})
CAT = ("cat", (400, 400, 550, 600), {"color": "white"})


def test_every_kind_of_phrase_in_both_languages() -> None:
    image = shown(LEFT_DOG, RIGHT_DOG, CAT)
    assert phrases(image) == {
        "the leftmost dog": 0,
        "the rightmost dog": 1,
        "the topmost dog": 0,
        "the bottommost dog": 1,
        "the largest dog": 1,
        "the smallest dog": 0,
        "the second dog from the left": 1,
        "the second dog from the right": 0,
        "the second dog from the top": 1,
        "the second dog from the bottom": 0,
        "the dog to the left of the cat": 0,
        "the dog to the right of the cat": 1,
        "the red dog": 0,
        "the blue dog": 1,
        "the white cat": 2,
    }
    chinese = phrases(image, language="zh")
    assert (
        chinese.items() >= {"最左边的dog": 0, "从左数第二个dog": 1, "cat左边的dog": 0, "red的dog": 0}.items()
    )
    assert len(chinese) == len(phrases(image))


def test_the_nearest_is_nearer_by_a_margin() -> None:
    far, near = ("dog", (0, 0, 100, 100), {}), ("dog", (560, 420, 660, 580), {})
    assert phrases(shown(far, near, CAT))["the dog nearest to the cat"] == 1
    assert "the dog nearest to the cat" not in phrases(shown(LEFT_DOG, RIGHT_DOG, CAT))


def test_two_attributes_where_one_is_not_enough() -> None:
    other = ("dog", (300, 100, 450, 250), {"color": "red", "size": "large"})
    found = phrases(shown(LEFT_DOG, RIGHT_DOG, other))
    assert found["the small red dog"] == 0
    assert found["the large dog"] == 2
    assert "the red dog" not in found
    assert "the small blue dog" not in found  # blue is enough


@pytest.mark.parametrize(
    "values",
    [{}, {"color": "dark red"}, {"color": "Red"}, {"size": "small"}],
    ids=["not stated", "near", "the same", "another attribute"],
)
def test_an_attribute_that_another_object_may_have_is_not_asked_for(values: dict[str, str]) -> None:
    assert phrases(shown(LEFT_DOG, RIGHT_DOG))["the red dog"] == 0
    assert "the red dog" not in phrases(shown(LEFT_DOG, ("dog", RIGHT_DOG[1], values)))


def test_values_that_are_no_words_stay_out_of_phrases() -> None:
    bad = {"color": "true", "occluded": "yes", "id": "17", "state": "<b>", "make": "Volvo", "note": "a\nb"}
    found = list(phrases(shown(("dog", (1, 1, 500, 500), bad)), share=0.5))
    assert found[0] == "the dog whose make is Volvo"
    assert not any(value in phrase for phrase in found for value in ("true", "yes", "17", "<b>", "\n"))


@pytest.mark.parametrize(
    ("other", "unclear"),
    [
        ((70, 420, 260, 610), ("most", "est", "from")),
        ((70, 700, 260, 900), ("left", "right", "est")),
        ((700, 420, 880, 610), ("top", "bottom", "est")),
        ((60, 100, 900, 590), ("left", "right", "top", "bottom")),  # one in the other
        ((120, 700, 320, 900), ("left", "right")),  # more than half beside each other
    ],
)
def test_close_calls_are_not_asked(other: tuple[int, int, int, int], unclear: tuple[str, ...]) -> None:
    found = phrases(shown(LEFT_DOG, ("dog", other, {})))
    assert not [phrase for phrase in found if any(word in phrase for word in unclear)]


@pytest.mark.parametrize(
    "more",
    [
        {"crowds": (Detection("dog", Box(0, 0, 9, 9)),), "crowd_areas": (81.0,)},
        {"unboxed": frozenset({"dog"})},
        {"unusable": frozenset({"dog"})},
        {"unboxed": frozenset({"hot dog"})},
    ],
    ids=["crowd", "without a box", "bad box", "another name that holds this one"],
)
def test_a_category_that_is_not_known_wholly_is_neither_target_nor_anchor(more: dict[str, Any]) -> None:
    cats = (CAT, ("cat", (800, 100, 990, 200), {}))
    assert not any("dog" in phrase for phrase in phrases(shown(*cats, LEFT_DOG, **more), share=0.5))
    assert any("dog" in phrase for phrase in phrases(shown(*cats, LEFT_DOG), share=0.5))


def test_a_small_object_makes_its_category_unusable() -> None:
    tiny = ("dog", (500, 900, 512, 990), {})
    assert not any("dog" in phrase for phrase in phrases(shown(LEFT_DOG, RIGHT_DOG, tiny, CAT), share=0.5))


def joined(phrase: str) -> list[str]:
    """Return the words of a phrase, each name or value as one."""
    for name in (*NAMES, *VALUES["color"]):
        phrase = phrase.replace(name, name.replace(" ", "-"))
    return phrase.split()


def test_false_phrases_differ_by_one_word() -> None:
    image = shown(LEFT_DOG, CAT)
    true = {phrase for phrase, place in phrases(image).items() if place is not None}
    false = {phrase for phrase, place in phrases(image, share=0.9).items() if place is None}
    assert {"the dog to the right of the cat", "the blue dog"} <= false
    for phrase in false:
        words = [(joined(phrase), joined(other)) for other in true]
        alike = [pair for pair in words if len(pair[0]) == len(pair[1])]
        assert any(sum(a != b for a, b in zip(*pair, strict=True)) == 1 for pair in alike), phrase


def test_there_is_no_third_where_there_are_two() -> None:
    false = [
        phrase for phrase, place in phrases(shown(LEFT_DOG, RIGHT_DOG), share=0.95).items() if place is None
    ]
    assert "the third dog from the left" in false


def test_a_phrase_that_is_a_category_is_not_asked() -> None:
    names = (*NAMES, "the leftmost dog")
    questions = asking(0.0, "en", 99, names).ask(1, SIZE, [shown(LEFT_DOG, RIGHT_DOG)])
    found = [question.phrase for question in questions]
    assert "the rightmost dog" in found
    assert "the leftmost dog" not in found


def test_wordings_are_those_of_the_recipe() -> None:
    (question, *_) = asking(0.0, "en").ask(1, SIZE, [shown(LEFT_DOG, RIGHT_DOG)])
    assert question.text in {wording.ask(question.phrase) for wording in find_wordings("relation", "en")}
