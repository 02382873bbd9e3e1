"""A page of regions that opens from disk: what the teacher saw, what it said, and what became of it."""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from grounding.boxes import Size
from prepare.describe.asking.region_views import fit_pixels, jpeg_url, open_pixels, show_region
from prepare.describe.verifying.description import Description

if TYPE_CHECKING:
    from prepare.describe.output.described_tally import DescribedTally, PickedRegion

ASSETS = Path(__file__).parent / "assets"
TEMPLATE, STYLE = "samples.html", "samples.css"

PAGE_PIXELS = 120_000
"""Pixels of a picture on the page."""

PAGE_QUALITY = 85


@dataclass(frozen=True)
class PageRegion:
    """What the page shows of a region: pictures as data URLs, boxes as xywh in pixels of the image."""

    name: str
    label: str | None
    view: str
    picture: str
    size: Size
    line: float
    box: tuple[float, float, float, float]
    found: tuple[tuple[float, float, float, float], ...]
    descriptions: tuple[Description, ...]


def render_samples(dataset: Path, tally: "DescribedTally") -> str:
    """Return the page with the tally's regions and counts.

    Raises:
        UserError: an image cannot be read any more.
    """
    from jinja2 import Environment, FileSystemLoader
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(ASSETS), autoescape=True, trim_blocks=True, keep_trailing_newline=True
    )
    style = (ASSETS / STYLE).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template(TEMPLATE).render(
        folder=dataset.resolve().name,
        style=Markup(style),  # this package's own file
        style_hash=digest,
        tally=tally,
        settings=tally.settings,
        language="zh" if tally.settings.language == "zh" else "en",
        dropped=sorted(tally.dropped.items(), key=lambda item: (-item[1], item[0])),
        regions=[_page_region(shown, tally) for shown in tally.page_regions],
    )


def _page_region(shown: "PickedRegion", tally: "DescribedTally") -> PageRegion:
    settings, image, region = tally.settings, shown.image.image, shown.verified.region
    pixels = open_pixels(image.path)
    view = show_region(pixels, region.box, settings.show, settings.margin, PAGE_PIXELS)
    found = {box.xywh for description in shown.verified.descriptions for box in description.found}
    return PageRegion(
        image.name,
        region.label,
        jpeg_url(view, PAGE_QUALITY),
        jpeg_url(fit_pixels(pixels, PAGE_PIXELS), PAGE_QUALITY),
        image.size,
        max(image.size.width, image.size.height) / 200,
        region.box.xywh,
        tuple(sorted(found)),
        tuple(sorted(shown.verified.descriptions, key=lambda item: (not item.is_kept, item.sample))),
    )
