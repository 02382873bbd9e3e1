"""Measures the calibration of a predictions file, and writes diagram and numbers."""

from dataclasses import asdict
from pathlib import Path

from grounding.card import load_card
from grounding.errors import UserError
from grounding.files import replacing, write_json
from grounding.layout import ANNOTATIONS_FILE, dataset_of_predictions
from grounding.predictions.annotations import objects_by_image, read_annotations
from grounding.predictions.prediction_rows import read_predictions
from grounding.tables import format_table
from infer.scoring.calibration.judging import judge_boxes
from infer.scoring.calibration.measures import Reliability, measure_reliability
from infer.scoring.calibration.plot import draw_reliability


def write_reliability(predictions: Path, dataset: Path | None, picture: Path) -> Reliability:
    """Measure a predictions file, write the diagram as PNG and, beside it, the numbers as JSON.

    Raises:
        UserError: no such file, no box with a score, or no data set known.
    """
    folder = dataset_of_predictions(predictions, dataset)
    annotations = read_annotations(folder / ANNOTATIONS_FILE)
    judged = judge_boxes(read_predictions(predictions), *objects_by_image(annotations, load_card(folder)))
    scored = [(score, is_right) for score, is_right in judged if score is not None]
    if not scored:
        raise UserError(
            f"{predictions}: no box has a score: ask with score=mean_logprob, or after infer.calibrate with "
            "score=calibrated"
        )
    reliability = measure_reliability(scored, len(judged) - len(scored))
    write_json(picture.with_suffix(".json"), asdict(reliability))
    with replacing(picture) as file:
        file.write(draw_reliability(reliability))
    return reliability


def reliability_text(reliability: Reliability) -> str:
    """Return the table of bins, and a line with calibration error and AUROC."""
    rows = [
        [
            f"{item.low:.1f} to {item.high:.1f}",
            str(item.boxes),
            *("-" if share is None else f"{share:.1%}" for share in (item.mean_score, item.precision)),
        ]
        for item in reliability.bins
    ]
    table = format_table(["score", "boxes", "mean score", "right at IoU 0.5"], rows)
    auroc = "-" if reliability.auroc is None else f"{reliability.auroc:.3f}"
    return (
        f"{table}\n{reliability.boxes} boxes, {reliability.boxes_without_score} without a score; "
        f"calibration error {reliability.calibration_error:.3f}, AUROC {auroc}"
    )
