"""The server's settings, with its limits."""

from dataclasses import dataclass
from pathlib import Path

from grounding.recipe.schema import setting
from infer.engines.settings import BOXES, DEVICES, DTYPES, GRAMMARS, SCORES, EngineSettings, check_counts
from infer.serve.access import KEY_VARIABLE

PILLOW_MEGAPIXELS = 178
"""Pillow decodes no larger image (twice its MAX_IMAGE_PIXELS)."""


@dataclass(frozen=True, kw_only=True)
class ServeSettings:
    """Where the server listens, how it answers, and its limits.

    The defaults of the engine's keys are the engine's. The other limits are far above what photographs and
    questions need, and together keep the server below a few gigabytes (benchmarks/serve_load.py).
    """

    host: str = setting(f"address; other than loopback needs {KEY_VARIABLE} in the environment", "127.0.0.1")
    port: int = setting("TCP port", 8008)
    allowed_hosts: list[str] = setting(
        "more names that clients may reach it by, such as a proxy's", default_factory=list
    )
    model: str | None = setting("name that clients ask for (null: the checkpoint folder's)", None)
    batch_size: int = setting("requests answered together", EngineSettings.batch_size)
    queue_size: int = setting("requests that may wait; more are refused with 503", 256)
    max_megabytes: int = setting("largest request", 32)
    max_inflight_megabytes: int = setting(
        "all requests that are read or wait; more are refused with 429", 512
    )
    max_images: int = setting("images of one request", 16)
    max_megapixels: int = setting("all images of a request together, before they are resized", 100)
    max_prompt_tokens: int | None = setting("longest prompt (null: as model and memory allow)", None)
    max_new_tokens: int = setting("longest answer, in tokens", EngineSettings.max_new_tokens)
    repeat_stop: bool = setting(
        "end an answer before an object that it has named already, and before a loop of text; streams are "
        "sent when they are whole",
        False,
    )
    image_cache_megabytes: int = setting(
        "memory for images that were read, and wait for more questions (0: none)",
        EngineSettings.image_cache_megabytes,
    )
    grammar: str = setting(
        " | ".join(GRAMMARS) + ": all answers are objects in this format, whatever is asked",
        EngineSettings.grammar,
    )
    grammar_descriptions: bool = setting(
        "the grammar allows a description of each object", EngineSettings.grammar_descriptions
    )
    boxes: str = setting(
        " | ".join(BOXES)
        + ": as written, or also as corrected by the box head, in the field `boxes` of a message",
        EngineSettings.boxes,
    )
    box_head: str | None = setting(
        "file of boxes=head (null: beside the checkpoint)", EngineSettings.box_head
    )
    max_connections: int = setting("open connections; the oldest idle one makes room", 512)
    idle_seconds: float = setting("for the head of a request; then the connection is closed", 15.0)
    body_seconds: float = setting("for the body of a request; then it is refused with 408", 120.0)
    device: str = setting(" | ".join(DEVICES), EngineSettings.device)
    dtype: str = setting(" | ".join(DTYPES) + " (auto: float32 on a CPU)", EngineSettings.dtype)
    base_checkpoint: str | None = setting(
        "model under a LoRA adapter (null: the one it names)", EngineSettings.base_checkpoint
    )

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a choice that does not exist, or a number out of its range.
        """
        counts = ("port", "queue_size", "max_megabytes", "max_inflight_megabytes", "max_megapixels")
        check_counts(self, (*counts, "max_images", "max_prompt_tokens", "max_connections"))
        for key in ("idle_seconds", "body_seconds"):
            if not 0 < getattr(self, key) < float("inf"):
                raise ValueError(f"{key}: {getattr(self, key)} is not a time above 0")
        if self.max_megapixels > PILLOW_MEGAPIXELS:
            raise ValueError(f"max_megapixels: {self.max_megapixels} is more than {PILLOW_MEGAPIXELS}")
        if self.max_inflight_megabytes < self.max_megabytes:
            raise ValueError(
                f"max_inflight_megabytes: {self.max_inflight_megabytes} is less than max_megabytes"
            )
        self.engine_settings(Path())

    @property
    def host_names(self) -> frozenset[str]:
        """The names in `allowed_hosts`, in lower case."""
        return frozenset(name.lower() for name in self.allowed_hosts)

    def engine_settings(self, checkpoint: Path) -> EngineSettings:
        """Return the settings of the engine that loads a checkpoint.

        Raises:
            ValueError: a choice that does not exist, or a number below 1.
        """
        return EngineSettings(
            checkpoint=str(checkpoint),
            base_checkpoint=self.base_checkpoint,
            batch_size=self.batch_size,
            max_new_tokens=self.max_new_tokens,
            image_cache_megabytes=self.image_cache_megabytes,
            grammar=self.grammar,
            grammar_descriptions=self.grammar_descriptions,
            device=self.device,
            dtype=self.dtype,
            repeat_stop=self.repeat_stop,
            boxes=self.boxes,
            box_head=self.box_head,
            score=SCORES[1],  # any score makes the engine return the tokens, which clients may ask for
        )
