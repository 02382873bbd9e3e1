"""`python -m infer.reliability PREDICTIONS`: does a box's score tell how often such boxes are right?"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from grounding.errors import UserError, run_command
from grounding.files import replacing, write_json

if TYPE_CHECKING:
    from grounding.samples import Detection
    from infer.runs.predictions import Prediction

BINS = 10
IOU_THRESHOLD = 0.5


@dataclass(frozen=True)
class Bin:
    """The boxes with a score in (low, high]: their number, mean score, and share that is right."""

    low: float
    high: float
    boxes: int
    mean_score: float | None
    precision: float | None


@dataclass(frozen=True)
class Reliability:
    """What reliability.json holds; a box is right where it matches an object at IoU 0.5.

    `calibration_error` is the mean distance of score and precision over the bins, each by its share of the
    boxes (expected calibration error; Guo et al., On Calibration of Modern Neural Networks, ICML 2017).
    `auroc` is the chance that a right box has a higher score than a wrong one, ties counting half; None
    where all are right or all wrong.
    """

    boxes: int
    boxes_without_score: int
    precision: float
    mean_score: float
    calibration_error: float
    auroc: float | None
    bins: tuple[Bin, ...]


def measure_reliability(scored: Sequence[tuple[float, bool]], without_score: int = 0) -> Reliability:
    """Compare the scores of boxes, each with whether it is right, with how often they are."""
    members: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for score, is_right in scored:
        # The upper edge belongs to the bin; a float's last bit must not lift 0.3 over it.
        members[min(BINS - 1, max(0, -int(-(score * BINS - 1e-9) // 1) - 1))].append((score, is_right))
    bins = tuple(
        Bin(
            number / BINS,
            (number + 1) / BINS,
            len(group),
            _mean(score for score, _ in group),
            _mean(is_right for _, is_right in group),
        )
        for number, group in enumerate(members)
    )
    gaps = (
        abs(item.mean_score - item.precision) * item.boxes
        for item in bins
        if item.mean_score is not None and item.precision is not None
    )
    return Reliability(
        boxes=len(scored),
        boxes_without_score=without_score,
        precision=_mean(is_right for _, is_right in scored) or 0.0,
        mean_score=_mean(score for score, _ in scored) or 0.0,
        calibration_error=sum(gaps) / len(scored) if scored else 0.0,
        auroc=_auroc(scored),
        bins=bins,
    )


def right_or_wrong(
    predictions: Iterable["Prediction"],
    objects: dict[int, list["Detection"]],
    crowds: dict[int, list["Detection"]],
) -> list[tuple[float | None, bool]]:
    """Return each detection's score, and whether it matches an object of its label at IoU 0.5.

    Objects are matched one to one, as `grounding.matching` does; what lies in a crowd region is left out.
    """
    from grounding.matching import pair_boxes, share_inside

    judged: list[tuple[float | None, bool]] = []
    for prediction in predictions:
        wanted = objects.get(prediction.image_id, [])
        for label in dict.fromkeys(found.label for found in prediction.detections):
            found = [item for item in prediction.detections if item.label == label]
            boxes = [item.box for item in wanted if item.label == label]
            pairs = pair_boxes([item.box for item in found], boxes, IOU_THRESHOLD)
            right = {pair[0] for pair in pairs}
            regions = [item.box for item in crowds.get(prediction.image_id, []) if item.label == label]
            judged += [
                (item.score, row in right)
                for row, item in enumerate(found)
                if row in right
                or not any(share_inside(item.box, region) >= IOU_THRESHOLD for region in regions)
            ]
    return judged


def report(predictions_path: Path, dataset: Path | None, output: Path) -> Reliability:
    """Measure a predictions file, and write the picture and, beside it, the numbers as JSON.

    Raises:
        UserError: no such file, predictions without a score, or nothing that tells the data set.
    """
    from grounding.card import load_card
    from infer.recipe import saved_recipe
    from infer.runs.predictions import read_predictions
    from infer.scoring.ground_truth import ANNOTATIONS_FILE, objects_by_image, read_annotations

    recipe = saved_recipe(predictions_path.parent)
    if dataset is None and recipe is None:
        raise UserError(f"{predictions_path.parent}: no infer.yaml to tell the data set: add --dataset DIR")
    folder = dataset or recipe.dataset_path  # type: ignore[union-attr]
    annotations = read_annotations(folder / ANNOTATIONS_FILE)
    predictions = read_predictions(predictions_path)
    judged = right_or_wrong(predictions, *objects_by_image(annotations, load_card(folder)))
    scored = [(score, is_right) for score, is_right in judged if score is not None]
    if not scored:
        raise UserError(
            f"{predictions_path}: no box has a score: ask with score=mean_logprob or score=min_prob"
        )
    reliability = measure_reliability(scored, len(judged) - len(scored))
    write_json(output.with_suffix(".json"), asdict(reliability))
    with replacing(output) as file:
        file.write(draw_reliability(reliability))
    return reliability


def draw_reliability(reliability: Reliability) -> bytes:
    """Draw precision and number of boxes by score, and return the picture as PNG."""
    import io

    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 6), dpi=120, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    middles = [(item.low + item.high) / 2 for item in reliability.bins]
    precisions = [item.precision or 0.0 for item in reliability.bins]
    filled = [item for item in reliability.bins if item.mean_score is not None]
    upper.bar(middles, precisions, width=0.094, color="#9ecae1", label="precision of the bin")
    upper.plot(
        [item.mean_score for item in filled],
        [item.precision for item in filled],
        "o-",
        clip_on=False,
        color="#08519c",
        label="at the bin's mean score",
    )
    upper.plot([0, 1], [0, 1], "--", color="0.4", label="score = precision")
    auroc = "-" if reliability.auroc is None else f"{reliability.auroc:.3f}"
    upper.set(
        xlim=(0, 1),
        ylim=(0, 1.02),
        ylabel="precision at IoU 0.5",
        title=f"{reliability.boxes} boxes, calibration error {reliability.calibration_error:.3f}, "
        f"AUROC {auroc}",
    )
    upper.legend(loc="upper left", frameon=False)
    lower.bar(middles, [item.boxes for item in reliability.bins], width=0.094, color="#bdbdbd")
    lower.set(xlabel="score", ylabel="boxes")
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def _mean(values: Iterable[float]) -> float | None:
    listed = list(values)
    return sum(listed) / len(listed) if listed else None


def _auroc(scored: Sequence[tuple[float, bool]]) -> float | None:
    """Return the area under the ROC curve by ranks, equal scores sharing theirs (Mann and Whitney)."""
    right = sum(is_right for _, is_right in scored)
    wrong = len(scored) - right
    if not (right and wrong):
        return None
    counts: dict[float, list[int]] = {}
    for score, is_right in scored:
        counts.setdefault(score, [0, 0])[is_right] += 1
    below, wins = 0, 0.0
    for score in sorted(counts):
        wrong_here, right_here = counts[score]
        wins += right_here * (below + wrong_here / 2)
        below += wrong_here
    return wins / (right * wrong)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, write picture and numbers, and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m infer.reliability",
        description=__doc__,
        epilog="example: python -m infer.reliability checkpoints/demo/eval_after",
    )
    parser.add_argument("predictions", type=Path, help="predictions.jsonl, or the folder that holds it")
    parser.add_argument("--dataset", type=Path, help="prepared data set (default: what infer.yaml names)")
    parser.add_argument("--output", type=Path, help="PNG file (default: reliability.png beside the rows)")
    arguments = parser.parse_args(argv)
    from grounding.layout import PREDICTIONS_FILE
    from grounding.tables import format_table

    path = arguments.predictions
    path = path / PREDICTIONS_FILE if path.is_dir() else path
    output = arguments.output or path.with_name("reliability.png")
    measured = report(path, arguments.dataset, output)
    rows = [
        [
            f"{item.low:.1f} to {item.high:.1f}",
            str(item.boxes),
            *("-" if share is None else f"{share:.1%}" for share in (item.mean_score, item.precision)),
        ]
        for item in measured.bins
    ]
    table = format_table(["score", "boxes", "mean score", "right at IoU 0.5"], rows)
    auroc = "-" if measured.auroc is None else f"{measured.auroc:.3f}"
    sys.stdout.write(
        f"{table}\n{measured.boxes} boxes, {measured.boxes_without_score} without a score; "
        f"calibration error {measured.calibration_error:.3f}, AUROC {auroc}: {output}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
