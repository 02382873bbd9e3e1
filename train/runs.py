"""The runs under a folder as a table: `python -m train.runs [FOLDER]`."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from grounding.errors import UserError, print_result, run_command
from grounding.keep.keep_record import TOKENS_KEPT
from grounding.keep.run_gains import read_run_gains
from grounding.layout import EXPORT_FOLDER
from grounding.run_record import FAILED, FINISHED, RUN_FILE, RUNNING, RunRecord, read_run
from grounding.tables import format_table
from train.checkpoints import numbered_checkpoints, step_of, what_is_missing
from train.launch.processes import marked
from train.launch.run_folder import is_finished, log_of
from train.launch.trainer_log import read_progress

HEADER = ("run", "model", "method", "steps", "loss", "AP50", "started (UTC)", "minutes", "state")
GAINS_HEADER = ("run", "set", "is", "score", "start", "now", "change")
SHARES = ("AP50", "f1_50", "words_exact", TOKENS_KEPT)
EPILOG = """Interrupted and failed runs resume: repeat the command that started them.
AP50 is the last score that `python -m infer` has measured for the run's checkpoint.
Runs with grounding_keep have rows in a second table: what they gained on their new data set and lost
on their old ones, from the start to the last evaluation (with intervals: python -m infer.compare RUN).

example:
  python -m train.runs checkpoints/demo"""


def find_runs(folder: Path) -> Iterator[Path]:
    """Yield the folders of the runs under a folder, sorted by name; a run's export is not a run.

    Raises:
        UserError: no such folder.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder: name the one that your runs lie in")
    for path in sorted(folder.rglob(RUN_FILE)):
        if not (path.parent.name == EXPORT_FOLDER and (path.parent.parent / RUN_FILE).is_file()):
            yield path.parent


def runs_table(folder: Path) -> str:
    """Return a table with a line for each run under a folder.

    Raises:
        UserError: no such folder.
    """
    rows: list[tuple[str, ...]] = []
    gained: list[tuple[str, ...]] = []
    for run in find_runs(folder):
        name = str(run.relative_to(folder)) if run != folder else run.name
        try:
            record = read_run(run)
        except UserError as error:
            rows.append((name, *[""] * (len(HEADER) - 2), str(error)))
            continue
        if record:
            rows.append((name, *describe_run(run, record)))
            gained += [(name, *cells) for cells in describe_gains(run)]
    if not rows:
        return f"no runs under {folder} yet: make train\n"
    tables = [format_table(HEADER, rows, numbers=False)]
    tables += [format_table(GAINS_HEADER, gained, numbers=False)] if gained else []
    return "\n\n".join(tables) + "\n"


def describe_gains(run: Path) -> Iterator[tuple[str, ...]]:
    """Yield a run's cells, after its name, of each set that it measures, and of KL(tuned || base)."""
    try:
        found = read_run_gains(run)
    except UserError as error:
        yield (str(error), *[""] * (len(GAINS_HEADER) - 2))
        return
    for gain in found.gains if found else ():
        is_share = gain.score in SHARES
        shown = [f"{value:.1%}" if is_share else f"{value:.3f}" for value in (gain.before, gain.after)]
        change = gain.after - gain.before
        yield (
            gain.name,
            gain.role,
            gain.score,
            *shown,
            f"{change * 100:+.1f}" if is_share else f"{change:+.3f}",
        )
    if found:
        moved = f"{found.divergence:.4f}"
        yield (f"all, at step {found.step}", "", "KL(tuned || base)", "0.0000", moved, f"+{moved}")


def describe_run(run: Path, record: RunRecord) -> tuple[str, ...]:
    """Return a run's cells after its name."""
    step, loss, total = record.step, record.loss, record.max_steps
    if record.starts[-1].state == RUNNING:  # run.json gets these values at the end; the log has them now
        progress = read_progress(log_of(run), record.log_start)
        step, total = progress.step or step, progress.max_steps or total
        loss = loss if progress.loss is None else progress.loss
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
    """Say whether a run is running, finished, stopped or failed, and from which step it would resume."""
    state = record.starts[-1].state
    if state == RUNNING and marked(record.mark):
        return RUNNING
    if state == FINISHED or (state == RUNNING and is_finished(run)):
        return FINISHED
    whole = [step_of(path) for path in numbered_checkpoints(run) if what_is_missing(path) is None]
    word = FAILED if state == FAILED else "stopped"
    return f"{word} at {step}, resumes from {max(whole, default=0)}"


def newest_score(run: Path, record: RunRecord, metric: str) -> str:
    """Return the last score of a run or of its export; one over the whole data set wins over a part."""
    exported = read_run(run / EXPORT_FOLDER)
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
    print_result(runs_table(parser.parse_args(argv).folder).rstrip("\n"))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main, resumes=False))
