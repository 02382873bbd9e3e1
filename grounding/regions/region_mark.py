"""The mark of records that ask for words about a region: their answers name no objects.

{"messages": [...], "images": [...], "region": {"box": [x1, y1, x2, y2], "show": "spotlight", "label": "dog",
"phrases": ["the dog on the left", ...], "image": "images/000000000139.jpg"}}

A row of predictions about such a question carries the same mark.
"""

from dataclasses import dataclass
from typing import Any

from grounding.boxes import GridBox, read_grid_box
from grounding.errors import in_short
from grounding.markup import find_markup, mark_of_row
from grounding.regions.shown_region import SHOWN_AS

REGION_KEY = "region"


@dataclass(frozen=True)
class Region:
    """A region that a question is about, and all texts that are known to be true of it.

    `box` is on the 0..1000 grid of the whole upright picture, also where the question shows another picture
    of it; `show` is one of SHOWN_AS. `label` is the category, None if none is known. `image` is the picture
    as the source has it, relative to the data set's folder; "" if the row does not say.
    """

    box: GridBox
    show: str
    label: str | None
    phrases: tuple[str, ...]
    image: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the value of REGION_KEY in a row."""
        mark: dict[str, Any] = {
            "box": list(self.box),
            "show": self.show,
            "label": self.label,
            "phrases": list(self.phrases),
        }
        return mark | {"image": self.image} if self.image else mark


def read_region(row: Any) -> Region | None:
    """Return the region that a row of the JSONL or of predictions asks about; None if it asks about none.

    A value under the key that has neither `box` with `phrases` nor `box` with `show` is no mark: the row may
    be another tool's. Further keys of a mark are left alone.

    Raises:
        ValueError: a mark that makes no sense; the message says in one line what is wrong.
    """
    mark = mark_of_row(row, REGION_KEY, "box")
    if mark is None or not {"show", "phrases"} & mark.keys():
        return None
    show, image = mark.get("show"), mark.get("image", "")
    if show not in SHOWN_AS:
        raise ValueError(f"{REGION_KEY}.show: {in_short(show)} is none of {', '.join(SHOWN_AS)}")
    if not isinstance(image, str):
        raise ValueError(f"{REGION_KEY}.image: {in_short(image)} is not the path of a picture")
    label = mark.get("label")
    if label is not None:
        label = _read_text(label, "label")
    return Region(
        read_grid_box(mark["box"], f"{REGION_KEY}.box"),
        str(show),
        label,
        _read_phrases(mark.get("phrases")),
        image,
    )


def asks_for_words(row: Any) -> bool:
    """Tell whether a row asks for words about a region; a mark that makes no sense counts as one."""
    try:
        return read_region(row) is not None
    except ValueError:
        return True


def _read_phrases(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"{REGION_KEY}.phrases: {in_short(value)} is not a list of at least one text")
    return tuple(_read_text(each, "phrases") for each in value)


def _read_text(value: Any, key: str) -> str:
    if not isinstance(value, str) or not value.strip() or find_markup(value):
        raise ValueError(f"{REGION_KEY}.{key}: {in_short(value)} is no text without markup")
    return value
