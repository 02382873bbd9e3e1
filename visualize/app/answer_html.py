"""An answer as it is shown: the picture with its boxes, and HTML for the words around it."""

from collections.abc import Iterable, Sequence
from html import escape

from PIL import Image

from grounding.boxes import Size, iou
from grounding.samples import Detection
from visualize.app.asker import LABELS_AT_MOST, Asked, Cycle
from visualize.app.model_wordings import Wordings
from visualize.app.texts import AppError, say
from visualize.draw.colors import assign_colors, text_color
from visualize.draw.drawing import draw_detections
from visualize.draw.marks import label_name
from visualize.draw.pictures import resized
from visualize.draw.spotlight import draw_spotlight

SHORTEST_SHOWN, LONGEST_SHOWN = 640, 1600
"""Pixels of the shown picture's longer side: boxes and labels are drawn at the size they are seen in."""

GOOD_IOU = 0.5
"""From this overlap on, two boxes are about the same object. Source: PASCAL VOC."""


def draw_answer(picture: Image.Image, asked: Asked, categories: Sequence[str]) -> Image.Image:
    """Return the picture that was asked about with what was found in it, at a size to look at."""
    size = shown_size(Size(*picture.size))
    lit = () if asked.region is None else (Detection("", asked.region),)
    shown, (scaled, regions) = resized(picture, size, asked.detections, lit)
    if regions:
        shown = draw_spotlight(shown, regions[0].box)
    return draw_detections(shown, scaled, assign_colors((item.label for item in scaled), categories))


def shown_size(size: Size) -> Size:
    """Return the size at which a picture is shown: enlarged where it is small, reduced where it is huge."""
    longest = max(size.width, size.height)
    scale = min(max(longest, SHORTEST_SHOWN), LONGEST_SHOWN) / longest
    return Size(max(1, round(size.width * scale)), max(1, round(size.height * scale)))


def describe_answer(asked: Asked, wordings: Wordings, language: str) -> str:
    """Return as HTML how many were found in what time, the question, the objects and the problems."""
    seconds, found = f"{asked.seconds:.1f} s", asked.detections
    if found:
        key = "found_one" if len(found) == 1 else "found_many"
        summary = say(language, key, count=len(found), seconds=seconds)
    else:
        problems = bool(asked.answered.problems)
        summary = say(language, "no_boxes" if problems else "found_none", seconds=seconds)
    parts = [_paragraph(summary, "summary")]
    if asked.region is not None and found:
        best = max(iou(asked.region, item.box) for item in found)
        parts.append(_paragraph(say(language, "region_iou", iou=f"{best:.2f}")))
    if caution := _caution(asked, wordings):
        parts.append(_paragraph(say(language, caution), "caution"))
    parts.append(f'<p class="asked">{say(language, "question")}: <q>{escape(asked.question)}</q></p>')
    if found:
        parts.append(_objects(asked, wordings.categories, language))
    if asked.answered.problems:
        items = "".join(f"<li>{escape(problem)}</li>" for problem in asked.answered.problems)
        parts.append(f'<p>{say(language, "problems")}:</p><ul class="problems">{items}</ul>')
    return "".join(parts)


def describe_cycles(asked: Asked, cycles: Sequence[Cycle], wordings: Wordings, language: str) -> str:
    """Return as HTML what became of each label that was asked back."""
    values = [value for cycle in cycles for value in cycle.ious]
    mean = sum(values) / len(values) if values else 0.0
    rows = [
        [
            f"<q>{escape(cycle.question)}</q>",
            " ".join(
                f'<span class="{"good" if value >= GOOD_IOU else "bad"}">{value:.2f}</span>'
                for value in cycle.ious
            ),
        ]
        for cycle in cycles
    ]
    head = (say(language, "cycle_label"), say(language, "cycle_iou"))
    text = _paragraph(say(language, "cycle", iou=f"{mean:.2f}"), "summary")
    if wordings.dataset is not None and not wordings.knows_phrases:
        text += _paragraph(say(language, "cycle_untrained"), "caution")
    text += _table(head, rows)
    if len({item.label for item in asked.detections if item.label}) > LABELS_AT_MOST:
        text += _paragraph(say(language, "cycle_part", count=LABELS_AT_MOST))
    return text


def describe_error(error: AppError, language: str) -> str:
    """Return as HTML the sentence that says what went wrong."""
    return f'<p class="error" role="alert">{escape(say(language, error.key, *error.values))}</p>'


def _caution(asked: Asked, wordings: Wordings) -> str | None:
    """Return the key of what to say where the model was asked what its data set does not ask."""
    if wordings.dataset is None:
        return None
    if asked.region is not None:
        return "untrained_region"
    if asked.phrase:
        return None if wordings.knows_phrases else "untrained_phrase"
    return None if wordings.knows_everything else "untrained_everything"


def _objects(asked: Asked, categories: Sequence[str], language: str) -> str:
    colors = assign_colors((item.label for item in asked.detections), categories)
    has_scores = any(item.score is not None for item in asked.detections)
    rows = []
    for item in asked.detections:
        ground = colors[item.label]
        style = f"background:rgb{ground};color:rgb{text_color(ground)}".replace(" ", "")
        row = [f'<span class="label" style="{style}">{escape(label_name(item.label))}</span>']
        if has_scores:
            row.append("" if item.score is None else f"{item.score:.2f}")
        row.append(", ".join(f"{value:.0f}" for value in item.box.xyxy))
        rows.append(row)
    head = [say(language, "label"), *([say(language, "score")] if has_scores else []), say(language, "box")]
    return _table(head, rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; the cells are HTML."""
    titles = "".join(f"<th>{escape(title)}</th>" for title in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"


def _paragraph(text: str, name: str = "") -> str:
    return f'<p class="{name}">{escape(text)}</p>' if name else f"<p>{escape(text)}</p>"
