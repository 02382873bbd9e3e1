"""Marks: the boxes to draw, with their colours and the texts of their labels."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from grounding.answers.candidate_numbers import NUMBER_SIGN
from grounding.boxes import Box
from grounding.predictions.outcomes import JudgedObject, Outcome
from grounding.samples import Detection
from visualize.draw.colors import Color, assign_colors

OUTCOME_COLORS: Mapping[Outcome, Color] = {
    Outcome.TRUE_POSITIVE: (0, 158, 115),
    Outcome.WRONG_LABEL: (204, 121, 167),
    Outcome.FALSE_POSITIVE: (213, 94, 0),
    Outcome.MISSED: (240, 228, 66),
    Outcome.IN_CROWD: (153, 153, 153),
}
"""From the palette of Okabe and Ito, and grey; missed objects are dashed as well."""

LEGEND_OUTCOMES = tuple(outcome for outcome in Outcome if outcome is not Outcome.IN_CROWD)
"""The outcomes that a legend explains; objects in a crowd region say so in their labels."""

CANDIDATE_COLOR: Color = (105, 105, 105)

NO_LABEL = "(no label)"


@dataclass(frozen=True)
class Mark:
    """A box to draw, in pixels of the picture, with its colour and text.

    `short_text` replaces `text` where the picture has no room for it. What `is_under` others is thin, with
    small letters.
    """

    box: Box
    text: str
    short_text: str
    color: Color
    is_dashed: bool = False
    is_under: bool = False


def detection_marks(detections: Sequence[Detection], colors: Mapping[str, Color] | None = None) -> list[Mark]:
    """Return the marks of objects, coloured by label."""
    own = assign_colors(item.label for item in detections)
    chosen = {**own, **(colors or {})}
    return [
        Mark(item.box, label_text(item), label_name(item.label), chosen[item.label]) for item in detections
    ]


def outcome_marks(judged: Iterable[JudgedObject]) -> list[Mark]:
    """Return the marks of judged objects, coloured by outcome."""
    marks = []
    for item in judged:
        text = label_text(item.detection)
        if item.true_label is not None:
            text = f"{text}, is {label_name(item.true_label)}"
        if item.outcome is Outcome.IN_CROWD:
            text = f"{text}, {Outcome.IN_CROWD.value}"
        short, color = label_name(item.detection.label), OUTCOME_COLORS[item.outcome]
        marks.append(Mark(item.detection.box, text, short, color, item.outcome is Outcome.MISSED))
    return marks


def crowd_marks(crowds: Iterable[Detection]) -> list[Mark]:
    """Return the marks of crowd regions, in grey."""
    color = OUTCOME_COLORS[Outcome.IN_CROWD]
    return [
        Mark(item.box, f"crowd: {label_name(item.label)}", label_name(item.label), color) for item in crowds
    ]


def candidate_marks(candidates: Iterable[Detection]) -> list[Mark]:
    """Return the marks of the candidates that a question lists, in the order of their numbers."""
    texts = ((item.box, f"{NUMBER_SIGN}{number}") for number, item in enumerate(candidates, start=1))
    return [Mark(box, text, text, CANDIDATE_COLOR, is_dashed=True, is_under=True) for box, text in texts]


def label_text(detection: Detection) -> str:
    """Return the text of a label: the name, and the score if there is one."""
    name = label_name(detection.label)
    return name if detection.score is None else f"{name} {detection.score:.2f}"


def label_name(label: str) -> str:
    """Return a label, or NO_LABEL for an empty one."""
    return label or NO_LABEL
