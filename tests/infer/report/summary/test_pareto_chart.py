import pytest

from infer.report.summary.inspection_counts import ParetoBar
from infer.report.summary.pareto_chart import HEIGHT, MOST_BARS, pareto_chart

COLORS = {"major": "#f00", "minor": "#00f"}


def bars(*numbers: int) -> list[ParetoBar]:
    total = sum(numbers)
    return [
        ParetoBar(f"label {place}", number, number, {"minor": number}, sum(numbers[: place + 1]) / total)
        for place, number in enumerate(numbers)
    ]


def test_bars_and_line_share_their_scale() -> None:
    chart = pareto_chart(
        [ParetoBar("a", 6, 6, {"major": 2, "minor": 4}, 0.75), ParetoBar("b", 2, 2, {"major": 2}, 1.0)],
        COLORS,
    )
    assert chart is not None
    first, second = chart.columns
    assert [(piece.color, piece.height) for piece in first.pieces] == [
        ("#f00", pytest.approx(HEIGHT / 4)),
        ("#00f", pytest.approx(HEIGHT / 2)),
    ]
    assert first.pieces[-1].y == pytest.approx(first.line_y)  # the line begins at the top of the first bar
    assert second.line_y == 0
    assert pareto_chart([], COLORS) is None


def test_the_rarest_labels_share_a_bar() -> None:
    chart = pareto_chart(bars(*range(30, 10, -1)), COLORS)
    assert chart is not None
    assert len(chart.columns) == MOST_BARS
    assert chart.columns[-1].text == f"{20 - MOST_BARS + 1} others"
    assert sum(column.defects for column in chart.columns) == sum(range(11, 31))
    assert chart.columns[-1].line_y == 0


def test_long_labels_are_cut_and_chinese_ones_sooner() -> None:
    long = [ParetoBar(name, 1, 1, {"minor": 1}, 0.25) for name in ("x" * 99, "划" * 99, "crack", "划痕")]
    chart = pareto_chart(long, COLORS)
    assert chart is not None
    latin, chinese, *short = [column.text for column in chart.columns]
    assert short == ["crack", "划痕"]
    assert latin.endswith("x…")
    assert chinese.endswith("划…")
    assert abs(len(latin) - 2 * len(chinese)) <= 2
