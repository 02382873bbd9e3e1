import base64
import csv
import hashlib
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from grounding.boxes import Box
from grounding.samples import Detection
from infer.report.judging_pictures import judge_picture
from infer.report.pictures.answered_picture import AnsweredPicture, identify_file
from infer.report.report_files import ReportFolder
from infer.report.rules.rules_file import read_rules
from infer.report.summary.html_report import SEVERITY_COLORS, severity_colors
from tests.infer.report.drawn_defects import LABELS, PROVENANCE, RULES, SIZE, draw_part

HOSTILE = "=cmd|' /C calc'!A0<script>alert(1)</script>"


class Tags(HTMLParser):
    """Collects the tags of a page and their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture
def report(tmp_path: Path) -> Path:
    """The report of three parts: one with a hostile label, one that changes after it was inspected."""
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    rules = read_rules(tmp_path / "rules.yaml", LABELS)
    files = ReportFolder(tmp_path / "report", rules, None, "Parts", shown=10)
    inspections, paths = [], {}
    for name, label, score in (
        ("a.png", HOSTILE, 0.9),
        ("b.png", "scratch", 0.2),
        ("c.png", "scratch", 0.95),
    ):
        path = draw_part(tmp_path / name, [("scratch", (10, 10, 30, 20), 0.5)])
        found = (Detection(label, Box(10, 10, 30, 20), score),)
        picture = AnsweredPicture(
            name, path, identify_file(path), SIZE, found, (None,), (), True, "2026-01-01T10:00:00+00:00"
        )
        inspections.append(judge_picture(picture, rules, None, PROVENANCE))
        files.write_inspection(inspections[-1])
        paths[name] = path
    draw_part(paths["c.png"])
    files.write_summary(inspections, paths)
    return tmp_path / "report"


def test_the_page_needs_nothing_and_runs_nothing(report: Path) -> None:
    page = (report / "report.html").read_text(encoding="utf-8")
    tags = Tags(page).found
    assert not {tag for tag, _ in tags} & {"script", "iframe", "link", "object", "form"}
    assert not [name for _, values in tags for name in values if name.startswith("on") or name == "style"]
    links = [values["href"] for _, values in tags if "href" in values]
    assert len(links) == 1  # of b; a passes, and the file of c is another picture by now
    assert str(links[0]).startswith("data:image/jpeg;base64,")
    assert "the picture cannot be shown" in page
    style = re.search(r"<style>(.*)</style>", page, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in page  # without it the browser takes no style


def test_the_uncertain_come_first(report: Path) -> None:
    page = (report / "report.html").read_text(encoding="utf-8")
    first, others, everything = (
        page.index(text) for text in ("For a person first", "Other pictures", "All pictures")
    )
    assert first < page.index("b.png</h3>") < others < page.index("c.png</h3>") < everything


def test_spreadsheets_run_no_label(report: Path) -> None:
    text = (report / "defects.csv").read_text(encoding="utf-8-sig")
    assert [row["label"] for row in csv.DictReader(io.StringIO(text))] == [
        f"'{HOSTILE}",
        "scratch",
        "scratch",
    ]


def test_the_worst_severity_has_the_last_colour() -> None:
    for count in range(1, 8):
        colors = list(severity_colors([str(number) for number in range(count)]).values())
        assert colors[-1] == SEVERITY_COLORS[-1]
        assert len(set(colors)) == min(count, len(SEVERITY_COLORS))
