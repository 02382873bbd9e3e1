"""A chat completion as an answer of an engine, with its tokens."""

from grounding.remote.completion_body import REFUSAL, parse_completion
from infer.engines.openai.listed_tokens import read_tokens
from infer.engines.protocol import RawAnswer


def read_completion(body: bytes, *, with_tokens: bool, alternatives: int = 0) -> RawAnswer:
    """Return the answer, with its tokens where scores are made of them, each with so many alternatives.

    What came in place of an answer is its `problem` (`parse_completion`); such an answer has no tokens.
    Where a token's log-probability is no number, or the tokens are not the text, the answer has no tokens. A
    log-probability of -9999 or less is minus infinity, one above 0 is 0.

    Raises:
        NotACompletionError: not JSON, or a part has another type than it should.
        NoLogprobsError: no list of log-probabilities, or no token has alternatives.
    """
    found = parse_completion(body)
    wants_tokens = with_tokens and found.problem is None
    tokens = read_tokens(found.logprobs, found.text, alternatives) if wants_tokens else ()
    return RawAnswer(
        found.text,
        found.is_cut,
        tokens,
        in_thought=False if found.has_thought and found.problem != REFUSAL else None,
        problem=found.problem,
        prompt_tokens=found.prompt_tokens,
    )
