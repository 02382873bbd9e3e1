import base64
import io
import re

from fontTools.ttLib import TTFont

from infer.report.summary.page_letters import letters_style


def letters_of(style: str) -> set[str]:
    data = re.search(r'url\("data:font/woff;base64,([A-Za-z0-9+/=]+)"\)', style)
    assert data is not None
    return set(map(chr, TTFont(io.BytesIO(base64.b64decode(data[1]))).getBestCmap()))


def test_the_font_has_the_letters_and_the_style_nothing_of_the_text() -> None:
    style = letters_style("</style>划痕 scratch… 0.5\ud800\u202e")
    assert {"划", "痕"} <= letters_of(style)
    assert "scratch" not in style
    assert "<" not in style
    assert letters_style("痕划") == style


def test_latin_texts_need_no_font() -> None:
    assert letters_style("Kratzer, größer als 5 % – …") == ""
    assert letters_style("\U000f0000") == ""  # for private use: no font has it
