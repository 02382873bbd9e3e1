"""The types that pass between the steps: an annotated image, and the objects in a model's answer."""

from dataclasses import dataclass, field

from grounding.boxes import Box, Size

Span = tuple[int, int]
"""A part of a text: start and end index, as in a slice."""


@dataclass(frozen=True)
class Detection:
    """One object: its label, its box in original pixels, and its score, None if it has none.

    `features` are what an answer's tokens tell about it, kept only while a calibration is fitted.
    `description` is what an answer says of it beside its label. `picture` is the index, from 0, of its
    picture among those of the question; the box is in pixels of that picture.
    """

    label: str
    box: Box
    score: float | None = None
    features: tuple[float, ...] = field(default=(), compare=False, repr=False)
    description: str | None = None
    picture: int = 0


@dataclass(frozen=True)
class Sample:
    """One image of a data set with its objects.

    `image` is the path relative to the data set's folder. `areas` are those of the `detections` in square
    pixels, as the source states them (COCO: the area of the segment).
    With an `expression` (a phrase or a category), the sample is one question about the image: `detections`
    are the objects that the expression means. If there are none, `negative` says how the expression was
    chosen. `image_id` then belongs to the question, as several questions can share an image.
    `crowds` are regions full of objects of one label, with `crowd_areas`: answers do not name them, and
    scoring ignores detections inside them.
    """

    image_id: int
    image: str
    size: Size
    detections: tuple[Detection, ...]
    areas: tuple[float, ...]
    expression: str | None = None
    crowds: tuple[Detection, ...] = ()
    crowd_areas: tuple[float, ...] = ()
    negative: str | None = None


@dataclass(frozen=True)
class Reading:
    """The objects in the text of an answer, and the names of the problems with everything else.

    `spans` has the parts of the text that each detection was read from: its label, if any, and its box.
    Several boxes can share a label. `confidences` are what the text states about each detection, in [0, 1],
    None where it states nothing. `candidates` are the places, from 0, of the question's candidates that the
    detections name or correct, None for a new box; () without any.
    """

    detections: tuple[Detection, ...]
    problems: tuple[str, ...]
    spans: tuple[tuple[Span, ...], ...] = field(default=(), compare=False)
    confidences: tuple[float | None, ...] = field(default=(), compare=False)
    candidates: tuple[int | None, ...] = field(default=(), compare=False)
