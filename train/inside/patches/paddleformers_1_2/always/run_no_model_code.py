"""Run no code that a model's folder brings along.

Upstream: AutoTokenizer and AutoProcessor (paddleformers/transformers/auto/tokenizer.py, line 391, and
    processing.py, line 207) ask on the terminal whether to run the code that auto_map names, where the
    trainer (paddleformers/cli/train/sft/workflow.py, lines 407 and 419) says nothing about it.
Patch: say trust_remote_code=False, and close the door through which transformers imports such code.
Remove: when PaddleFormers passes trust_remote_code=False, or has a key for it.
"""

from typing import Any

from models.libraries import keep_model_code_out


def run_no_model_code() -> str:
    """Load every tokenizer and processor from now on without code of the model's own."""
    from paddleformers.transformers import AutoProcessor, AutoTokenizer

    keep_model_code_out()
    for loader in (AutoProcessor, AutoTokenizer):
        loader.from_pretrained = _without_code(loader.from_pretrained)
    return "run_no_model_code"


def _without_code(load: Any) -> Any:
    def from_pretrained(*args: Any, **kwargs: Any) -> Any:
        return load(*args, **{**kwargs, "trust_remote_code": False})

    return from_pretrained
