"""The graphics cards of this machine, as `nvidia-smi` lists them, and what else decides a plan."""

import os
import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from train.preflight.backend_keys import fleet_is_installed

QUERY = ("nvidia-smi", "--query-gpu=name,compute_cap,memory.total,driver_version", "--format=csv,noheader")
ROW = re.compile(r"(?P<name>.+), (?P<major>\d+)\.(?P<minor>\d+), (?P<mebibytes>\d+) MiB, (?P<driver>[\d.]+)")
VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class GraphicsCard:
    """A graphics card: its compute capability, such as (8, 0), and its memory in GiB."""

    name: str
    capability: tuple[int, int]
    memory: float
    driver: str


@dataclass(frozen=True)
class Machine:
    """What the check finds before it plans.

    `cards` are those that Paddle sees; () on a machine without GPUs. `devices` are their names for
    CUDA_VISIBLE_DEVICES. `has_fleet` tells whether paddlefleet is installed.
    """

    cards: tuple[GraphicsCard, ...] = ()
    devices: tuple[str, ...] = ()
    has_fleet: bool = False

    @property
    def has_gpu(self) -> bool:
        """Whether there is a card to compute on."""
        return bool(self.cards)

    @property
    def capability(self) -> tuple[int, int]:
        """The lowest compute capability of the cards; (0, 0) without a card."""
        return min((card.capability for card in self.cards), default=(0, 0))

    @property
    def memory(self) -> float:
        """The memory of the smallest card in GiB; 0 without a card."""
        return min((card.memory for card in self.cards), default=0.0)

    @property
    def summary(self) -> str:
        """The machine in some words."""
        if not self.cards:
            return "no GPU: every step that does not need one runs on the CPU"
        first, number = self.cards[0], len(self.cards)
        capability = ".".join(map(str, self.capability))
        return f"{number} x {first.name}, {self.memory:.0f} GiB, compute capability {capability}"


def find_machine(visible_gpus: Callable[[], int]) -> Machine:
    """Return this machine; `visible_gpus` counts the cards that Paddle can compute on."""
    has_fleet = fleet_is_installed()
    number = visible_gpus()
    if number == 0:
        return Machine(has_fleet=has_fleet)
    listed = read_cards(list_cards())
    devices = visible_devices(os.environ.get(VISIBLE), number)
    own = [listed[int(name)] for name in devices if name.isdecimal() and int(name) < len(listed)]
    return Machine(tuple(own if len(own) == number else listed[:number]), devices, has_fleet)


def list_cards() -> str:
    """Return what `nvidia-smi` lists, a line for each card; "" where it is missing or fails."""
    try:
        return subprocess.run(QUERY, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


def read_cards(listed: str) -> list[GraphicsCard]:
    """Read the lines of `list_cards`; other lines are passed over."""
    rows = (ROW.fullmatch(line.strip()) for line in listed.splitlines())
    return [
        GraphicsCard(
            row["name"], (int(row["major"]), int(row["minor"])), int(row["mebibytes"]) / 1024, row["driver"]
        )
        for row in rows
        if row
    ]


def visible_devices(variable: str | None, number: int) -> tuple[str, ...]:
    """Return the names of the cards that CUDA_VISIBLE_DEVICES lists, or their numbers where it lists none."""
    named = tuple(name.strip() for name in (variable or "").split(",") if name.strip())
    return named[:number] if len(named) >= number else tuple(map(str, range(number)))
