"""The answer that a decoded row holds: its text, and its tokens with their probabilities."""

from collections.abc import Sequence
from itertools import starmap
from typing import Any

from infer.engines.paddle.decoding import Row
from infer.engines.protocol import RawAnswer, Token
from infer.engines.token_texts import end_within_characters, split_bytes, split_text
from models.family import Prompt


def row_answer(row: Row, prompt: Prompt, tokenizer: Any, *, with_tokens: bool) -> RawAnswer:
    """Return a finished row as the answer to its prompt; the row has probabilities `with_tokens`."""
    return RawAnswer(
        written_text(tokenizer, row.token_ids),
        is_cut=not row.has_ended,
        tokens=_tokens(tokenizer, row) if with_tokens else (),
        in_thought=prompt.opens_thought,
        stopped=row.problem,
        prompt_tokens=len(prompt.token_ids),
    )


def written_text(tokenizer: Any, ids: Sequence[int]) -> str:
    """Return the text of tokens, special ones included."""
    return str(tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))


def _tokens(tokenizer: Any, row: Row) -> tuple[Token, ...]:
    ids = row.token_ids
    ranked = row.alternatives or [[]] * len(ids)
    likely = [tuple((written_text(tokenizer, [other]), value) for other, value in each) for each in ranked]
    parts = (split_text(tokenizer, ids), row.logprobs, end_within_characters(tokenizer, ids), likely)
    return tuple(starmap(Token, zip(*parts, split_bytes(tokenizer, ids), strict=True)))
