"""`python benchmarks/loss_memory.py [--steps N] [WAY ...]`: what the loss in blocks saves; its losses stay.

The tiny model gets Qwen3-VL's vocabulary of 151,936 entries and trains by PaddleFormers with our plug-in,
once as it is and once without the patch learn_in_blocks, in turns. The ways are full, LoRA, and split: full
on two tensor parallel processes. The table has the seconds of a step (median), the peak of what a process has
allocated while it trains (Paddle's own count of all tensors), and the largest difference between the losses
of any step. Before it stands how far both losses are from float64: Paddle's kernel rounds the sum of so many
exponentials, which the differences of the losses contain.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLUGIN_FILE = ROOT / "train" / "inside" / "plugin.py"
VOCABULARY = 151_936
WITH, WITHOUT = "in blocks", "as shipped"
RECORDS = 4
SKIPPED_STEPS = 2
"""The first steps allocate what later ones use again."""

PROBE = f"""import sys
sys.path.insert(0, {str(ROOT)!r})
import runpy
from train.inside.patches import needed
if {{leave_out}}:
    kept = (patch for patch in needed.PLAIN_CLASSES if patch.__name__ != "learn_in_blocks")
    needed.PLAIN_CLASSES = tuple(kept)
runpy.run_path({str(PLUGIN_FILE)!r}, run_name="plugin")
from benchmarks.loss_memory import watch
watch({{place!r}})
"""
"""Our plug-in, with the patch or without it, and what measures."""

WAYS: dict[str, tuple[str, ...]] = {
    "full": (),
    "LoRA": ("fine_tuning=LoRA", "lora_rank=8"),
    "split": ("tensor_model_parallel_size=2",),
}


@dataclass(frozen=True)
class Run:
    """Seconds of each measured step, the peak in bytes of the process that allocated most, every loss."""

    seconds: list[float]
    peak: int
    losses: list[float]


def watch(place: str) -> None:
    """Write seconds and losses of every step, and the peak of the allocator's count, when the run ends."""
    import atexit
    import time

    from paddle.base import core
    from paddleformers.trainer.trainer import Trainer

    step = Trainer.training_step
    seconds: list[float] = []
    losses: list[float] = []

    def training_step(self: object, *args: object, **kwargs: object) -> object:
        if len(losses) == SKIPPED_STEPS:
            core.host_memory_stat_reset_peak_value("Allocated", 0)
        start = time.perf_counter()
        loss = step(self, *args, **kwargs)
        losses.append(float(loss))
        seconds.append(time.perf_counter() - start)
        return loss

    def write() -> None:
        peak = core.host_memory_stat_peak_value("Allocated", 0)
        found = {"seconds": seconds[SKIPPED_STEPS:], "peak": peak, "losses": losses}
        rank = os.environ.get("PADDLE_TRAINER_ID", "0")
        Path(f"{place}.{rank}.json").write_text(json.dumps(found), encoding="utf-8")

    Trainer.training_step = training_step
    atexit.register(write)


def main() -> None:
    """Run every way with and without the patch and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("ways", metavar="WAY", nargs="*", default=list(WAYS), help=f"of {', '.join(WAYS)}")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--vocabulary", type=int, default=VOCABULARY, help="0: the tiny model's own")
    arguments = parser.parse_args()
    sys.stdout.write(f"{precision()}\n")
    with tempfile.TemporaryDirectory(prefix="loss_memory_") as name:
        words = make_task(Path(name), arguments.steps, arguments.vocabulary)
        sys.stdout.write(f"{arguments.steps} steps, vocabulary {arguments.vocabulary or 'as it is'}, ")
        sys.stdout.write(report(Path(name), words, arguments.ways, arguments.rounds))


def report(folder: Path, words: list[str], ways: list[str], rounds: int) -> str:
    """Train in a folder and return the table."""
    lines = [
        f"{RECORDS} records a step, {rounds} x in turns; "
        f"{os.cpu_count()} processors, load {os.getloadavg()[1]:.1f}",
        f"{'':34}{'s a step':>10}{'peak GiB':>10}{'last loss':>11}",
    ]
    for way in ways:
        found: dict[str, list[Run]] = {WITHOUT: [], WITH: []}
        for turn in range(rounds):
            for name in (WITHOUT, WITH)[:: -1 if turn % 2 else 1]:
                sys.stderr.write(f"{way}, {name} ...\n")
                found[name].append(train(folder, [*words, *WAYS[way]], leave_out=name == WITHOUT))
        for name, runs in found.items():
            seconds = statistics.median(second for run in runs for second in run.seconds)
            peak = max(run.peak for run in runs) / 2**30
            lines.append(f"{way + ', ' + name:34}{seconds:10.3f}{peak:10.2f}{runs[0].losses[-1]:11.5f}")
        pairs = zip(found[WITHOUT][0].losses, found[WITH][0].losses, strict=True)
        apart = max(abs(one - other) / one for one, other in pairs)
        lines.append(f"{way + ': losses apart':34}{apart:10.1e} of a loss at most")
    return "\n".join(lines) + "\n"


def precision() -> str:
    """Return how far Paddle's loss and ours are from float64, for tokens with a loss near 1."""
    import numpy as np
    import paddle

    from train.inside.blockwise_cross_entropy import mean_cross_entropy

    chance = np.random.default_rng(0)
    tokens, width = 40, 128
    hidden = chance.normal(0, 1, (tokens, width)).astype(np.float32)
    weight = chance.normal(0, 0.1, (VOCABULARY, width)).astype(np.float32)
    labels = chance.integers(0, VOCABULARY, tokens)
    weight[labels] += hidden * (12 / width)
    logits = hidden.astype(float) @ weight.astype(float).T
    highest = logits.max(axis=1)
    sums = np.exp(logits - highest[:, None]).sum(axis=1)
    exact = np.log(sums) + highest - logits[np.arange(tokens), labels]
    states, rows, numbers = map(paddle.to_tensor, (hidden, weight, labels))
    whole = paddle.nn.functional.cross_entropy(
        paddle.matmul(states, rows, transpose_y=True), numbers, reduction="none"
    )
    ours = [
        float(mean_cross_entropy(states[i : i + 1], rows, numbers[i : i + 1], -100)) for i in range(tokens)
    ]
    apart = [np.abs(found - exact).max() for found in (whole.numpy().ravel(), np.array(ours))]
    return (
        f"a token's loss of {exact.mean():.2f}: {apart[0]:.1e} {WITHOUT}, {apart[1]:.1e} {WITH}, from float64"
    )


