"""One question for each category, for models that overlook objects when asked for everything at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from grounding.card import Card
from grounding.errors import UserError
from grounding.prompts import CANDIDATES, NO_OBJECTS, Wording
from infer.asking.merged_answers import merge_answers, suppress_overlaps
from infer.asking.parsed_answers import ParsedAnswer, SizedRequest, WayOfAsking
from infer.asking.wordings import reworded

OTHER_CATEGORY = "label is not the category asked for"


@dataclass(frozen=True)
class AskPerCategory:
    """Asks for each category by itself, keeps the detections with its label, and merges the answers.

    `ask` is the way that each question is asked.

    Raises:
        UserError: the data set's own questions already ask for one category each.
    """

    ask: WayOfAsking
    card: Card
    wording: Wording

    def __post_init__(self) -> None:
        """Check that the data set's questions can be split."""
        others = (*NO_OBJECTS, CANDIDATES)
        about_objects = [name for name in self.card.prompts if name.partition(".")[0] not in others]
        if about_objects == [self.wording.name]:
            raise UserError(
                f"per_category=true: the questions of this data set ask for one category each "
                f"({self.wording.name}): leave per_category out"
            )

    def __call__(self, requests: Sequence[SizedRequest]) -> list[ParsedAnswer]:
        """Ask for all categories of all requests at once, and return one answer for each request."""
        names = [category.name for category in self.card.categories]
        answers = self.ask(
            [
                replace(item, request=reworded(item.request, self.wording, name))
                for item in requests
                for name in names
            ]
        )
        return [
            _merge(names, answers[start : start + len(names)]) for start in range(0, len(answers), len(names))
        ]


def _merge(names: Sequence[str], answers: Sequence[ParsedAnswer]) -> ParsedAnswer:
    """Merge the answers to the questions for these categories; a detection of another one is a problem."""
    parts = list(zip(names, answers, strict=True))
    found = [item for name, answer in parts for item in answer.detections if item.label == name]
    others = sum(len(answer.detections) for answer in answers) - len(found)
    merged = merge_answers(parts, suppress_overlaps(found))
    return ParsedAnswer(merged.raw, merged.detections, merged.problems + (OTHER_CATEGORY,) * others)
