"""The questions that a calibration is fitted on, each with the objects that a right answer names."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from grounding.card import load_card
from grounding.layout import ALL_JSONL_FILES, ANNOTATIONS_FILES, CALIBRATION_SPLIT
from grounding.predictions.annotations import objects_by_image, read_annotations
from grounding.samples import Detection
from infer.asking.dataset_questions import Question, read_questions
from infer.sampling.known_questions import SAMPLED_SPLIT, read_known_questions

TRAINED_QUESTIONS = 1000
"""Of a training split that a calibration is fitted on, so many questions are asked unless `limit` is set."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KnownAnswers:
    """Questions of a split, and for each the true objects and crowd regions, boxes in original pixels."""

    split: str
    questions: tuple[Question, ...]
    objects: tuple[tuple[Detection, ...], ...]
    crowds: tuple[tuple[Detection, ...], ...]


def read_known_answers(dataset: Path, limit: int | None) -> KnownAnswers:
    """Read the calibration part of a data set; without one, the training split, with a warning.

    Raises:
        UserError: not a prepared data set.
    """
    if (dataset / ALL_JSONL_FILES[CALIBRATION_SPLIT]).is_file():
        return _annotated(dataset, limit)
    log.warning(
        "%s: no %s: fitted on images of %s, which the model may have been trained on: its boxes are better "
        "there, so the scores may be too high (prepare with calibration.share=0.1, and train again)",
        dataset,
        ALL_JSONL_FILES[CALIBRATION_SPLIT],
        ALL_JSONL_FILES[SAMPLED_SPLIT],
    )
    return _trained(dataset, TRAINED_QUESTIONS if limit is None else limit)


def _annotated(dataset: Path, limit: int | None) -> KnownAnswers:
    questions = read_questions(dataset, CALIBRATION_SPLIT, limit)
    annotations = read_annotations(dataset / ANNOTATIONS_FILES[CALIBRATION_SPLIT])
    objects, crowds = objects_by_image(annotations, load_card(dataset))
    return KnownAnswers(
        CALIBRATION_SPLIT,
        tuple(questions),
        tuple(_of_pictures(question, objects) for question in questions),
        tuple(_of_pictures(question, crowds) for question in questions),
    )


def _of_pictures(question: Question, by_image: Mapping[int, Sequence[Detection]]) -> tuple[Detection, ...]:
    """Return the objects in the pictures of a question, each with the place of its picture."""
    return tuple(
        replace(item, picture=place)
        for place, picture in enumerate(question.pictures)
        for item in by_image.get(picture.image_id, ())
    )


def _trained(dataset: Path, limit: int) -> KnownAnswers:
    """Return the first questions of the training split, with the objects of the records' own answers."""
    known = read_known_questions(dataset, limit)
    questions, objects = (item.question for item in known), (item.wanted for item in known)
    return KnownAnswers(SAMPLED_SPLIT, tuple(questions), tuple(objects), ((),) * len(known))
