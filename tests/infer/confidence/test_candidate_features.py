import math
from pathlib import Path

import pytest

from grounding.answers.asked import Asked
from grounding.answers.reader import read_answer
from grounding.boxes import Box, Size
from infer.confidence.box_features import FEATURE_NAMES, SOFTENING
from infer.confidence.calibration import BeingFitted, is_current
from infer.confidence.calibration_file import load_calibration, save_calibration
from infer.confidence.candidate_features import ALL_FEATURES, candidate_features, with_candidates
from tests.infer.confidence.made_calibrations import calibration_of, weighing_of

SIZE = Size(1000, 1000)
ASKED = Asked(
    (SIZE,),
    (Box(0, 0, 100, 100), Box(0, 0, 100, 60), Box(500, 500, 600, 600)),
    (("dog", 0.9), ("dog", 0.3), (None, None)),
)


def logit(share: float) -> float:
    return round(math.log((share + SOFTENING) / (1 - share + SOFTENING)), 4)


def test_features_tell_what_the_detector_thought() -> None:
    reading = read_answer("dog#2, cat(0,0),(100,100), dog(500,500),(600,600), cow(800,0),(900,9)", ASKED)
    assert candidate_features(reading, ASKED) == [
        (logit(0.9), 1.0, 1.0, 1.0),  # the best candidate with this box and label
        (logit(0.0), 1.0, 0.0, 1.0),  # no candidate has the label
        (logit(0.0), 1.0, 0.0, 1.0),  # a candidate without label and score
        (logit(0.0), 0.0, 0.0, 1.0),
    ]


def test_a_question_without_candidates_has_none() -> None:
    reading = read_answer("dog(0,0),(100,100)", SIZE)
    assert candidate_features(reading, Asked((SIZE,))) == [(logit(0.0), 0.0, 0.0, 0.0)]


def test_they_are_there_only_where_they_are_weighed() -> None:
    reading = read_answer("dog#1", ASKED)
    plain = [tuple(map(float, range(len(FEATURE_NAMES))))]
    assert with_candidates(plain, reading, ASKED, FEATURE_NAMES) == plain
    (more,) = with_candidates(plain, reading, ASKED, BeingFitted(ALL_FEATURES).names)
    assert more is not None
    assert len(more) == len(ALL_FEATURES)
    assert with_candidates([None], reading, ASKED, ALL_FEATURES) == [None]


def test_old_calibrations_load_and_new_ones_have_more_features(tmp_path: Path) -> None:
    old = calibration_of(weighing_of(1.0))
    count = len(ALL_FEATURES)
    many = dict.fromkeys(("scales", "highs", "weights"), (1.0,) * count)
    many |= dict.fromkeys(("means", "lows"), (0.0,) * count)
    new = calibration_of(weighing_of(names=ALL_FEATURES, **many))
    for calibration in (old, new):
        assert is_current(calibration.weighing)
        save_calibration(calibration, tmp_path / "calibration.json")
        assert load_calibration(tmp_path / "calibration.json") == calibration
    assert not is_current(weighing_of(names=ALL_FEATURES[:-1]))
    assert new.scores([(0.0,) * (count - 1) + (1.0,)]) == [pytest.approx(1 / (1 + math.exp(-1)), abs=1e-4)]
