r"""The mark of records whose further images are views of the first, and the text that introduces them.

{"messages": [{"role": "user", "content": "<image>\nImage 2, upper left, (0, 0) to (571, 571) of Image 1:
<image>\n...All boxes are those of Image 1.\nFind every dog."}, ...],
"images": ["images/000000000139.jpg", "images/view_1f0c....png", ...],
"views": {"regions": [[0, 0, 571, 571], ...], "text": "<image>\nImage 2, ..."}}

Regions are on the 0..1000 grid of the first image, one for each further image. `text` is what stands before
the question itself. Answers are about the first image alone.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from grounding.boxes import GRID, GridBox, read_grid_boxes
from grounding.errors import in_short
from grounding.markup import IMAGE_PLACEHOLDER, mark_of_row

VIEWS_KEY = "views"
TEXTS_FILE = Path(__file__).with_name("view_texts.yaml")

_CHINESE = re.compile("[\u4e00-\u9fff]")
_LATIN_WORD = re.compile("[A-Za-z]+")


@dataclass(frozen=True)
class Views:
    """The views of a question: the regions of the first image that further ones show, and their text."""

    regions: tuple[GridBox, ...]
    text: str

    @classmethod
    def introduced(cls, regions: Sequence[GridBox], question: str) -> "Views":
        """Return the views of these regions, introduced in the language of a question."""
        texts = _load_texts()[language_of(question)]
        lines = [IMAGE_PLACEHOLDER]
        for number, region in enumerate(regions, start=2):
            x1, y1, x2, y2 = region
            place = texts["places"][_place(region)]
            line = texts["line"].format(number=number, place=place, x1=x1, y1=y1, x2=x2, y2=y2)
            lines.append(line + IMAGE_PLACEHOLDER)
        return cls(tuple(regions), "\n".join((*lines, texts["end"], "")))

    def add_to(self, question: str) -> str | None:
        """Return a question about one image with the views before it; None if no image stands first."""
        if not question.startswith(IMAGE_PLACEHOLDER) or question.count(IMAGE_PLACEHOLDER) != 1:
            return None
        return self.text + question.removeprefix(IMAGE_PLACEHOLDER).lstrip("\n")

    def is_in(self, question: str) -> bool:
        """Tell whether a question begins with the text of these views, and shows no other images."""
        count = 1 + len(self.regions)
        return question.startswith(self.text) and question.count(IMAGE_PLACEHOLDER) == count

    def without(self, question: str) -> str:
        """Return a question that begins with the text of these views as one about the first image alone."""
        return IMAGE_PLACEHOLDER + question.removeprefix(self.text)

    def as_json(self) -> dict[str, Any]:
        """Return the value of VIEWS_KEY in a row."""
        return {"regions": [list(region) for region in self.regions], "text": self.text}


def read_views(row: Any) -> Views | None:
    """Return the views of a row of the JSONL or of predictions; None if its images are no views.

    Raises:
        ValueError: a mark that makes no sense; the message says in one line what is wrong.
    """
    mark = mark_of_row(row, VIEWS_KEY, "regions", "text")
    if mark is None:
        return None
    read, text = read_grid_boxes(mark["regions"], f"{VIEWS_KEY}.regions"), mark["text"]
    if not isinstance(text, str) or text.count(IMAGE_PLACEHOLDER) != 1 + len(read):
        raise ValueError(
            f"{VIEWS_KEY}.text: {in_short(text)} does not have {IMAGE_PLACEHOLDER} {1 + len(read)} times, "
            "for the whole image and each view"
        )
    return Views(read, text)


def without_views(row: dict[str, Any]) -> dict[str, Any]:
    """Return a record as if it showed its first image alone; a record whose images are no views, as it is.

    Raises:
        ValueError: the mark makes no sense, or the record does not show what it says.
    """
    views = read_views(row)
    if views is None:
        return row
    messages, images = row["messages"], row.get("images")
    if not isinstance(images, list):
        raise ValueError(f"{VIEWS_KEY}: images is no list, and the whole image with its views is meant")
    first = next((place for place, turn in enumerate(messages) if turn["role"] == "user"), 0)
    question = messages[first]["content"]
    if len(images) != 1 + len(views.regions) or not views.is_in(question):
        raise ValueError(
            f"{VIEWS_KEY}: {len(images)} images and the question {in_short(question)} are not the whole "
            f"image and {len(views.regions)} views of it"
        )
    alone = {**messages[first], "content": views.without(question)}
    shown = [*messages[:first], alone, *messages[first + 1 :]]
    rest = {key: value for key, value in row.items() if key != VIEWS_KEY}
    return {**rest, "messages": shown, "images": images[:1]}


def language_of(question: str) -> str:
    """Return "zh" for a question with more Chinese characters than Latin words, else "en"."""
    text = question.replace(IMAGE_PLACEHOLDER, "")
    return "zh" if len(_CHINESE.findall(text)) > len(_LATIN_WORD.findall(text)) else "en"


def _place(region: GridBox) -> int:
    """Return which of nine places of a picture a region's centre is in, counted in reading order."""
    x1, y1, x2, y2 = region
    column, row = (min(2, (first + last) * 3 // (2 * GRID)) for first, last in ((x1, x2), (y1, y2)))
    return 3 * row + column


@lru_cache(maxsize=1)
def _load_texts() -> dict[str, dict[str, Any]]:
    import yaml

    return dict(yaml.safe_load(TEXTS_FILE.read_text(encoding="utf-8")))
