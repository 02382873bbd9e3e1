"""Samples: what the answers to an image's questions are scored against."""

import dataclasses
from collections.abc import Sequence

from grounding.boxes import Size
from grounding.samples import Detection, Sample
from prepare.questions.objects import ImageObjects
from prepare.questions.questioner import QuestionAnswer
from prepare.source_types import Annotation, Query
from prepare.sources.shared.identity import derived_id


def query_sample(
    annotation: Annotation, query: Query, image: str, size: Size, objects: ImageObjects
) -> Sample:
    """Return the sample of one query: all of its usable objects, trainable or not."""
    number = annotation.image_id if query.record_id is None else query.record_id
    return Sample(
        number or 0,
        image,
        size,
        objects.detections,
        objects.areas,
        expression=query.expression,
        crowds=objects.crowds,
        crowd_areas=objects.crowd_areas,
    )


def picture_samples(
    annotation: Annotation, query: Query, pictures: Sequence[tuple[str, Size]], objects: ImageObjects
) -> list[Sample]:
    """Return the samples of a record that shows several images: one for each that it asks about, in order.

    `pictures` are the names and sizes of these images. The ids depend on the record's images, its
    place among their records, and the image's place alone.
    """
    number = annotation.image_id if query.record_id is None else query.record_id
    samples = []
    for place, (image, size) in enumerate(pictures):
        own = [
            (dataclasses.replace(detection, picture=0), area)
            for detection, area in zip(objects.detections, objects.areas, strict=True)
            if detection.picture == place
        ]
        detections, areas = tuple(found for found, _ in own), tuple(area for _, area in own)
        samples.append(Sample(derived_id(f"{number}/{place}"), image, size, detections, areas))
    return samples


def question_sample(samples: Sequence[Sample], question: QuestionAnswer) -> Sample:
    """Return the sample of one question, from the samples of the image's queries.

    A question about everything has the image's own sample, a known expression the one of its query, and a
    computed phrase the one object that it means. A question about a category, a computed phrase, or an
    expression that the source does not state for this image gets an id that depends on image and question
    alone.
    """
    if question.about is None:
        return samples[0]
    own = next((sample for sample in samples if sample.expression == question.about), None)
    if own is not None:
        return dataclasses.replace(own, negative=question.negative)
    image = samples[0]
    detections, areas = _with_label(image.detections, image.areas, question.about)
    if question.place is not None:
        detections, areas = (image.detections[question.place],), (image.areas[question.place],)
    crowds, crowd_areas = _with_label(image.crowds, image.crowd_areas, question.about)
    return dataclasses.replace(
        image,
        image_id=derived_id(f"{image.image}/{question.about}"),
        detections=detections,
        areas=areas,
        expression=question.about,
        crowds=crowds,
        crowd_areas=crowd_areas,
        negative=question.negative,
    )


def _with_label(
    detections: Sequence[Detection], areas: Sequence[float], label: str
) -> tuple[tuple[Detection, ...], tuple[float, ...]]:
    pairs = [pair for pair in zip(detections, areas, strict=True) if pair[0].label == label]
    return tuple(detection for detection, _ in pairs), tuple(area for _, area in pairs)
