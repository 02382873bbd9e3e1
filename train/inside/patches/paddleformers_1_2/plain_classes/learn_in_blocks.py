"""Compute logits where a label is learned, and a block of them at a time.

Upstream: the plain classes (paddleformers/transformers/qwen3_vl/modeling.py, line 1915) compute the logits of
    every token, and the loss (nn/criterion/sft_loss.py, line 59) casts them to float32: 16 GiB for 8,192
    tokens, though only answers are learned. use_filtered_label_loss indexes one record's tokens by those of
    the batch (line 152) and fails with two records; use_fused_head_and_loss_fn returns hidden states in the
    place of logits also where there is no label, which breaks answering; loss_subbatch_sequence_length
    divides the loss, but not the logits.
Patch: where there are labels, the head returns the loss in the place of logits. It takes the learned tokens
    alone, and the vocabulary in blocks (train/inside/blockwise_cross_entropy.py). The output has no logits
    then. Without labels nothing changes.
Remove: when these keys of PaddleFormers work with batches, evaluation and answers.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from train.inside.blockwise_cross_entropy import losses_of_tokens, mean_cross_entropy
from train.inside.patches.paddleformers_1_2.shared.model_parallel_group import is_split, model_parallel_group
from train.objectives.head_objective import ADDED, OBJECTIVE

LABELS = "_labels_to_learn"
"""An attribute of the head while its model computes a loss: the labels, and the one that is ignored."""


def learn_in_blocks() -> str:
    """Replace head and loss of the plain classes where there are labels."""
    from paddleformers.nn.criterion.interface import CriterionLayer
    from paddleformers.nn.lm_head import LMHead
    from paddleformers.transformers.qwen3_vl import modeling
    from paddleformers.transformers.qwen3_vl_moe import modeling as mixture

    LMHead.forward = _head(LMHead.forward)
    CriterionLayer.forward = _criterion(CriterionLayer.forward)
    for model in (
        modeling.Qwen3VLForConditionalGenerationDeprecated,
        mixture.Qwen3VLMoeForConditionalGenerationDeprecated,
    ):
        model.forward = _model(model.forward)
    return "learn_in_blocks"


def _model(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Tell the head the labels while the model computes: for supervised fine-tuning, or an objective."""
    signature = inspect.signature(forward)

    @functools.wraps(forward)
    def with_labels(self: Any, *args: Any, **kwargs: Any) -> Any:
        labels = signature.bind(self, *args, **kwargs).arguments.get("labels")
        is_learned = self.criterion.loss_type == "sft" or OBJECTIVE in self.lm_head.__dict__
        if labels is None or not is_learned or self.lm_head.bias is not None:
            return forward(self, *args, **kwargs)
        self.lm_head.__dict__[LABELS] = (labels, self.criterion.ignored_index)
        try:
            output = forward(self, *args, **kwargs)
        finally:
            del self.lm_head.__dict__[LABELS]
        output.logits = None
        return output

    return with_labels


def _head(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Return the loss, a scalar, where labels are known."""

    @functools.wraps(forward)
    def loss_or_logits(self: Any, hidden_states: Any, *args: Any, **kwargs: Any) -> Any:
        from paddle.distributed.fleet.utils.sequence_parallel_utils import GatherOp

        if LABELS not in self.__dict__:
            return forward(self, hidden_states, *args, **kwargs)
        if self.config.sequence_parallel:
            hidden_states = GatherOp.apply(hidden_states)
        labels, ignored = self.__dict__[LABELS]
        group = model_parallel_group() if is_split(self.weight) else None
        if (objective := self.__dict__.get(OBJECTIVE)) is not None:
            hidden_states = hidden_states / objective.temperature
            losses, _ = losses_of_tokens(hidden_states, self.weight, labels, ignored, group)
            if not losses.shape[0]:  # all answers were cut at once: nothing is learned
                return objective.loss_of(losses) + hidden_states.astype("float32").sum() * 0
            return objective.loss_of(-losses)
        loss = mean_cross_entropy(hidden_states, self.weight, labels, ignored, group)
        for added in self.__dict__.get(ADDED, ()):
            loss = loss + added(hidden_states, self.weight, group)
        return loss

    return loss_or_logits


def _criterion(forward: Callable[..., Any]) -> Callable[..., Any]:
    """Pass on a loss that the head has computed."""

    @functools.wraps(forward)
    def passed_on(self: Any, logits: Any, *args: Any, **kwargs: Any) -> Any:
        if getattr(logits, "ndim", None) == 0:
            return logits, logits.detach()
        return forward(self, logits, *args, **kwargs)

    return passed_on
