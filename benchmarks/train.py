"""`python benchmarks/train.py [--steps N] [--rounds N]`: how fast the tiny recipe trains, and why.

The ways are processes of their own; all start from the same weights and train on the same batches:

- `python -m train`, as `make train` calls it;
- `paddleformers-cli` with our plug-in (the difference is our launch);
- `paddleformers-cli` with the few patches without which it does not run on a CPU (the difference is the rest
  of our plug-in, and that our launch tells Paddle the kind of processor);
- a plain loop in torch and transformers (`make setup-torch`; left out if that is missing).

The speed of a machine changes over time, so the ways run in turns, every other round in the opposite order.
One more run shows the share of the time that waits for data, and the functions that take the most time.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RECIPE = ROOT / "recipes" / "train" / "tiny_full.yaml"
PLUGIN_FILE = ROOT / "train" / "inside" / "plugin.py"
TORCH = ROOT / ".venv-torch" / "bin" / "python"
LAUNCH, PLUGIN = "python -m train (make train)", "paddleformers-cli, our plug-in"
BARE, IN_TORCH = "paddleformers-cli, bare", "torch and transformers"
INTERVAL = 10
"""Steps between two figures of the trainer's log; the first figures are left out."""

PREAMBLE = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n"
NEEDED = f"""{PREAMBLE}from train.inside.patches import needed
needed.use_plain_paddle_classes()
needed.define_pipeline_model()
needed.initialise_fleet_for_resume()
needed.skip_device_synchronize()
"""
"""A plug-in with the patches without which PaddleFormers does not train on a CPU."""

LOOKING = f"""{PREAMBLE}import runpy
runpy.run_path({str(PLUGIN_FILE)!r}, run_name="plugin")
from benchmarks.train_probe import install
install()
"""
"""Our plug-in with the probe of benchmarks/train_probe.py."""


@dataclass
class Measured:
    """A run: samples per second of each interval, wall-clock and processor time in seconds, losses."""

    rates: list[float]
    seconds: float
    processor_seconds: float
    losses: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Samples per second, the median of the intervals."""
        return statistics.median(self.rates)


def main() -> None:
    """Measure every way and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=4)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="train_benchmark_") as name:
        sys.stdout.write(report(Path(name), arguments.steps, arguments.rounds))


def report(folder: Path, steps: int, rounds: int) -> str:
    """Run everything in a folder and return the tables."""
    words = make_task(folder, steps)
    needed, looking = folder / "needed.py", folder / "looking.py"
    needed.write_text(NEEDED, encoding="utf-8")
    looking.write_text(LOOKING, encoding="utf-8")
    run_paddle("watched", folder / "watched", words, looking)
    ways: dict[str, Callable[[Path], Measured]] = {
        LAUNCH: lambda out: run_paddle(LAUNCH, out, words, None),
        PLUGIN: lambda out: run_paddle(PLUGIN, out, words, PLUGIN_FILE),
        BARE: lambda out: run_paddle(BARE, out, words, needed),
    }
    if TORCH.is_file():
        ways[IN_TORCH] = lambda out: run_torch(folder, out, steps)
    else:
        sys.stderr.write("torch is left out: `make setup-torch` installs it\n")
    found: dict[str, list[Measured]] = {name: [] for name in ways}
    out = folder / "run"
    for turn in range(rounds):
        for name in list(ways)[:: -1 if turn % 2 else 1]:
            found[name].append(ways[name](out))
            shutil.rmtree(out)
    return "\n".join([table(found, steps), watched(folder / "watched")])


def make_task(folder: Path, steps: int) -> list[str]:
    """Make data and model of the demo, smaller, and return the overrides that point the recipe at them."""
    call("prepare.shapes", folder / "source", "images=1000", "val_images=8")
    call(
        "prepare",
        "recipes/prepare/demo.yaml",
        f"source.path={folder / 'source'}",
        f"output_dir={folder / 'data'}",
    )
    call("train.tiny", folder / "base")
    return [
        f"model_name_or_path={folder / 'base'}",
        f"train_dataset_path={folder / 'data' / 'train.jsonl'}",
        f"eval_dataset_path={folder / 'data' / 'val.jsonl'}",
        *(f"max_steps={steps}", f"logging_steps={INTERVAL}", f"save_steps={10 * steps}"),
        *("do_eval=false", 'evaluation_strategy="no"', "grounding_eval_samples=0"),
    ]


