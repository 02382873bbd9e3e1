"""The objects of an image with the texts that the source has of them; bad texts are counted by reason."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from grounding.boxes import GridBox, Size, to_grid
from prepare.questions.objects import ImageObjects
from prepare.questions.order import grid_side
from prepare.questions.text_faults import fault_of_text
from prepare.source_types import Annotation
from prepare.sources.parts.expression_query import ANYTHING


@dataclass
class DescribedObject:
    """What is at one box: the categories that the source names, and all usable texts, each once."""

    labels: dict[str, None] = field(default_factory=dict)
    phrases: dict[str, None] = field(default_factory=dict)


def described_objects(
    queries: Sequence[ImageObjects], size: Size, least: int, dropped: Counter[str]
) -> dict[GridBox, DescribedObject]:
    """Return what is known at each box that an answer can name, in the source's order.

    Boxes with a side shorter than `least` steps are left out. Objects that share a box on the grid share
    their texts: each is true of what is there. Texts that cannot be used are counted in `dropped`.
    """
    found: dict[GridBox, DescribedObject] = {}
    for objects in queries:
        texts = objects.texts or ((),) * len(objects.trainable)
        for item, stated in zip(objects.trainable, texts, strict=True):
            box = to_grid(item.box, size)
            if grid_side(box) < least:
                continue
            known = found.setdefault(box, DescribedObject())
            known.labels[item.label] = None
            for text in stated:
                if reason := fault_of_text(text):
                    dropped[reason] += 1
                else:
                    known.phrases[" ".join(text.split())] = None
    return found


@dataclass
class TextSearch:
    """Looks for an object that could be described; with `labels`, a category's name is enough."""

    labels: bool
    is_found: bool = False

    def add(self, annotation: Annotation) -> None:
        """Look at one annotation."""
        for query in annotation.queries if not self.is_found else ():
            texts = (text for stated in query.objects.texts for text in stated)
            names = query.objects.labels if self.labels else ()
            self.is_found = (
                self.is_found
                or any(fault_of_text(text) is None for text in texts)
                or any(label not in (None, ANYTHING) for label in names)
            )
