"""The reliability diagram: precision and number of boxes by score."""

import io

from infer.scoring.calibration.measures import Reliability


def draw_reliability(reliability: Reliability) -> bytes:
    """Draw precision and number of boxes by score, and return the picture as PNG."""
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
