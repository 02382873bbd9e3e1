"""How experts get their tokens, by the compute capability of the GPUs."""

import paddle
import pytest

from train import machine
from train.machine import lowest_capability, token_dispatchers


@pytest.mark.parametrize(
    ("capability", "dispatchers"),
    [
        (None, []),
        ((7, 0), ["alltoall"]),
        ((8, 0), ["alltoall"]),
        ((8, 9), ["alltoall"]),
        ((9, 0), []),
        ((10, 0), []),
    ],
)
def test_cards_without_deepep_take_alltoall(
    capability: tuple[int, int] | None, dispatchers: list[str]
) -> None:
    assert token_dispatchers(capability) == dispatchers


def test_the_weakest_card_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    cards = [(9, 0), (8, 6), (10, 0)]
    monkeypatch.setattr(machine, "visible_gpus", lambda: len(cards))
    monkeypatch.setattr(paddle.device.cuda, "get_device_capability", lambda number: cards[number])
    assert lowest_capability() == (8, 6)
    monkeypatch.setattr(machine, "visible_gpus", lambda: 0)
    assert lowest_capability() is None
