"""The picture of stats.json: six charts."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from grounding.regions.region_mark import REGION_KEY
from grounding.yes_no.yes_no_mark import YES_NO_KEY
from prepare.stats.counts import LENGTH_STEP, PHRASES_KEY

COLOURS = {"train": "#3465a4", "val": "#f0a030", "calibration": "#5fa055"}
OTHER_COLOUR = "#888888"
TOP_CATEGORIES = 20
FONT = ("mplfonts", "fonts/NotoSansCJKsc-Regular.otf")
"""A font with Chinese characters: the installed package, and the file in it."""

SOMETIMES = ((YES_NO_KEY, REGION_KEY), (PHRASES_KEY,))
"""Counts of records and of boxes that only some data sets have."""

MOST_BARS = 30


def draw_stats(stats: dict[str, Any], title: str, file: IO[bytes]) -> None:
    """Draw the counts of a data set as a PNG of 1500 x 1000 pixels."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    style = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False} | _font_family()
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(15, 10), dpi=100, layout="constrained")
        FigureCanvasAgg(figure)
        figure.suptitle(f"{title}: {_headline(stats['splits'])}", fontsize=13)
        (sizes, numbers, lengths), (categories, dropped, summary) = figure.subplots(2, 3)
        splits = stats["splits"]
        grid = {split: counts["box_sizes_on_grid"] for split, counts in splits.items()}
        _draw_shares(sizes, grid, "box size: √area in steps of the 0..1000 grid, from")
        boxes = {split: counts["boxes_per_record"] for split, counts in splits.items()}
        _draw_shares(numbers, boxes, "boxes in an answer", step=1)
        characters = {split: counts["answer_characters"]["classes"] for split, counts in splits.items()}
        _draw_shares(lengths, characters, "length of an answer: characters, from", step=LENGTH_STEP)
        _draw_categories(categories, stats["splits"])
        _draw_drops(dropped, stats["dropped"])
        _write_summary(summary, stats["splits"])
        # Without a version or date in the file, the same counts give the same bytes.
        figure.savefig(file, format="png", metadata={"Software": None})


def _font_family() -> dict[str, Any]:
    """Return the settings for a font with Chinese characters, {} if its package is not installed."""
    from matplotlib import font_manager

    spec = importlib.util.find_spec(FONT[0])
    path = Path(spec.origin).parent / FONT[1] if spec and spec.origin else None
    if path is None or not path.is_file():
        return {}
    font_manager.fontManager.addfont(str(path))
    name = font_manager.FontProperties(fname=str(path)).get_name()
    return {"font.family": [name, "DejaVu Sans"], "axes.unicode_minus": False}


def _headline(splits: dict[str, Any]) -> str:
    return "; ".join(
        f"{split} {counts['images']:,} images, {counts['records']:,} questions, {counts['boxes']:,} boxes"
        for split, counts in splits.items()
    )


def _draw_shares(axes: Any, splits: dict[str, dict[str, int]], label: str, step: int | None = None) -> None:
    """Draw the distributions of the splits side by side, in percent, so that a small val is visible, too.

    Empty classes are left out; with `step` they are drawn between the first and the last class.
    """
    names = sorted({int(name) for counts in splits.values() for name in counts})
    if step is not None and names:
        names = list(range(names[0], names[-1] + 1, step))
    shown, rest = names[:MOST_BARS], set(names[MOST_BARS:])
    labels = [str(name) for name in shown] + ([f"{min(rest)}+"] if rest else [])
    width = 0.8 / max(1, len(splits))
    for place, (split, counts) in enumerate(splits.items()):
        total = sum(counts.values()) or 1
        heights = [100 * counts.get(str(name), 0) / total for name in shown]
        heights += [100 * sum(counts.get(str(name), 0) for name in rest) / total] if rest else []
        left = [i + (place - (len(splits) - 1) / 2) * width for i in range(len(labels))]
        axes.bar(left, heights, width, color=COLOURS.get(split, OTHER_COLOUR), label=split)
    every = max(1, -(-len(labels) // 12))
    axes.set_xticks(range(0, len(labels), every), labels[::every])
    axes.set_xlabel(label)
    axes.set_ylabel("% of the split")
    axes.legend(frameon=False)


def _draw_categories(axes: Any, splits: dict[str, Any]) -> None:
    """Draw the share of each split's boxes that have the most frequent labels."""
    first = next(iter(splits.values()))["categories"]
    names = list(first)[:TOP_CATEGORIES]
    height = 0.8 / max(1, len(splits))
    for place, (split, counts) in enumerate(splits.items()):
        total = counts["boxes"] or 1
        shares = [100 * counts["categories"].get(name, 0) / total for name in names]
        places = [i + (place - (len(splits) - 1) / 2) * height for i in range(len(names))]
        axes.barh(places, shares, height, color=COLOURS.get(split, OTHER_COLOUR), label=split)
    axes.set_yticks(range(len(names)), [_short(name, 28) for name in names])
    axes.invert_yaxis()
    more = f", first {len(names)} of {len(first)}" if len(first) > len(names) else ""
    axes.set_xlabel(f"% of the split's boxes by label{more}")


def _draw_drops(axes: Any, dropped: dict[str, int]) -> None:
    if not dropped:
        axes.axis("off")
        axes.text(0.5, 0.5, "nothing was left out", ha="center", va="center", fontsize=11)
        return
    reasons = sorted(dropped, key=lambda reason: -dropped[reason])
    bars = axes.barh(range(len(reasons)), [dropped[reason] for reason in reasons], 0.35, color=OTHER_COLOUR)
    axes.bar_label(bars, [f"{dropped[reason]:,}" for reason in reasons], padding=3)
    for place, reason in enumerate(reasons):  # above the bar, as it is too long for the margin
        axes.text(0, place - 0.24, reason, va="bottom")
    axes.set_yticks([])
    axes.set_ylim(len(reasons) - 0.5, -0.8)
    axes.set_xlabel("left out, by reason")
    axes.margins(x=0.12)


def _write_summary(axes: Any, splits: dict[str, Any]) -> None:
    rows = [("", *splits)]
    asks, phrases = (
        [key for key in keys if any(key in counts for counts in splits.values())] for keys in SOMETIMES
    )
    for key in ("images", "records", *asks, "records_without_objects", "boxes", *phrases):
        rows.append((key.replace("_", " "), *(f"{counts.get(key, 0):,}" for counts in splits.values())))
    rows.append(("labels", *(f"{len(counts['categories']):,}" for counts in splits.values())))
    for share, name in (("50", "median"), ("99", "99 % at most"), ("100", "longest")):
        values = (counts["answer_characters"]["percentiles"][share] for counts in splits.values())
        rows.append((f"answer characters, {name}", *(f"{value:,}" for value in values)))
    axes.axis("off")
    _write_rows(axes, rows)


def _write_rows(axes: Any, rows: Sequence[Sequence[str]]) -> None:
    for line, row in enumerate(rows):
        y = 0.95 - line * 0.1
        axes.text(0.0, y, row[0], transform=axes.transAxes)
        for column, text in enumerate(row[1:]):
            axes.text(0.72 + 0.26 * column, y, text, transform=axes.transAxes, ha="right")


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
