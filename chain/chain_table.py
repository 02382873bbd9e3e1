"""The tables of a chain: what its steps have to do; and at the end their time, results and scores."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from chain.planned_steps import PlannedStep
from chain.step_decisions import StepRecord, Verdict
from grounding.errors import UserError
from grounding.files import read_json
from grounding.layout import SCORES_FILE
from grounding.suites.suite_recipe import SUITES_FOLDER, TABLE_JSON
from grounding.tables import format_table, markdown_table
from infer.report.report_files import SUMMARY_FILE
from infer.suite.suite_means import DIFFERENCE

HEADLINES = ("AP", "AP50", "f1_50", "mean_iou", "readable", "ref_accuracy_50", "pope_f1")
"""The scores of predictions that the table shows, where they are defined; suites name their own."""

PASSED = "passed"
"""The share of pictures that pass by the rules of a report, and its name in the report's summary."""

Cells = list[list[str]]

PLAN_HEADER = ("step", "command", "state", "because", "output")
STEP_HEADER = ("step", "command", "time", "output")
SCORE_HEADER = ("step", "set", "asked", "score", "value", "95 %")


def plan_text(steps: Sequence[PlannedStep], verdicts: Mapping[str, Verdict]) -> str:
    """Return the table of what would be done."""
    rows = []
    for step in steps:
        verdict = verdicts[step.name]
        first, *more = verdict.reasons or ("",)
        because = f"{first} (and {len(more)} more)" if more else first
        rows.append([step.name, _command(step), verdict.state, because, str(step.output)])
    return format_table(PLAN_HEADER, rows, numbers=False)


def result_text(steps: Sequence[PlannedStep], records: Mapping[str, StepRecord]) -> str:
    """Return the table of the steps, that of their scores, and notes about these, for a terminal."""
    rows, scores = _step_rows(steps, records), list(_score_rows(steps))
    parts = [format_table(STEP_HEADER, rows, numbers=False)]
    parts += [format_table(SCORE_HEADER, scores, numbers=False)] if scores else []
    notes = list(_notes(steps))
    return "\n\n".join([*parts, *(["\n".join(notes)] if notes else [])])


def result_markdown(title: str, steps: Sequence[PlannedStep], records: Mapping[str, StepRecord]) -> str:
    """Return the same as Markdown."""
    rows, scores = _step_rows(steps, records), list(_score_rows(steps))
    parts = [f"# {title}\n", markdown_table(STEP_HEADER, rows)]
    parts += [markdown_table(SCORE_HEADER, scores)] if scores else []
    notes = "".join(f"- {note}\n" for note in _notes(steps))
    return "\n".join([*parts, *([notes] if notes else [])])


def _command(step: PlannedStep) -> str:
    return str(step.settings["run"])


def _step_rows(steps: Sequence[PlannedStep], records: Mapping[str, StepRecord]) -> Cells:
    return [
        [step.name, _command(step), _time(records[step.name].seconds), str(step.output)] for step in steps
    ]


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _suite_tables(steps: Sequence[PlannedStep]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the tables of suites by step: those of its own command, and those that a training has run."""
    own = {step.output for step in steps}
    for step in steps:
        if _command(step) == "infer.suite":
            yield step.name, _content(step.output / TABLE_JSON)
        elif _command(step) == "train":
            for path in sorted((step.output / SUITES_FOLDER).glob(f"*/{TABLE_JSON}")):
                if path.parent not in own:
                    yield step.name, _content(path)


def _score_rows(steps: Sequence[PlannedStep]) -> Iterator[list[str]]:
    """Yield a row for each score of each step that has measured some, from the files of its command."""
    for step in steps:
        if _command(step) in ("infer", "infer.parallel"):
            scores = _content(step.output / SCORES_FILE)
            shown = [key for key in HEADLINES if scores.get(key) is not None]
            asked = f"{scores['images']} images" if "images" in scores else ""
            yield from _rows([step.name, "val", asked], shown, scores, scores.get("intervals", {}))
        elif _command(step) == "infer.report" and (summary := _content(step.output / SUMMARY_FILE)):
            passed = summary[PASSED]
            about = [step.name, "", f"{passed['total']} pictures"]
            interval = passed["low"], passed["high"]
            yield from _rows(about, [PASSED], {PASSED: passed["share"]}, {PASSED: interval})
    for name, table in _suite_tables(steps):
        for row in table.get("rows", ()):
            about, is_change = [name, row["name"], row["asked"]], row["kind"] == DIFFERENCE
            yield from _rows(about, table["metrics"], row["values"], row["intervals"], is_change=is_change)


def _notes(steps: Sequence[PlannedStep]) -> Iterator[str]:
    for name, table in _suite_tables(steps):
        for about, notes in table.get("notes", {}).items():
            yield from (f"note: {name}: {about}: {note}" for note in notes)


def _rows(
    about: list[str],
    metrics: Sequence[str],
    values: Mapping[str, Any],
    intervals: Mapping[str, Any],
    *,
    is_change: bool = False,
) -> Iterator[list[str]]:
    from infer.scoring.metric_texts import show_change, show_interval, show_value

    for key in metrics:
        value = values.get(key)
        text = show_change(key, value) if is_change and value is not None else show_value(key, value)
        yield [*about, key, text, show_interval(key, intervals.get(key), sign=is_change)]


def _content(path: Path) -> dict[str, Any]:
    """Read a JSON object; a step that has no scores, as of a split without annotations, has no such file."""
    if not path.is_file():
        return {}
    content = read_json(path)
    if not isinstance(content, dict):
        raise UserError(f"{path}: not scores: run the step again")
    return content
