"""What the app knows after it asked a model: the answer, and how well the model repeats it."""

from dataclasses import dataclass

from grounding.boxes import Box
from grounding.samples import Detection
from infer.asking.parsed_answers import ParsedAnswer


@dataclass(frozen=True)
class AnsweredQuestion:
    """A question about a picture, or about several, with its answer.

    `seconds` is the time that the model took, `phrase` what the visitor looked for ("" for everything),
    `region` the box in the spotlight, if any, and `pictures` how many the question shows.
    """

    question: str
    answered: ParsedAnswer
    seconds: float
    phrase: str = ""
    region: Box | None = None
    pictures: int = 1

    @property
    def detections(self) -> tuple[Detection, ...]:
        """The objects in the answer, each in pixels of its picture."""
        return self.answered.detections


@dataclass(frozen=True)
class LabelCheck:
    """A label of an answer that the model was asked for again.

    `ious` holds, for each box of the label in the first answer, the IoU with its partner in the second
    answer, or 0 without a partner.
    """

    label: str
    question: str
    ious: tuple[float, ...]
