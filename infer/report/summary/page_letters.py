"""Letters that the reader's machine may lack, above all Chinese, as a font inside the report."""

import base64
import importlib.util
import io
import logging
from pathlib import Path
from unicodedata import category

from grounding.errors import UNPRINTABLE

LATIN_ENDS = 0x250
PUNCTUATION = range(0x2000, 0x2070)
"""Every machine has the letters below LATIN_ENDS, and the common punctuation."""

FAMILY = "report letters"
PACKAGE, FONT = "mplfonts", "fonts/NotoSansCJKsc-Regular.otf"
"""A package that is installed for the charts, and its font. Its licence (OFL) allows copies in documents."""


def letters_style(text: str) -> str:
    """Return CSS with a font for the letters of a text that are not Latin, "" where there are none."""
    wanted = {
        letter
        for letter in set(text)
        if ord(letter) >= LATIN_ENDS
        and ord(letter) not in PUNCTUATION
        and category(letter) not in UNPRINTABLE
    }
    found = importlib.util.find_spec(PACKAGE) if wanted else None  # does not import the package
    if found is None or found.origin is None:
        return ""
    data = _subset(Path(found.origin).parent / FONT, wanted)
    if not data:
        return ""
    uri = base64.b64encode(data).decode("ascii")
    return (
        f'@font-face {{ font-family: "{FAMILY}"; font-display: block;\n'
        f'  src: url("data:font/woff;base64,{uri}") format("woff"); }}\n'
    )


def _subset(path: Path, wanted: set[str]) -> bytes:
    """Return a WOFF with those of the letters that the font has; the same letters give the same bytes."""
    from fontTools import subset
    from fontTools.ttLib import TTFont

    logging.getLogger("fontTools").setLevel(logging.ERROR)  # it warns about each table that it drops
    options = subset.Options()
    options.layout_features = []
    options.hinting = False
    with TTFont(path, lazy=True, recalcTimestamp=False) as font:
        held = sorted(letter for letter in wanted if ord(letter) in font.getBestCmap())
        if not held:
            return b""
        subsetter = subset.Subsetter(options)
        subsetter.populate(text="".join(held))
        subsetter.subset(font)
        font.flavor = "woff"
        woff = io.BytesIO()
        font.save(woff)
    return woff.getvalue()
