"""The rows of predictions.jsonl, read and checked, whoever has written them.

A row about several pictures has `pictures`, each with its own image_id, and each of its detections says by
`picture` in which of them it lies, counted from 0. It is read as one prediction per picture: what is scored,
drawn and compared is always one picture.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from grounding.boxes import Box, Size
from grounding.candidates.candidate_list import read_candidates
from grounding.errors import UserError, in_short
from grounding.files import read_jsonl
from grounding.regions.region_mark import asks_for_words
from grounding.samples import Detection
from grounding.views.view_mark import read_views

LARGEST_COORDINATE = 1e7
"""Pixels between a coordinate and the image's corner; no image is so large, and areas stay exact."""


@dataclass(frozen=True)
class Prediction:
    """What was found in one image, in original pixels, and the named problems of its answer.

    `image` is relative to the data set's folder, `raw` is the answer's text. These and `question` are ""
    where the row does not have them. `together` has the ids of all pictures of its question in their order,
    () where it is about one picture; problems, question and raw are then those of the whole answer, and
    `found_elsewhere` is the number of its detections in the other pictures. `candidates` are the boxes of a
    detector that the question lists in its first picture, by their numbers; an unknown label is "". `views`
    is the number of parts of its picture that the question shows beside it.
    """

    image_id: int
    detections: tuple[Detection, ...]
    problems: tuple[str, ...]
    image: str = ""
    question: str = ""
    raw: str = ""
    together: tuple[int, ...] = ()
    found_elsewhere: int = 0
    candidates: tuple[Detection, ...] = ()
    views: int = 0

    @property
    def is_readable(self) -> bool:
        """Whether the answer names objects, or says without a problem that there are none."""
        return bool(self.detections or self.found_elsewhere) or not self.problems

    @property
    def place(self) -> int:
        """The place of the picture in its question, from 0."""
        return self.together.index(self.image_id) if self.together else 0


def read_predictions(path: Path) -> list[Prediction]:
    """Read predictions, one row per question, and check their types, as others may have written them.

    A row needs `image_id` and `detections`, each with a `label` and a `box` as [x1, y1, x2, y2] in original
    pixels; the other keys, and `score` and `description` of a detection, may be left out. `image` lies inside
    the data set's folder. A row about several `pictures` gives a prediction for each. Answers to questions
    for words about a region are no predictions of boxes, and are left out (`region_answers.py` reads them).

    Raises:
        UserError: a row without these, a value of another type, or an image that comes twice.
    """
    rows: dict[int, Prediction] = {}
    for line, row in read_jsonl(path):
        if asks_for_words(row):
            continue
        where = f"{path}, line {line}"
        for prediction in parse_predictions(row, where):
            if prediction.image_id in rows:
                raise UserError(
                    f"{where}: image_id {prediction.image_id} comes a second time: keep one row per image"
                )
            rows[prediction.image_id] = prediction
    return list(rows.values())


def parse_prediction(row: dict[str, Any], where: str) -> Prediction:
    """Return the prediction in a row about one picture; `where` is the row's place, for messages.

    Raises:
        UserError: see `read_predictions`, or the row is about several pictures.
    """
    found = parse_predictions(row, where)
    if len(found) > 1:
        raise UserError(f"{where}: a row about {len(found)} pictures, where one picture is needed")
    return found[0]


def parse_predictions(row: dict[str, Any], where: str) -> list[Prediction]:
    """Return the prediction for each picture of a row; `where` is the row's place, for messages.

    Raises:
        UserError: see `read_predictions`.
    """
    for image_id in (item.get("image_id", 0) for item in (row, *_pictures_in(row))):
        if not isinstance(image_id, int) or isinstance(image_id, bool):
            raise UserError(
                f"{where}: image_id {in_short(image_id)} is not a whole number: take that of the annotations"
            )
    try:
        whole = Prediction(
            row["image_id"],
            tuple(parse_detection(item) for item in _list(row["detections"], "detections")),
            tuple(_text(problem, "a problem") for problem in _list(row.get("problems", []), "problems")),
            _place(_text(row.get("image", ""), "image")),
            _text(row.get("question", ""), "question"),
            _text(row.get("raw", ""), "raw"),
            candidates=_candidates(row),
            views=0 if (shown := read_views(row)) is None else len(shown.regions),
        )
        return _by_picture(whole, row)
    except (KeyError, ValueError) as error:
        raise UserError(
            f"{where}: not a prediction ({type(error).__name__}: {error}): a row needs image_id and "
            "detections, each with label and box [x1, y1, x2, y2]"
        ) from error


def _candidates(row: dict[str, Any]) -> tuple[Detection, ...]:
    """Return the candidates of a row's question in original pixels.

    Raises:
        ValueError, KeyError: a mark that makes no sense, or a row with one but without the picture's size.
    """
    listed = read_candidates(row)
    if listed is None:
        return ()
    sides = row["width"], row["height"]
    if not all(isinstance(side, int) and 0 < side <= LARGEST_COORDINATE for side in sides):
        raise ValueError(f"width and height are {in_short(sides)}, not whole numbers of pixels")
    return listed.detections_in(Size(*sides))


