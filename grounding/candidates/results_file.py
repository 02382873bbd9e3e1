"""Reads a detector's results in COCO's format: a row for each box.

[{"image_id": 139, "category_id": 62, "bbox": [x, y, width, height], "score": 0.9}, ...]

Boxes are in pixels of the upright picture. A file can also be an object with such rows under `annotations`,
with `categories` and `images`, as COCO's annotations have them. A row can name its image by `file_name` (or
`image`, or an `image_id` that is a name without its ending), and its category by `category_name` (or `label`,
`category`, `name`). Source of the format: cocodataset.org/#format-results.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from grounding.boxes import Box
from grounding.candidates.candidate_settings import DATASET_IDS, INDEX_IDS
from grounding.candidates.detector_results import DetectedBox, DetectorResults
from grounding.categories import Category
from grounding.errors import UserError, in_short
from grounding.files import file_sha256, read_json
from grounding.markup import find_markup

NAME_KEYS = ("category_name", "category", "label", "name")
FILE_KEYS = ("file_name", "image", "filename")

NOT_FOUR_NUMBERS = "candidate is not four finite numbers"
WITHOUT_AREA = "candidate is upside down or without area"
UNKNOWN_LABEL = "candidate of an unknown label"
BAD_SCORE = "candidate has a score outside 0..1"
LOW_SCORE = "candidate has a score below candidates.min_score"


def read_detector_results(
    paths: Sequence[Path], categories: Sequence[Category], ids: str = DATASET_IDS, min_score: float = 0.0
) -> DetectorResults:
    """Read the results of a detector; rows that cannot be used are counted in `faults`.

    `categories` are those of the data set; () allows any name. `ids` is one of ID_CHOICES.

    Raises:
        UserError: no such file, another format, rows that name no image, or none that can be used.
    """
    where = ", ".join(map(str, paths))
    results = DetectorResults(where, fingerprint_files(paths))
    first: dict[str, str] = {}
    for path in paths:
        file = _open(path)
        labels = _Labels(file.categories, categories, ids)
        for number, row in enumerate(file.rows, start=1):
            key = _key_of(row, file.images, f"{path}, row {number}")
            of_image = results.boxes.setdefault(key, [])
            found = _read_row(row, labels, min_score)
            if isinstance(found, str):
                if found not in first:
                    first[found] = f"{path}, row {number}: {_told(row, found)}"
                results.faults[found] += 1
            else:
                of_image.append(found)
        labels.check(path)
    if results.boxes and not any(results.boxes.values()):
        fault, number = results.faults.most_common(1)[0]
        remedies = {UNKNOWN_LABEL: _label_remedy(categories), LOW_SCORE: "set a lower one"}
        raise UserError(
            f"{first[fault]}: {fault}, as are {number} of {results.faults.total()} rows, and no row can be "
            f"used: {remedies.get(fault, 'mend these rows')}"
        )
    return results


def _told(row: Mapping[str, Any], fault: str) -> str:
    """Return what a row has that is at fault."""
    keys = (*NAME_KEYS, "category_id") if fault == UNKNOWN_LABEL else ("bbox", "score")
    return ", ".join(f"{key} {in_short(row[key])}" for key in keys if key in row)


def _label_remedy(categories: Iterable[Category]) -> str:
    return (
        f"the data set's labels are {_shown_names(categories)}: add `category_name` to the rows, "
        "`categories` to the file, or set candidates.ids=index if category_id counts the data set's "
        "categories from 0"
    )


class _File(NamedTuple):
    rows: Sequence[Mapping[str, Any]]
    categories: Mapping[Any, str]
    images: Mapping[Any, str]


def fingerprint_files(paths: Iterable[Path]) -> str:
    """Return a hash of the contents of files.

    Raises:
        UserError: no such file.
    """
    return "+".join(_fingerprint(path.expanduser()) for path in paths)


def _fingerprint(path: Path) -> str:
    if not path.is_file():
        raise UserError(
            f"{path}: no such file: name the results of a detector, or run `python -m prepare.detect`"
        )
    return file_sha256(path)[:16]


def _open(path: Path) -> _File:
    content = read_json(path)
    categories: dict[Any, str] = {}
    images: dict[Any, str] = {}
    if isinstance(content, dict):
        rows = content.get("annotations", content.get("results", content.get("detections")))
        try:
            categories = {item["id"]: str(item["name"]) for item in content.get("categories", [])}
            images = {
                item["id"]: str(item["file_name"])
                for item in content.get("images", [])
                if "file_name" in item
            }
        except (TypeError, KeyError, AttributeError) as error:
            raise UserError(f"{path}: categories need id and name, images id and file_name") from error
    else:
        rows = content
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UserError(
            f"{path}: not COCO results: a list of rows with image_id, category_id, score and bbox "
            "[x, y, width, height] is needed"
        )
    return _File(rows, categories, images)


def _key_of(row: Mapping[str, Any], images: Mapping[Any, str], where: str) -> int | str:
    """Return the key of a row's image: an id, or a name."""
    for name in FILE_KEYS:
        if isinstance(row.get(name), str) and row[name].strip():
            return str(PurePosixPath(row[name].replace("\\", "/")))
    value = row.get("image_id")
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # as tables write whole numbers
    if isinstance(value, (int, str)) and not isinstance(value, bool):
        if value in images:
            return str(PurePosixPath(images[value].replace("\\", "/")))
        if isinstance(value, int) or value.strip():
            return value
    raise UserError(f"{where}: image_id {in_short(value)} names no image: write its id, or its file_name")


