"""The entries of COCO's JSON: images, annotations and categories, with checked types."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from grounding.boxes import Size
from grounding.errors import UserError
from grounding.markup import find_markup
from prepare.sources.parts.masks import box_of_segmentation
from prepare.sources.parts.named_values import named_values
from prepare.sources.parts.object_texts import attribute_words, stated_texts
from prepare.sources.shared.identity import plain_name
from prepare.sources.shared.json_stream import stream_lists
from prepare.sources.shared.source_values import (
    BadValueError,
    brief_value,
    read_area,
    read_key,
    read_label,
    read_numbers,
    read_side,
    read_text,
    read_whole,
)

NAMED_BY_URL = ("coco_url", "flickr_url")
"""Where LVIS says which file an image is."""

Entries = dict[Any, tuple[str, Size | None]]
"""The file name of an image and the size that its entry states, by its id."""


TEXT_KEYS = ("caption", "description")
"""Under which many annotations say in words what an object is; not COCO's own, but common."""

LISTS = ("categories", "images", "annotations")


class AnnotationRow(NamedTuple):
    """The values of an annotation, with keys that many tools add to COCO's.

    `texts` are its captions and descriptions, `attributes` its attributes in words, `named_values` those of
    them that have a name and a text.
    """

    box: tuple[float, ...]
    category_id: Any
    area: float | None
    is_crowd: bool
    texts: tuple[str, ...]
    attributes: tuple[str, ...]
    named_values: Mapping[str, str]


def read_row(value: dict[str, Any], where: str, order: str) -> tuple[Any, AnnotationRow]:
    """Return the image's id and the annotation's values; a missing box is made from the segmentation."""
    for key in ("image_id", "category_id"):
        if key not in value:
            raise BadValueError(f"{where}: an annotation without {key}")
    image_id = read_key(value["image_id"], f"{where}.image_id")
    box = read_numbers(value.get("bbox"))
    if not box and (around := box_of_segmentation(value.get("segmentation"))):
        box = getattr(around, order)
    return image_id, AnnotationRow(
        box,
        _category_of(value["category_id"]),
        read_area(value.get("area")),
        bool(value.get("iscrowd")),
        tuple(text for key in TEXT_KEYS for text in stated_texts(value.get(key))),
        attribute_words(value.get("attributes")),
        named_values(value.get("attributes")),
    )


def _category_of(number: Any) -> Any:
    """Return a category's number, which can be written as a text; None if it is none."""
    try:
        return read_whole(number, "category_id")
    except BadValueError:
        return None


def add_image(value: dict[str, Any], where: str, entries: Entries) -> None:
    """Add an image to the entries.

    Raises:
        BadValueError: wrong types, no name, or an id that stands for another image too.
    """
    if "id" not in value:
        raise BadValueError(f"{where}: an image without id")
    image_id = read_key(value["id"], f"{where}.id")
    width, height = (read_side(value.get(side), f"{where}.{side}") for side in ("width", "height"))
    entry = _name_of(value, where), Size(width, height) if width and height else None
    other = entries.setdefault(image_id, entry)
    if other != entry:
        raise BadValueError(
            f"{where}: id {image_id} stands for '{other[0]}' and for '{entry[0]}': give each image its own "
            "id: were files joined?"
        )


def _name_of(value: dict[str, Any], where: str) -> str:
    """Return an image's file name; without one, the end of its URL, as in LVIS.

    Raises:
        BadValueError: neither is a text.
    """
    if value.get("file_name") is not None:
        return read_text(value["file_name"], f"{where}.file_name")
    for key in NAMED_BY_URL:
        if isinstance(url := value.get(key), str) and url.strip("/"):
            return "/".join(PurePosixPath(urlsplit(url).path).parts[-2:]).strip("/")
    raise BadValueError(f"{where}: an image without file_name, {' or '.join(NAMED_BY_URL)}")


def add_category(value: dict[str, Any], where: str, categories: dict[int, str], longest: int) -> None:
    """Add the name of a category, which has `longest` characters at most, by its number.

    Raises:
        BadValueError: wrong types, an empty name, or a number or a name that is there twice.
    """
    for key in ("id", "name"):
        if key not in value:
            raise BadValueError(f"{where}: a category without {key}")
    number = read_whole(value["id"], f"{where}.id")
    name = read_label(value["name"], f"{where}.name", longest)
    if not name.strip():
        raise BadValueError(f"{where}: category {number} has an empty name")
    if mark := find_markup(name):
        raise BadValueError(f"{where}: category '{name}' contains {mark}, which stands for something else")
    if categories.setdefault(number, name) != name:
        raise BadValueError(
            f"{where}: category {number} is '{name}' here and '{categories[number]}' before: give each "
            "its own number"
        )
    twin = next((other for other, known in categories.items() if known == name and other != number), None)
    if twin is not None:  # it can be 0
        raise BadValueError(
            f"{where}: categories {twin} and {number} are both '{name}': merge or rename them"
        )


def without_groups(
    entries: Sequence[tuple[dict[str, Any], str]], used: Collection[Any]
) -> list[tuple[dict[str, Any], str]]:
    """Return the entries of `categories` that are no groups: Roboflow's exports begin with one.

    A group has the supercategory "none", is another category's supercategory, and no annotation is of it:
    `used` are the numbers of the categories that annotations have. A group can have the name of its category.
    """

    def is_group(value: dict[str, Any]) -> bool:
        number = value.get("id")
        return (
            value.get("supercategory") == "none"
            and number not in used
            and any(
                other.get("supercategory") == value.get("name") and other.get("id") != number
                for other, _ in entries
            )
        )

    return [(value, where) for value, where in entries if not is_group(value)]


def sort_to_images(
    rows: dict[Any, list[AnnotationRow]], entries: Mapping[Any, object]
) -> tuple[dict[Any, list[AnnotationRow]], int]:
    """Return the annotations by the ids of the images, and the number of those whose image is not listed.

    An annotation can write the number 7 as the text "7", or the other way round.
    """
    by_text = {str(image_id): image_id for image_id in entries}
    sorted_rows: dict[Any, list[AnnotationRow]] = {}
    strays = 0
    for image_id, found in rows.items():
        known = image_id if image_id in entries else by_text.get(str(image_id))
        if known is None:
            strays += len(found)
        else:
            sorted_rows.setdefault(known, []).extend(found)
    return sorted_rows, strays


def check_one_id_each(path: Path, entries: Entries) -> None:
    """Check that no image file is listed under two ids, which would split its boxes.

    Raises:
        UserError: one is.
    """
    seen: dict[str, Any] = {}
    for image_id, (name, _) in entries.items():
        other = seen.setdefault(plain_name(name), image_id)
        if other != image_id:
            raise UserError(
                f"{path}: '{name}' is listed under two ids, {other} and {image_id}: give each image one id "
                "and all of its annotations"
            )


def read_entries(path: Path, take: Callable[[str, dict[str, Any], str], None]) -> list[str]:
    """Give every entry of LISTS to `take`: its list, the entry, and its place for messages.

    Returns the lists that are missing or empty.

    Raises:
        UserError: no such file, an entry that is no object, or one that `take` refuses (BadValueError).
    """
    keys: Counter[str] = Counter()
    for key, value in stream_lists(path, LISTS):
        where = f"{key}[{keys[key]}]"
        keys[key] += 1
        try:
            if not isinstance(value, dict):
                raise BadValueError(f"{where}: an object is needed, there is {brief_value(value)}")
            take(key, value, where)
        except BadValueError as error:
            raise UserError(f"{path}, {error}") from error
    return sorted(set(LISTS) - keys.keys())
