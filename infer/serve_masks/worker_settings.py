"""The settings of the process that makes masks, with its limits."""

from dataclasses import dataclass

from grounding.recipe.schema import setting
from infer.engines.segment.segmenter_settings import BACKENDS, SegmenterSettings
from infer.engines.settings import DTYPES, MEGABYTE, MEGAPIXEL, check_choices, check_counts
from infer.serve.access import KEY_VARIABLE
from infer.serve.serve_settings import PILLOW_MEGAPIXELS

BYTES_PER_PIXEL = 6
"""Of a request that waits: its picture, and three masks."""


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """Where the worker listens, which backend answers, and the limits of requests."""

    backend: str = setting(" | ".join(BACKENDS), SegmenterSettings.backend)
    checkpoint: str | None = setting(
        "sam2: folder of a Sam2Model; paddlex: of SAM-H_point or SAM-H_box", None
    )
    device: str = setting("sam2, paddlex: auto | cpu | cuda | cuda:1 and so on", SegmenterSettings.device)
    dtype: str = setting(
        " | ".join(DTYPES) + ": sam2: of reading pictures (auto: bfloat16 on a GPU, else float32)",
        SegmenterSettings.dtype,
    )
    batch_size: int = setting("requests answered together", SegmenterSettings.batch_size)
    host: str = setting(f"address; other than loopback needs {KEY_VARIABLE} in the environment", "127.0.0.1")
    port: int = setting("TCP port", 8009)
    allowed_hosts: list[str] = setting(
        "more names that clients may reach it by, such as a proxy's", default_factory=list
    )
    queue_size: int = setting("requests that may wait; more are refused with 503", 256)
    max_megabytes: int = setting("largest request", 64)
    max_inflight_megabytes: int = setting(
        "all requests that are read or wait, with pictures and masks; more are refused with 429", 1024
    )
    max_megapixels: int = setting("largest picture", 50)
    max_clicks: int = setting("most clicks in a request", 64)
    image_cache_megabytes: int = setting(
        "sam2: memory for pictures that were read, and wait for clicks (0: none)",
        SegmenterSettings.image_cache_megabytes,
    )
    picture_cache_megabytes: int = setting(
        "memory for pictures that were sent, so that clients need not send them again (0: none)", 512
    )
    max_connections: int = setting("open connections; the oldest idle one makes room", 512)
    idle_seconds: float = setting("for the head of a request; then the connection is closed", 15.0)
    body_seconds: float = setting("for the body of a request; then it is refused with 408", 120.0)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a choice that does not exist, or a number out of its range.
        """
        check_choices(self, {"backend": BACKENDS})
        counts = ("port", "batch_size", "queue_size", "max_megabytes", "max_inflight_megabytes")
        check_counts(self, (*counts, "max_megapixels", "max_clicks", "max_connections"))
        for key in ("idle_seconds", "body_seconds"):
            if not 0 < getattr(self, key) < float("inf"):
                raise ValueError(f"{key}: {getattr(self, key)} is not a time above 0")
        if self.picture_cache_megabytes < 0:
            raise ValueError(f"picture_cache_megabytes: {self.picture_cache_megabytes} is less than 0")
        if self.max_megapixels > PILLOW_MEGAPIXELS:
            raise ValueError(f"max_megapixels: {self.max_megapixels} is more than {PILLOW_MEGAPIXELS}")
        needed = self.max_megabytes * MEGABYTE + self.max_megapixels * MEGAPIXEL * BYTES_PER_PIXEL
        if self.max_inflight_megabytes * MEGABYTE < needed:
            raise ValueError(
                f"max_inflight_megabytes: {self.max_inflight_megabytes} is less than the "
                f"{-(-needed // MEGABYTE)} that one request may need with max_megabytes and max_megapixels"
            )
        self.segmenter_settings()

    @property
    def served_names(self) -> frozenset[str]:
        """The names in `allowed_hosts`, in lower case."""
        return frozenset(name.lower() for name in self.allowed_hosts)

    def segmenter_settings(self) -> SegmenterSettings:
        """Return the settings of the backend.

        Raises:
            ValueError: a choice that does not exist, a number out of its range, or a missing checkpoint.
        """
        return SegmenterSettings(
            backend=self.backend,
            checkpoint=self.checkpoint,
            device=self.device,
            dtype=self.dtype,
            batch_size=self.batch_size,
            image_cache_megabytes=self.image_cache_megabytes,
        )
