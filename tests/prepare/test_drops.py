from pathlib import Path

import pytest

from grounding.errors import UserError
from prepare.drops import DropLog, check_usable
from prepare.reasons import IMAGE_DOES_NOT_DECODE, IMAGE_TURNED, IMAGE_WITHOUT_ID
from prepare.source_types import Lost


def test_only_damage_counts_against_the_share() -> None:
    log = DropLog(0.1)
    log.reject(Lost(IMAGE_TURNED, 5, "here"))
    log.lose(Lost(IMAGE_WITHOUT_ID, 5, "here"))
    log.check()
    assert (log.looked_at, log.bad) == (5, 0)
    log.reject(Lost(IMAGE_DOES_NOT_DECODE, 1, "a.jpg"))
    with pytest.raises(UserError, match=r"^1 of 6 images .*; the first: a\.jpg: image does not decode"):
        log.check()
    assert log.dropped == {IMAGE_TURNED: 5, IMAGE_WITHOUT_ID: 5, IMAGE_DOES_NOT_DECODE: 1}


def test_a_run_stops_early_only_if_good_images_cannot_make_up_for_it() -> None:
    log = DropLog(0.1, planned=20)
    log.lose(Lost(IMAGE_DOES_NOT_DECODE, 2, "a"))
    log.check(is_over=False)
    log.lose(Lost(IMAGE_DOES_NOT_DECODE, 1, "b"))
    with pytest.raises(UserError, match=r"^3 of 20 .*the first: a:"):
        log.check(is_over=False)


def test_nothing_to_train_on_names_the_drops() -> None:
    with pytest.raises(UserError, match=r"^data: no usable training image; dropped: a \(1\), b \(2\)$"):
        check_usable([], Path("data"), {"b": 2, "a": 1})
    check_usable([1], Path("data"), {})
