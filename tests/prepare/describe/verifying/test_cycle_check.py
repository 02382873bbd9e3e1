"""What grounding a description finds: its region, nothing, several things, or another one."""

import pytest

from grounding.boxes import Box, Size
from prepare.describe.describe_settings import CycleSettings
from prepare.describe.verifying import description as reasons
from prepare.describe.verifying.cycle_check import check_cycle
from prepare.describe.verifying.description import Description
from prepare.servers.answer_log import LoggedAnswer

SIZE, REGION = Size(200, 100), Box(20, 10, 100, 60)
CANDIDATE = Description(0, "the dog")


def check(text: str | None, problem: str | None = None, cycle: CycleSettings | None = None) -> Description:
    answer = None if text is None else LoggedAnswer(text, False, problem, 0, "", "cycle")
    return check_cycle(CANDIDATE, answer, REGION, SIZE, SIZE, cycle or CycleSettings())


@pytest.mark.parametrize(
    ("text", "reason", "iou"),
    [
        ('[{"bbox_2d": [100, 100, 500, 600], "label": "dog"}]', None, 1.0),
        ("dog<|box_start|>(100,100),(500,600)<|box_end|>", None, 1.0),
        ('[{"bbox_2d": [100, 100, 500, 350], "label": "dog"}]', None, 0.5),
        ('[{"bbox_2d": [100, 100, 500, 340], "label": "dog"}]', reasons.CYCLE_OTHER, 0.48),
        ('[{"bbox_2d": [600, 700, 900, 900], "label": "dog"}]', reasons.CYCLE_OTHER, 0.0),
        (
            '[{"bbox_2d": [100, 100, 500, 600]}, {"bbox_2d": [600, 700, 900, 900]}]',
            reasons.CYCLE_SEVERAL,
            1.0,
        ),
        ('[{"bbox_2d": [100, 100, 500, 600]}, {"bbox_2d": [101, 100, 500, 600]}]', None, 1.0),
        ("[]", reasons.CYCLE_NOTHING, None),
        ("There is none.", reasons.CYCLE_NOTHING, None),
        ("", reasons.CYCLE_NOTHING, None),
        (None, reasons.CYCLE_NO_ANSWER, None),
    ],
)
def test_a_description_leads_back_or_not(text: str | None, reason: str | None, iou: float | None) -> None:
    checked = check(text)
    assert (checked.reason, checked.iou) == (reason, iou if iou is None else pytest.approx(iou, abs=1e-9))


def test_a_refusal_finds_nothing() -> None:
    assert check("(100,100),(500,600)", problem="refusal").reason == reasons.CYCLE_NOTHING


def test_boxes_in_pixels_of_the_picture_that_was_sent() -> None:
    answer = LoggedAnswer('[{"bbox_2d": [10, 5, 50, 30]}]', False, None, 0, "", "cycle")
    checked = check_cycle(CANDIDATE, answer, REGION, SIZE, Size(100, 50), CycleSettings(units="pixels"))
    assert (checked.reason, checked.iou) == (None, 1.0)
