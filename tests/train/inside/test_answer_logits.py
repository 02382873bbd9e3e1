"""Known answers read back: the model ranks first what it said itself, at every token."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from infer.engines.paddle.engine import PaddleEngine
from models.lookup import find_family
from train.inside.answer_logits import TOKENS_AT_ONCE, answer_pieces

LONGEST = 2 * TOKENS_AT_ONCE + 5


@pytest.fixture(scope="module")
def asked(tiny_model: Path, drawn_data: Path) -> Any:
    """Prompts with and without a picture, and greedy answers of different lengths."""
    family = find_family({"model_type": "qwen3_vl"})
    encoder = family.load_encoder(tiny_model)
    seen = [{"type": "image"}, {"type": "text", "text": "Where is it?"}]
    chats = [
        ([], "Name a colour."),
        ([drawn_data / "images" / "val_0.png"], seen),
        ([], "Say more than that."),
    ]
    prompts = [encoder.encode(images, [{"role": "user", "content": text}]) for images, text in chats]
    return SimpleNamespace(encoder=encoder, prompts=prompts)


def test_greedy_answers_are_ranked_first_at_every_token(
    asked: Any, tiny_model: Path, load_model: Callable[[Path], Any]
) -> None:
    import paddle

    model = load_model(tiny_model)
    model.eval()
    engine = PaddleEngine.from_model(model, asked.encoder, max_new_tokens=LONGEST, repeat_stop=False)
    rows = [row.token_ids for row in engine.generate(asked.prompts)]
    answers = [rows[0], rows[1][: TOKENS_AT_ONCE + 1], rows[2][:1]]
    assert len(answers[0]) == LONGEST
    ranked: dict[int, list[int]] = {0: [], 1: [], 2: []}
    with paddle.no_grad():
        forward = engine.family.forward_pass(model)
        pieces = list(answer_pieces(forward, asked.prompts, answers, engine.decoding.pad_id))
        ids = paddle.to_tensor([[*asked.prompts[0].token_ids, *answers[0]]])
        expected = model(input_ids=ids, attention_mask=paddle.ones_like(ids)).logits[0]
    for row, place, logits in pieces:
        assert place == len(ranked[row])
        assert logits.shape[0] <= TOKENS_AT_ONCE
        ranked[row] += logits.argmax(-1).tolist()
    assert [ranked[row] for row in range(3)] == answers
    own = np.concatenate([logits.numpy() for row, _, logits in pieces if row == 0])
    theirs = expected[len(asked.prompts[0].token_ids) - 1 : -1].numpy()
    np.testing.assert_allclose(own, theirs, atol=1e-5 * np.abs(theirs).max())
