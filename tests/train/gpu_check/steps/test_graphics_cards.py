from collections.abc import Callable

import pytest

from train.gpu_check.finding import PASSED, WRONG
from train.gpu_check.steps.graphics_cards import NAME, step
from train.gpu_check.workplace import Workplace


@pytest.mark.parametrize(
    ("listed", "verdict", "said"),
    [
        ("A100, 8.0, 81920 MiB, 550\nA100, 8.0, 81920 MiB, 550\n", PASSED, "2 x A100 (8.0): experts need"),
        ("H100, 9.0, 81920 MiB, 550\n", PASSED, "1 x H100 (9.0)"),
        ("A100, 8.0, 81920 MiB, 550\nT4, 7.5, 16384 MiB, 550\n", WRONG, "2 x A100 (8.0), T4 (7.5)"),
        ("", WRONG, "0 x no card"),
    ],
)
def test_old_cards_are_found(
    listed: str, verdict: str, said: str, make_place: Callable[..., Workplace]
) -> None:
    place = make_place(2)
    place.folder_of(NAME).mkdir()
    place.log_of(NAME).write_text(listed)
    found = step().judge(place)
    assert found.verdict == verdict
    assert found.found.startswith(said)
