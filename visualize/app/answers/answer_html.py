"""The HTML of an answer: the objects that were found, the problems, and the errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from grounding.boxes import iou
from grounding.predictions.outcomes import IOU_THRESHOLD
from visualize.app.answered_question import AnsweredQuestion, LabelCheck
from visualize.app.answers.html_templates import render
from visualize.app.asker import LABELS_AT_MOST
from visualize.app.model_wordings import Wordings
from visualize.app.texts import AppError, say
from visualize.draw.colors import assign_colors, text_color
from visualize.draw.marks import label_name


@dataclass(frozen=True)
class _ObjectRow:
    """The texts of one object in the table of objects, and the CSS of its label.

    `picture` is the number of its picture, from 1.
    """

    label: str
    style: str
    score: str
    box: str
    description: str
    picture: int


def describe_answer(asked: AnsweredQuestion, wordings: Wordings, language: str) -> str:
    """Return as HTML the number of objects, the time, the question, the objects and the problems."""
    found = asked.detections
    region = asked.region
    best_iou = None if region is None else max((iou(region, item.box) for item in found), default=None)
    return render(
        "answer.html",
        say=partial(say, language),
        summary=_summary(asked, language),
        best_iou=best_iou,
        caution=_caution(asked, wordings),
        question=asked.question,
        objects=_object_rows(asked, wordings.categories),
        pictures=asked.pictures,
        has_descriptions=any(item.description for item in found),
        has_scores=any(item.score is not None for item in found),
        problems=asked.answered.problems,
    )


def describe_checks(
    asked: AnsweredQuestion, checks: Sequence[LabelCheck], wordings: Wordings, language: str
) -> str:
    """Return as HTML how well the model repeated the boxes of each label of an answer."""
    ious = [value for check in checks for value in check.ious]
    return render(
        "label_checks.html",
        say=partial(say, language),
        mean_iou=sum(ious) / len(ious) if ious else 0.0,
        is_untrained=wordings.dataset is not None and not wordings.knows_phrases,
        checks=checks,
        good_iou=IOU_THRESHOLD,
        is_partial=len({item.label for item in asked.detections if item.label}) > LABELS_AT_MOST,
        labels_at_most=LABELS_AT_MOST,
    )


def describe_error(error: AppError, language: str) -> str:
    """Return as HTML the sentence that says what went wrong."""
    return render("error.html", sentence=say(language, error.key, *error.values))


def _summary(asked: AnsweredQuestion, language: str) -> str:
    seconds, count = f"{asked.seconds:.1f} s", len(asked.detections)
    if count:
        return say(language, "found_one" if count == 1 else "found_many", count=count, seconds=seconds)
    return say(language, "no_boxes" if asked.answered.problems else "found_none", seconds=seconds)


def _caution(asked: AnsweredQuestion, wordings: Wordings) -> str | None:
    """Return the key of a caution if the model was not trained on questions of this kind."""
    if wordings.dataset is None:
        return None
    if asked.region is not None:
        return "untrained_region"
    if asked.phrase:
        return None if wordings.knows_phrases else "untrained_phrase"
    return None if wordings.knows_everything else "untrained_everything"


def _object_rows(asked: AnsweredQuestion, categories: Sequence[str]) -> list[_ObjectRow]:
    colors = assign_colors((item.label for item in asked.detections), categories)
    rows = []
    for item in asked.detections:
        ground = colors[item.label]
        style = f"background:rgb{ground};color:rgb{text_color(ground)}".replace(" ", "")
        score = "" if item.score is None else f"{item.score:.2f}"
        box = ", ".join(f"{value:.0f}" for value in item.box.xyxy)
        rows.append(
            _ObjectRow(label_name(item.label), style, score, box, item.description or "", item.picture + 1)
        )
    return rows
