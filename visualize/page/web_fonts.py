"""Letters that the reader's machine may lack, above all Chinese, as fonts inside a page's style."""

import base64
import io
import logging
from collections.abc import Iterable

from visualize.draw.fonts import clean_text, has_character, shipped_fonts

LATIN_ENDS = 0x250
"""Every machine has the letters below this code point."""


def font_style(texts: Iterable[str]) -> str:
    """Return CSS with fonts for the characters of these texts that are not Latin.

    The fonts are cut from those of installed packages. The CSS sets `--page-fonts`, a list of font families
    that ends with sans-serif, and holds nothing of the texts themselves.
    """
    wanted = {
        letter for text in texts for letter in set(text) if ord(letter) >= LATIN_ENDS and clean_text(letter)
    }
    faces, families = [], []
    for number, file in enumerate(shipped_fonts()):
        held = {letter for letter in wanted if has_character(file, letter)}
        wanted -= held
        if held:
            data = base64.b64encode(_subset(file, held)).decode("ascii")
            faces.append(
                f'@font-face {{ font-family: "page {number}"; font-display: block;\n'
                f'  src: url("data:font/woff;base64,{data}") format("woff"); }}\n'
            )
            families.append(f'"page {number}"')
    return "".join(faces) + f":root {{ --page-fonts: {', '.join([*families, 'sans-serif'])}; }}\n"


def _subset(file: str, letters: set[str]) -> bytes:
    """Return a WOFF with these letters of a font; the same letters give the same bytes."""
    from fontTools import subset
    from fontTools.ttLib import TTFont

    logging.getLogger("fontTools").setLevel(logging.ERROR)  # it warns about each table that it drops

    options = subset.Options()
    options.layout_features = []
    options.hinting = False
    options.notdef_outline = True
    with TTFont(file, lazy=True, recalcTimestamp=False) as font:
        subsetter = subset.Subsetter(options)
        subsetter.populate(text="".join(sorted(letters)))
        subsetter.subset(font)
        font.flavor = "woff"
        woff = io.BytesIO()
        font.save(woff)
    return woff.getvalue()
