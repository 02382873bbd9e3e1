"""The settings of `python -m infer.dlc_bench`."""

import re
from dataclasses import asdict, dataclass
from typing import Any

from grounding.prompts import SYSTEM_PROMPT
from grounding.recipe.schema import setting
from infer.engines.settings import EngineSettings, check_choices, check_counts

SPOTLIGHT, OUTLINE, TEXT = "spotlight", "outline", "text"
SHOWN = (SPOTLIGHT, OUTLINE, TEXT)
BOX, MASK = "box", "mask"

QUESTIONS = {
    TEXT: "Describe what is inside the box {box} in detail.",
    SPOTLIGHT: "Describe what is inside the white outline in detail.",
    OUTLINE: "Describe what is inside the white outline in detail.",
}

SAME_TEXTS = (
    *("batch_size", "base_url", "concurrency", "image_cache_megabytes", "timeout", "retries"),
    *("boxes", "box_head"),
)
"""The keys of an engine that change where and how fast it is asked, or boxes, but not the texts."""


@dataclass(frozen=True, kw_only=True)
class BenchSettings(EngineSettings):
    """Which model describes the regions, how they are shown, and which server judges the descriptions."""

    output_dir: str = setting("folder of descriptions, judgements and scores", "checkpoints/dlc_bench")
    show: str = setting(" | ".join(SHOWN) + " (the box on the 0..1000 grid in the question)", SPOTLIGHT)
    region: str = setting(
        f"{BOX} | {MASK}: what spotlight and outline surround; models trained here know boxes", BOX
    )
    question: str | None = setting(
        "the question about each region; {box} is its box (null: a question that fits `show`)", None
    )
    system: str = setting("system message of the question", SYSTEM_PROMPT)
    limit: int | None = setting("the first N regions only (null: all)", None)
    judge_url: str | None = setting("server of the judge, such as http://localhost:9000/v1", None)
    judge_model: str | None = setting("the name that the server gives the judge", None)
    judge_concurrency: int = setting("questions that the judge is asked at a time", 16)
    judge_timeout: float = setting("seconds to wait for an answer of the judge", 120.0)
    judge_retries: int = setting("how often a failed question to the judge is sent again", 6)
    overwrite: bool = setting("replace the descriptions and judgements of other settings", False)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a choice that does not exist, or a number out of its range.
        """
        super().__post_init__()
        if self.score != "none" or self.grammar != "none":
            raise ValueError("score and grammar are about boxes, and have no effect on words: leave them out")
        if self.tensor_parallel > 1:
            raise ValueError("tensor_parallel: this command asks one process, or a server (engine=openai)")
        check_choices(self, {"show": SHOWN, "region": (BOX, MASK)})
        check_counts(self, ("limit", "judge_concurrency"))
        if not re.match(r"https?://.", self.judge_url or ""):
            raise ValueError(f"judge_url: '{self.judge_url}' is not like http://localhost:9000/v1")
        if not self.judge_model:
            raise ValueError("judge_model must be set: the name that the server gives the judge")
        if self.judge_timeout <= 0 or self.judge_retries < 0:
            raise ValueError("judge_timeout must be more than 0, and judge_retries not less than 0")
        if self.show == TEXT and self.region == MASK:
            raise ValueError("region: show=text states a box: set region=box, or another show")
        if self.show == TEXT and "{box}" not in self.wording:
            raise ValueError("question: with show=text it needs {box}, where the box is written")

    @property
    def wording(self) -> str:
        """The question about each region, with {box} where its box is written."""
        return QUESTIONS[self.show] if self.question is None else self.question

    def described_keys(self) -> dict[str, Any]:
        """Return the keys that change the descriptions."""
        left_out = {*SAME_TEXTS, "output_dir", "limit", "overwrite"}
        keys = {key: value for key, value in asdict(self).items() if key not in left_out}
        return {key: value for key, value in keys.items() if not key.startswith("judge_")}