def make_task(folder: Path, steps: int, vocabulary: int) -> list[str]:
    """Make data and model, and return the overrides that point the tiny recipe at them."""
    call("prepare.shapes", folder / "source", "images=400", "val_images=8")
    call(
        "prepare",
        "recipes/prepare/demo.yaml",
        f"source.path={folder / 'source'}",
        f"output_dir={folder / 'data'}",
    )
    call("train.tiny", folder / "base")
    if vocabulary:
        enlarge_vocabulary(folder / "base", vocabulary)
    return [
        f"model_name_or_path={folder / 'base'}",
        f"train_dataset_path={folder / 'data' / 'train.jsonl'}",
        f"eval_dataset_path={folder / 'data' / 'val.jsonl'}",
        f"per_device_train_batch_size={RECORDS}",
        "dataloader_num_workers=0",  # a worker of a split run would outlive it
        *(f"max_steps={steps}", "logging_steps=1", f"save_steps={10 * steps}"),
        *("do_eval=false", 'evaluation_strategy="no"', "grounding_eval_samples=0"),
    ]


def enlarge_vocabulary(model: Path, vocabulary: int) -> None:
    """Give a tiny model a larger vocabulary; its tokenizer uses the first entries of it."""
    from safetensors.numpy import save_file

    from train.tiny.model import random_weights

    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    config["text_config"]["vocab_size"] = vocabulary
    (model / "config.json").write_text(json.dumps(config), encoding="utf-8")
    save_file(random_weights(config, seed=0), model / "model.safetensors", metadata={"format": "pt"})


def call(module: str, *words: object) -> None:
    """Run one of the project's modules."""
    subprocess.run(
        [sys.executable, "-m", module, *map(str, words)],
        cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def train(folder: Path, words: list[str], *, leave_out: bool) -> Run:
    """Train once and return what was measured.

    Raises:
        SystemExit: the training failed.
    """
    from train.launch.command import command, environment
    from train.recipe import resolve_recipe, save_train_recipe

    output, plugin = folder / "run", folder / "probe.py"
    plugin.write_text(PROBE.format(leave_out=leave_out, place=str(folder / "measured")), encoding="utf-8")
    recipe = resolve_recipe(ROOT / "recipes" / "train" / "tiny_full.yaml", [*words, f"output_dir={output}"])
    output.mkdir()
    save_train_recipe(recipe, output)
    line = [*command(recipe, output, has_gpu=False), f"custom_register_path={plugin}"]  # the last one counts
    done = subprocess.run(
        line,
        cwd=ROOT,
        env=environment(recipe, output, has_gpu=False),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(line)}: failed\n{(done.stdout + done.stderr)[-3000:]}")
    parts = [json.loads(file.read_text(encoding="utf-8")) for file in folder.glob("measured.*.json")]
    for used in (output, *folder.glob("measured.*.json")):
        shutil.rmtree(used) if used.is_dir() else used.unlink()
    seconds = [max(several) for several in zip(*(part["seconds"] for part in parts), strict=True)]
    return Run(seconds, max(part["peak"] for part in parts), parts[0]["losses"])


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
