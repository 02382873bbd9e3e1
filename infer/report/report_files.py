"""The files of a report: a JSON for each picture, the summary as JSON, CSV and HTML, and the schema."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grounding.files import is_regular, write_json, write_text
from infer.report.inspection_types import SCHEMA_FILE, Inspection, schema_text
from infer.report.rules.rule_set import RuleSet
from infer.report.summary.csv_tables import write_tables
from infer.report.summary.html_report import ReportPage, render_report
from infer.report.summary.inspection_counts import InspectionCounts, count_inspections
from infer.report.threshold.threshold_file import ChosenThreshold

PICTURES_FOLDER = "pictures"
SUMMARY_FILE, HTML_FILE = "summary.json", "report.html"


@dataclass(frozen=True)
class ReportFolder:
    """Where a report goes, and what it says beside the inspections."""

    folder: Path
    rules: RuleSet
    threshold: ChosenThreshold | None
    title: str
    shown: int

    def path_of(self, name: str) -> Path:
        """Return where the JSON of a picture is, by the name of the picture in its folder."""
        return self.folder / PICTURES_FOLDER / f"{name}.json"

    def write_inspection(self, inspection: Inspection) -> Path:
        """Write the JSON of one picture, unless it is there already, and return its path.

        Raises:
            UserError: it cannot be written.
        """
        path = self.path_of(inspection["picture"]["file"])
        text = json.dumps(inspection, ensure_ascii=False, indent=2) + "\n"
        if not (is_regular(path) and path.read_bytes() == text.encode("utf-8")):
            write_text(path, text)
        return path

    def write_summary(self, inspections: Sequence[Inspection], paths: Mapping[str, Path]) -> InspectionCounts:
        """Write report.html, the CSV files, summary.json and the schema, and return the counts.

        `paths` has the place of each picture's file, by its name.

        Raises:
            UserError: a file cannot be written.
        """
        counts = count_inspections(inspections, self.rules.severities)
        write_text(self.folder / SCHEMA_FILE, schema_text())
        write_json(self.folder / SUMMARY_FILE, counts.as_json() | {"threshold": self.threshold})
        write_tables(self.folder, inspections, counts)
        page = ReportPage(self.title, self.rules, self.threshold, self.shown)
        write_text(self.folder / HTML_FILE, render_report(page, inspections, counts, paths))
        return counts


def inspection_line(inspection: Inspection) -> str:
    """Return the line of a report about one picture: time, verdict, file, and what was found."""
    found = [
        f"{row['severity']} {row['label']}"
        + ("" if row["confidence"] is None else f" {row['confidence']:.2f}")
        for row in inspection["defects"]
        if row["counts"]
    ]
    said = ", ".join(found) or "; ".join(inspection["reasons"]) or "no defect"
    return f"{inspection['time']}  {inspection['verdict']}  {inspection['picture']['file']}  {said}"


def summary_lines(counts: InspectionCounts, folder: Path) -> str:
    """Return the lines that a report ends with."""
    bars = ", ".join(f"{bar.label} {bar.defects}" for bar in counts.pareto[:5]) or "none"
    return (
        f"passed: {counts.passed}\n"
        f"defects: {counts.defects} ({bars})\n"
        f"for a person first: {len(counts.uncertain)} uncertain, of which {counts.unreadable} unreadable\n"
        f"{folder / HTML_FILE}"
    )
