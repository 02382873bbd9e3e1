"""Let a LoRA run evaluate without paddlefleet.

Upstream: paddleformers/trainer/trainer.py imports GPTModel only with paddlefleet (line 63) and uses it
    without (lines 5028 and 5029).
Patch: define the name as an empty tuple, so that isinstance(model, GPTModel) is False.
Remove: when line 63 has an else branch.
"""


def define_pipeline_model() -> str:
    """Define GPTModel where it is not defined."""
    from paddleformers.trainer import trainer

    if not hasattr(trainer, "GPTModel"):
        trainer.GPTModel = ()
    return "define_pipeline_model"
