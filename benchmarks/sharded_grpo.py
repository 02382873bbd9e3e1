"""`python benchmarks/sharded_grpo.py [FOLDER]`: does GRPO with sharding learn what one process does?

Two processes on this machine's processor, with `sharding: stage1` over gloo, ask half of an update's
questions each; one process asks all of them. A random tiny model learns for some updates in both ways, full
and LoRA. Its answers all fail, so that each group learns from its true answer.

Prints the losses of both, and the greatest difference of the trained weights. Exit code 1 where a loss
differs by more than 1e-6, a weight by more than 2e-5, or nothing is learned. `python -m train` does not start
this on CPUs: the processes are started here, as it starts those of tensor parallelism. Takes about a minute.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from benchmarks.habits import World, prepare_world
from benchmarks.module_call import call
from grounding.tables import format_table
from train.launch.command import INSIDE, PLUGIN, environment, free_port
from train.recipe import resolve_recipe, save_train_recipe

DRAWN = World("drawn", {"images": 64, "val_images": 8})
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
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "data" / "sharded_grpo")
    folder: Path = parser.parse_args().folder.resolve()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    prepare_world(DRAWN, folder)
    call("train.tiny", folder / "base")
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


def start_processes(recipe: dict[str, Any], run: Path, processes: int) -> str:
    """Train by a recipe in some processes of this machine's processor, and return the log of the first one.

    Raises:
        SystemExit: the training failed.
    """
    save_train_recipe(recipe, run)
    # The launchers need an entry for each process; on a CPU it names no device.
    devices = {"CUDA_VISIBLE_DEVICES": ",".join(map(str, range(processes)))}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "paddle.distributed.launch", "--nproc_per_node", str(processes)),
            *("--master", f"127.0.0.1:{free_port()}", "--run_mode", "collective"),
            *("--log_dir", str(run / "logs"), str(INSIDE / "plain_process.py")),
            *("train", str(run / "train.yaml"), f"custom_register_path={PLUGIN}"),
        ],
        cwd=ROOT,
        env=environment(recipe, run, has_gpu=False) | devices,
        capture_output=True,
        text=True,
    )
    log = run / "logs" / "workerlog.0"
    said = log.read_text(encoding="utf-8") if log.is_file() else ""
    if done.returncode:
        raise SystemExit(f"{run}, {processes} processes: failed\n{done.stdout}{done.stderr}{said[-3000:]}")
    return said


def recipe_of(folder: Path, tuning: str, processes: int, run: Path) -> dict[str, Any]:
    """Return tiny_grpo.yaml's recipe with an update's questions shared by the processes."""
    dataset, asked = folder / DRAWN.name, QUESTIONS // processes
    settings = f"{{group: {GROUP}, prompts: {asked}, max_new_tokens: 48, refills: 0, keep_best: false}}"
    sharding = ("sharding=stage1", "sharding_parallel_size=2", "split_param=false") if processes > 1 else ()
    return resolve_recipe(
        ROOT / "recipes" / "train" / "tiny_grpo.yaml",
        [
            *(
                f"model_name_or_path={folder / 'base'}",
                f"output_dir={run}",
                f"logging_dir={run / 'visualdl'}",
            ),
            *(f"{split}_dataset_path={dataset / name}" for split, name in SPLITS.items()),
            *(f"grounding_grpo={settings}", f"per_device_train_batch_size={asked * GROUP}"),
            *(f"fine_tuning={tuning}", f"learning_rate={TUNINGS[tuning]}", "warmup_ratio=0.0"),
            *(f"max_steps={UPDATES}", f"save_steps={UPDATES}", "logging_steps=1"),
            *("do_eval=false", "evaluation_strategy='no'", "grounding_eval_samples=0", *sharding),
        ],
    )


SPLITS = {"train": "train.jsonl", "eval": "val.jsonl"}


def weights_of(run: Path) -> dict[str, Any]:
    """Return the weights, or those of the adapter, that a run has saved."""
    from safetensors.numpy import load_file

    files = [*run.glob("peft_model*.safetensors")] or [*run.glob("model*.safetensors")]
    return {name: value for file in files for name, value in load_file(file).items()}


def greatest_difference(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Return the greatest difference of two sets of weights; infinite where a name is in one of them only."""
    if not one or one.keys() != other.keys():
        return float("inf")
    return max(float(abs(value - other[name]).max()) for name, value in one.items())


def shown(losses: tuple[float, ...]) -> str:
    """Return losses as text."""
    return " ".join(f"{loss:.3g}" for loss in losses)


if __name__ == "__main__":
    sys.exit(main())