def call(module: str, *words: object) -> None:
    """Run one of the project's modules."""
    subprocess.run(
        [sys.executable, "-m", module, *map(str, words)],
        cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def run_paddle(name: str, output: Path, words: list[str], plugin: Path | None) -> Measured:
    """Train in a folder; without a plug-in by `python -m train`, otherwise by PaddleFormers' command line."""
    from models.arithmetic import fast_arithmetic
    from train.launch.command import environment
    from train.recipe import resolve_recipe, save_train_recipe

    words = [*words, f"output_dir={output}"]
    command = [sys.executable, "-m", "train", str(RECIPE), *words]
    variables = dict(os.environ)
    if plugin is not None:
        recipe = {
            key: value
            for key, value in resolve_recipe(RECIPE, words).items()
            if not key.startswith("grounding_")
        }
        output.mkdir(parents=True)
        save_train_recipe(recipe, output)
        program = Path(sys.executable).parent / "paddleformers-cli"
        command = [str(program), "train", str(output / "train.yaml"), f"custom_register_path={plugin}"]
        variables = environment(recipe, output, has_gpu=False)
    if name == BARE:
        told = fast_arithmetic()
        variables = {key: value for key, value in variables.items() if key not in told}
    seconds, processor = timed(name, command, variables)
    from visualdl import LogReader

    (log,) = output.rglob("vdlrecords.*.log")
    reader = LogReader(file_path=str(log))
    rates = [record.value for record in reader.get_data("scalar", "train/interval_samples_per_second")]
    losses = [record.value for record in reader.get_data("scalar", "train/loss")]
    return Measured(rates[2:], seconds, processor, losses)


def run_torch(folder: Path, output: Path, steps: int) -> Measured:
    """Train the same model on the batches that the run with the probe has saved."""
    output.mkdir()
    result = output / "torch.json"
    command = [
        *(str(TORCH), str(ROOT / "benchmarks" / "train_torch.py"), str(folder / "base")),
        *(str(folder / "watched" / "batches"), str(steps), str(result)),
    ]
    seconds, processor = timed(IN_TORCH, command, dict(os.environ))
    found = json.loads(result.read_text(encoding="utf-8"))
    losses = found["losses"][INTERVAL - 1 :: INTERVAL]
    return Measured([found["samples_per_second"]], seconds, processor, losses)


def timed(name: str, command: list[str], variables: dict[str, str]) -> tuple[float, float]:
    """Run a command to its end and return its wall-clock and processor time in seconds.

    Raises:
        SystemExit: the command failed.
    """
    sys.stderr.write(f"{name} ...\n")
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+b") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        if status:
            output.seek(0)
            raise SystemExit(f"{' '.join(command)}: failed\n{output.read().decode(errors='replace')[-3000:]}")
    return seconds, usage.ru_utime + usage.ru_stime


def table(found: dict[str, list[Measured]], steps: int) -> str:
    """Return the medians of every way, the cost of our launch, and the largest difference of the losses."""
    rates = {name: statistics.median(run.rate for run in runs) for name, runs in found.items()}
    lines = [
        f"{steps} steps of batch 8, {len(found[BARE])} times in turns; "
        f"{os.cpu_count()} processors, load {os.getloadavg()[1]:.1f}",
        f"{'medians':34}{'samples/s':>10}{'x bare':>8}{'seconds':>9}{'CPU s':>8}{'last loss':>11}",
    ]
    for name, runs in found.items():
        seconds = statistics.median(run.seconds for run in runs)
        processor = statistics.median(run.processor_seconds for run in runs)
        lines.append(
            f"{name:34}{rates[name]:10.1f}{rates[name] / rates[BARE]:8.2f}{seconds:9.1f}{processor:8.1f}"
            f"{runs[0].losses[-1]:11.5f}"
        )
    lines.append(f"our launch, per round: {in_pairs(found[PLUGIN], found[LAUNCH])} of a step")
    lines.append(f"launch and plug-in, per round: {in_pairs(found[BARE], found[LAUNCH])} of a step")
    losses = [(run.losses, bare.losses) for run, bare in zip(found[PLUGIN], found[BARE], strict=True)]
    apart = max(abs(one - other) for pair in losses for one, other in zip(*pair, strict=True))
    lines.append(f"losses with and without our plug-in differ by {apart:.1e}")
    return "\n".join(lines)


def in_pairs(without: list[Measured], having: list[Measured]) -> str:
    """Return by how much a step takes longer: the median of the rounds, and each round."""
    costs = [one.rate / other.rate - 1 for one, other in zip(without, having, strict=True)]
    return f"{statistics.median(costs):+.1%} ({', '.join(f'{cost:+.1%}' for cost in costs)})"


def watched(folder: Path) -> str:
    """Return the findings of the probe: the wait for data, and the functions that took the most time."""
    found = json.loads((folder / "probe.json").read_text(encoding="utf-8"))
    share = found["waiting_seconds"] / found["seconds"]
    lines = [
        f"waiting for data: {share:.1%} of the time of {found['steps']} steps",
        "own time of functions, ms a step:",
    ]
    lines += [f"  {1000 * seconds / found['steps']:8.2f}  {where}" for where, seconds in found["functions"]]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
