"""An engine's answer as the body of a chat completion.

Source of the format: the API reference of OpenAI, "The chat completion object".
"""

import time
import uuid
from typing import Any

from grounding.boxes import GRID
from infer.engines.cut_answers import cut_at
from infer.engines.protocol import LEAST_LOGPROB, RawAnswer, Token
from infer.serve.replies.answer_fields import AnswerFields

GRID_DIGITS = 3
"""Digits of a corrected coordinate on the grid."""


def cut_answer(answer: RawAnswer, fields: AnswerFields) -> RawAnswer:
    """Return the answer up to the first text of `stop`, and no longer than the client wants.

    Decoding does not end earlier for `stop`: a client gets the start of the whole answer.
    """
    limit = fields.max_answer_tokens
    if limit is not None and limit < len(answer.tokens):
        answer = _first_tokens(answer, answer.tokens[:limit], is_cut=True)
    places = [place for text in fields.stop if (place := answer.text.find(text)) >= 0]
    return cut_at(answer, min(places)) if places else answer


def _first_tokens(answer: RawAnswer, tokens: tuple[Token, ...], *, is_cut: bool) -> RawAnswer:
    text = "".join(token.text for token in tokens)
    return RawAnswer(text, is_cut, tokens, prompt_tokens=answer.prompt_tokens, head_boxes=answer.head_boxes)


def completion_head(model: str, kind: str) -> dict[str, Any]:
    """Return the fields with which a completion, or each chunk of one, starts."""
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
    }


def completion_body(model: str, answer: RawAnswer, fields: AnswerFields) -> dict[str, Any]:
    """Return the body of an answer in one piece."""
    logprobs = {"content": [token_body(token) for token in answer.tokens], "refusal": None}
    choice = {
        "message": {"role": "assistant", "content": answer.text, "refusal": None, **boxes_body(answer)},
        "finish_reason": finish_reason(answer),
        "logprobs": logprobs if fields.logprobs else None,
    }
    return {
        **completion_head(model, "chat.completion"),
        "choices": [{"index": number, **choice} for number in range(fields.n)],
        "usage": usage_body(answer, fields),
    }


def boxes_body(answer: RawAnswer) -> dict[str, Any]:
    """Return what a box head says about the boxes of an answer, {} where none has read it.

    `boxes` lists for each box its `span` in the text, the corrected `bbox_2d` as floats on the 0..1000 grid,
    and `match`, the probability that the written box is right. OpenAI's protocol has no such field.
    """
    boxes = [
        {
            "span": list(box.span),
            "bbox_2d": [round(share * GRID, GRID_DIGITS) for share in box.shares or ()],
            "match": box.match,
        }
        for box in answer.head_boxes
        if box.span[1] <= len(answer.text)
    ]
    return {"boxes": boxes} if boxes else {}


def finish_reason(answer: RawAnswer) -> str:
    """Return why an answer ends."""
    return "length" if answer.is_cut else "stop"


def usage_body(answer: RawAnswer, fields: AnswerFields) -> dict[str, int]:
    """Return the numbers of tokens: of the question with its image, and of the answers of all choices."""
    prompt, written = answer.prompt_tokens or 0, fields.n * len(answer.tokens)
    return {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}


def token_body(token: Token) -> dict[str, Any]:
    """Return a token with its probability and those of the alternatives."""
    return {
        **_ranked(token.text, token.logprob),
        "bytes": None if token.content is None else list(token.content),
        "top_logprobs": [_ranked(text, logprob) for text, logprob in token.alternatives],
    }


def _ranked(text: str, logprob: float) -> dict[str, Any]:
    return {"token": text, "logprob": max(logprob, LEAST_LOGPROB), "bytes": None}
