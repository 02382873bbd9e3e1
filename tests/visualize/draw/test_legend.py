from visualize.draw.colors import WHITE
from visualize.draw.legend import draw_legend
from visualize.draw.marks import LEGEND_OUTCOMES, OUTCOME_COLORS


def test_the_legend_of_a_small_picture_is_wide_enough_for_its_words():
    narrow, wide = (draw_legend(width, 12, dict.fromkeys(LEGEND_OUTCOMES, 7)) for width in (10, 900))
    assert (wide.width, wide.height) < (901, 40)
    assert 60 < narrow.width < 200
    assert narrow.height > 3 * wide.height / 2


def test_every_outcome_has_its_colour_in_the_legend():
    strip = draw_legend(600, 12, dict.fromkeys(LEGEND_OUTCOMES))
    shown = {color for _, color in strip.getcolors(1 << 20)}
    assert {OUTCOME_COLORS[outcome] for outcome in LEGEND_OUTCOMES} <= shown
    assert WHITE not in shown
