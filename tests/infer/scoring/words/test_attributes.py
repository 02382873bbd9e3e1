import pytest

from infer.scoring.words.attributes import KINDS, LISTED, listed_words, right_attributes


def test_an_attribute_is_known_where_a_true_phrase_or_the_label_states_it() -> None:
    assert right_attributes("a dog", ["a thing"], None) == {}
    known = right_attributes("a big red dog sitting", ["a red dog", "the large one that sits"], "dog")
    assert known == dict.fromkeys(KINDS, True)


@pytest.mark.parametrize(
    ("text", "phrases", "is_right"),
    [
        ("a red car", ["red car"], True),
        ("a car", ["red car"], False),
        ("a blue car", ["red car"], False),
        ("a red and blue car", ["red car"], False),
        ("a red and blue car", ["red car", "car with a blue door"], True),
        ("a CRIMSON car", ["red car"], True),
        ("a grey cat", ["the gray cat"], True),
        ("a colored car", ["red car"], False),
        ("红色的车", ["red car"], True),
        ("黄瓜", ["黄色的车"], False),
        ("粉红色的车", ["red car"], False),
        ("", ["red car"], False),
    ],
)
def test_a_colour_is_right_if_a_true_one_is_named_and_no_other(
    text: str, phrases: list[str], is_right: bool
) -> None:
    assert right_attributes(text, phrases, None) == {"colour": is_right}


@pytest.mark.parametrize(
    ("text", "label", "is_right"),
    [
        ("the dog there", "dog", True),
        ("two Dogs", "dog", True),
        ("a hotdog", "dog", False),
        ("three buses", "bus", True),
        ("two cherries", "cherry", True),
        ("a traffic-light", "traffic light", True),
        ("a man", "person", False),
        ("一只狗", "狗", True),
        ("c++ (red)", "c++", True),
    ],
)
def test_a_label_counts_as_whole_words_also_in_the_plural(text: str, label: str, is_right: bool) -> None:
    assert right_attributes(text, ["it"], label)["label"] is is_right


def test_no_word_has_two_values_and_each_finds_its_own() -> None:
    import yaml

    from infer.scoring.words.attributes import WORDS_FILE

    content = yaml.safe_load(WORDS_FILE.read_text(encoding="utf-8"))
    assert tuple(content) == LISTED
    for kind, values in content.items():
        words = [word for listed in values.values() for word in listed]
        assert len(words) == len(set(words))
        for value, listed in values.items():
            for word in listed:
                assert listed_words()[kind].named_in(f"it is {word.upper()} x") == {value}, word
