"""The front: new score against old score of all points, as PNG."""

import io
from collections.abc import Sequence

from train.blend.best_point import PointScores


def draw_front(points: Sequence[PointScores], best: PointScores, least_old: float, metric: str) -> bytes:
    """Draw the points joined in the order of their shares, the least old score, and the best point."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5), dpi=120, layout="constrained")
    axes = figure.subplots()
    old, new = [point.mean_old for point in points], [point.mean_new for point in points]
    axes.plot(old, new, "o-", color="#08519c", clip_on=False, label="points of the blend")
    axes.plot(
        [best.mean_old],
        [best.mean_new],
        "o",
        markersize=14,
        markerfacecolor="none",
        markeredgecolor="#cb181d",
        markeredgewidth=2,
        clip_on=False,
        label=f"best: alpha {best.share:g}",
    )
    axes.axvline(least_old, linestyle="--", color="0.5", label="least old score")
    for point in points:
        axes.annotate(
            f"{point.share:g}", (point.mean_old, point.mean_new), (6, 6), textcoords="offset points"
        )
    axes.set(xlabel=f"old {metric}", ylabel=f"new {metric}", title="share of the tuned weights")
    axes.margins(0.1)
    axes.legend(frameon=False)
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()
