"""`python benchmarks/sharded_near_start.py [FOLDER]`: do processes that share a batch stay as near the start?

Two processes on this machine's processor learn one record each in every step, with `sharding: stage1` over
gloo, and data parallel, with the whole optimizer in each (stage 0); one process learns both, one after the
other. A random tiny model learns for some steps with both penalties around its start, full and LoRA.

Prints the penalties at the last step, and the greatest difference of losses, penalties and trained weights
to one process. Exit code 1 where they differ by more than rounding, or a penalty is 0. `python -m train` does
not start this on CPUs: the processes are started here, as it starts those of tensor parallelism. Took 1 min
50 s on two cores that did other work, too.
"""

import re
import shutil
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from benchmarks.module_call import call
from benchmarks.shared_batch import (
    BASE,
    DRAWN,
    greatest_difference,
    prepared_folder,
    short_recipe,
    start_processes,
    weights_of,
)
from grounding.tables import format_table

STEPS = 6
CURVES = ("l2_to_start", "ewc")
WAYS: dict[str, tuple[int, list[str]]] = {
    "one process": (1, ["gradient_accumulation_steps=2"]),
    "two, sharding: stage1": (2, ["sharding=stage1", "sharding_parallel_size=2", "split_param=false"]),
    "two, data parallel": (2, ["sharding=stage1", "sharding_parallel_size=1", "split_param=false"]),
}
"""Name -> the number of processes, and the keys that make them learn two records in a step."""

TUNINGS = {"full": 1e-3, "LoRA": 1e-2}
"""Kind of tuning -> learning rate."""

MOST_APART = 1e-3
"""Of a loss or penalty, as a share of it; and of a weight, as a share of the learning rate of all steps."""


def main() -> int:
    """Train in all ways, print what differs, and return the exit code."""
    folder = prepared_folder(__doc__, "sharded_near_start")
    call("train.fisher", folder / BASE, folder / DRAWN.name, "limit=4")
    rows, is_equal = [], True
    for tuning, rate in TUNINGS.items():
        runs = {way: learn(folder, tuning, way) for way in WAYS}
        one, weights = runs["one process"]
        for way, (curves, own) in runs.items():
            apart = max(
                abs(a - b) / max(abs(a), 1e-9)
                for name, values in one.items()
                for a, b in zip(values, curves[name], strict=True)
            )
            moved = greatest_difference(weights, own)
            rows.append(
                [
                    tuning,
                    way,
                    *(f"{curves[name][-1]:.6g}" for name in CURVES),
                    f"{apart:.1e}",
                    f"{moved:.1e}",
                ]
            )
            has_penalty = all(curves[name][-1] > 0 for name in CURVES)
            is_equal &= has_penalty and apart <= MOST_APART and moved <= MOST_APART * rate * STEPS
    print(format_table(["tuning", "way", *CURVES, "apart (share)", "weights apart"], rows))
    print("they stay as near as one process" if is_equal else "not reached: they differ")
    return int(not is_equal)


def learn(folder: Path, tuning: str, way: str) -> tuple[dict[str, tuple[float, ...]], dict[str, Any]]:
    """Train anew; return loss and penalties of every step, and the trained weights."""
    processes, own = WAYS[way]
    run = folder / f"{tuning}_{list(WAYS).index(way)}"
    shutil.rmtree(run, ignore_errors=True)
    fisher = folder / BASE / "fisher" / "fisher.safetensors"
    keys = [
        *("per_device_train_batch_size=1", f"fine_tuning={tuning}", "lora_rank=8"),
        *(f"learning_rate={TUNINGS[tuning]}", "lr_scheduler_type=constant"),
        *("grounding_l2_to_start=1.0", f"grounding_ewc={{fisher: {fisher}, weight: 1000.0}}"),
        *own,
    ]
    recipe = short_recipe("tiny_full.yaml", folder, run, STEPS, keys)
    sys.stderr.write(f"{tuning}, {way} ...\n")
    said = start_processes(recipe, run, processes)
    curves = {
        name: tuple(map(float, re.findall(rf" {name}: ([\d.e-]+)", said))) for name in ("loss", *CURVES)
    }
    if any(len(values) != STEPS for values in curves.values()):
        raise SystemExit(f"{run}: {curves}: not {STEPS} steps")
    return curves, weights_of(run)


if __name__ == "__main__":
    sys.exit(main())
