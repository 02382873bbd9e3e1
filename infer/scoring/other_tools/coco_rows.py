"""COCO's results: a row for each box, with image_id, category_id, bbox [x, y, width, height] and score."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from grounding.errors import UserError
from grounding.predictions.prediction_rows import Prediction, parse_detection
from grounding.samples import Detection
from infer.scoring.other_tools.known_images import ImageNames

NAME_KEYS = ("category_name", "category", "label", "name")
"""The keys of a category's name, where a row has no category_id."""

SHOWN_IDS = 5


def is_coco_row(row: Mapping[str, Any]) -> bool:
    """Tell whether a row is one box of COCO's results: it has no list of detections and no text."""
    return "image_id" in row and ("category_id" in row or ("bbox" in row and _name_in(row) is not None))


def read_coco_rows(
    rows: Iterable[tuple[str, dict[str, Any]]],
    names: ImageNames,
    annotations: Mapping[str, Any],
) -> tuple[list[Prediction], tuple[str, ...]]:
    """Return a prediction for every image that has a box, numbers as they stand in `bbox`, and notes.

    Boxes of categories that the annotations do not have are left out, as COCO's evaluation leaves them out.

    Raises:
        UserError: a row without these keys, an unknown image, or no category that is known.
    """
    categories = {item["id"]: item["name"] for item in annotations["categories"]}
    found: dict[int, list[Detection]] = {}
    unknown: Counter[Any] = Counter()
    total = 0
    for where, row in rows:
        total += 1
        ids = names.by_id(row.get("image_id"))
        if len(ids) != 1:
            raise UserError(f"{where}: image_id {_short(row.get('image_id'))} is no image of the data set")
        number = row.get("category_id")
        is_number = isinstance(number, int) and not isinstance(number, bool)
        label = (categories.get(number) if is_number else None) if "category_id" in row else _name_in(row)
        if label is None:
            unknown[_short(number)] += 1
            continue
        try:
            box = {"label": label, "box": row["bbox"], "score": row.get("score")}
            found.setdefault(ids[0], []).append(parse_detection(box))
        except (KeyError, ValueError) as error:
            what = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise UserError(
                f"{where}: not a box of COCO's results ({what}): a row needs image_id, category_id and bbox "
                "[x, y, width, height]; score is optional"
            ) from error
    predictions = [Prediction(image_id, tuple(boxes), ()) for image_id, boxes in found.items()]
    return predictions, _notes_on(unknown, total, list(categories))


def _notes_on(unknown: Mapping[Any, int], total: int, known: Sequence[int]) -> tuple[str, ...]:
    if not unknown:
        return ()
    left_out = sum(unknown.values())
    ids = ", ".join(list(unknown)[:SHOWN_IDS])
    text = (
        f"{left_out:,} of {total:,} boxes have a category_id that the annotations do not have ({ids}; "
        f"they have {min(known)} to {max(known)})"
    )
    if left_out == total:
        raise UserError(f"{text}: write the ids of the annotations' `categories`, or `category_name`")
    hint = ": do their ids begin at 0?" if "0" in unknown else ""
    return (f"{text}: left out{hint}",)


def _name_in(row: Mapping[str, Any]) -> str | None:
    return next((row[key] for key in NAME_KEYS if isinstance(row.get(key), str)), None)


def _short(value: Any) -> str:
    return ascii(value)[:60] if not isinstance(value, int) else f"{value:.0f}"[:60]
