"""One question a category, for models that overlook what a single question for everything asks."""

from collections.abc import Sequence

from grounding.card import Card
from grounding.errors import UserError
from grounding.prompts import Wording
from infer.asking.answered import Answered, Ask, Item
from infer.asking.combining import join, suppress
from infer.asking.wordings import reworded

OTHER_CATEGORY = "label is not the category asked for"


def ask_each_category(ask: Ask, items: Sequence[Item], card: Card, wording: Wording) -> list[Answered]:
    """Ask for each of the card's categories in this wording, keep what is called so, and merge.

    Raises:
        UserError: the data set's own questions ask for one category already.
    """
    names = [category.name for category in card.categories]
    if list(card.prompts) == [wording.name]:
        raise UserError(
            f"per_category=true: the questions of this data set ask for one category each ({wording.name}): "
            "leave per_category out"
        )
    answered = ask(
        [Item(reworded(item.request, wording, name), item.size) for item in items for name in names]
    )
    merged = []
    for start in range(0, len(answered), len(names)):
        parts = list(zip(names, answered[start : start + len(names)], strict=True))
        found = [item for name, part in parts for item in part.detections if item.label == name]
        others = sum(len(part.detections) for _, part in parts) - len(found)
        whole = join(parts, suppress(found))
        merged.append(Answered(whole.raw, whole.detections, whole.problems + (OTHER_CATEGORY,) * others))
    return merged
