"""The words of labels: COCO's are all there, in both languages; files are checked."""

from pathlib import Path

import pytest

from grounding.categories import COCO_CATEGORIES
from grounding.errors import UserError
from prepare.describe.verifying.label_words import check_words, load_words, names_label, without_label


def test_coco_has_words_in_both_languages() -> None:
    words = load_words("coco")
    names = [category.name for category in COCO_CATEGORIES]
    assert set(words) == set(names)
    check_words(names, words, "zh")
    check_words(names, words, "en")


def test_labels_without_a_chinese_word_are_named() -> None:
    with pytest.raises(UserError, match=r"no Chinese word for cat, scratch: set text\.words=coco or"):
        check_words(["scratch", "划痕", "cat", None], {"cat": ("kitten",)}, "zh")
    check_words(["scratch"], {}, "en")
    check_words(["划痕"], {}, "zh")


def test_words_of_another_data_set_are_refused() -> None:
    with pytest.raises(UserError, match="has 'dog' and no label of the data set"):
        check_words(["scratch"], {"dog": ("puppy",)}, "en")


@pytest.mark.parametrize(
    ("text", "label", "is_named"),
    [
        ("two dogs", "dog", True),
        ("the dog's tail", "dog", True),
        ("a dogma", "dog", False),
        ("hot-dog stand", "hot dog", True),
        ("Hot  Dogs", "hot_dog", True),
        ("ponies", "pony", True),
        ("buses", "bus", True),
        ("the C++ book", "c++", True),
        ("猫和狗", "狗", True),
        ("a puppy", "dog", True),
        ("anything", "", False),
    ],
)
def test_whole_words_count(text: str, label: str, is_named: bool) -> None:
    assert names_label(text, label, {"dog": ("puppy", "")}) is is_named


def test_a_label_is_taken_out() -> None:
    assert without_label("the puppy and the dogs", "dog", {"dog": ("puppy",)}).split() == [
        "the",
        "and",
        "the",
    ]


@pytest.mark.parametrize("content", ["dog: puppy\n", "- dog\n", "dog: [1]\n", "dog: {a: b}\n", "x: [\n"])
def test_another_file_is_refused_in_one_line(tmp_path: Path, content: str) -> None:
    file = tmp_path / "words.yaml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(UserError):
        load_words(str(file))
    with pytest.raises(UserError, match="no such recipe"):
        load_words(str(tmp_path / "lost.yaml"))
    assert load_words(None) == {}
