"""From what a model found in a picture to its inspection: severities, verdict and doubt."""

from collections.abc import Sequence
from dataclasses import dataclass

from grounding.boxes import Box, Size
from grounding.samples import Detection
from infer.report.inspection_types import (
    FAIL,
    FORMAT,
    PASS,
    DataCardNote,
    DefectRow,
    Inspection,
    ModelNote,
    RulesNote,
)
from infer.report.pictures.answered_picture import UNREADABLE_ANSWER, UNREADABLE_PICTURE, AnsweredPicture
from infer.report.rules.rule_set import RuleSet, look_at

DIGITS = 6
"""Of area shares and doubts."""

UNKNOWN_DOUBT = 0.5
"""The doubt of a verdict that rests on a box without a confidence."""

ROWS = ("upper", "middle", "lower")
COLUMNS = ("left", "centre", "right")


@dataclass(frozen=True)
class Provenance:
    """What every inspection of a report says about itself: model, data card, and the folder of pictures."""

    model: ModelNote
    data_card: DataCardNote


def judge_picture(
    picture: AnsweredPicture, rules: RuleSet, threshold: float | None, provenance: Provenance
) -> Inspection:
    """Return the inspection of a picture.

    A box counts if its confidence reaches the threshold; without a threshold, every box counts. A picture
    fails by a box that counts and has a severity from `fails_from` on. A picture that cannot be read, or of
    which the answer cannot be read, was not inspected: it never passes.
    """
    defects = []
    if picture.size is not None:
        pairs = zip(picture.detections, picture.descriptions, strict=True)
        defects = [_defect(found, words, picture.size, rules, threshold) for found, words in pairs]
    reasons = _reasons(picture, defects)
    doubt, why = _doubt(picture, defects, rules, threshold)
    return {
        "format": FORMAT,
        "picture": {
            "file": picture.name,
            "sha256": picture.identity.sha256,
            "bytes": picture.identity.length,
            "width": None if picture.size is None else picture.size.width,
            "height": None if picture.size is None else picture.size.height,
        },
        "verdict": FAIL if reasons else PASS,
        "reasons": reasons,
        "doubt": doubt,
        "doubt_reason": why,
        "defects": defects,
        "problems": list(picture.problems),
        "model": provenance.model,
        "data_card": provenance.data_card,
        "rules": rules_note(rules, threshold),
        "time": picture.answered,
    }


def rules_note(rules: RuleSet, threshold: float | None) -> RulesNote:
    """Return what an inspection says about its rules."""
    return {
        "file": rules.file,
        "fingerprint": rules.fingerprint,
        "fails_from": rules.fails_from,
        "threshold": threshold,
    }


def _defect(
    found: Detection, words: str | None, size: Size, rules: RuleSet, threshold: float | None
) -> DefectRow:
    seen = look_at(found.label, found.box, size, found.score)
    ruling = rules.rule_on(seen)
    counts = threshold is None or seen.confidence >= threshold
    return {
        "label": found.label,
        "box": [round(number, 2) for number in found.box.xyxy],
        "area_share": round(seen.area_share, DIGITS),
        "confidence": found.score,
        "description": words or describe_box(found.label, found.box, size),
        "described_by": "model" if words else "box",
        "severity": ruling.severity,
        "rules": list(ruling.rules),
        "suggestions": list(ruling.suggestions),
        "counts": counts,
        "fails": counts and rules.fails(ruling.severity),
    }


def describe_box(label: str, box: Box, size: Size) -> str:
    """Return label, place and size of a box in words: the ninth of the picture that holds its centre."""
    seen = look_at(label, box, size, None)
    row = ROWS[min(2, max(0, int(seen.y * 3)))]
    column = COLUMNS[min(2, max(0, int(seen.x * 3)))]
    place = "centre" if (row, column) == ("middle", "centre") else f"{row} {column}"
    inside = box.clipped(size)
    width, height = round(inside.x2 - inside.x1), round(inside.y2 - inside.y1)
    name = label or "object without a label"
    return f"{name}, {place}, {width} x {height} pixels, {seen.area_share:.2%} of the picture"


def _reasons(picture: AnsweredPicture, defects: Sequence[DefectRow]) -> list[str]:
    if picture.size is None:
        return [UNREADABLE_PICTURE]
    unread = [] if picture.is_readable else [UNREADABLE_ANSWER]
    return unread + [f"{item['severity']}: {item['description']}" for item in defects if item["fails"]]


def _doubt(
    picture: AnsweredPicture, defects: Sequence[DefectRow], rules: RuleSet, threshold: float | None
) -> tuple[float, str]:
    """Return how doubtful the verdict is, and why.

    What decides is the highest confidence of a box whose severity fails. At the threshold the doubt is 1; it
    falls to 0 where the confidence is 1, or where there is no such box. Without a threshold, the verdict
    changes if the box is wrong: the doubt is 1 - confidence.
    """
    if picture.size is None:
        return 1.0, UNREADABLE_PICTURE
    if not picture.is_readable:
        return 1.0, UNREADABLE_ANSWER
    deciding = [item["confidence"] for item in defects if rules.fails(item["severity"])]
    if not deciding:
        return 0.0, ""
    known = [value for value in deciding if value is not None]
    if len(known) < len(deciding):
        return UNKNOWN_DOUBT, "the box has no confidence"
    surest, limit = min(1.0, max(known)), threshold or 0.0
    room = 1 - limit if surest >= limit else limit
    doubt = 1.0 - abs(surest - limit) / room if room > 0 else 0.0
    against = "" if threshold is None else f", threshold {threshold:.4g}"
    return round(doubt, DIGITS), f"confidence {surest:.4g}{against}"
