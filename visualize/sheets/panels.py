"""Panels: the truth and each run's predictions on copies of one image, side by side under captions."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from PIL import Image

from grounding.boxes import Size
from grounding.predictions.outcomes import Outcome, count_outcomes, judge_detections
from grounding.samples import Detection
from visualize.draw.colors import Color
from visualize.draw.drawing import draw_marks
from visualize.draw.marks import Mark, candidate_marks, crowd_marks, detection_marks, outcome_marks
from visualize.draw.pictures import drawable, resized
from visualize.sheets.grid import CAPTION_FONT, CAPTION_LINES, add_caption, add_title, arrange

PANEL_WIDTH = 400
"""Width in pixels of a picture with sides 4:3; other shapes are between 320 and 480 pixels wide."""

PANEL_SPREAD = 1.2
TALLEST = 1.6
"""Largest height of a panel, in panel widths."""


@dataclass(frozen=True)
class Panel:
    """One copy of an image: the objects drawn on it, and the caption.

    With `truth`, detections are judged by it and by the crowd regions, and coloured by outcome. Without, they
    are coloured by label, and crowd regions are grey. The numbered `candidates` of the question lie under
    them. The caption takes `lines` lines at most.
    """

    caption: str
    detections: tuple[Detection, ...]
    truth: tuple[Detection, ...] | None = None
    crowds: tuple[Detection, ...] = ()
    lines: int = CAPTION_LINES
    candidates: tuple[Detection, ...] = ()

    @property
    def groups(self) -> tuple[tuple[Detection, ...], ...]:
        """The detections, the truth or (), the crowd regions, and the candidates."""
        return self.detections, self.truth or (), self.crowds, self.candidates


def panel_size(size: Size, width: int = PANEL_WIDTH) -> Size:
    """Return the size at which an image of any size is shown, about `width` pixels wide."""
    aspect = size.width / size.height
    wide = min(max(width * math.sqrt(aspect * 3 / 4), width / PANEL_SPREAD), width * PANEL_SPREAD)
    high = wide / aspect
    if high > width * TALLEST:
        wide, high = wide * width * TALLEST / high, width * TALLEST
    return Size(max(1, round(wide)), max(1, round(high)))


def draw_panels(
    image: Image.Image,
    panels: Sequence[Panel],
    *,
    colors: Mapping[str, Color] | None = None,
    width: int = PANEL_WIDTH,
    heading: str = "",
) -> Image.Image:
    """Return one image's panels side by side, each under its caption, all under a heading.

    The image is resized before boxes and labels are drawn, so that they are legible on small images.
    """
    picture, kept_groups = drawable(image, *(group for panel in panels for group in panel.groups))
    picture, scaled = resized(picture, panel_size(Size(*picture.size), width), *kept_groups)
    cells, groups = [], iter(scaled)
    for panel in panels:
        shown, truth, crowds, candidates = itertools.islice(groups, 4)
        canvas = picture.copy()
        if panel.truth is None:
            marks: list[Mark] = [*crowd_marks(crowds), *detection_marks(shown, colors)]
        else:
            marks = outcome_marks(judge_detections(truth, shown, crowds))
        draw_marks(canvas, [*candidate_marks(candidates), *marks])
        cells.append(add_caption(canvas, panel.caption, round(width / PANEL_SPREAD), panel.lines))
    row = arrange(cells, len(cells))
    return add_title(row, heading, CAPTION_FONT) if heading else row


def describe_outcomes(
    truth: Sequence[Detection], predictions: Sequence[Detection], crowds: Sequence[Detection] = ()
) -> str:
    """Return in words how predictions compare with the truth: `3 of 4 found, 1 false positive`."""
    counts = count_outcomes(judge_detections(truth, predictions, crowds))
    parts = [f"{counts[Outcome.TRUE_POSITIVE]} of {len(truth)} found"]
    parts += [
        f"{counts[outcome]} {outcome.value}"
        for outcome in (Outcome.WRONG_LABEL, Outcome.FALSE_POSITIVE)
        if counts[outcome]
    ]
    return ", ".join(parts)
