"""The boxes that a model answers, each with its features and whether it is right."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from grounding.matching import AT_50, IOU_THRESHOLDS, match_detections
from grounding.samples import Detection
from infer.asking.parsed_answers import ParsedAnswer
from infer.calibrate.known_answers import KnownAnswers
from infer.confidence.box_features import FEATURE_NAMES
from infer.confidence.calibration import BeingFitted
from infer.confidence.candidate_features import ALL_FEATURES
from infer.engines.protocol import Engine
from infer.recipe import InferRecipe
from infer.runs.question_batches import ask_questions
from infer.scoring.resampling.bootstrap import linked_groups

RIGHT_IOU = float(IOU_THRESHOLDS[AT_50])


@dataclass(frozen=True)
class JudgedBox:
    """A box of the answer to a question; its IoU is that with its object, 0 if it is wrong.

    `is_judged` is False for a wrong box in a crowd region, which counts as neither, and for one without a
    token, which has no features.
    """

    question: int
    detection: Detection
    overlap: float
    is_judged: bool

    @property
    def is_right(self) -> bool:
        """Whether it matches an object of its label."""
        return self.overlap >= RIGHT_IOU


@dataclass(frozen=True)
class JudgedAnswers:
    """All boxes of the answers to known questions. `images` has the contents of each question's pictures."""

    known: KnownAnswers
    images: tuple[tuple[str, ...], ...]
    boxes: tuple[JudgedBox, ...]

    @property
    def judged(self) -> tuple[JudgedBox, ...]:
        """The boxes that are right or wrong."""
        return tuple(box for box in self.boxes if box.is_judged)

    @property
    def features(self) -> npt.NDArray[np.float64]:
        """The features of the judged boxes, shape (boxes, features)."""
        return np.array([box.detection.features for box in self.judged], dtype=np.float64)

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Whether each judged box is right, shape (boxes,)."""
        return np.array([box.is_right for box in self.judged], dtype=np.bool_)

    @property
    def groups(self) -> npt.NDArray[np.int64]:
        """The number of each judged box's image, shape (boxes,); one image has one number.

        Images that one question shows have one number, and so have those that such questions link.
        """
        units = linked_groups((image for images in self.images for image in images), self.images)
        numbers = {unit: number for number, unit in enumerate(dict.fromkeys(units.values()))}
        return np.array([numbers[units[self.images[box.question][0]]] for box in self.judged], dtype=np.int64)

    @property
    def contents(self) -> tuple[str, ...]:
        """The contents of all pictures, each once, sorted."""
        return tuple(sorted({image for images in self.images for image in images}))


def ask_and_judge(
    engine: Engine,
    known: KnownAnswers,
    images: Sequence[tuple[str, ...]],
    recipe: InferRecipe,
    progress: Callable[[int], object] = lambda answered: None,
) -> JudgedAnswers:
    """Ask the questions in the recipe's way, which has score=calibrated, and judge the boxes.

    `progress` is called with the number of questions that were answered since the last call.
    """
    answers: dict[int, ParsedAnswer] = {}
    places = range(len(known.questions))
    has_candidates = any(question.candidates is not None for question in known.questions)
    fitted = BeingFitted(ALL_FEATURES if has_candidates else FEATURE_NAMES)
    for found in ask_questions(engine, known.questions, places, recipe, fitted):
        answers |= found
        progress(len(found))
    return JudgedAnswers(known, tuple(images), tuple(judge_answers(known, answers)))


def judge_answers(known: KnownAnswers, answers: Mapping[int, ParsedAnswer]) -> list[JudgedBox]:
    """Return the boxes of the answers, which have the places of their questions.

    Boxes and objects are matched one to one, as for precision and recall (`grounding.matching`).
    """
    boxes: list[JudgedBox] = []
    for place in sorted(answers):
        found = answers[place].detections
        matches = match_detections(found, known.objects[place], known.crowds[place])
        for detection, overlap, share in zip(found, matches.ious, matches.in_crowd, strict=True):
            is_ignored = overlap < RIGHT_IOU <= share
            boxes.append(JudgedBox(place, detection, overlap, bool(detection.features) and not is_ignored))
    return boxes
