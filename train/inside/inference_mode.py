"""The state in which a model in training answers questions."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def inference_mode(model: Any) -> Iterator[None]:
    """Put a model into the state in which inference runs it; then restore its modes and all random states."""
    import paddle

    modes = [(layer, layer.training) for layer in model.sublayers(include_self=True)]
    configs = [model.config, model.config.text_config, model.config.vision_config]
    attention = [config._attn_implementation for config in configs]
    model.eval()
    for config in configs:
        # flashmask needs whole sequences, and a decoding step has a single query.
        config._attn_implementation = "sdpa" if paddle.device.is_compiled_with_cuda() else "eager"
    try:
        with random_states_kept():
            yield
    finally:
        for config, name in zip(configs, attention, strict=True):
            config._attn_implementation = name
        for layer, was_training in modes:
            layer.training = was_training


@contextmanager
def random_states_kept() -> Iterator[None]:
    """Restore the states of all random numbers at the end."""
    import numpy as np
    import paddle

    numbers = paddle.get_rng_state(), random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        paddle.set_rng_state(numbers[0])
        random.setstate(numbers[1])
        np.random.set_state(numbers[2])


def bare_model(model: Any) -> Any:
    """Return a trainer's model without the layer that holds its LoRA adapter."""
    from paddleformers.peft import LoRAModel

    return model.model if isinstance(model, LoRAModel) else model
