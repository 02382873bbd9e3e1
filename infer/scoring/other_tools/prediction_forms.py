"""A predictions file of whatever form: this project's rows, COCO's results, or texts of models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from grounding.answers.asked import Asked
from grounding.boxes import Size
from grounding.errors import UserError
from grounding.predictions.annotations import image_sizes
from grounding.predictions.prediction_rows import Prediction, parse_predictions, split_by_picture
from grounding.regions.region_mark import asks_for_words
from infer.asking.answer_units import ScaleOf, choose_scale
from infer.asking.parsed_answers import parse_raw_answer
from infer.engines.protocol import RawAnswer
from infer.recipe import InferRecipe
from infer.scoring.other_tools.answer_texts import (
    MODEL_KEYS,
    OWN_KEY,
    UNCERTAIN_KEYS,
    FoundAnswer,
    UnclearAnswerError,
    find_answer,
)
from infer.scoring.other_tools.box_notation import notation_notes, rewrite_boxes, text_notation_notes
from infer.scoring.other_tools.coco_rows import is_coco_row, read_coco_rows
from infer.scoring.other_tools.file_rows import file_rows
from infer.scoring.other_tools.habits import XYWH, XYXY
from infer.scoring.other_tools.known_images import ImageNames
from infer.scoring.other_tools.order_check import order_notes
from infer.scoring.other_tools.row_images import RowImages
from infer.scoring.words.given_descriptions import GivenDescription, read_given_descriptions

Located = tuple[str, dict[str, Any]]
"""The place of a row in its file, and the row."""

KNOWN_FORMS = (
    "image_id and detections, each with label and box [x1, y1, x2, y2]; or image_id or image, and the text "
    f"of the answer ({', '.join((OWN_KEY, *MODEL_KEYS, *UNCERTAIN_KEYS))}); or COCO's results"
)


@dataclass(frozen=True)
class GivenPredictions:
    """Predictions, what has to be said about how they were read, and the answers about regions."""

    predictions: list[Prediction]
    notes: tuple[str, ...] = ()
    descriptions: tuple[GivenDescription, ...] = ()


def read_given_predictions(
    path: Path,
    annotations: Mapping[str, Any],
    recipe: InferRecipe,
    boxes: str | None,
    asked: Sequence[tuple[int, ...]] | None = None,
) -> GivenPredictions:
    """Read predictions of any known form about the images of the annotations.

    `recipe` says in which units texts are; `boxes` is another notation than the form's own. `asked` are the
    image ids of each question, None: each image is a question of its own. COCO's results have no row for an
    image without a box: with `limit` the images of the first questions count.

    Raises:
        UserError: a row of no known form, an image that is not in the data set, or one that comes twice.
    """
    every = list(file_rows(path))
    rows = [(where, row) for where, row in every if not asks_for_words(row)]
    if len(rows) < len(every):
        described = read_given_descriptions(pair for pair in every if asks_for_words(pair[1]))
        about_boxes = _read_given(rows, annotations, recipe, boxes, asked) if rows else GivenPredictions([])
        return replace(about_boxes, descriptions=described)
    return _read_given(rows, annotations, recipe, boxes, asked)


def _read_given(
    rows: Sequence[Located],
    annotations: Mapping[str, Any],
    recipe: InferRecipe,
    boxes: str | None,
    asked: Sequence[tuple[int, ...]] | None,
) -> GivenPredictions:
    images = annotations["images"]
    questions = [(image["id"],) for image in images] if asked is None else asked
    sizes = image_sizes(dict(annotations))
    names = ImageNames(images)
    if rows and is_coco_row(rows[0][1]) and "detections" not in rows[0][1]:
        found, notes = read_coco_rows(rows, names, annotations)
        notes = (*notes, *notation_notes(found, sizes, boxes or XYWH))
        found = rewrite_boxes(found, boxes or XYWH)
        empty = [image_id for question in questions[: recipe.limit] for image_id in question]
        return _with_empty(found, empty, notes)
    return _read_rows(rows, RowReader(names, questions[: recipe.limit], sizes, annotations, recipe, boxes))


def _with_empty(
    found: Sequence[Prediction], every: Sequence[int], notes: tuple[str, ...]
) -> GivenPredictions:
    """Add a prediction of nothing for each image without a box."""
    have = {item.image_id for item in found}
    empty = [Prediction(image_id, (), ()) for image_id in every if image_id not in have]
    boxes = sum(len(item.detections) for item in found)
    note = f"read as COCO's results: {boxes:,} boxes"
    if empty:
        note += f"; {len(empty):,} of {len(every):,} images have none: nothing was found in them"
    return GivenPredictions([*found, *empty], (note, *notes))


@dataclass(frozen=True)
class RowReader:
    """What rows are read by: the images of the data set, and the habits of the file.

    `questions` has the image ids of each question, in the order of the data set.
    """

    names: ImageNames
    questions: Sequence[tuple[int, ...]]
    sizes: Mapping[int, Size]
    annotations: Mapping[str, Any]
    recipe: InferRecipe
    boxes: str | None


def _read_rows(rows: Sequence[Located], by: RowReader) -> GivenPredictions:
    """Read rows of this project, and rows with the text of an answer."""
    answers = [None if "detections" in row else _answer_in(row, where) for where, row in rows]
    texts = [row for row, answer in zip(rows, answers, strict=True) if answer is not None]
    images = RowImages(texts, by.names, by.questions) if texts else None
    image_ids = iter(images.ids if images else ())
    scale_of = choose_scale(by.recipe)
    found: dict[int, Prediction] = {}
    boxed: list[Prediction] = []
    read: list[Prediction] = []
    for (where, row), answer in zip(rows, answers, strict=True):
        if answer is None:
            predictions = parse_predictions(row, where)
            boxed += predictions
            predictions = rewrite_boxes(predictions, by.boxes or XYXY)
        else:
            predictions = _read_text(answer, next(image_ids), by, scale_of, where)
            read += predictions
        for prediction in predictions:
            if prediction.image_id in found:
                raise UserError(
                    f"{where}: image_id {prediction.image_id} comes a second time: keep one row per image"
                )
            found[prediction.image_id] = prediction
    notes = (*_text_notes(answers, images, by.recipe), *text_notation_notes(read))
    if images is not None and images.by_order:
        plain = [row for _, row in texts]
        alone = [(row, ids[0]) for row, ids in zip(plain, images.ids, strict=True) if len(ids) == 1]
        rows_alone, ids_alone = [row for row, _ in alone], [image_id for _, image_id in alone]
        notes = (*notes, *order_notes(rows_alone, ids_alone, by.sizes, by.annotations, scale_of))
    return GivenPredictions(
        list(found.values()), (*notes, *notation_notes(boxed, by.sizes, by.boxes or XYXY))
    )


def _read_text(
    answer: FoundAnswer, image_ids: tuple[int, ...], by: RowReader, scale_of: ScaleOf, where: str
) -> list[Prediction]:
    """Read the text of an answer: a prediction for each of its images, boxes in pixels of that."""
    for image_id in image_ids:
        if image_id not in by.sizes:
            raise UserError(f"{where}: the annotations have no width and height of image {image_id}")
    text = answer.text.encode("utf-8", "replace").decode("utf-8")
    score = "answer" if by.recipe.score == "answer" else "none"
    sizes = tuple(by.sizes[image_id] for image_id in image_ids)
    scales = [scale_of(size) for size in sizes]
    raw = RawAnswer(text, answer.is_cut)
    parsed = parse_raw_answer(raw, Asked(sizes), score, scales, thinks=by.recipe.thinks)
    whole = Prediction(image_ids[0], parsed.detections, parsed.problems, raw=parsed.raw)
    return split_by_picture(whole, image_ids)


def _answer_in(row: Mapping[str, Any], where: str) -> FoundAnswer:
    try:
        answer = find_answer(row)
    except UnclearAnswerError as error:
        raise UserError(f"{where}: {error}") from error
    if answer is None:
        keys = ascii(", ".join(row))[1:-1][:80]
        raise UserError(f"{where}: not a prediction: its keys are {keys}; a row needs {KNOWN_FORMS}")
    return answer


def _text_notes(
    answers: Sequence[FoundAnswer | None], images: RowImages | None, recipe: InferRecipe
) -> tuple[str, ...]:
    if images is None:
        return ()
    given = [answer for answer in answers if answer is not None]
    keys = ", ".join(dict.fromkeys(f"`{answer.key}`" for answer in given))
    notes = [
        f"read as texts of answers: {len(given):,} under {keys}; {images.how}; coordinates in units of "
        f"{recipe.answer_units} (--answer-units)"
    ]
    if failed := sum(answer.failed for answer in given):
        notes.append(f"{failed:,} of {len(given):,} rows have an error in place of an answer")
    return tuple(notes)
