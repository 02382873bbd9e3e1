import string

import pytest

from visualize.app.texts import TEXTS, choose_language, say, translations


def test_both_languages_say_everything_with_the_same_gaps():
    for key, texts in TEXTS.items():
        gaps = [sorted({name for _, name, _, _ in string.Formatter().parse(text) if name}) for text in texts]
        assert gaps[0] == gaps[1], key
        assert all(texts), key
    assert set(translations()) == {"en", "zh", "zh-CN", "zh-TW"}


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-US,en;q=0.9,zh;q=0.1", "en"),
        ("fr,zh", "zh"),
        ("fr", "en"),
        ("", "en"),
    ],
)
def test_the_language_is_the_browsers_first_that_is_spoken(accepted, language):
    assert choose_language(accepted) == language


def test_every_error_is_a_sentence():
    for key in ("no_picture", "not_a_picture", "no_phrase", "no_region", "bad_region", "nothing_asked"):
        assert say("en", key).endswith(".")
        assert say("zh", key).endswith("。")
