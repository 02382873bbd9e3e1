"""What came of the regions: lines that are kept, counts by reason, and some regions for the page."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from grounding.prompts import draw
from prepare.describe.describe_settings import DescribeSettings
from prepare.describe.verifying.description import TRANSIENT, VerifiedImage, VerifiedRegion

PAGE_REGIONS = 48
"""Regions on the page; where there are more, it shows some that chance has chosen."""


@dataclass(frozen=True)
class PickedRegion:
    """A region for the page, with its image."""

    rank: int
    image: VerifiedImage
    verified: VerifiedRegion


@dataclass
class DescribedTally:
    """The results of the images that are finished.

    `lines` are those of descriptions.jsonl, by the image's name. Of all descriptions that were asked for,
    `kept` are written, and the others are in `dropped` by reason.
    """

    settings: DescribeSettings
    lines: dict[str, list[str]] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    shown: list[PickedRegion] = field(default_factory=list)
    regions: int = 0
    described: int = 0
    kept: int = 0
    unfinished: int = 0
    first_time: str = ""
    last_time: str = ""

    def add(self, verified: VerifiedImage) -> None:
        """Take an image that is finished."""
        rows = [row for region in verified.regions for row in self._rows(verified, region)]
        if rows:
            self.lines[verified.image.name] = [json.dumps(row, ensure_ascii=False) for row in rows]
        for place, region in enumerate(verified.regions):
            self.regions += 1
            self.described += bool(region.kept)
            self.kept += len(region.kept)
            self.dropped.update(item.reason for item in region.descriptions if item.reason is not None)
            rank = draw(self.settings.seed, "page", verified.image.name, place)
            self.shown.append(PickedRegion(rank, verified, region))
        if len(self.shown) > 4 * PAGE_REGIONS:
            self.shown = self.page_regions
        times = [item.time for region in verified.regions for item in region.descriptions if item.time]
        self.first_time = min([*([self.first_time] if self.first_time else []), *times], default="")
        self.last_time = max([self.last_time, *times])

    @property
    def page_regions(self) -> list[PickedRegion]:
        """The regions that the page shows."""
        return sorted(self.shown, key=lambda region: region.rank)[:PAGE_REGIONS]

    @property
    def unanswered(self) -> int:
        """Descriptions without a verdict, because a question has no answer."""
        return sum(self.dropped[reason] for reason in TRANSIENT)

    def _rows(self, verified: VerifiedImage, region: VerifiedRegion) -> list[dict[str, Any]]:
        settings, image = self.settings, verified.image
        label = {} if region.region.label is None else {"category": region.region.label}
        return [
            {
                "image": image.name,
                "expression": description.text,
                "bbox": [round(number, 2) for number in region.region.box.xyxy],
                **label,
                "width": image.size.width,
                "height": image.size.height,
                "teacher": {
                    "model": settings.model,
                    "cycle_model": (settings.cycle.model or settings.model)
                    if settings.cycle.enabled
                    else None,
                    "iou": None if description.iou is None else round(description.iou, 4),
                    "seed": settings.seed + description.sample,
                    "time": description.time,
                },
            }
            for description in region.kept
        ]
