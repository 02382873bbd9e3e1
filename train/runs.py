"""The runs under a folder as a table: `python -m train.runs [FOLDER]`."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from grounding.errors import UserError, run_command
from grounding.run_record import FAILED, FINISHED, RUN_FILE, RUNNING, RunRecord, read_run

HEADER: tuple[str, ...] = (
    "run",
    "model",
    "method",
    "steps",
    "loss",
    "AP50",
    "started (UTC)",
    "minutes",
    "state",
)
EXPORT = "export"
EPILOG = """A run that was stopped, killed or has failed goes on when the same command is started again.
AP50 is the newest score that `python -m infer` has measured for the run's checkpoint.

example:
  python -m train.runs checkpoints/demo"""


def find_runs(folder: Path) -> Iterator[Path]:
    """Yield the folders of runs under a folder, oldest name first; an export belongs to its run.

    Raises:
        UserError: no such folder.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder: name the one that your runs lie in")
    for path in sorted(folder.rglob(RUN_FILE)):
        if not (path.parent.name == EXPORT and (path.parent.parent / RUN_FILE).is_file()):
            yield path.parent


def table(folder: Path) -> str:
    """Return a line for each run under a folder.

    Raises:
        UserError: as `find_runs`.
    """
    rows = [HEADER]
    for run in find_runs(folder):
        name = str(run.relative_to(folder)) if run != folder else run.name
        try:
            record = read_run(run)
        except UserError as error:
            rows.append((name, *[""] * (len(HEADER) - 2), str(error)))
            continue
        if record:
            rows.append((name, *describe(run, record)))
    if len(rows) == 1:
        return f"no runs under {folder} yet: make train\n"
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n"
        for row in rows
    )


def describe(run: Path, record: RunRecord) -> tuple[str, ...]:
    """Return a run's cells after its name."""
    from train.launch.manifest import log_of, read_progress

    step, loss, total = record.step, record.loss, record.max_steps
    if record.starts[-1].state == RUNNING:  # run.json is written at the end: until then the log knows
        progress = read_progress(log_of(run), record.log_start)
        step, loss, total = progress.step or step, progress.loss or loss, progress.max_steps or total
    seconds = sum(start.seconds or 0 for start in record.starts)
    return (
        record.model,
        record.method,
        f"{step}/{total}" if total else str(step),
        "-" if loss is None else f"{loss:.4f}",
        newest_score(run, record, "AP50"),
        record.starts[0].started[:16].replace("T", " "),
        f"{seconds / 60:.1f}",
        state_of(run, record, step),
    )


def state_of(run: Path, record: RunRecord, step: int) -> str:
    """Say how a run stands, and from where it would go on."""
    from train.launch.checkpoints import numbered_checkpoints, step_of, what_is_missing
    from train.launch.processes import marked
    from train.launch.start import is_finished

    state = record.starts[-1].state
    if state == RUNNING and marked(record.mark):
        return RUNNING
    if state == FINISHED or (state == RUNNING and is_finished(run)):
        return FINISHED
    whole = [step_of(path) for path in numbered_checkpoints(run) if what_is_missing(path) is None]
    word = FAILED if state == FAILED else "stopped"
    return f"{word} at {step}, goes on from {max(whole, default=0)}"


def newest_score(run: Path, record: RunRecord, metric: str) -> str:
    """Return the last score of a run or of its export; one over the whole data set wins over a part."""
    exported = read_run(run / EXPORT)
    entries = [*record.scores.values(), *(exported.scores.values() if exported else ())]
    whole = [entry for entry in entries if entry.get("limit") is None]
    value = (whole or entries)[-1]["scores"].get(metric) if entries else None
    return "-" if value is None else f"{value:.1%}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run `python -m train.runs [FOLDER]`."""
    parser = argparse.ArgumentParser(
        prog="python -m train.runs",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("checkpoints"), help="default: checkpoints"
    )
    sys.stdout.write(table(parser.parse_args(argv).folder))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
