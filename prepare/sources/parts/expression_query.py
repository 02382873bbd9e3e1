"""The query about an expression, from the boxes that it means."""

from collections.abc import Sequence

from prepare.reasons import EXPRESSION_TOO_LONG
from prepare.source_types import Query, RawObjects
from prepare.sources.shared.identity import derived_id

ANYTHING = "object"
"""The category of a box if the source states none."""

LabelledBox = tuple[tuple[float, ...], str]


def query_of_expression(name: str, expression: str, boxes: Sequence[LabelledBox], longest: int) -> Query:
    """Return the query about an expression in the image of this name; its id is derived from both.

    An expression that means one box describes it. One that means several may be true of none by itself.
    """
    record_id = derived_id(f"{name}\n{expression}")
    if len(expression) > longest:
        return Query(RawObjects(), fault=EXPRESSION_TOO_LONG, record_id=record_id)
    texts = ((expression,),) if len(boxes) == 1 else ()
    objects = RawObjects(
        [box for box, _ in boxes], [label for _, label in boxes], [None] * len(boxes), texts=texts
    )
    return Query(objects, expression, record_id=record_id)
