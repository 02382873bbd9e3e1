from collections.abc import Callable

import pytest

from train.gpu_check.finding import PASSED, WRONG
from train.gpu_check.steps.packages import PLAIN_NAME, plain_step
from train.gpu_check.workplace import Workplace


@pytest.mark.parametrize(("cards", "verdict"), [(4, PASSED), (8, WRONG), (0, WRONG)])
def test_paddle_has_to_compute_on_every_card(
    cards: int, verdict: str, make_place: Callable[..., Workplace]
) -> None:
    place = make_place(cards)
    place.folder_of(PLAIN_NAME).mkdir()
    works = "PaddlePaddle works well on"
    said = f"No broken requirements found.\n{works} 1 GPU.\n{works} 4 GPUs.\n"
    place.log_of(PLAIN_NAME).write_text(said)
    assert plain_step().judge(place).verdict == verdict
