"""Which of the answers to a question are written: the best and the worst, or why none is."""

from dataclasses import dataclass

from grounding.markup import BOX_PLACEHOLDER, PICTURE_MARKUP, REF_PLACEHOLDER
from grounding.reward import answer_reward
from infer.pairs.pair_settings import PairSettings
from infer.sampling.graded_answers import GradedAnswer, GradedQuestion

NONE_GOOD = "no sampled answer is good enough"
TRUTH_NOT_GOOD = "no sampled answer and not the record's own is good enough"
ALIKE = "all answers are about equally good"
PLACEHOLDER = "all answers hold placeholders, or tokens of pictures"

_PLACEHOLDERS = (*PICTURE_MARKUP, REF_PLACEHOLDER, BOX_PLACEHOLDER)


@dataclass(frozen=True)
class Choice:
    """The chosen answer, and whether it is the record's own."""

    answer: GradedAnswer
    is_truth: bool


@dataclass(frozen=True)
class AnswerPair:
    """A chosen and a rejected answer to one question."""

    chosen: Choice
    rejected: GradedAnswer


def choose_best(graded: GradedQuestion, settings: PairSettings) -> Choice | str:
    """Return the best answer to a question, or the reason why there is none.

    It is the first of the sampled answers with the highest reward. Where that is not good, the record's own
    answer is taken, if the settings allow it. An answer that was cut is never chosen.
    """
    known = graded.known
    usable = [answer for answer in graded.answers if not answer.is_cut and not _has_placeholder(answer.text)]
    best = max(usable, key=lambda answer: answer.reward, default=None)
    if best is not None and best.reward >= settings.good:
        return Choice(best, is_truth=False)
    if not settings.truth:
        return NONE_GOOD
    # A record that names an object twice, or cannot be read, is no example either.
    reward = answer_reward(known.reading, known.wanted)
    if reward < settings.good:
        return TRUTH_NOT_GOOD
    reading = known.reading
    truth = GradedAnswer(known.truth, tuple(reading.detections), tuple(reading.problems), reward)
    return Choice(truth, is_truth=True)


def choose_pair(graded: GradedQuestion, settings: PairSettings) -> AnswerPair | str:
    """Return the best and the worst answer to a question, or the reason why it makes no pair.

    The worst is the first of the sampled answers with the lowest reward; it may be cut.
    """
    best = choose_best(graded, settings)
    if isinstance(best, str):
        return best
    usable = [answer for answer in graded.answers if not _has_placeholder(answer.text)]
    if not usable:
        return PLACEHOLDER
    worst = min(usable, key=lambda answer: answer.reward)
    if best.answer.reward - worst.reward < settings.margin:
        return ALIKE
    return AnswerPair(best, worst)


def _has_placeholder(text: str) -> bool:
    """Tell whether training would take a part of an answer for a picture, or a place that is to be filled."""
    return any(placeholder in text for placeholder in _PLACEHOLDERS)
