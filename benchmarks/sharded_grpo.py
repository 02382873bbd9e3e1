"""`python benchmarks/sharded_grpo.py [FOLDER]`: does GRPO with sharding learn what one process does?

Two processes on this machine's processor, with `sharding: stage1` over gloo, ask half of an update's
questions each; one process asks all of them. A random tiny model learns for some updates in both ways, full
and LoRA. Its answers all fail, so that each group learns from its true answer.

Prints the losses of both, and the greatest difference of the trained weights. Exit code 1 where a loss
differs by more than 1e-6, a weight by more than 2e-5, or nothing is learned. `python -m train` does not start
this on CPUs: the processes are started here, as it starts those of tensor parallelism. Takes about a minute.
"""

import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.shared_batch import (
    greatest_difference,
    prepared_folder,
    short_recipe,
    start_processes,
    weights_of,
)
from grounding.tables import format_table

QUESTIONS, GROUP, UPDATES = 4, 4, 3
"""Questions of an update, and the answers to each."""

LOSS_DIFFERENCE, WEIGHT_DIFFERENCE, LEAST_CHANGE = 1e-6, 2e-5, 1e-4
TUNINGS = {"full": 1e-4, "LoRA": 1e-3}
"""Kind of tuning -> learning rate."""


@dataclass(frozen=True)
class Learned:
    """What a run has learned: the loss of each step, and the trained weights by name."""

    losses: tuple[float, ...]
    weights: dict[str, Any]


def main() -> int:
    """Train in both ways, print what differs, and return the exit code."""
    folder = prepared_folder(__doc__, "sharded_grpo")
    rows, is_equal = [], True
    for tuning in TUNINGS:
        one, two = (learn(folder, tuning, processes) for processes in (1, 2))
        apart = max(abs(a - b) for a, b in zip(one.losses, two.losses, strict=True))
        weights = greatest_difference(one.weights, two.weights)
        rows.append([tuning, shown(one.losses), shown(two.losses), f"{apart:.1e}", f"{weights:.1e}"])
        has_learned = min(map(abs, one.losses)) > LEAST_CHANGE
        is_equal &= has_learned and apart <= LOSS_DIFFERENCE and weights <= WEIGHT_DIFFERENCE
    print(format_table(["tuning", "losses, one process", "losses, two", "apart", "weights apart"], rows))
    print("two processes learn what one does" if is_equal else "not reached: they differ, or learn nothing")
    return int(not is_equal)


def learn(folder: Path, tuning: str, processes: int) -> Learned:
    """Train, each time anew, and return what was learned.

    Raises:
        SystemExit: the training failed.
    """
    run = folder / f"{tuning}_{processes}"
    shutil.rmtree(run, ignore_errors=True)
    recipe = recipe_of(folder, tuning, processes, run)
    sys.stderr.write(f"{tuning}, {processes} of 2 ...\n")
    said = start_processes(recipe, run, processes)
    losses = tuple(map(float, re.findall(r" loss: ([-\d.e]+), learning_rate", said)))
    return Learned(losses, weights_of(run))


def recipe_of(folder: Path, tuning: str, processes: int, run: Path) -> dict[str, Any]:
    """Return tiny_grpo.yaml's recipe with an update's questions shared by the processes."""
    asked = QUESTIONS // processes
    settings = f"{{group: {GROUP}, prompts: {asked}, max_new_tokens: 48, refills: 0, keep_best: false}}"
    sharding = ("sharding=stage1", "sharding_parallel_size=2", "split_param=false") if processes > 1 else ()
    keys = [
        *(f"grounding_grpo={settings}", f"per_device_train_batch_size={asked * GROUP}"),
        *(f"fine_tuning={tuning}", f"learning_rate={TUNINGS[tuning]}", *sharding),
    ]
    return short_recipe("tiny_grpo.yaml", folder, run, UPDATES, keys)


def shown(losses: tuple[float, ...]) -> str:
    """Return losses as text."""
    return " ".join(f"{loss:.3g}" for loss in losses)


if __name__ == "__main__":
    sys.exit(main())
