"""The table of a check, and a report in Markdown that can be pasted into an issue."""

import platform
import re
from collections.abc import Iterator, Sequence

from grounding.tables import format_table, markdown_table
from train.gpu_check.execution.running import StepOutcome
from train.gpu_check.finding import LEFT_OUT, PASSED, WRONG
from train.gpu_check.reporting.anonymous import without_names
from train.gpu_check.workplace import Workplace
from train.launch.provenance import package_versions
from train.launch.run_folder import log_of
from train.launch.trainer_log import COLOUR

REPORT_FILE = "report.md"
HEADER = ("step", "expected", "found", "verdict")
TAIL_LINES = 20
LONGEST_LINE = 300
OUTPUT = "OUTPUT_DIR"
"""What stands for the output folder in the report."""

LONGEST_CELL = 60
"""Characters of a cell in a terminal; the report has all of them."""

FENCE = re.compile(r"`{3,}")


def outcome_table(outcomes: Sequence[StepOutcome]) -> str:
    """Return the table for a terminal."""
    rows = [tuple(_cut(cell, LONGEST_CELL) for cell in row) for row in _rows(outcomes)]
    return format_table(HEADER, rows, numbers=False) + "\n"


def report_text(outcomes: Sequence[StepOutcome], place: Workplace) -> str:
    """Return the report: versions, machine, table, and the last lines of the logs of failed steps."""
    counts = ", ".join(
        f"{number} {verdict}"
        for verdict in (PASSED, WRONG, LEFT_OUT)
        if (number := sum(outcome.found.verdict == verdict for outcome in outcomes))
    )
    versions = [(name, number) for name, number in package_versions().items()]
    drivers = sorted({card.driver for card in place.machine.cards})
    about = [
        f"{len(place.machine.cards)} GPUs: {place.machine.summary}"
        if place.machine.has_gpu
        else place.machine.summary,
        *(f"driver {driver}" for driver in drivers),
        f"{platform.system()} {platform.release()}, {platform.machine()}",
        f"model: {place.model_name or 'tiny'}",
        *([f"mixture: {place.settings.mixture}"] if place.settings.mixture else []),
    ]
    parts = [
        f"# GPU check: {counts}\n",
        "".join(f"- {line}\n" for line in about),
        markdown_table(("package", "version"), versions),
        markdown_table(HEADER, list(_rows(outcomes))),
        *_failed_logs(outcomes, place),
    ]
    return without_names("\n".join(parts).replace(str(place.folder), OUTPUT))


def _rows(outcomes: Sequence[StepOutcome]) -> Iterator[tuple[str, str, str, str]]:
    for outcome in outcomes:
        found = outcome.found
        yield f"{outcome.step.number} {outcome.step.name}", found.expected, found.found, found.verdict


def _failed_logs(outcomes: Sequence[StepOutcome], place: Workplace) -> Iterator[str]:
    """Yield the last lines of each failed step's log, and of the trainers' logs in its folder."""
    for outcome in outcomes:
        if outcome.found.verdict != WRONG:
            continue
        name = outcome.step.name
        runs = sorted(path.parent.parent for path in place.folder_of(name).glob("*/logs/train.log"))
        for log in (place.log_of(name), *map(log_of, runs)):
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
            said = [
                _cut(COLOUR.sub("", line.rpartition("\r")[2]), LONGEST_LINE) for line in lines if line.strip()
            ]
            tail = FENCE.sub("``", "\n".join(said[-TAIL_LINES:]))
            yield f"## {name}: the end of {log.relative_to(place.folder)}\n\n```text\n{tail}\n```\n"


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
