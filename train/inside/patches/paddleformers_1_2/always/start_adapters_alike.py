"""Start a LoRA adapter from the same numbers on any number of processes.

Upstream: LoRALinear and its tensor parallel forms (paddleformers/peft/lora/lora_layers.py, lines 93 and 209)
    draw the first numbers of an adapter from the process's own generator. They depend on how many processes
    share the model and, if a process has a part of a matrix, on the part's size.
Patch: draw them from the seed and the parameter's name. The distribution is the same: uniform within
    1 / sqrt(inputs), as in Hu et al. 2021, "LoRA", and in PyTorch's linear layer.
Remove: when PaddleFormers draws a split matrix as a whole and cuts it.
"""

import math
import zlib
from typing import Any

from train.inside.patches.paddleformers_1_2.shared.model_parallel_group import is_split, model_parallel_group


def start_adapters_alike(seed: int) -> str:
    """Fill the first factor of every adapter that is built from now on."""
    from paddleformers.peft import LoRAModel

    build = LoRAModel.__init__

    def build_and_fill(self: Any, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        for name, parameter in self.model.named_parameters():
            if name.endswith(".lora_A") and parameter.ndim == 2:
                fill_adapter(parameter, name, seed)

    LoRAModel.__init__ = build_and_fill
    return "start_adapters_alike"


def fill_adapter(parameter: Any, name: str, seed: int) -> None:
    """Set a matrix (inputs, rank), or this process's rows of it."""
    import numpy as np
    import paddle

    rows, rank = parameter.shape
    parts, part = 1, 0
    if is_split(parameter):
        group = model_parallel_group()
        parts, part = group.nranks, group.rank
    limit = 1 / math.sqrt(rows * parts)
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    whole = generator.uniform(-limit, limit, (rows * parts, rank)).astype(np.float32)
    parameter.set_value(paddle.to_tensor(whole[part * rows : (part + 1) * rows]).astype(parameter.dtype))
