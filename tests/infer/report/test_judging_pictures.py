from pathlib import Path

import pytest

from grounding.boxes import Box, Size
from grounding.samples import Detection
from infer.report.inspection_types import Inspection, inspection_adapter
from infer.report.judging_pictures import describe_box, judge_picture
from infer.report.pictures.answered_picture import AnsweredPicture, FileIdentity
from infer.report.rules.rules_file import read_rules
from tests.infer.report.drawn_defects import LABELS, PROVENANCE, RULES, SIZE

ON_SEAL, BESIDE = Box(10, 10, 30, 20), Box(70, 10, 90, 20)


def judge(
    folder: Path,
    *found: Detection,
    threshold: float | None = None,
    readable: bool = True,
    size: Size | None = SIZE,
) -> Inspection:
    (folder / "rules.yaml").write_text(RULES, encoding="utf-8")
    picture = AnsweredPicture(
        "a.png", folder / "a.png", FileIdentity("0" * 64, 1, 2), size, found, (None,) * len(found), (),
        readable, "2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    judged = judge_picture(picture, read_rules(folder / "rules.yaml", LABELS), threshold, PROVENANCE)
    inspection_adapter().validate_python(judged, strict=True)
    return judged


@pytest.mark.parametrize(
    ("score", "threshold", "verdict", "doubt"),
    [
        (0.9, 0.5, "fail", 0.2),
        (0.5, 0.5, "fail", 1.0),
        (0.4, 0.5, "pass", 0.8),
        (1.0, 0.5, "fail", 0.0),
        (0.0, 0.5, "pass", 0.0),
        (0.3, None, "fail", 0.7),
        (None, None, "fail", 0.5),
        (None, 0.5, "fail", 0.5),
        (1.0, 1.0, "fail", 0.0),
    ],
)
def test_doubt_is_greatest_at_the_threshold(
    tmp_path: Path, score: float | None, threshold: float | None, verdict: str, doubt: float
) -> None:
    judged = judge(tmp_path, Detection("scratch", ON_SEAL, score), threshold=threshold)
    assert (judged["verdict"], judged["doubt"]) == (verdict, pytest.approx(doubt))


def test_only_severe_defects_decide(tmp_path: Path) -> None:
    judged = judge(tmp_path, Detection("scratch", BESIDE, 0.5), threshold=0.5)
    assert (judged["verdict"], judged["reasons"], judged["doubt"]) == ("pass", [], 0.0)
    judged = judge(tmp_path, Detection("scratch", BESIDE, 0.9), Detection("a word", ON_SEAL, 0.9))
    assert [row["severity"] for row in judged["defects"]] == ["minor", "minor"]


def test_what_was_not_read_never_passes(tmp_path: Path) -> None:
    judged = judge(tmp_path, readable=False)
    assert (judged["verdict"], judged["reasons"]) == ("fail", ["the model's answer cannot be read"])
    judged = judge(tmp_path, Detection("scratch", ON_SEAL, 0.9), readable=False)  # one of several answers
    assert len(judged["reasons"]) == 2
    judged = judge(tmp_path, size=None)
    assert (judged["verdict"], judged["doubt"]) == ("fail", 1.0)


def test_boxes_beyond_the_picture_are_cut_off() -> None:
    box = Box(-50, -50, 150, 10)
    assert describe_box("stain", box, SIZE) == "stain, upper centre, 100 x 10 pixels, 12.50% of the picture"
    assert describe_box("", Box(500, 500, 600, 600), SIZE).startswith(
        "object without a label, lower right, 0 x 0"
    )
