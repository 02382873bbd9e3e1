import base64
import io
import re

import pytest
from fontTools.ttLib import TTFont

from visualize.draw.fonts import shipped_fonts
from visualize.page.web_fonts import font_style


def letters_of(style):
    data = re.findall(r"base64,([^\"]+)", style)
    fonts = [TTFont(io.BytesIO(base64.b64decode(each))) for each in data]
    return [{chr(code) for code in font.getBestCmap()} for font in fonts]


def test_latin_needs_no_font():
    assert font_style(["red square é <b>"]) == ":root { --page-fonts: sans-serif; }\n"


@pytest.mark.skipif(
    len(shipped_fonts()) < 2, reason="mplfonts or matplotlib, which ship the fonts, is absent"
)
def test_each_letter_comes_from_the_first_font_that_has_it():
    style = font_style(["方块 \u0645", "方\u200b\U0010fffe"])
    assert letters_of(style) == [{"方", "块"}, {"\u0645"}]
    assert '--page-fonts: "page 0", "page 1", sans-serif' in style
    assert len(style) < 20_000
    assert style == font_style(["\u0645块方"])
