"""`python benchmarks/first_step.py [--records N] [--side N]`: the time to a run's first step.

It draws images and their records in a temporary folder, and starts the tiny recipe with `python -m train` and
`max_steps: -1` three times: as PaddleFormers counts the steps (it encodes all records), with our count, and
with our count again, when the lengths of the records are kept beside them. The clock runs from the start of
the command to the log's line of the first step; then the run is stopped. Processor time is that of all
processes of the run until then: other work on the machine does not change it much. The number of steps has to
be the same each time.
"""

import argparse
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import yaml
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[1]
RECIPE = ROOT / "recipes" / "train" / "tiny_full.yaml"
PLUGIN_FILE = ROOT / "train" / "inside" / "plugin.py"
COLOURS = ("red", "green", "blue")
DIFFERENT_IMAGES = 100
STEPS = re.compile(r"Re-setting training_args.max_steps to (\d+)")
COUNTING = "Start to estimate max training steps"
FIRST_STEP = "global_step: 1,"
AS_UPSTREAM = f"""import runpy, sys
sys.path.insert(0, {str(ROOT)!r})
from train.inside.patches import needed
needed.count_steps_without_pixels = lambda recipe: "PaddleFormers' own count"
runpy.run_path({str(PLUGIN_FILE)!r}, run_name="plugin")
"""
"""A plug-in with all of our patches but the one that is measured."""

START_WITH = """import sys
from pathlib import Path
from grounding.errors import run_command
from train.launch import command
command.PLUGIN = Path(sys.argv.pop(1))
from train.__main__ import main
sys.exit(run_command(main, resumes=False))
"""
"""`python -m train` with another plug-in."""


@dataclass(frozen=True)
class Start:
    """A start of a run: seconds until counting begins, until it ends, until step 1, and processor seconds."""

    name: str
    before_count: float
    counted: float
    first_step: float
    processor_seconds: float
    steps: int


def main() -> None:
    """Start the runs and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--records", type=int, default=15000)
    parser.add_argument("--side", type=int, default=64, help="of an image, in pixels")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # then the run ends, and its folder is removed
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recipe = write_run(folder, arguments.records, arguments.side)
        upstream = folder / "upstream_plugin.py"
        upstream.write_text(AS_UPSTREAM)
        starts = [
            start_run("PaddleFormers' count", recipe, upstream),
            start_run("our count", recipe, PLUGIN_FILE),
            start_run("our count, lengths kept", recipe, PLUGIN_FILE),
        ]
    sys.stdout.write(f"{arguments.records:,} records, images of {arguments.side} x {arguments.side}\n\n")
    sys.stdout.write("| start | counting begins | counting | first step | processor time | steps |\n")
    sys.stdout.write("|---|---|---|---|---|---|\n")
    for start in starts:
        sys.stdout.write(
            f"| {start.name} | {start.before_count:.1f} s | {start.counted - start.before_count:.1f} s | "
            f"{start.first_step:.1f} s | {start.processor_seconds:.1f} s | {start.steps:,} |\n"
        )
    if len({start.steps for start in starts}) > 1:
        sys.exit("the numbers of steps differ")


def write_run(folder: Path, records: int, side: int) -> Path:
    """Draw images with their records, write a tiny model, and return the recipe of a run on them."""
    chance = random.Random(1)
    (folder / "images").mkdir()
    rows = []
    for number in range(records):
        name = f"images/{number}.png"
        boxes = [draw_box(chance) for _ in range(chance.randint(1, 4))]
        if number < DIFFERENT_IMAGES:
            picture = Image.effect_noise((side, side), 30).convert("RGB")
            for _, box in boxes:
                ImageDraw.Draw(picture).rectangle([edge * side / 1000 for edge in box], fill="red")
            picture.save(folder / name, compress_level=1)
        else:
            (folder / name).write_bytes((folder / f"images/{number % DIFFERENT_IMAGES}.png").read_bytes())
        rows.append(
            {
                "messages": [
                    {"role": "system", "content": "You are a helpful assistant."},
                    {"role": "user", "content": "<image>Task: Object Detection"},
                    {"role": "assistant", "content": ", ".join(["<ref-object><bbox>"] * len(boxes))},
                ],
                "images": [name],
                "objects": {"ref": [colour for colour, _ in boxes], "bbox": [box for _, box in boxes]},
            }
        )
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "val.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[:8]))
    subprocess.run(
        [sys.executable, "-m", "train.tiny", str(folder / "base")], cwd=ROOT, check=True, capture_output=True
    )
    values = yaml.safe_load(RECIPE.read_text(encoding="utf-8")) | {
        "model_name_or_path": str(folder / "base"),
        "train_dataset_path": str(folder / "train.jsonl"),
        "eval_dataset_path": str(folder / "val.jsonl"),
        "output_dir": str(folder / "run"),
        "logging_dir": str(folder / "run" / "visualdl"),
        "max_steps": -1,
        "num_train_epochs": 1,
        "max_pixels": 65536,
        "max_seq_len": 1024,
        "logging_steps": 1,
        "do_eval": False,
        "evaluation_strategy": "no",
        "grounding_eval_samples": 0,
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(values))
    return folder / "recipe.yaml"


def draw_box(chance: random.Random) -> tuple[str, list[int]]:
    """Return a colour and a box (x1, y1, x2, y2) on the 0..1000 grid."""
    left, top = chance.randint(0, 600), chance.randint(0, 600)
    width, height = chance.randint(50, 390), chance.randint(50, 390)
    return chance.choice(COLOURS), [left, top, left + width, top + height]


def start_run(name: str, recipe: Path, plugin: Path) -> Start:
    """Start a run, stop it after its first step, and return how long each part took."""
    log = recipe.with_name("run") / "logs" / "train.log"
    log.unlink(missing_ok=True)
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-c", START_WITH, str(plugin), str(recipe), "overwrite_output_dir=true"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    seen: dict[str, float] = {}
    text = ""
    try:
        while process.poll() is None and FIRST_STEP not in text:
            time.sleep(0.1)
            text = log.read_text(encoding="utf-8") if log.is_file() else ""
            for mark in (COUNTING, "Re-setting training_args.max_steps", FIRST_STEP):
                if mark in text:
                    seen.setdefault(mark, time.monotonic() - began)
        used = processor_seconds(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate()
    found = STEPS.search(text)
    if found is None or len(seen) < 3:
        sys.exit(f"{name}: no first step:\n{said}{text[-2000:]}")
    before_count, counted, first_step = seen.values()
    return Start(name, before_count, counted, first_step, used, int(found[1]))


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process and all of its descendants have used."""
    process = psutil.Process(pid)
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            total += times.user + times.system
    return total


if __name__ == "__main__":
    main()
