"""A tiny model, the trainer's collator, and answers to the drawn questions."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infer.engines.paddle.engine import PaddleEngine
from infer.sampling.known_questions import KnownQuestion, read_known_questions
from models.family import Prompt
from train.inside.patches.paddleformers_1_2.plain_classes.learn_in_blocks import learn_in_blocks
from train.objectives.grpo.rollouts import Rollout

NEW_TOKENS = 12


@pytest.fixture
def patched_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let models compute their loss as in training, until the end of the test."""
    from paddleformers.nn.criterion.interface import CriterionLayer
    from paddleformers.nn.lm_head import LMHead

    from models.qwen3_vl.plain_classes import PLAIN_CLASSES, plain_class

    for layer in (LMHead, CriterionLayer, *map(plain_class, PLAIN_CLASSES)):
        monkeypatch.setattr(layer, "forward", layer.forward)
    learn_in_blocks()


@pytest.fixture
def model(tiny_model: Path, load_model: Callable[[Path], Any], patched_loss: None) -> Any:
    del patched_loss
    return load_model(tiny_model)


@pytest.fixture
def engine(model: Any, tiny_model: Path) -> PaddleEngine:
    """An engine over the model, as it samples answers in training."""
    from models.lookup import family_of_folder

    encoder = family_of_folder(tiny_model).load_encoder(tiny_model)
    return PaddleEngine.from_model(model, encoder, max_new_tokens=NEW_TOKENS, repeat_stop=False)


@pytest.fixture
def known(prepared_data: Path) -> list[KnownQuestion]:
    return read_known_questions(prepared_data)


@pytest.fixture
def collator(model: Any, engine: PaddleEngine) -> Callable[..., Any]:
    """Make the collator of a training: with the dense mask, or with the sparse one."""
    from paddleformers.datasets.collate import mm_collate_fn

    def make(*, sparse: bool = False) -> Any:
        sizes = SimpleNamespace(
            num_nextn_predict_layers=0,
            context_parallel_size=1,
            sequence_parallel=False,
            tensor_model_parallel_size=1,
            fp8=False,
        )
        masks = SimpleNamespace(use_attn_mask_startend_row_indices=sparse, use_global_causal_attn=False)
        return partial(
            mm_collate_fn,
            template=None,
            processor=None,
            tokenizer=engine.encoder.tokenizer,
            training_args=sizes,
            model_args=masks,
            max_seq_len=8,
            padding_free=False,
            model=model,
        )

    return make


@pytest.fixture
def answered() -> Callable[[Prompt, Sequence[int]], Rollout]:
    """An answer to a prompt with these tokens."""
    from grounding.samples import Reading

    def make(prompt: Prompt, token_ids: Sequence[int]) -> Rollout:
        return Rollout(prompt, tuple(token_ids), Reading((), ()), (), 0.0)

    return make
