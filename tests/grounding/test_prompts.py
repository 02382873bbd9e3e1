import string
from collections import Counter

import pytest

from grounding.errors import UserError
from grounding.prompts import (
    LANGUAGES,
    draw,
    draw_wording,
    find_region_wordings,
    find_wordings,
    load_wordings,
    region_wordings,
    yes_no_wordings,
)

ALL = [wording for family in load_wordings().values() for texts in family.values() for wording in texts]
DESCRIBING = ("describe", "describe_box", "describe_label", "describe_label_box")
PARAPHRASED = (
    *("detection", "categories", "qwen_category", "category", "expression", "relation", "yes_no"),
    "yes_no_text",
    *DESCRIBING,
)
PLACES = {
    "candidates": ["candidates"],
    "yes_no": ["label"],
    "yes_no_text": ["box", "label"],
    "describe_box": ["box"],
    "describe_label_box": ["box"],
    **{kind: [kind] for kind in ("categories", "category", "expression", "relation")},
}
"""The places in a text, by its family or by what it asks about."""


@pytest.mark.parametrize("wording", ALL, ids=lambda wording: wording.name)
def test_a_text_has_the_one_place_that_its_question_needs(wording) -> None:
    fields = [name for _, name, _, _ in string.Formatter().parse(wording.template) if name is not None]
    family = wording.name.partition(".")[0]
    assert sorted(fields) == PLACES.get(family, PLACES.get(wording.asks, []))
    assert "<" not in wording.template
    if wording.asks == "region":
        assert wording.ask_about_box("", "(1,2),(3,4)").count("(1,2),(3,4)") == wording.states_box
        assert wording.states_box == family.endswith("_box")
    elif wording.asks == "yes_no":
        asked = wording.ask_about_box("red {box}", "(1,2),(3,4)")
        assert asked.count("red {box}") == 1
        assert asked.count("(1,2),(3,4)") == wording.states_box == ("box" in fields)
    else:
        assert wording.ask("red {cup}").count("red {cup}") == len(fields)


def test_names_are_unique_and_every_family_speaks_both_languages() -> None:
    assert max(Counter(wording.name for wording in ALL).values()) == 1
    for family in load_wordings().values():
        assert set(family) == set(LANGUAGES)
        assert all(len(set(texts)) == len(texts) >= 1 for texts in family.values())
    for name in PARAPHRASED:
        assert all(len(load_wordings()[name][language]) >= 3 for language in LANGUAGES)


def test_the_texts_that_others_wrote_are_theirs_to_the_letter() -> None:
    assert find_wordings("task", "en")[0].ask() == "Task: Object Detection"
    assert find_wordings("qwen_detection", "en")[0].ask("cup, red car") == (
        "Locate every instance that belongs to the following categories: 'cup, red car'. "
        "Report bbox coordinates in JSON format."
    )
    assert find_wordings("qwen_expression", "en")[0].ask("the man") == (
        'Locate every object that matches the description "the man" in the image. '
        "Report bbox coordinates in JSON format."
    )
    assert {wording.name.split(".")[0] for wording in ALL if wording.wants_json} == {
        "qwen_detection",
        "qwen_category",
        "qwen_expression",
        "qwen_relation",
    }


def test_a_prompt_picks_a_family_one_text_or_several() -> None:
    english = [wording.name for wording in find_wordings("category", "en")]
    assert english == [f"category.en{number}" for number in range(1, len(english) + 1)]
    assert len(find_wordings("category", "any")) == 2 * len(english)
    assert [wording.name for wording in find_wordings("category.zh2", "en")] == ["category.zh2"]
    names = [wording.name for wording in find_wordings(["category.en2", "task", "category.en2"], "en")]
    assert names == ["task.en1", "category.en2"]


@pytest.mark.parametrize(
    ("prompt", "language", "message"),
    [
        ("tsak", "en", "did you mean 'task'?"),
        ("category.en99", "en", "no wording 'category.en99'"),
        ("more", "en", "no wording 'more'"),
        ("yes_no", "en", "no wording 'yes_no'"),
        ("yes_no_text.en1", "en", "no wording 'yes_no_text.en1'"),
        ("describe", "en", "no wording 'describe'"),
        ("describe_label_box.zh1", "en", "no wording 'describe_label_box.zh1'"),
        ([], "en", "at least one"),
        ("task", "fr", "language: no 'fr'"),
    ],
)
def test_bad_prompts(prompt, language, message) -> None:
    with pytest.raises(UserError) as caught:
        find_wordings(prompt, language)
    assert message in str(caught.value)


def test_yes_no_questions_are_chosen_by_how_the_box_is_shown() -> None:
    drawn, stated = (yes_no_wordings("en", states_box=states_box) for states_box in (False, True))
    assert {wording.name.partition(".")[0] for wording in drawn} == {"yes_no"}
    assert {wording.name.partition(".")[0] for wording in stated} == {"yes_no_text"}
    assert {wording.language for wording in yes_no_wordings("any", states_box=True)} == set(LANGUAGES)
    with pytest.raises(UserError, match="no 'fr'"):
        yes_no_wordings("fr", states_box=True)


def test_the_draw_depends_on_the_key_alone_and_uses_every_text() -> None:
    wordings = find_wordings("category", "en")
    drawn = {image: draw_wording(wordings, 42, image, "cup").name for image in range(400)}
    assert drawn == {image: draw_wording(wordings, 42, image, "cup").name for image in reversed(range(400))}
    counts = Counter(drawn.values())
    assert set(counts) == {wording.name for wording in wordings}
    assert min(counts.values()) > 400 / len(wordings) / 2
    other = {image: draw_wording(wordings, 43, image, "cup").name for image in range(400)}
    assert drawn != other
    assert draw(42, "a", "b") != draw(42, "ab")
    assert draw(42, 7, "杯子") == 12332946494916977594


def test_questions_for_words_are_of_one_family_and_the_wanted_languages() -> None:
    families = {
        (box, label): region_wordings("en", states_box=box, names_label=label)
        for box in (False, True)
        for label in (False, True)
    }
    found = {key: {wording.name.split(".")[0] for wording in texts} for key, texts in families.items()}
    assert found == {
        (False, False): {"describe"},
        (True, False): {"describe_box"},
        (False, True): {"describe_label"},
        (True, True): {"describe_label_box"},
    }
    assert {wording.family for texts in families.values() for wording in texts} == set(DESCRIBING)
    assert [wording.name for wording in find_region_wordings("describe_box.zh2", "en")] == [
        "describe_box.zh2"
    ]
    both = region_wordings("any", states_box=True, names_label=False)
    assert {wording.language for wording in both} == {"en", "zh"}
    with pytest.raises(UserError, match="language: no 'fr'"):
        region_wordings("fr", states_box=True, names_label=False)
