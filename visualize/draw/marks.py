"""Marks: what is drawn of an object, in which colour, and what its label says."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from grounding.boxes import Box
from grounding.samples import Detection
from visualize.draw.colors import Color, assign_colors
from visualize.draw.outcomes import Match, Outcome

OUTCOME_COLORS: Mapping[Outcome, Color] = {
    Outcome.TRUE_POSITIVE: (0, 158, 115),
    Outcome.WRONG_LABEL: (204, 121, 167),
    Outcome.FALSE_POSITIVE: (213, 94, 0),
    Outcome.MISSED: (240, 228, 66),
    Outcome.IN_CROWD: (153, 153, 153),
}
"""From the palette of Okabe and Ito, and grey; a missed object is dashed as well."""

JUDGED = tuple(outcome for outcome in Outcome if outcome is not Outcome.IN_CROWD)
"""The outcomes of a legend; what lies in a crowd region says so itself."""

NO_LABEL = "(no label)"


@dataclass(frozen=True)
class Mark:
    """A box to draw, in the picture's pixels, with its colour and text.

    `short_text` is what is written where the picture is too narrow for `text`.
    """

    box: Box
    text: str
    short_text: str
    color: Color
    is_dashed: bool = False


def detection_marks(detections: Sequence[Detection], colors: Mapping[str, Color] | None = None) -> list[Mark]:
    """Return the marks of objects, coloured by label."""
    own = assign_colors(item.label for item in detections)
    chosen = {**own, **(colors or {})}
    return [
        Mark(item.box, label_text(item), label_name(item.label), chosen[item.label]) for item in detections
    ]


def match_marks(matches: Iterable[Match]) -> list[Mark]:
    """Return the marks of compared objects, coloured by outcome."""
    marks = []
    for match in matches:
        text = label_text(match.detection)
        if match.true_label is not None:
            text = f"{text}, is {label_name(match.true_label)}"
        if match.outcome is Outcome.IN_CROWD:
            text = f"{text}, {Outcome.IN_CROWD.value}"
        short, color = label_name(match.detection.label), OUTCOME_COLORS[match.outcome]
        marks.append(Mark(match.detection.box, text, short, color, match.outcome is Outcome.MISSED))
    return marks


def crowd_marks(crowds: Iterable[Detection]) -> list[Mark]:
    """Return the marks of crowd regions, in grey."""
    color = OUTCOME_COLORS[Outcome.IN_CROWD]
    return [
        Mark(item.box, f"crowd: {label_name(item.label)}", label_name(item.label), color) for item in crowds
    ]


def label_text(detection: Detection) -> str:
    """Return what a label says: the name, and the score where there is one."""
    name = label_name(detection.label)
    return name if detection.score is None else f"{name} {detection.score:.2f}"


def label_name(label: str) -> str:
    """Return a label, or what is shown for an empty one."""
    return label or NO_LABEL
