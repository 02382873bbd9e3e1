"""Hard negatives: categories that a picture does not show, and that the model is likely to find in it.

They are what the answers invent, and the neighbour: the category that objects of the picture are most often
taken for. Only data sets that name every category of a picture tell what is absent: those that ask about
expressions do not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grounding.answers.asked import Asked
from grounding.boxes import GRID, Size
from grounding.candidates.taught_answers import write_taught_answers
from grounding.card import Card
from grounding.prompts import CATEGORY, Wording, draw_wording
from grounding.samples import Detection
from infer.asking.wordings import reworded, wordings_about
from infer.engines.protocol import Request
from infer.mine.hardness import QuestionGrades
from infer.sampling.record_messages import answer_message, question_messages

INVENTED_LABEL, NEIGHBOUR = "invented", "neighbour"
"""How an absent category was chosen: the `negative` of its record."""

NEGATIVE_KEY = "negative"


@dataclass(frozen=True)
class Absentees:
    """Finds the absent categories to ask about; `most` for one image, `names` are all of the data set.

    What more than the share `unannotated` of the answers put at one place may be there, though no annotation
    says so: it is not taken for absent. `neighbours` has for each label those that its objects often get
    instead, the most frequent first.
    """

    names: frozenset[str]
    neighbours: Mapping[str, Sequence[str]]
    most: int
    unannotated: float

    def find(self, asked: Sequence[QuestionGrades], present: frozenset[str]) -> dict[str, str]:
        """Return the absent categories of one image, each with how it was chosen.

        `asked` are the graded questions about the image, `present` the labels of all objects that any record
        names in it. What the answers invent comes first, the most frequent before others.
        """
        invented: dict[str, float] = {}
        for question in asked:
            for label, share in question.invented.items():
                invented[label] = max(share, invented.get(label, 0.0))
        doubtful = {label for label, share in invented.items() if share > self.unannotated}
        found = dict.fromkeys(sorted(invented, key=lambda label: (-invented[label], label)), INVENTED_LABEL)
        for label in sorted(present):
            absent = (other for other in self.neighbours.get(label, ()) if self._is_absent(other, present))
            if (nearest := next(absent, None)) is not None:
                found.setdefault(nearest, NEIGHBOUR)
        kept = [label for label in found if label not in doubtful and self._is_absent(label, present)]
        return {label: found[label] for label in kept[: self.most]}

    def _is_absent(self, label: str, present: frozenset[str]) -> bool:
        return label in self.names and label not in present


@dataclass(frozen=True)
class CategoryQuestions:
    """Writes records that ask about one category, in the data set's own words if it has such questions."""

    card: Card

    @property
    def wordings(self) -> tuple[Wording, ...]:
        """The wordings that are drawn from."""
        return wordings_about(self.card, CATEGORY)

    @property
    def are_new(self) -> bool:
        """Whether the data set has no such question, so that no record answers one with boxes."""
        return not any(wording.name in self.card.prompts for wording in self.wordings)

    def write(
        self,
        request: Request,
        images: Sequence[str],
        label: str,
        objects: Sequence[Detection],
        negative: str | None = None,
    ) -> dict[str, object]:
        """Return the record that asks about a label, as `request` asks about everything.

        `images` are those that it shows. `objects` are those with the label, on the 0..1000 grid; () for a
        label that is absent, for which `negative` says how it was chosen.
        """
        wording = draw_wording(self.wordings, images[0], label)
        about = Asked((Size(GRID, GRID),) * len(images))
        [answer] = write_taught_answers(self.card.answer_format, [objects], about)
        asked = reworded(request, wording, label)
        messages = [*question_messages(asked), answer_message(answer.content)]
        row: dict[str, object] = {"messages": messages, "images": [*images]}
        if answer.objects:
            row["objects"] = answer.objects
        return row if negative is None else {**row, NEGATIVE_KEY: negative}