class _Labels:
    """Names the labels of one file's rows."""

    def __init__(self, own: Mapping[Any, str], categories: Sequence[Category], ids: str) -> None:
        known = {category.id: category.name for category in categories}
        if ids == INDEX_IDS:
            known = dict(enumerate(category.name for category in categories))
        self._by_id: Mapping[Any, str] = own or known
        self._names = frozenset(category.name for category in categories)
        self._is_own = bool(own)
        self._has_zero = False

    def of(self, row: Mapping[str, Any]) -> str | None:
        """Return the label of a row, None if the row has none.

        Raises:
            ValueError: a label that the data set does not know.
        """
        name = next((row[key] for key in NAME_KEYS if isinstance(row.get(key), str)), None)
        number = row.get("category_id")
        if name is None and number is None:
            return None
        if name is None:
            try:
                name = self._by_id.get(number)
            except TypeError:
                name = None
            self._has_zero |= number == 0 and name is None
        if name is None or not name.strip() or find_markup(name) or "\n" in name:
            raise ValueError
        if self._names and name not in self._names:
            raise ValueError
        return name

    def check(self, path: Path) -> None:
        """Refuse ids that count from 0 where the data set's do not: every label would be another one."""
        if self._has_zero and not self._is_own:
            raise UserError(
                f"{path}: category_id 0 is none of the data set's ({_shown_ids(self._by_id)}): set "
                "candidates.ids=index if category_id counts the data set's categories from 0, or add "
                "`categories` to the file"
            )


def _read_row(row: Mapping[str, Any], labels: _Labels, min_score: float) -> DetectedBox | str:
    """Return the box of a row, or the reason why it is not used."""
    numbers = row.get("bbox")
    if not isinstance(numbers, list) or len(numbers) != 4 or not all(map(_is_number, numbers)):
        return NOT_FOUR_NUMBERS
    box = Box.from_xywh(*map(float, numbers))
    if not box.is_finite:
        return NOT_FOUR_NUMBERS
    if not box.has_area:
        return WITHOUT_AREA
    score = row.get("score")
    if score is not None and not (_is_number(score) and 0 <= score <= 1):
        return BAD_SCORE
    if score is not None and score < min_score:
        return LOW_SCORE
    try:
        label = labels.of(row)
    except ValueError:
        return UNKNOWN_LABEL
    return DetectedBox(box, label, None if score is None else round(float(score), 4))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < math.inf


def _shown_ids(known: Mapping[Any, str]) -> str:
    numbers = [number for number in known if isinstance(number, int)]
    return f"{min(numbers)} to {max(numbers)}" if numbers else "none"


def _shown_names(categories: Iterable[Category]) -> str:
    names = [category.name for category in categories]
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
