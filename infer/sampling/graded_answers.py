"""Sampled answers with their rewards, and the row of a file that keeps those to one question."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grounding.answers.forms import TRUNCATED
from grounding.predictions.prediction_rows import parse_detection
from grounding.reward import answer_reward
from grounding.samples import Detection, Reading
from infer.asking.parsed_answers import ParsedAnswer
from infer.sampling.known_questions import KnownQuestion


@dataclass(frozen=True)
class GradedAnswer:
    """One sampled answer: its text, its detections in original pixels, named problems, and reward in 0..1."""

    text: str
    detections: tuple[Detection, ...]
    problems: tuple[str, ...]
    reward: float

    @property
    def is_cut(self) -> bool:
        """Whether it reached the length limit, so that its end is not the model's."""
        return TRUNCATED in self.problems


@dataclass(frozen=True)
class GradedQuestion:
    """A question and its sampled answers, in the order in which they were sampled."""

    known: KnownQuestion
    answers: tuple[GradedAnswer, ...]


def grade(known: KnownQuestion, answer: ParsedAnswer) -> GradedAnswer:
    """Return an answer with its reward for the objects that the record names."""
    reward = answer_reward(Reading(answer.detections, answer.problems), known.wanted)
    return GradedAnswer(answer.raw, answer.detections, answer.problems, reward)


def graded_row(known: KnownQuestion, answers: Sequence[GradedAnswer]) -> dict[str, Any]:
    """Return the answers to one question as a row of JSON lines; boxes are in original pixels.

    Of a question about several pictures, `images` has all, and each detection says in which it is, from 0.
    """
    return {
        "image_id": known.question.image_id,
        "image": known.question.image,
        **({"images": _images_of(known)} if known.question.is_about_several else {}),
        "question": known.question.text,
        "answers": [
            {
                "raw": answer.text,
                "reward": answer.reward,
                "problems": list(answer.problems),
                "detections": [
                    {
                        "label": found.label,
                        "box": list(found.box.xyxy),
                        **({"picture": found.picture} if known.question.is_about_several else {}),
                    }
                    for found in answer.detections
                ],
            }
            for answer in answers
        ],
    }


def _images_of(known: KnownQuestion) -> list[str]:
    return [picture.image for picture in known.question.pictures]


def read_graded_row(known: KnownQuestion, row: dict[str, Any]) -> GradedQuestion:
    """Return the answers that `graded_row` has written."""
    return GradedQuestion(
        known,
        tuple(
            GradedAnswer(
                answer["raw"],
                tuple(map(parse_detection, answer["detections"])),
                tuple(answer["problems"]),
                answer["reward"],
            )
            for answer in row["answers"]
        ),
    )
