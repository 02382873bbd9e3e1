"""What PaddleFormers 1.2.0 needs to train Qwen3-VL without paddlefleet and without a GPU.

Each function makes one change in a library and returns its own name for the log.
"""

import sys
from types import ModuleType
from typing import Any


def use_plain_paddle_classes() -> str:
    """Take the plain Paddle models: the default ones are made of paddlefleet's GPU layers.

    The file of the mixture of experts imports two of those layers though its plain classes use neither.
    """
    from paddleformers.transformers.qwen3_vl import modeling

    modeling.Qwen3VLForConditionalGeneration = modeling.Qwen3VLForConditionalGenerationDeprecated
    modeling.Qwen3VLModel = modeling.Qwen3VLModelDeprecated
    layers = ModuleType("paddleformers.transformers.qwen3_vl.modeling_fleet")
    vars(layers).update(Qwen3VLModelDist=None, Qwen3VLProvider=None)
    sys.modules[layers.__name__] = layers
    from paddleformers.transformers.qwen3_vl_moe import modeling as mixture

    mixture.Qwen3VLMoeForConditionalGeneration = mixture.Qwen3VLMoeForConditionalGenerationDeprecated
    mixture.Qwen3VLMoeModel = mixture.Qwen3VLMoeModelDeprecated
    return "use_plain_paddle_classes"


def recompute_vision_with_its_mask() -> str:
    """Let the plain vision tower recompute its blocks: as shipped it hands on a mask that is not taken."""
    from paddle.distributed.fleet.utils import recompute
    from paddleformers.transformers.qwen3_vl import modeling

    def recompute_training_full(self: Any, block: Any, hidden_states: Any, **kwargs: Any) -> Any:
        del self
        return recompute(block, hidden_states, **kwargs)

    modeling.Qwen3VLVisionModel.recompute_training_full = recompute_training_full
    return "recompute_vision_with_its_mask"


def define_pipeline_model() -> str:
    """Define a name that the trainer's LoRA evaluation uses and only paddlefleet defines."""
    from paddleformers.trainer import trainer

    if not hasattr(trainer, "GPTModel"):
        trainer.GPTModel = ()  # isinstance(model, ()) is False
    return "define_pipeline_model"


def initialise_fleet_for_resume() -> str:
    """Initialise fleet with all degrees 1: one process never does, and then cannot load a checkpoint."""
    from paddle.distributed import fleet

    strategy = fleet.DistributedStrategy()
    strategy.hybrid_configs = {"dp_degree": 1, "mp_degree": 1, "pp_degree": 1, "sharding_degree": 1}
    fleet.init(is_collective=True, strategy=strategy)
    return "initialise_fleet_for_resume"


def skip_device_synchronize() -> str:
    """Make the trainer's calls to wait for the device a no-op: on a CPU they raise."""
    import paddle

    def synchronize(device: Any = None) -> None:
        del device

    paddle.device.synchronize = synchronize
    return "skip_device_synchronize"


def evaluate_without_workers() -> str:
    """Read the evaluation's data in the training process.

    As shipped each evaluation forks workers anew. Forked from a process that has computed with several
    threads, a worker waits for threads that it does not have, and the run hangs; the training's own
    workers are forked before the first step, and stay.
    """
    from paddleformers.trainer import Trainer

    make = Trainer.get_eval_dataloader

    def get_eval_dataloader(self: Any, *args: Any, **kwargs: Any) -> Any:
        workers, self.args.dataloader_num_workers = self.args.dataloader_num_workers, 0
        try:
            return make(self, *args, **kwargs)
        finally:
            self.args.dataloader_num_workers = workers

    Trainer.get_eval_dataloader = get_eval_dataloader
    return "evaluate_without_workers"


def leave_out_fused_norm() -> str:
    """Let norms compute without the fused kernel, which exists for GPUs only and is the default.

    The tiny model's configuration says so itself; one that was published or exported does not.
    """
    from paddleformers.nn.norm import RMSNorm

    build = RMSNorm.__init__

    def build_plain(self: Any, config: Any, *args: Any, **kwargs: Any) -> None:
        build(self, config, *args, **kwargs)
        self.config.fuse_rms_norm = False

    RMSNorm.__init__ = build_plain
    return "leave_out_fused_norm"
