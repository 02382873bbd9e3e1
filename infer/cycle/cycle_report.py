"""The report of `python -m infer.cycle`: how many descriptions were found again, with intervals."""

from collections import Counter
from pathlib import Path

from grounding.tables import format_table
from infer.cycle.cycle_run import read_descriptions
from infer.scoring.metric_texts import show_interval, show_value
from infer.scoring.metrics.word_scores import cycle_ratios
from infer.scoring.resampling.bootstrap import LEVEL, draw_images, interval
from infer.scoring.words.cycle_answers import add_cycle


def cycle_report(predictions: Path) -> str:
    """Return the table of the descriptions that were asked back, and a line on those without words."""
    found, _ = add_cycle(read_descriptions(predictions), predictions.parent)
    asked = [item for item in found if item.cycle_iou is not None]
    weights = draw_images([item.picture for item in asked])
    rows = [
        [key, show_value(key, ratio.value), show_interval(key, interval(ratio.resample(weights)))]
        for key, ratio in cycle_ratios(asked).items()
    ]
    table = format_table(("metric", "value", f"{LEVEL} % interval"), rows)
    kinds = Counter(bool(item.words) for item in asked)
    silent = f", {kinds[False]} of them without words" if kinds[False] else ""
    return f"{table}\n\n{len(asked)} of {len(found)} descriptions{silent}"
