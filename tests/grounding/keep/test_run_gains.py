"""What a run gained and lost, from its record alone."""

from pathlib import Path

from grounding.keep.keep_record import KeepPoint, KeptSet, add_point
from grounding.keep.run_gains import OLD, Gain, read_run_gains

SETS = (KeptSet("words", "data set", "data/words"), KeptSet("late", "data set", "data/late"))


def test_a_score_that_is_not_defined_at_both_ends_is_no_gain(tmp_path: Path) -> None:
    """The start answered no question about words so that CIDEr counts it; the next score stands for both."""
    add_point(tmp_path, SETS, KeepPoint(0, {"words": {"words_exact": 0.25, "KL": 0.0}}, 0.0))
    assert read_run_gains(tmp_path) is None
    now = {"words": {"CIDEr": 0.5, "words_exact": 0.75, "KL": 0.1}, "late": {"AP50": 0.5}}
    add_point(tmp_path, SETS, KeepPoint(4, now, 0.125))
    found = read_run_gains(tmp_path)
    assert found is not None
    assert found.gains == (Gain("words", OLD, "words_exact", 0.25, 0.75),)
    assert (found.step, found.divergence) == (4, 0.125)


def test_the_change_is_that_since_the_start(tmp_path: Path) -> None:
    for step, value in ((0, 0.25), (2, 0.5), (4, 0.125)):
        add_point(tmp_path, SETS, KeepPoint(step, {"words": {"AP50": value}}, 0.0))
    found = read_run_gains(tmp_path)
    assert found is not None
    assert [(gain.before, gain.after) for gain in found.gains] == [(0.25, 0.125)]
