"""A description is grounded again: does it lead back to its region, and to nothing else?"""

from dataclasses import replace

from grounding.answers.reader import ON_GRID, AnswerScale, read_answer
from grounding.boxes import Box, Size
from grounding.regions.led_back import led_back
from prepare.describe.describe_settings import CycleSettings
from prepare.describe.verifying import description as reasons
from prepare.describe.verifying.description import Description
from prepare.servers.answer_log import LoggedAnswer


def check_cycle(
    description: Description,
    answer: LoggedAnswer | None,
    box: Box,
    size: Size,
    sent: Size,
    cycle: CycleSettings,
) -> Description:
    """Return the description with the boxes that grounding it found, dropped if they are not its region's.

    `box` and `size` are the region's and the image's, in original pixels; `sent` is the size of the picture
    that was sent, for answers in its pixels.
    """
    if answer is None:
        return replace(description, reason=reasons.CYCLE_NO_ANSWER)
    scale = ON_GRID if cycle.units == "grid" else AnswerScale(sent.width, sent.height)
    reading = read_answer("" if answer.problem else answer.text, size, scale)
    led = led_back((detection.box for detection in reading.detections), box)
    if not led.found:
        return replace(description, reason=reasons.CYCLE_NOTHING)
    checked = replace(description, iou=led.iou, found=led.found)
    if led.others:
        return replace(checked, reason=reasons.CYCLE_SEVERAL)
    return checked if led.is_region(cycle.iou) else replace(checked, reason=reasons.CYCLE_OTHER)
