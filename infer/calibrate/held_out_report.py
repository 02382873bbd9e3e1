"""What a calibration is worth on images that it was not fitted on: error of the scores, and AP."""

from collections.abc import Sequence
from dataclasses import dataclass

from grounding.tables import format_table
from infer.calibrate.judged_boxes import JudgedAnswers
from infer.calibrate.order_scores import CALIBRATED, ScoredOrder
from infer.scoring.calibration.measures import Reliability, measure_reliability


@dataclass(frozen=True)
class OrderQuality:
    """Scores of one kind: AP and AP50 of their order, and how far they are from being probabilities.

    `brier` is the mean squared distance of score and correctness (Brier, Monthly Weather Review, 1950).
    """

    name: str
    ap: float | None
    ap50: float | None
    reliability: Reliability
    brier: float


def measure_orders(answers: JudgedAnswers, orders: Sequence[ScoredOrder]) -> list[OrderQuality]:
    """Measure the scores of each kind on the judged boxes."""
    qualities = []
    for order in orders:
        scored = [
            (score, box.is_right)
            for score, box in zip(order.scores, answers.boxes, strict=True)
            if box.is_judged
        ]
        brier = sum((score - is_right) ** 2 for score, is_right in scored) / len(scored)
        statistics = order.coco.statistics
        qualities.append(
            OrderQuality(order.name, statistics["AP"], statistics["AP50"], measure_reliability(scored), brier)
        )
    return qualities


def measured_figures(qualities: Sequence[OrderQuality]) -> dict[str, float]:
    """Return the figures for calibration.json: those of the calibrated scores, and AP of all kinds."""
    figures = {f"AP {item.name}": item.ap for item in qualities}
    calibrated = next(item for item in qualities if item.name == CALIBRATED)
    figures |= {
        "AUROC": calibrated.reliability.auroc,
        "ECE": calibrated.reliability.calibration_error,
        "Brier": calibrated.brier,
    }
    return {name: round(value, 4) for name, value in figures.items() if value is not None}


def format_orders(qualities: Sequence[OrderQuality]) -> str:
    """Return the table of all kinds of scores; what is no probability has no error as one."""
    rows = [
        [
            item.name,
            _shown(item.ap),
            _shown(item.ap50),
            _shown(item.reliability.auroc),
            _shown(item.reliability.calibration_error),
            _shown(item.brier),
        ]
        for item in qualities
    ]
    return format_table(["scores", "AP", "AP50", "AUROC", "ECE", "Brier"], rows)


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
