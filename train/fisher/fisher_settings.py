"""The settings of `python -m train.fisher`."""

from dataclasses import dataclass
from pathlib import Path

from grounding.recipe.schema import setting

FISHER_FOLDER = "fisher"
"""Beside a checkpoint's files: servers load every *.safetensors of a checkpoint's folder."""


@dataclass(frozen=True, kw_only=True)
class FisherSettings:
    """Which records are learned from, and how they are encoded: as the training does that they stand for."""

    limit: int | None = setting("learn from N records, chosen by the seed (null: all)", 256)
    output: str | None = setting(
        f"the file (null: {FISHER_FOLDER}/fisher.safetensors in the checkpoint's folder)", None
    )
    max_seq_len: int = setting("longest record in tokens; longer ones are dropped and counted", 8192)
    min_pixels: int | None = setting("least pixels of an image (null: the processor's)", None)
    max_pixels: int | None = setting("most pixels of an image (null: the processor's)", None)
    seed: int = setting("of the order of the records", 42)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a number is less than 1, or min_pixels is more than max_pixels.
        """
        for name in ("limit", "max_seq_len", "min_pixels", "max_pixels", "seed"):
            if (value := getattr(self, name)) is not None and value < 1:
                raise ValueError(f"{name}: {value} is less than 1")
        if self.min_pixels and self.max_pixels and self.min_pixels > self.max_pixels:
            raise ValueError(f"min_pixels: {self.min_pixels} is more than max_pixels: {self.max_pixels}")

    def output_path(self, checkpoint: Path) -> Path:
        """Return the file that is written."""
        from train.objectives.near_start.fisher_file import FISHER_FILE

        return Path(self.output) if self.output else checkpoint / FISHER_FOLDER / FISHER_FILE
