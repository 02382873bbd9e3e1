"""Whether the cards are new enough."""

from grounding.files import write_text
from train.gpu_check.cards import list_cards, read_cards
from train.gpu_check.finding import Found, judged
from train.gpu_check.step import Needs, Step
from train.gpu_check.workplace import Workplace

NAME = "cards"
LEAST = (8, 0)
"""bfloat16 and flashmask need it."""

DEEPEP = (9, 0)
"""PaddleFormers' default dispatcher of experts, deepep, needs it; alltoall does not."""


def step() -> Step:
    """Return the step."""
    return Step(
        1,
        NAME,
        "nvidia-smi lists cards of compute capability 8.0 or more (9.0 for deepep)",
        _work,
        _judge,
        Needs(only_gpu=True),
    )


def _work(place: Workplace) -> None:
    write_text(place.log_of(NAME), list_cards())


def _judge(place: Workplace) -> Found:
    cards = read_cards(place.log_of(NAME).read_text(encoding="utf-8"))
    lowest = min((card.capability for card in cards), default=(0, 0))
    shown = ", ".join(sorted({f"{card.name} ({_dotted(card.capability)})" for card in cards})) or "no card"
    deepep = "" if lowest >= DEEPEP or not cards else ": experts need moe_token_dispatcher_type=alltoall"
    return judged(
        f"capability {_dotted(LEAST)} or more", f"{len(cards)} x {shown}{deepep}", passed=lowest >= LEAST
    )


def _dotted(capability: tuple[int, int]) -> str:
    return ".".join(map(str, capability))
