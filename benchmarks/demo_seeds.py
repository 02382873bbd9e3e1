"""`python benchmarks/demo_seeds.py [FOLDER]`: does the demo reach its score with every seed and arithmetic?

Runs the steps of `make demo` once for each seed and each kind of arithmetic, and prints a table of scores.
A seed decides the drawn images, the tiny model's random weights and the order of training; seed 0 is what
`make demo` runs. The arithmetic is the instruction set of Paddle's matrix products (Intel's MKL): another one
rounds differently, and training takes another path, as it does on another processor.

Interrupted runs resume: repeat the command. Finished runs are skipped. Changed recipes get a new subfolder;
after a change of the code, name a new folder. Exit code 1 where an AP50 is below the limit.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from grounding.files import write_json
from grounding.tables import format_table

LEAST_AP50 = 0.95
ARITHMETICS = {"avx2": "5", "sse2": "0"}
"""Values of MKL_DEBUG_CPU_TYPE. 0 is the same as not set: SSE2 on processors that are not Intel's."""
RECIPES = ("prepare/demo.yaml", "train/tiny_full.yaml", "infer/demo.yaml")
METRICS = {"AP50": "AP50", "AP": "AP", "F1": "f1_50", "mean IoU": "mean_iou"}
RESULT = "result.json"


@dataclass(frozen=True)
class Run:
    """One demo: its seed, its arithmetic, and where it is written."""

    seed: int
    arithmetic: str
    work: Path

    @property
    def name(self) -> str:
        """What progress lines call it."""
        return f"seed {self.seed}, {self.arithmetic}"

    @property
    def folder(self) -> Path:
        """The folder of model, checkpoint and answers."""
        return self.work / f"seed{self.seed}_{self.arithmetic}"

    @property
    def dataset(self) -> Path:
        """The data set, which both kinds of arithmetic share."""
        return self.work / f"data{self.seed}"


def main() -> int:
    """Run what is missing, print the table, and return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "checkpoints" / "demo_seeds")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--arithmetics", nargs="+", choices=ARITHMETICS, default=list(ARITHMETICS))
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side; each takes one core (2)")
    arguments = parser.parse_args()
    work = arguments.folder.resolve() / hash_recipes()
    runs = [Run(seed, name, work) for seed in arguments.seeds for name in arguments.arithmetics]
    for run in runs:
        make_data(run)
    with ThreadPoolExecutor(arguments.jobs) as pool:
        results = list(pool.map(finish, runs))
    sys.stdout.write(f"{table(runs, results)}\n")
    return int(min(result["AP50"] for result in results) < LEAST_AP50)


def hash_recipes() -> str:
    """Return a name for the present settings of the demo's recipes; comments do not count."""
    settings = [yaml.safe_load((ROOT / "recipes" / name).read_text(encoding="utf-8")) for name in RECIPES]
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]


def make_data(run: Run) -> None:
    """Draw and prepare the data set of a seed, where it is missing."""
    source = run.dataset.with_name(f"source{run.seed}")
    if not (run.dataset / "card.json").exists():
        call(run, "prepare.shapes", source, f"seed={run.seed}")
        call(
            run, "prepare", "recipes/prepare/demo.yaml", f"source.path={source}", f"output_dir={run.dataset}"
        )


def finish(run: Run) -> dict[str, Any]:
    """Return a run's scores and seconds, after its steps where they are not done.

    The seconds of a run that was interrupted are those of its last start.
    """
    if (run.folder / RESULT).exists():
        say(f"{run.name}: done already")
    else:
        start = time.perf_counter()
        scores = train_and_score(run)
        result = {name: scores[metric] for name, metric in METRICS.items()}
        write_json(run.folder / RESULT, {**result, "seconds": time.perf_counter() - start})
        say(f"{run.name}: AP50 {scores['AP50']:.3f}")
    return dict(json.loads((run.folder / RESULT).read_text(encoding="utf-8")))


def train_and_score(run: Run) -> dict[str, Any]:
    """Make the tiny model, train it, and score its answers about the validation images."""
    base, full, answers = (run.folder / name for name in ("base", "full", "eval"))
    if not base.exists():
        call(run, "train.tiny", base, f"seed={run.seed}")
    call(
        run,
        "train",
        "recipes/train/tiny_full.yaml",
        f"model_name_or_path={base}",
        f"train_dataset_path={run.dataset / 'train.jsonl'}",
        f"eval_dataset_path={run.dataset / 'val.jsonl'}",
        f"output_dir={full}",
        f"logging_dir={full / 'visualdl'}",
        f"seed={run.seed + 1}",
    )
    call(run, "infer", "recipes/infer/demo.yaml", f"checkpoint={full}", f"dataset={run.dataset}",
         f"output_dir={answers}")  # fmt: skip
    return dict(json.loads((answers / "scores.json").read_text(encoding="utf-8")))


def call(run: Run, module: str, *words: object) -> None:
    """Run one of the project's modules with the arithmetic of a run, on one core.

    Raises:
        SystemExit: it failed.
    """
    say(f"{run.name}: {module} ...")
    environment = os.environ | {"MKL_DEBUG_CPU_TYPE": ARITHMETICS[run.arithmetic], "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", module, *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{run.name}: {module} failed\n{done.stdout}{done.stderr}")


def say(line: str) -> None:
    """Show progress on stderr."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')}  {line}\n")


def table(runs: Sequence[Run], results: Sequence[dict[str, Any]]) -> str:
    """Return the scores of every run, then their minimum and their range (maximum - minimum)."""
    columns = {name: [float(result[name]) for result in results] for name in (*METRICS, "seconds")}
    rows = [
        [str(run.seed), run.arithmetic, *(show(name, values[index]) for name, values in columns.items())]
        for index, run in enumerate(runs)
    ]
    rows.append(["minimum", "", *(show(name, min(values)) for name, values in columns.items())])
    rows.append(["range", "", *(show(name, max(values) - min(values)) for name, values in columns.items())])
    return format_table(["seed", "arithmetic", *columns], rows)


def show(name: str, value: float) -> str:
    """Format a score or a number of seconds."""
    return f"{value:.0f}" if name == "seconds" else f"{value:.3f}"


if __name__ == "__main__":
    sys.exit(main())
