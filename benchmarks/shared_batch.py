"""What benchmarks share that compare processes sharing a batch with one process.

`python -m train` does not start sharding on CPUs: the processes are started here, as it starts those of
tensor parallelism.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from benchmarks.habits import World, prepare_world
from benchmarks.module_call import call
from train.launch.command import INSIDE, PLUGIN, environment, free_port
from train.launch.processes import MARK, end_processes, new_mark
from train.recipe import resolve_recipe, save_train_recipe

DRAWN = World("drawn", {"images": 64, "val_images": 8})

BASE = "base"
"""In a benchmark's folder: the random tiny model that every run starts from."""


def prepared_folder(description: str | None, name: str) -> Path:
    """Read the command line, and return the benchmark's folder with drawn data and a tiny model in it."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "data" / name)
    folder: Path = parser.parse_args().folder.resolve()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    prepare_world(DRAWN, folder)
    call("train.tiny", folder / BASE)
    return folder


def short_recipe(recipe: str, folder: Path, run: Path, steps: int, keys: list[str]) -> dict[str, Any]:
    """Return a recipe of recipes/train/ on the benchmark's data and model, saved at the end."""
    return resolve_recipe(
        ROOT / "recipes" / "train" / recipe,
        [
            *(f"model_name_or_path={folder / BASE}", f"output_dir={run}"),
            f"logging_dir={run / 'visualdl'}",
            f"train_dataset_path={folder / DRAWN.name / 'train.jsonl'}",
            f"eval_dataset_path={folder / DRAWN.name / 'val.jsonl'}",
            *("warmup_ratio=0.0", f"max_steps={steps}", f"save_steps={steps}", "logging_steps=1"),
            *("do_eval=false", "evaluation_strategy='no'", "grounding_eval_samples=0"),
            *keys,
        ],
    )


def start_processes(recipe: dict[str, Any], run: Path, processes: int) -> str:
    """Train by a recipe in some processes of this machine's processor, and return the log of the first one.

    Raises:
        SystemExit: the training failed.
    """
    save_train_recipe(recipe, run)
    # The launchers need an entry for each process; on a CPU it names no device.
    devices = {"CUDA_VISIBLE_DEVICES": ",".join(map(str, range(processes)))}
    mark = new_mark()
    try:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "paddle.distributed.launch", "--nproc_per_node", str(processes)),
                *("--master", f"127.0.0.1:{free_port()}", "--run_mode", "collective"),
                *("--log_dir", str(run / "logs"), str(INSIDE / "plain_process.py")),
                *("train", str(run / "train.yaml"), f"custom_register_path={PLUGIN}"),
            ],
            cwd=ROOT,
            env=environment(recipe, run, has_gpu=False) | devices | {MARK: mark},
            capture_output=True,
            text=True,
        )
    finally:
        end_processes(mark)  # with several processes, their helpers outlive the launch
    log = run / "logs" / "workerlog.0"
    said = log.read_text(encoding="utf-8") if log.is_file() else ""
    if done.returncode:
        raise SystemExit(f"{run}, {processes} processes: failed\n{done.stdout}{done.stderr}{said[-3000:]}")
    return said


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
