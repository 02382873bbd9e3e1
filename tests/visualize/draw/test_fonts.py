import importlib.util
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw

from visualize.draw import fonts
from visualize.draw.fonts import (
    ABSENT,
    PILLOW_FONT,
    clean_text,
    draw_text,
    font_files,
    has_character,
    shorten,
    split_runs,
    text_extent,
    text_width,
)

has_chinese_font = pytest.mark.skipif(
    importlib.util.find_spec("mplfonts") is None, reason="mplfonts, which ships the Chinese font, is absent"
)


def ink_of(text):
    image = Image.new("L", (400, 60), 0)
    draw_text(ImageDraw.Draw(image), 5, 40, text, 24, 255)
    return image


@has_chinese_font
def test_chinese_is_drawn_and_not_as_the_box_for_missing_characters():
    text = "红色方块蓝三角形停车标志，。（）"
    assert all(has_character(font_files()[0], character) for character in text)
    [run] = split_runs(text)
    assert run.font.endswith("NotoSansCJKsc-Regular.otf")
    first, second = ink_of("红"), ink_of("蓝")
    assert first.getbbox()
    assert ImageChops.difference(first, second).getbbox()


def test_a_missing_character_is_noticed_in_every_font():
    for font in font_files():
        assert not has_character(font, ABSENT)
        assert has_character(font, "A")
        assert has_character(font, " ")
    assert not has_character(PILLOW_FONT, "国")


@has_chinese_font
def test_a_text_is_split_where_the_first_font_lacks_a_character():
    arabic = "\u0645"
    assert not has_character(font_files()[0], arabic)
    runs = split_runs(f"cat {arabic}猫")
    assert [run.text for run in runs] == ["cat ", arabic, "猫"]
    assert runs[0].font == runs[2].font != runs[1].font


def test_what_no_font_has_becomes_a_question_mark_with_a_warning(caplog, monkeypatch):
    monkeypatch.setattr(fonts, "font_files", lambda: (PILLOW_FONT,))
    split_runs.cache_clear()
    with caplog.at_level(logging.WARNING):
        runs = split_runs("a国")
    split_runs.cache_clear()
    assert "".join(run.text for run in runs) == "a?"
    assert "U+56FD" in caplog.text


def test_a_label_is_one_line_of_visible_characters():
    assert clean_text(" red\n\tsquare\u200b\ufe0f\x00 ") == "red square"
    assert clean_text("e\u0301") == "é"


@given(st.text(alphabet="abWi 国é", max_size=40), st.integers(0, 300))
def test_a_shortened_text_fits(text, width):
    short = shorten(text, 14, width)
    assert short == "" or text_width(short, 14) <= width
    if text_width(text, 14) <= width:
        assert short == text


def test_text_extent_holds_tall_and_deep_letters():
    above, below = text_extent(20)
    assert 15 <= above <= 24
    assert 3 <= below <= 9
