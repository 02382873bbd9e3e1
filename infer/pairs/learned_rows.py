"""The rows that are learned: a pair in the form of PaddleFormers' VL-DPO, or an answer as a record.

A pair's row has `messages` (a system message, if any, and the question), `chosen_response` and
`rejected_response` (a list of one message each), and `images` relative to the file
(paddleformers/datasets/DPODataset.py, line 206). Its texts have no placeholders but the image's: question
and answers read as in supervised fine-tuning. Rows carry the candidates that their question lists, as
records do.
"""

from typing import Any

from grounding.candidates.candidate_list import CANDIDATES_KEY
from grounding.candidates.candidate_settings import trained_candidates
from grounding.candidates.taught_answers import write_taught_answers
from grounding.card import Card
from grounding.layout import CHOSEN_KEY, REJECTED_KEY
from infer.pairs.chosen_answers import AnswerPair
from infer.sampling.graded_answers import GradedAnswer
from infer.sampling.known_questions import KnownQuestion
from infer.sampling.record_messages import answer_message, question_messages

Row = dict[str, Any]


def pair_row(known: KnownQuestion, pair: AnswerPair) -> Row:
    """Return a pair's row, with the rewards of both answers, which training does not read."""
    return {
        "messages": question_messages(known.question.request),
        CHOSEN_KEY: [answer_message(pair.chosen.answer.text)],
        REJECTED_KEY: [answer_message(pair.rejected.text)],
        "images": [picture.image for picture in known.question.pictures],
        "rewards": [pair.chosen.answer.reward, pair.rejected.reward],
        **_marks(known),
    }


def best_row(known: KnownQuestion, answer: GradedAnswer, card: Card) -> Row:
    """Return the record that teaches an answer, written as the data set's own answers are."""
    good = trained_candidates(card.recipe).good
    [written] = write_taught_answers(card.answer_format, [answer.detections], known.question.asked, good)
    row: Row = {
        "messages": [*question_messages(known.question.request), answer_message(written.content)],
        "images": [picture.image for picture in known.question.pictures],
    }
    row |= {} if written.objects is None else {"objects": written.objects}
    return row | _marks(known)


def _marks(known: KnownQuestion) -> Row:
    """Return the mark of the candidates that a question lists; {} without any."""
    listed = known.question.candidates
    return {} if listed is None else {CANDIDATES_KEY: listed.as_json()}
