"""The summary as one HTML file that prints well: pictures inside, boxes as SVG, no script and no network."""

import base64
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from grounding.images.pixels import UNREADABLE, read_pixels
from infer.report.inspection_types import FAIL, PASS, DefectRow, Inspection
from infer.report.rules.rule_set import RuleSet
from infer.report.summary.inspection_counts import UNCERTAIN_FROM, InspectionCounts
from infer.report.summary.page_letters import letters_style
from infer.report.summary.pareto_chart import pareto_chart
from infer.report.threshold.threshold_file import ChosenThreshold, errors_of

ASSETS = Path(__file__).with_name("assets")
TEMPLATE, STYLE = "report.html", "report.css"

LONGEST_SIDE = 640
"""Pixels of a picture in the report."""

QUALITY = 85
MOST_LISTED = 500
"""Rows of the table of all pictures; pictures.csv has every one."""

SEVERITY_COLORS = ("#7a7f87", "#0072b2", "#e69f00", "#d55e00", "#a4133c")
"""From grey over the colours of Okabe and Ito to dark red; the lightest severity first."""


@dataclass(frozen=True)
class ReportPage:
    """What the page says beside the inspections; `shown` is the number of pictures on it."""

    title: str
    rules: RuleSet
    threshold: ChosenThreshold | None
    shown: int


@dataclass(frozen=True)
class DrawnBox:
    """A box of the SVG, in pixels of the picture: sides, colour, number, and the sizes of line and text."""

    number: int
    x: float
    y: float
    width: float
    height: float
    color: str
    line: float
    font: float
    counts: bool


@dataclass(frozen=True)
class PictureCard:
    """A picture of the page: its inspection, its JPEG as a data URI ("": it is not there), its boxes."""

    item: Inspection
    image: str
    boxes: tuple[DrawnBox, ...]


def render_report(
    page: ReportPage, inspections: Sequence[Inspection], counts: InspectionCounts, paths: Mapping[str, Path]
) -> str:
    """Return the HTML; `paths` has the place of each picture's file by its name.

    The uncertain pictures come first, then the others that fail, the surest first. A picture whose file has
    changed since is not shown.
    """
    from jinja2 import Environment, FileSystemLoader
    from markupsafe import Markup

    said = json.dumps([page.title, page.rules.file, counts.as_json(), *inspections], ensure_ascii=False)
    style = letters_style(said) + (ASSETS / STYLE).read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    environment = Environment(
        loader=FileSystemLoader(ASSETS), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    colors = severity_colors(page.rules.severities)
    failing = [item for item in inspections if item["verdict"] == FAIL and item["doubt"] < UNCERTAIN_FROM]
    failing.sort(key=lambda item: (-_worst(item, page.rules), item["doubt"], item["picture"]["file"]))
    uncertain = counts.uncertain[: page.shown]
    shown_failing = failing[: page.shown - len(uncertain)]
    return environment.get_template(TEMPLATE).render(
        page=page,
        counts=counts,
        style=Markup(style),
        style_digest=digest,
        chart=pareto_chart(counts.pareto, colors),
        colors=colors,
        errors=None if page.threshold is None else errors_of(page.threshold["held_out"]),
        uncertain=[_card(item, colors, paths) for item in uncertain],
        failing=[_card(item, colors, paths) for item in shown_failing],
        not_shown=len(counts.uncertain) + len(failing) - len(uncertain) - len(shown_failing),
        listed=sorted(inspections, key=lambda item: (item["verdict"] == PASS, item["picture"]["file"]))[
            :MOST_LISTED
        ],
        first=inspections[0] if inspections else None,
    )


def severity_colors(severities: Sequence[str]) -> dict[str, str]:
    """Return the colour of each severity, spread over SEVERITY_COLORS; the worst has the last one."""
    last, steps = len(SEVERITY_COLORS) - 1, len(severities) - 1
    return {
        name: SEVERITY_COLORS[round(last * place / steps) if steps else last]
        for place, name in enumerate(severities)
    }


def _worst(item: Inspection, rules: RuleSet) -> int:
    return max(
        (rules.severities.index(row["severity"]) for row in item["defects"] if row["fails"]), default=-1
    )


def _card(item: Inspection, colors: Mapping[str, str], paths: Mapping[str, Path]) -> PictureCard:
    picture = item["picture"]
    path = paths.get(picture["file"])
    image = "" if path is None else _picture_uri(path, picture["sha256"])
    return PictureCard(item, image, tuple(_drawn(item, colors)))


def _drawn(item: Inspection, colors: Mapping[str, str]) -> list[DrawnBox]:
    width, height = item["picture"]["width"], item["picture"]["height"]
    if width is None or height is None:
        return []
    scale = max(width, height)
    return [
        _box(number, row, colors[row["severity"]], scale)
        for number, row in enumerate(item["defects"], start=1)
    ]


def _box(number: int, row: DefectRow, color: str, scale: float) -> DrawnBox:
    x1, y1, x2, y2 = row["box"]
    return DrawnBox(
        number, x1, y1, max(0.0, x2 - x1), max(0.0, y2 - y1), color, scale / 160, scale / 24, row["counts"]
    )


def _picture_uri(path: Path, sha256: str) -> str:
    """Return a picture as a small JPEG, "" if its file is gone, or another picture by now."""
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != sha256:
            return ""
        picture = read_pixels(path)
    except UNREADABLE:
        return ""
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
