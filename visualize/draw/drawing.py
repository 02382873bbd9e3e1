"""Drawing: boxes and labels on one picture, sized to the picture."""

from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw

from grounding.boxes import Size
from grounding.predictions.outcomes import count_outcomes, judge_detections
from grounding.samples import Detection
from visualize.draw.box_lines import draw_line, line_rect
from visualize.draw.colors import Color
from visualize.draw.label_places import Rect
from visualize.draw.labels import draw_labels
from visualize.draw.legend import PAPER, draw_legend
from visualize.draw.marks import LEGEND_OUTCOMES, Mark, detection_marks, outcome_marks
from visualize.draw.pen import pen_for
from visualize.draw.pictures import drawable


def draw_detections(
    image: Image.Image, detections: Sequence[Detection], colors: Mapping[str, Color] | None = None
) -> Image.Image:
    """Return an image with its objects drawn on it, as RGB and upright.

    Boxes are in pixels of the upright image. `colors` sets the colours of labels, so that several pictures
    agree; other labels get colours of their own.
    """
    picture, (shown,) = drawable(image, detections)
    draw_marks(picture, detection_marks(shown, colors))
    return picture


def draw_outcomes(
    image: Image.Image,
    truth: Sequence[Detection],
    predictions: Sequence[Detection],
    crowds: Sequence[Detection] = (),
) -> Image.Image:
    """Return an image with predicted and missed objects coloured by outcome, and a legend below it."""
    picture, (true, predicted, regions) = drawable(image, truth, predictions, crowds)
    matches = judge_detections(true, predicted, regions)
    draw_marks(picture, outcome_marks(matches))
    counts = count_outcomes(matches)
    font = pen_for(Size(*picture.size)).font
    legend = draw_legend(picture.width, font, {outcome: counts[outcome] for outcome in LEGEND_OUTCOMES})
    both = Image.new("RGB", (legend.width, picture.height + legend.height), PAPER)
    both.paste(picture, (0, 0))
    both.paste(legend, (0, picture.height))
    return both


def draw_marks(picture: Image.Image, marks: Sequence[Mark]) -> None:
    """Draw marks on an RGB picture, in place: large boxes first, then small ones, then all labels on top.

    Marks under others come before all of them. Their labels leave room for the others', and one that would
    hide an object is left out.
    """
    size = Size(*picture.size)
    pen = pen_for(size)
    draw = ImageDraw.Draw(picture)
    layers = []
    for is_under, own in ((True, pen.thinner()), (False, pen)):
        of_layer = [mark for mark in marks if mark.is_under == is_under]
        lines = [line_rect(mark.box, own, size) for mark in of_layer]
        for mark, rect in sorted(zip(of_layer, lines, strict=True), key=lambda pair: -pair[0].box.area):
            draw_line(draw, rect, mark.color, own, is_dashed=mark.is_dashed)
        layers.append((of_layer, lines, own))
    taken: list[Rect] = []
    others: list[Rect] = []
    for of_layer, lines, own in reversed(layers):
        taken += draw_labels(draw, of_layer, lines, own, size, taken, others)
        others += lines
