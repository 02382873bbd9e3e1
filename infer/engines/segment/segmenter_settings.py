"""Which segmenter is asked, and how it is loaded or reached."""

import re
from dataclasses import dataclass
from pathlib import Path

from grounding.recipe.schema import setting
from infer.engines.settings import DTYPES, MEGABYTE, check_choices, check_counts

BACKENDS = ("box", "grabcut", "sam2", "paddlex")
WITH_MODEL = BACKENDS[2:]
"""Those that can run in this process; an address is the fourth choice."""

ADDRESS = re.compile(r"https?://.")
MASK_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")


@dataclass(frozen=True, kw_only=True)
class SegmenterSettings:
    """The backend of masks; the app, `infer.segment` and `infer.serve_masks` have these keys."""

    backend: str = setting(
        " | ".join(BACKENDS) + " | http://... of a worker (python -m infer.serve_masks)", BACKENDS[1]
    )
    checkpoint: str | None = setting(
        "sam2: folder of a Sam2Model; paddlex: of SAM-H_point or SAM-H_box", None
    )
    device: str = setting("sam2, paddlex: auto | cpu | cuda | cuda:1 and so on", "auto")
    dtype: str = setting(
        " | ".join(DTYPES) + ": sam2: of reading pictures (auto: bfloat16 on a GPU, else float32)", DTYPES[0]
    )
    batch_size: int = setting("sam2: pictures read together", 8)
    image_cache_megabytes: int = setting(
        "sam2: memory for pictures that were read, and wait for clicks", 1024
    )
    timeout: float = setting("a worker: seconds to wait for a mask", 60.0)
    retries: int = setting("a worker: how often a request is sent again that it had no time for", 3)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a choice that does not exist, a number out of its range, or a missing checkpoint.
        """
        check_choices(self, {"dtype": DTYPES})
        check_counts(self, ("batch_size",))
        if self.backend not in BACKENDS and not self.is_remote:
            raise ValueError(
                f"backend: '{self.backend}' is none of {', '.join(BACKENDS)}, and no address such as "
                "http://localhost:8009"
            )
        if not MASK_DEVICE.fullmatch(self.device):
            raise ValueError(f"device: '{self.device}' is not like auto, cpu, cuda or cuda:1")
        if (self.backend in WITH_MODEL) != (self.checkpoint is not None):
            raise ValueError(
                f"checkpoint: backend={' and '.join(WITH_MODEL)} need a model's folder, others take none"
            )
        if self.image_cache_megabytes < 0:
            raise ValueError(f"image_cache_megabytes: {self.image_cache_megabytes} is less than 0")
        if not 0 < self.timeout < float("inf") or self.retries < 0:
            raise ValueError("timeout must be a time above 0, and retries not less than 0")

    @property
    def is_remote(self) -> bool:
        """Whether a worker is asked, at an address."""
        return ADDRESS.match(self.backend) is not None

    @property
    def folder(self) -> Path:
        """The folder of the model."""
        assert self.checkpoint is not None
        return Path(self.checkpoint)

    @property
    def cache_bytes(self) -> int:
        """The memory for pictures that were read."""
        return self.image_cache_megabytes * MEGABYTE
