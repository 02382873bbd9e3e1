"""The yes/no questions about an image: boxes of its objects, and boxes that are wrong."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grounding.boxes import GridBox, Size, from_grid, to_grid
from grounding.markup import IMAGE_PLACEHOLDER
from grounding.prompts import SYSTEM_PROMPT, Wording, draw, draw_wording
from grounding.samples import Detection
from grounding.yes_no.shown_box import write_box
from grounding.yes_no.yes_no_mark import RELABELLED, SHIFTED, TRUTH, YES_NO_KEY
from grounding.yes_no.yes_no_words import answer_of
from prepare.questions.negatives import TrainingStatistics
from prepare.questions.objects import ImageObjects
from prepare.questions.order import grid_side
from prepare.questions.record_lines import RecordRow
from prepare.questions.yes_no.wrong_boxes import choose_other_label, shift_box
from prepare.reasons import NO_WRONG_BOX
from prepare.recipe import PrepareRecipe

MOST_PER_OBJECT = 2
"""An object gives at most one question that is answered yes and one that is answered no."""


@dataclass(frozen=True)
class BoxQuestion:
    """A question whether a box, on the 0..1000 grid, is right for a label; `kind` is one of BOX_KINDS."""

    label: str
    box: GridBox
    kind: str
    wording: Wording


@dataclass(frozen=True)
class BoxQuestioner:
    """Asks about boxes of training images; `wordings` are those of the recipe's way to show a box."""

    recipe: PrepareRecipe
    wordings: tuple[Wording, ...]
    statistics: TrainingStatistics

    def ask(
        self, image_id: int, size: Size, queries: Sequence[ImageObjects], asked: int, dropped: Counter[str]
    ) -> list[BoxQuestion]:
        """Return the yes/no questions about an image about which `asked` other questions are asked.

        Half are answered yes; half of the others have a shifted box. They depend on seed and image alone,
        except other labels, which depend on the training set too. Questions for which no wrong box is found
        are counted in `dropped`.
        """
        key = (self.recipe.seed, image_id, "yes_no")
        about = sorted(self._askable(queries, size), key=lambda item: draw(*key, *item))
        made: dict[tuple[str, GridBox], BoxQuestion] = {}
        for number in range(min(self._count(image_id, asked), MOST_PER_OBJECT * len(about))):
            label, box = about[number % len(about)]
            is_second = number >= len(about)
            kind = TRUTH
            if (draw(*key, label, box, "first is right") % 2 == 1) == is_second:
                kind = (SHIFTED, RELABELLED)[draw(*key, number, "kind") % 2]
                wrong = self._make_wrong(kind, label, box, size, queries, (*key, number))
                if wrong is None:
                    dropped[NO_WRONG_BOX] += 1
                    continue
                kind, label, box = wrong
            wording = draw_wording(self.wordings, *key, number, "wording")
            made.setdefault((label, box), BoxQuestion(label, box, kind, wording))
        return list(made.values())

    def _count(self, image_id: int, asked: int) -> int:
        """Return how many questions an image gets: over many images, the recipe's share of all records."""
        share = self.recipe.yes_no.share
        chance = draw(self.recipe.seed, image_id, "yes_no", "count") / 2**64
        return int(asked * share / (1 - share - self.recipe.regions.share) + chance)

    def _askable(self, queries: Sequence[ImageObjects], size: Size) -> Iterator[tuple[str, GridBox]]:
        found = (
            (objects.expression or item.label, to_grid(item.box, size))
            for objects in queries
            for item in objects.trainable
        )
        yield from dict.fromkeys(item for item in found if grid_side(item[1]) >= self.recipe.min_grid_size)

    def _make_wrong(
        self,
        kind: str,
        label: str,
        box: GridBox,
        size: Size,
        queries: Sequence[ImageObjects],
        key: Sequence[object],
    ) -> tuple[str, str, GridBox] | None:
        """Return kind, label and box of a wrong box of this kind, else of the other; None without any."""
        known = list(_known_objects(queries))
        same = [item.box for item in known if item.label == label]
        for one in dict.fromkeys((kind, SHIFTED, RELABELLED)):
            if one == SHIFTED:
                if moved := shift_box(from_grid(*box, size), size, same, self.recipe.min_grid_size, key):
                    return one, label, moved
                continue
            has_expressions = any(objects.expression is not None for objects in queries)
            unboxed = frozenset(name for objects in queries for name in objects.unboxed)
            statistics = None if has_expressions else self.statistics
            if other := choose_other_label(from_grid(*box, size), known, unboxed, statistics, key):
                return one, other, box
        return None


def _known_objects(queries: Sequence[ImageObjects]) -> Iterator[Detection]:
    """Yield everything that is known to be somewhere: objects of any size, and crowds."""
    for objects in queries:
        for item in (*objects.detections, *objects.crowds):
            yield Detection(objects.expression or item.label, item.box)


def make_box_record(image: str, question: BoxQuestion, answer_format: str) -> RecordRow:
    """Return a yes/no question with its answer; `image` is the picture that shows the box, or the plain."""
    stated = write_box(question.box, answer_format) if question.wording.states_box else ""
    text = IMAGE_PLACEHOLDER + question.wording.ask_about_box(question.label, stated)
    answer = answer_of(question.wording.language, is_right=question.kind == TRUTH)
    return {
        "messages": [
            {"role": "system", "content": SYSTEM_PROMPT},
            {"role": "user", "content": text},
            {"role": "assistant", "content": answer},
        ],
        "images": [image],
        YES_NO_KEY: question.kind,
    }
