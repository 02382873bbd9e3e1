"""Scores a predictions file and writes scores.json, scores.md, COCO results, curves and run.json."""

from collections.abc import Sequence
from pathlib import Path

from grounding.errors import UserError
from grounding.files import write_json, write_text
from grounding.layout import COCO_RESULTS_FILE, SCORES_FILE, SCORES_REPORT_FILE
from grounding.run_record import add_scores
from infer.recipe import saved_recipe
from infer.scoring.evaluation import Evaluation
from infer.scoring.inputs import read_evaluation
from infer.scoring.likely_cause import likely_cause
from infer.scoring.metrics.coco_ap import results_of
from infer.scoring.other_tools.habits import USUAL_HABITS, PredictionHabits
from infer.scoring.resampling.bootstrap import DRAWS
from infer.scoring.score_report import BY_KIND, markdown_report, terminal_report
from infer.scoring.scorecard import Scores, score
from infer.scoring.visualdl_scalars import find_curves, trained_steps, write_curves


def write_scores(
    predictions: Path,
    dataset: Path | None = None,
    draws: int = DRAWS,
    curves: Path | None = None,
    max_detections: int | None = None,
    habits: PredictionHabits = USUAL_HABITS,
    by: Sequence[str] = (),
) -> str:
    """Score a predictions file, write the results beside it, and return the report for the terminal.

    If the predictions belong to a training run, its folder gets curves, and its run.json the metrics.
    `curves` is another folder for the curves, `max_detections` another limit than that of infer.yaml.
    `habits` say what a file of another tool does not. `by` names more tables of the report.

    Raises:
        UserError: see `read_evaluation`, or predictions whose name is that of a file to write.
    """
    if predictions.name in (SCORES_FILE, SCORES_REPORT_FILE):
        raise UserError(f"{predictions}: the scores would replace it: give the predictions another name")
    evaluation = read_evaluation(predictions, dataset, None, max_detections, habits)
    scores = score(evaluation, draws, with_kind_intervals=BY_KIND in by)
    folder = predictions.parent
    images, total = evaluation.predictions, evaluation.images_in_data_set
    save_scores(predictions, evaluation, scores)
    add_to_run_record(folder, dataset, scores)
    written = [str(folder / SCORES_FILE), SCORES_REPORT_FILE, *([COCO_RESULTS_FILE] if images else [])]
    if (file := _write_curves(predictions, scores, curves)) is not None:
        written.append(str(file))
    note = "" if len(images) == total else " (limit)"
    files = ", ".join(written)
    cause = likely_cause(images, scores)
    lines = [*evaluation.notes, *scores.notes, *([] if cause is None else [cause])]
    report = "\n".join((terminal_report(scores, by), *(f"{line}\n" for line in lines)))
    counts = [f"{len(images)} of {total} images"] if images else []
    counts += [f"{len(evaluation.descriptions)} regions"] if evaluation.descriptions else []
    return f"{report}\n{' and '.join(counts)} scored{note if images else ''}: {files}\n"


def save_scores(predictions: Path, evaluation: Evaluation, scores: Scores) -> None:
    """Write scores.json, scores.md and the COCO results beside a predictions file."""
    folder = predictions.parent
    if evaluation.predictions and predictions.resolve() != (folder / COCO_RESULTS_FILE).resolve():
        write_json(folder / COCO_RESULTS_FILE, results_of(evaluation))
    title = f"Scores of {folder.name or predictions.name}"
    write_text(folder / SCORES_REPORT_FILE, markdown_report(scores, title))
    write_json(folder / SCORES_FILE, scores.as_json())


def add_to_run_record(folder: Path, dataset: Path | None, scores: Scores) -> None:
    """Add the metrics to the run.json of the checkpoint that made the predictions in `folder`.

    Nothing happens if infer.yaml names no checkpoint, as for a server's model.
    """
    if (recipe := saved_recipe(folder)) and recipe.checkpoint:
        about = {"dataset": str(dataset or recipe.dataset), "split": recipe.split, "limit": recipe.limit}
        add_scores(Path(recipe.checkpoint), folder, {**about, "scores": scores.metrics})


def _write_curves(predictions: Path, scores: Scores, given: Path | None) -> Path | None:
    """Write the curves into the given folder or the training run's; without a folder return None."""
    own = find_curves(predictions)
    folder = given or own
    if folder is None:
        return None
    step = 0 if own is None else trained_steps(own)
    return write_curves(scores, folder, step, int(predictions.stat().st_mtime))
