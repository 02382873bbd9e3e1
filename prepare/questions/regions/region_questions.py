"""The questions for words about regions of an image, and their records."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from grounding.boxes import GridBox, Size
from grounding.markup import IMAGE_PLACEHOLDER
from grounding.prompts import REGION_FAMILIES, SYSTEM_PROMPT, Wording, draw, draw_wording
from grounding.regions.region_mark import REGION_KEY, Region
from grounding.yes_no.shown_box import TEXT, write_box
from prepare.questions.objects import ImageObjects
from prepare.questions.record_lines import RecordRow
from prepare.questions.regions.described_objects import DescribedObject, described_objects
from prepare.recipe import PrepareRecipe
from prepare.sources.parts.expression_query import ANYTHING


@dataclass(frozen=True)
class RegionQuestion:
    """A question for words about a region; the answer is one of the region's phrases.

    `then` is the record of a question about boxes with which the conversation goes on, if it does.
    """

    region: Region
    answer: str
    wording: Wording
    then: RecordRow | None = None


@dataclass(frozen=True)
class RegionQuestioner:
    """Asks about the objects of which the source has a text, or with regions.labels about all."""

    recipe: PrepareRecipe

    def ask(
        self,
        image_id: int,
        image: str,
        size: Size,
        queries: Sequence[ImageObjects],
        asked: int,
        dropped: Counter[str],
        *,
        is_val: bool,
        about_boxes: Sequence[RecordRow] = (),
    ) -> list[RegionQuestion]:
        """Return the questions about an image about which `asked` questions for boxes are asked.

        Each box is asked about once at most. The questions depend on seed and image alone. Texts that cannot
        be used are counted in `dropped`. A dialogue goes on with one of the records `about_boxes`.
        """
        key = (self.recipe.seed, image_id, "regions")
        known = described_objects(queries, size, self.recipe.min_grid_size, dropped)
        described = {
            box: found for box, found in known.items() if self._phrases_of(found, self._show(key, box))
        }
        chosen = sorted(described, key=lambda box: draw(*key, *box))
        count = self._count(key, asked, is_val=is_val)
        return [self._question(key, image, box, described[box], about_boxes) for box in chosen[:count]]

    def _question(
        self,
        key: tuple[object, ...],
        image: str,
        box: GridBox,
        found: DescribedObject,
        about_boxes: Sequence[RecordRow],
    ) -> RegionQuestion:
        show = self._show(key, box)
        phrases = self._phrases_of(found, show)
        wordings = self._wordings[show == TEXT, not self._texts_of(found, show)]
        region = Region(box, show, _label_of(found), phrases, image)
        answer = phrases[draw(*key, *box, "answer") % len(phrases)]
        goes_on = draw(*key, *box, "dialogue") / 2**64 < self.recipe.regions.dialogue
        then = about_boxes[draw(*key, *box, "then") % len(about_boxes)] if goes_on and about_boxes else None
        return RegionQuestion(region, answer, draw_wording(wordings, *key, *box, "wording"), then)

    @cached_property
    def _wordings(self) -> dict[tuple[bool, bool], tuple[Wording, ...]]:
        """The questions, by whether they state the box, and whether they ask for the category's name."""
        return {
            (states_box, names_label): self.recipe.regions.wordings_of(
                self.recipe.language, states_box=states_box, names_label=names_label
            )
            for states_box, names_label in REGION_FAMILIES
        }

    def _show(self, key: tuple[object, ...], box: GridBox) -> str:
        shows = self.recipe.regions.shows
        return shows[draw(*key, *box, "show") % len(shows)]

    def _texts_of(self, found: DescribedObject, show: str) -> tuple[str, ...]:
        """Return the source's texts, if the recipe has a question for them."""
        return tuple(found.phrases) if self._wordings[show == TEXT, False] else ()

    def _phrases_of(self, found: DescribedObject, show: str) -> tuple[str, ...]:
        label = _label_of(found) if self.recipe.regions.labels else None
        return self._texts_of(found, show) or ((label,) if label else ())

    def _count(self, key: tuple[object, ...], asked: int, *, is_val: bool) -> int:
        """Return how many questions an image gets: over many images, the recipe's share of all records."""
        share = self.recipe.regions.share
        rest = 1 - share - (0 if is_val else self.recipe.yes_no.share)  # yes/no questions are for training
        chance = draw(*key, "count") / 2**64
        return int(asked * share / rest + chance)


def make_region_record(image: str, question: RegionQuestion, answer_format: str) -> RecordRow:
    """Return a question for words with its answer; `image` is the picture that shows the region."""
    stated = write_box(question.region.box, answer_format) if question.wording.states_box else ""
    then = question.then or {"messages": []}
    later = [
        {**message, "content": message["content"].replace(IMAGE_PLACEHOLDER, "")}
        for message in then["messages"]
        if message["role"] != "system"
    ]
    objects = {"objects": then["objects"]} if "objects" in then else {}
    return {
        "messages": [
            {"role": "system", "content": SYSTEM_PROMPT},
            {"role": "user", "content": IMAGE_PLACEHOLDER + question.wording.ask_about_box("", stated)},
            {"role": "assistant", "content": question.answer},
            *later,
        ],
        "images": [image],
        **objects,
        REGION_KEY: question.region.as_json(),
    }


def _label_of(found: DescribedObject) -> str | None:
    """Return the category at a box; None where the source names several, or none at all."""
    labels = tuple(found.labels)
    return labels[0] if len(labels) == 1 and labels[0] != ANYTHING else None
