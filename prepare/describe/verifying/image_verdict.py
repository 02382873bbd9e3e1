"""The descriptions of all regions of an image, judged together: by the rules, and against each other."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from prepare.describe.describe_settings import DescribeSettings
from prepare.describe.described_regions import TeacherRegion
from prepare.describe.verifying.description import (
    AMBIGUOUS,
    NO_ANSWER,
    NOT_BEST,
    REPEATED,
    Description,
    goodness,
)
from prepare.describe.verifying.description_rules import clean_description, find_fault, normal_form
from prepare.describe.verifying.label_words import LabelWords
from prepare.servers.answer_log import LoggedAnswer

Answers = Sequence[LoggedAnswer | None]
"""The answers about a region in the order of their samples, None where there is none."""


def judge_texts(
    regions: Sequence[TeacherRegion],
    answers: Mapping[int, Answers],
    settings: DescribeSettings,
    words: LabelWords,
) -> list[list[Description]]:
    """Return the descriptions of each region; those that break a rule are dropped.

    A text that was given to two regions of the image names neither; one that was given to a region twice is
    kept once.
    """
    judged = [
        [
            _judge(sample, answer, region.label, settings, words)
            for sample, answer in enumerate(answers[place])
        ]
        for place, region in enumerate(regions)
    ]
    places: dict[str, set[int]] = defaultdict(set)
    for place, descriptions in enumerate(judged):
        for description in descriptions:
            if description.is_kept:
                places[normal_form(description.text)].add(place)
    return [_drop_copies(descriptions, places) for descriptions in judged]


def _judge(
    sample: int, answer: LoggedAnswer | None, label: str | None, settings: DescribeSettings, words: LabelWords
) -> Description:
    if answer is None:
        return Description(sample, "", reason=NO_ANSWER)
    text = clean_description(answer.text)
    return Description(sample, text, answer.time, find_fault(answer, text, label, settings, words))


def _drop_copies(descriptions: list[Description], places: Mapping[str, set[int]]) -> list[Description]:
    seen: set[str] = set()
    checked = []
    for description in descriptions:
        form = normal_form(description.text)
        reason = description.reason
        if description.is_kept and len(places[form]) > 1:
            reason = AMBIGUOUS
        elif description.is_kept and form in seen:
            reason = REPEATED
        if description.is_kept:
            seen.add(form)
        checked.append(replace(description, reason=reason))
    return checked


def keep_best(descriptions: Sequence[Description], keep: int) -> tuple[Description, ...]:
    """Return the descriptions of a region, of which the best `keep` are not dropped."""
    best = sorted((description for description in descriptions if description.is_kept), key=goodness)[:keep]
    return tuple(
        replace(description, reason=NOT_BEST)
        if description.is_kept and description not in best
        else description
        for description in descriptions
    )
