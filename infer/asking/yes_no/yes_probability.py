"""How likely a model is to say yes: from the probabilities of the first token of its answer."""

import math

from grounding.yes_no.yes_no_words import says_yes
from infer.engines.protocol import RawAnswer

ALTERNATIVES = 20
"""The likeliest tokens that are asked for; servers give no more (OpenAI's limit of top_logprobs)."""

LEAST_ANSWERED = 0.01
"""Where yes and no together are less likely, the model does not answer the question: the rest is chance."""


def yes_share(answer: RawAnswer) -> float | None:
    """Return p(yes) / (p(yes) + p(no)), where all spellings of each count that are among the alternatives.

    None if neither is there, if both together have a probability below LEAST_ANSWERED, or if there are no
    probabilities: the server sent none, or something in place of an answer, or the answer begins with a
    thought.
    """
    if answer.problem is not None or answer.in_thought or not answer.tokens:
        return None
    shares = {True: 0.0, False: 0.0}
    for text, logprob in answer.tokens[0].alternatives:
        says = says_yes(text)
        if says is not None:
            shares[says] += math.exp(min(logprob, 0.0))
    answered = sum(shares.values())
    return shares[True] / answered if answered >= LEAST_ANSWERED else None
