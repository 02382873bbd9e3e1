"""What a user asks the check for: the models, and where everything goes."""

from dataclasses import dataclass

from grounding.recipe.schema import setting

SMALL_MODEL = "Qwen/Qwen3-VL-2B-Instruct"
"""The model that is checked on GPUs, where none is named."""


@dataclass(frozen=True)
class GpuCheckSettings:
    """The keys of `python -m train.gpu_check`."""

    model: str | None = setting(f"folder or hub id (null: {SMALL_MODEL}; on a CPU the tiny model)", None)
    mixture: str | None = setting("folder or hub id with experts (null: on a CPU a tiny one)", None)
    output_dir: str = setting("folder of logs, runs, results and the report", "checkpoints/gpu_check")
    minutes: float = setting("a command that takes longer hangs: it is ended, and its step fails", 60.0)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: no time at all.
        """
        if not self.minutes > 0:
            raise ValueError(f"minutes: {self.minutes} is not more than 0")
