"""The settings of `python -m infer.parity`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.recipe.schema import setting
from infer.engines.settings import DEVICES, DTYPES, EngineSettings, check_choices, check_counts

ROOT = Path(__file__).resolve().parents[2]
TORCH_PYTHON = ".venv-torch/bin/python"
"""The Python that `make setup-torch` makes, in the project's folder."""


RETRIES = 2
"""How often a failed request is sent again: the server is tried, not worked with."""


@dataclass(frozen=True, kw_only=True)
class ParitySettings:
    """Which engines are compared, and with what questions."""

    base_url: str | None = setting("the server (null: none is asked)", None)
    model: str | None = setting("the name that the server gives it (null: the checkpoint folder's)", None)
    request: dict[str, Any] = setting("more fields for every request to the server", default_factory=dict)
    concurrency: int = setting("questions that the server is asked at a time", 8)
    timeout: float = setting("seconds to wait for an answer of the server", 600.0)
    torch_python: str | None = setting(
        "Python with torch and transformers (null: none is asked)", TORCH_PYTHON
    )
    torch_checkpoint: str | None = setting("folder that transformers loads (null: the checkpoint's)", None)
    torch_dtype: str = setting(" | ".join(DTYPES) + " (auto: as Paddle)", "auto")
    dataset: str | None = setting(
        "ask the first questions of its val split in place of the frozen ones", None
    )
    prompts: int = setting("how many questions are asked", 64)
    pictures: int = setting("pictures in each frozen question", 1)
    max_new_tokens: int = setting("longest answer, in tokens", 40)
    batch_size: int = setting("questions that Paddle and transformers answer together", 8)
    device: str = setting(" | ".join(DEVICES), EngineSettings.device)
    dtype: str = setting(" | ".join(DTYPES) + " (auto: float32 on a CPU)", EngineSettings.dtype)
    base_checkpoint: str | None = setting("model under a LoRA adapter (null: the one it names)", None)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a choice that does not exist, a number below 1, or nothing to compare with.
        """
        check_choices(self, {"torch_dtype": DTYPES})
        check_counts(self, ("prompts", "pictures", "max_new_tokens", "concurrency"))
        if self.base_url is None and self.torch_python is None:
            raise ValueError(
                "base_url: nothing to compare with: name a server, or leave torch_python as it is"
            )
        if self.base_url is not None:
            self.server_settings(Path(), score="none")
        self.paddle_settings(Path())

    @property
    def torch_path(self) -> Path | None:
        """The Python of transformers; the default one is in the project's folder, wherever this runs."""
        if self.torch_python is None:
            return None
        return ROOT / TORCH_PYTHON if self.torch_python == TORCH_PYTHON else Path(self.torch_python)

    def paddle_settings(self, checkpoint: Path) -> EngineSettings:
        """Return the settings of the engine on PaddlePaddle."""
        return EngineSettings(
            checkpoint=str(checkpoint),
            base_checkpoint=self.base_checkpoint,
            batch_size=self.batch_size,
            max_new_tokens=self.max_new_tokens,
            device=self.device,
            dtype=self.dtype,
            score="mean_logprob",
            repeat_stop=False,
        )

    def server_settings(self, checkpoint: Path, score: str) -> EngineSettings:
        """Return the settings of the client."""
        return EngineSettings(
            engine="openai",
            base_url=self.base_url,
            model=self.model or checkpoint.resolve().name or "unnamed",
            request=self.request,
            timeout=self.timeout,
            retries=RETRIES,
            max_new_tokens=self.max_new_tokens,
            score=score,
            repeat_stop=False,
        )
