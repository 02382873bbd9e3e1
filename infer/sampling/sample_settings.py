"""The settings of commands that sample answers to the questions of a training split."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.recipe.schema import setting
from infer.engines.settings import DEVICES, DTYPES, ENGINES, EngineSettings, check_choices, check_counts

SAME_SAMPLES = (
    *("batch_size", "base_url", "concurrency", "image_cache_megabytes", "timeout", "retries"),
    *("boxes", "box_head"),
)
"""The keys of an engine that do not change the answers: where and how fast it is asked, and a box head."""


@dataclass(frozen=True, kw_only=True)
class SampleSettings:
    """How many answers are sampled to how many questions, and how the model is loaded or reached."""

    answers: int = setting("answers sampled per question", 8)
    temperature: float = setting("that tokens are sampled at", 1.0)
    top_p: float = setting(
        "sample from the most likely tokens that together have this probability", EngineSettings.top_p
    )
    seed: int = setting("seed for sampling tokens", EngineSettings.seed)
    limit: int | None = setting("ask the first N questions only (null: all)", None)
    max_new_tokens: int = setting("longest answer, in tokens", EngineSettings.max_new_tokens)
    repeat_stop: bool = setting(
        "end an answer before an object that it has named already; false: repeated objects are graded, too",
        False,
    )
    batch_size: int = setting("questions or answers computed together", EngineSettings.batch_size)
    image_cache_megabytes: int = setting(
        "memory for images that were read: all answers about an image share it",
        EngineSettings.image_cache_megabytes,
    )
    device: str = setting(" | ".join(DEVICES), EngineSettings.device)
    dtype: str = setting(" | ".join(DTYPES) + " (auto: float32 on a CPU)", EngineSettings.dtype)
    base_checkpoint: str | None = setting("model under a LoRA adapter (null: the one it names)", None)
    engine: str = setting(" | ".join(ENGINES) + " (a server that speaks OpenAI's protocol)", ENGINES[0])
    base_url: str | None = setting("openai: the server, such as http://localhost:8000/v1", None)
    model: str | None = setting("openai: the name that the server gives the model", None)
    concurrency: int = setting("openai: questions asked at a time", EngineSettings.concurrency)
    timeout: float = setting("openai: seconds to wait for an answer", EngineSettings.timeout)
    retries: int = setting("openai: how often a failed request is sent again", EngineSettings.retries)
    overwrite: bool = setting("replace the answers of other settings in the output folder", False)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a choice that does not exist, or a number out of its range.
        """
        check_choices(self, {"engine": ENGINES})
        check_counts(self, ("answers", "limit"))
        if not self.temperature > 0:
            raise ValueError(f"temperature: {self.temperature} is not above 0, as sampled answers need")
        self.engine_settings(Path())

    def engine_settings(self, checkpoint: Path) -> EngineSettings:
        """Return the settings of the engine that answers.

        Raises:
            ValueError: a value that it refuses.
        """
        names = EngineSettings.__dataclass_fields__.keys() & type(self).__dataclass_fields__.keys()
        chosen: dict[str, Any] = {name: getattr(self, name) for name in names}
        return EngineSettings(**{**chosen, "checkpoint": str(checkpoint)})

    def sampled_keys(self, checkpoint: Path) -> dict[str, Any]:
        """Return the keys that change the answers; the model is told by its fingerprint."""
        keys = asdict(self.engine_settings(checkpoint))
        return {name: value for name, value in keys.items() if name not in (*SAME_SAMPLES, "checkpoint")} | {
            "answers": self.answers
        }


def folder_beside(output_dir: str | None, checkpoint: str, name: str) -> Path:
    """Return the folder of the data set that is made: `output_dir`, or `name` in the checkpoint's folder.

    Raises:
        UserError: none is set, and the checkpoint is no folder of this machine.
    """
    if output_dir is not None:
        return Path(output_dir)
    if not Path(checkpoint).is_dir():
        raise UserError(f"output_dir: {checkpoint} is no folder on this machine: set output_dir=")
    return Path(checkpoint) / name
