"""Fonts: text in any script, each character in the first installed font that has it."""

import importlib.util
import logging
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from PIL import ImageDraw, ImageFont

from visualize.draw.colors import Color

SHIPPED_FONTS = (
    ("mplfonts", "fonts/NotoSansCJKsc-Regular.otf"),
    ("matplotlib", "mpl-data/fonts/ttf/DejaVuSans.ttf"),
)
"""Fonts inside installed packages: package, file in the package."""

SYSTEM_FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc",
    "/usr/share/fonts/truetype/arphic/uming.ttc",
    "/System/Library/Fonts/PingFang.ttc",
    "/System/Library/Fonts/Hiragino Sans GB.ttc",
    "C:/Windows/Fonts/msyh.ttc",
    "C:/Windows/Fonts/simhei.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
)
"""Where common systems keep fonts: first those with Chinese, then one with most other scripts."""

PILLOW_FONT = ""
"""Stands for the small font inside Pillow, which is always available."""

ABSENT = "\U0010fffe"
"""A noncharacter that no font has: a font draws its box for missing characters."""

REPLACEMENT = "?"
REFERENCE = "Ág国"
"""Its letters reach as far up and down as any: every label has the height of this text."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TextRun:
    """A piece of text in one font; `font` is its file."""

    text: str
    font: str


@lru_cache(maxsize=1)
def font_files() -> tuple[str, ...]:
    """Return the font files of this machine in order of preference, Pillow's own font last."""
    # Fonts of packages come before those of the system, so that every machine draws the same picture.
    system = [name for name in SYSTEM_FONTS if Path(name).is_file()]
    return (*shipped_fonts(), *system, PILLOW_FONT)


def shipped_fonts() -> list[str]:
    """Return the font files inside installed packages; their licences allow copies inside a page."""
    return [file for package, name in SHIPPED_FONTS if (file := _file_in_package(package, name))]


def clean_text(text: str) -> str:
    """Return a text as one line, without control characters and other characters that draw nothing."""
    visible = (
        character
        for character in unicodedata.normalize("NFC", text)
        if character.isspace() or not _is_shapeless(character)
    )
    return " ".join("".join(visible).split())


@lru_cache(maxsize=4096)
def split_runs(text: str) -> tuple[TextRun, ...]:
    """Split a text into pieces that one font can draw each; a character that no font has becomes "?"."""
    text = clean_text(text)
    for font in font_files():
        if all(has_character(font, character) for character in text):
            return (TextRun(text, font),) if text else ()
    located = [_locate(character) for character in text]
    return tuple(
        TextRun("".join(character for character, _ in group), font)
        for font, group in groupby(located, key=lambda pair: pair[1])
    )


@lru_cache(maxsize=16384)
def has_character(font: str, character: str) -> bool:
    """Tell whether a font has a character, that is, does not draw its box for missing characters."""
    if character.isspace():
        return True
    face = _face(font, 24)
    drawn, missing = face.getmask(character), face.getmask(ABSENT)
    return drawn.size != missing.size or bytes(drawn) != bytes(missing)


def text_width(text: str, size: int) -> int:
    """Return the width of a line of text in pixels, at a font size in pixels."""
    return round(sum(_face(run.font, size).getlength(run.text) for run in split_runs(text)))


@lru_cache(maxsize=256)
def text_extent(size: int) -> tuple[int, int]:
    """Return how far a line of text reaches above and below its baseline, in pixels."""
    boxes = [_face(run.font, size).getbbox(run.text, anchor="ls") for run in split_runs(REFERENCE)]
    return -int(min(box[1] for box in boxes)), int(max(box[3] for box in boxes))


def draw_text(
    draw: ImageDraw.ImageDraw, left: float, baseline: float, text: str, size: int, color: Color
) -> None:
    """Draw a line of text that starts at `left`, with its letters on `baseline`."""
    for run in split_runs(text):
        face = _face(run.font, size)
        draw.text((left, baseline), run.text, fill=color, font=face, anchor="ls")
        left += face.getlength(run.text)


def shorten(text: str, size: int, width: int) -> str:
    """Return a text, cut with an ellipsis if it is wider than `width` pixels; "" if nothing fits."""
    if text_width(text, size) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        fits = text_width(f"{text[:middle].rstrip()}…", size) <= width
        low, high = (middle, high) if fits else (low, middle - 1)
    return f"{text[:low].rstrip()}…" if low else ""


def _is_shapeless(character: str) -> bool:
    is_variation_selector = "\ufe00" <= character <= "\ufe0f"
    return is_variation_selector or unicodedata.category(character) in ("Cc", "Cf", "Cs")


def _file_in_package(package: str, name: str) -> str | None:
    spec = importlib.util.find_spec(package)  # does not import the package
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).parent / name
    return str(file) if file.is_file() else None


def _locate(character: str) -> tuple[str, str]:
    """Return a character and the first font that has it, or the replacement if no font has it."""
    for font in font_files():
        if has_character(font, character):
            return character, font
    log.warning("no font has U+%04X: %s is drawn instead", ord(character), REPLACEMENT)
    return REPLACEMENT, font_files()[0]


@lru_cache(maxsize=128)
def _face(font: str, size: int) -> ImageFont.FreeTypeFont:
    # Every build of Pillow has the basic layout, so that texts are equally wide on every machine.
    if font != PILLOW_FONT:
        return ImageFont.truetype(font, size, layout_engine=ImageFont.Layout.BASIC)
    face = ImageFont.load_default(size)
    if not isinstance(face, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow was built without FreeType: install Pillow from its wheels")
    return face