def _pictures_in(row: dict[str, Any]) -> list[dict[str, Any]]:
    pictures = row.get("pictures")
    return [item for item in pictures if isinstance(item, dict)] if isinstance(pictures, list) else []


def _by_picture(whole: Prediction, row: dict[str, Any]) -> list[Prediction]:
    """Return the prediction of a row as one for each of its pictures, detections in their order.

    Raises:
        ValueError, KeyError: pictures or the picture of a detection make no sense.
    """
    if "pictures" not in row:
        if any(item.picture for item in whole.detections):
            raise ValueError("a detection names another picture, and the row has no `pictures`")
        return [whole]
    pictures = _list(row["pictures"], "pictures")
    if not pictures or len(_pictures_in(row)) < len(pictures):
        raise ValueError("`pictures` needs an object with image_id and image for each picture")
    ids = tuple(item["image_id"] for item in pictures)
    if len(set(ids)) < len(ids) or ids[0] != whole.image_id:
        raise ValueError("`pictures` need an image_id of their own each, the first that of the row")
    if len(ids) > 1 and not all("picture" in item for item in row["detections"]):
        raise ValueError("a detection of a row with several pictures needs `picture`, from 0")
    if any(item.picture >= len(ids) for item in whole.detections):
        raise ValueError(f"a detection is in a picture after the last, which is {len(ids) - 1}")
    images = [_place(_text(item.get("image", ""), "image")) for item in pictures]
    split = split_by_picture(whole, ids)
    return [replace(item, image=image) for item, image in zip(split, images, strict=True)]


def split_by_picture(whole: Prediction, image_ids: tuple[int, ...]) -> list[Prediction]:
    """Return a prediction about these pictures as one for each; problems and texts are those of the whole."""
    split = [
        tuple(replace(found, picture=0) for found in whole.detections if found.picture == place)
        for place in range(len(image_ids))
    ]
    return [
        replace(
            whole,
            image_id=image_id,
            detections=found,
            together=image_ids if len(image_ids) > 1 else (),
            found_elsewhere=len(whole.detections) - len(found),
            candidates=whole.candidates if image_id == image_ids[0] else (),
        )
        for image_id, found in zip(image_ids, split, strict=True)
    ]


def parse_detection(item: Any) -> Detection:
    """Return the detection in an object with label, box and, if there are such, score and description.

    `picture` is the place of its picture in the question, from 0, where the question has several.

    Raises:
        ValueError, KeyError: a part is missing, or of another type.
    """
    if not isinstance(item, dict):
        raise ValueError(f"a detection is {in_short(item)}, not an object")
    numbers, score = _list(item["box"], "box"), item.get("score")
    picture = item.get("picture", 0)
    if not isinstance(picture, int) or isinstance(picture, bool) or picture < 0:
        raise ValueError(f"picture {in_short(picture)} is not a whole number from 0")
    if len(numbers) != 4:
        raise ValueError(f"a box has {len(numbers)} numbers, not 4")
    box = Box(*(_number(number, "a coordinate") for number in numbers))
    if max(map(abs, box.xyxy)) > LARGEST_COORDINATE:
        raise ValueError(f"a coordinate is more than {LARGEST_COORDINATE:.0f} pixels")
    return Detection(
        _text(item["label"], "label"),
        box,
        None if score is None else _number(score, "score"),
        description=_text(item.get("description"), "description") or None,
        picture=picture,
    )


def written_detection(found: Detection, *, of_several: bool = False) -> dict[str, Any]:
    """Return a detection as a row holds it, which `parse_detection` reads.

    With `of_several`, the question has several pictures, and the detection says in which it lies.
    """
    row: dict[str, Any] = {"label": found.label, "box": list(found.box.xyxy), "score": found.score}
    if of_several:
        row["picture"] = found.picture
    return row if found.description is None else {**row, "description": found.description}


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{name} is {in_short(value)}, not a list")
    return value


def _number(value: Any, name: str) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise ValueError(f"{name} is {in_short(value)}, not a number")
    try:
        number = float(value)
    except OverflowError:  # an integer of more than 308 digits
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{name} is not finite")
    return number


def _text(value: Any, name: str) -> str:
    if value is None and name not in ("label", "a problem"):
        return ""
    if not isinstance(value, str):
        raise ValueError(f"{name} is {in_short(value)}, not a text")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:  # it could be written into no file
        raise ValueError(f"{name} holds half of a surrogate pair: {in_short(value)}") from error
    return value


def _place(image: str) -> str:
    """Return the path of an image in the data set's folder; pictures are read from there and shown."""
    paths = PurePosixPath(image), PureWindowsPath(image)
    if any(path.is_absolute() or path.drive or ".." in path.parts for path in paths) or "\0" in image:
        raise ValueError(f"image {in_short(image)} is not inside the data set's folder")
    return image
