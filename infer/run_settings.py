"""The settings of a run over a data set: which images are asked about, and where the answers go."""

import re
from dataclasses import dataclass
from pathlib import Path

from grounding.layout import CALIBRATION_SPLIT
from grounding.recipe.schema import setting
from infer.engines.settings import check_choices, check_counts

SPLITS = ("val", "train", CALIBRATION_SPLIT)

MAX_DETECTIONS = 100
"""COCO's limit: at most this many detections of a category count in an image."""


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """Which images of which data set are asked about, and the folder for the answers."""

    dataset: str = setting("prepared data set: card.json, val.jsonl, annotations_val.json, images/")
    output_dir: str = setting("folder of predictions.jsonl and infer.yaml")
    split: str = setting(" | ".join(SPLITS), "val")
    limit: int | None = setting(
        "ask about the first N images only, and for words about the first N regions (null: all)", None
    )
    shard: str | None = setting("I/N: every N-th image, beginning with image I; the first is 0", None)
    max_detections: int = setting(
        "scores: detections of a category that count in an image, the highest scores first", MAX_DETECTIONS
    )
    overwrite: bool = setting("replace predictions of another recipe", False)

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: a split that does not exist, or a number out of its range.
        """
        check_choices(self, {"split": SPLITS})
        check_counts(self, ("limit", "max_detections"))
        number, count = self.shard_numbers
        if not number < count:
            raise ValueError(f"shard: '{self.shard}' is not one of 0/{count} to {count - 1}/{count}")

    @property
    def dataset_path(self) -> Path:
        """The data set's folder."""
        return Path(self.dataset)

    @property
    def output_path(self) -> Path:
        """The folder that the predictions go to."""
        return Path(self.output_dir)

    @property
    def shard_numbers(self) -> tuple[int, int]:
        """The number of this shard and the count of all shards; 0 and 1 for a run without shards."""
        if self.shard is None:
            return 0, 1
        if not (match := re.fullmatch(r"([0-9]+)/([0-9]*[1-9][0-9]*)", self.shard)):
            raise ValueError(f"shard: '{self.shard}' is not like 0/8")
        return int(match[1]), int(match[2])

    def file(self, name: str) -> Path:
        """Return the path of a file in the output folder; a shard's files have its numbers in their names."""
        if self.shard is None:
            return self.output_path / name
        number, count = self.shard_numbers
        stem, dot, suffix = name.partition(".")
        return self.output_path / f"{stem}.{number}-of-{count}{dot}{suffix}"
