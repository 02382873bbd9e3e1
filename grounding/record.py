"""Records read back: the text that the model is trained on, and the boxes in it."""

from dataclasses import dataclass
from typing import Any

from grounding.answers import BOX_END, BOX_START, REF_END, REF_START, read_answer
from grounding.boxes import GRID, Size
from grounding.samples import Detection

_GRID = Size(GRID, GRID)


@dataclass(frozen=True)
class ReadBack:
    """A record as training takes it: its image, its turns (role and text), and its objects.

    The boxes of `objects` are on the 0..1000 grid; `problems` is what could not be read in the answers.
    """

    image: str
    turns: tuple[tuple[str, str], ...]
    objects: tuple[Detection, ...]
    problems: tuple[str, ...]

    @property
    def answer(self) -> str:
        """The text of all answers."""
        return "".join(text for role, text in self.turns if role == "assistant")


def read_back(record: dict[str, Any]) -> ReadBack:
    """Read a record.

    Raises:
        ValueError: it has not the form of a record; `python -m prepare.check` says what is wrong.
    """
    try:
        turns = tuple(fill_placeholders(record))
        image = record["images"][0]
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"not a training record ({error!r})") from error
    objects: list[Detection] = []
    problems: list[str] = []
    for role, text in turns:
        if role == "assistant":
            reading = read_answer(text, _GRID)
            objects += reading.detections
            problems += reading.problems
    return ReadBack(image, turns, tuple(objects), tuple(problems))


def fill_placeholders(record: dict[str, Any]) -> list[tuple[str, str]]:
    """Return role and text of every turn, with labels and boxes in the place of their placeholders.

    As PaddleFormers' grounding plug-in does it: in the order of the lists, placeholders that have no
    counterpart stay as they are.
    """
    objects = record.get("objects") or {}
    labels, boxes = iter(objects.get("ref", ())), iter(objects.get("bbox", ()))
    turns = []
    for message in record["messages"]:
        text = message["content"]
        for placeholder, values in (("<ref-object>", labels), ("<bbox>", boxes)):
            pieces = text.split(placeholder)
            text = pieces[0]
            for piece in pieces[1:]:
                value = next(values, None)
                text += (placeholder if value is None else _tokens(value)) + piece
        turns.append((message["role"], text))
    return turns


def _tokens(value: Any) -> str:
    if isinstance(value, str):
        return f"{REF_START}{value}{REF_END}"
    x1, y1, x2, y2 = (int(number) for number in value)
    return f"{BOX_START}({x1},{y1}),({x2},{y2}){BOX_END}"
