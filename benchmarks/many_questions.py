"""`python benchmarks/many_questions.py [--rounds N]`: many questions about an image, read once or each time.

A random tiny model sees drawn images of 256 x 256 pixels as 256 tokens. It answers 20 questions about each,
cut at a few tokens, with `image_cache_megabytes=0` (each question reads its own image) and with the default.
Both take turns in one process, and the best round counts. The time is that of `engine.answer`: files are
read, texts tokenized, and answers decoded. Then `python -m infer` asks with `per_category=true` over 20
categories, and with `agree=5`, both ways; its time is that of the whole command, which loads Paddle and the
model. The answers of both sides must be equal. (A random model finds no boxes that `verify` could ask about.)
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SIDE, QUESTIONS = 256, 20
COLOURS = ("red", "green", "blue", "yellow", "purple")
SHAPES = ("square", "circle", "triangle", "diamond")
WAYS = {"per_category": ["per_category=true"], "agree": ["agree=5", "temperature=0.7"]}
SIDES = {"without": "image_cache_megabytes=0", "with": "image_cache_megabytes=512"}
Seconds = tuple[float, float]
"""Wall-clock time and processor time."""


def main() -> int:
    """Make data and model, ask both ways, and print both tables; 1 if answers differ."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--answer-tokens", type=int, default=16, help="where answers are cut")
    parser.add_argument("--batch-size", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--engine-only", action="store_true", help="leave `python -m infer` out")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_data(folder, options.images)
        is_same = time_engine(folder, options)
        if not options.engine_only:
            is_same &= time_command(folder, options)
    print(f"answers: {'the same' if is_same else 'they differ'}")
    return 0 if is_same else 1


def make_data(folder: Path, images: int) -> None:
    """Write the model, and a prepared data set with 20 categories."""
    classes = ",".join(f"{colour} {shape}" for colour in COLOURS for shape in SHAPES)
    call("train.tiny", folder / "model", f"max_pixels={SIDE * SIDE}")
    call("prepare.shapes", folder / "source", "images=1", f"val_images={images}", f"image_size={SIDE}",
         f"classes=[{classes}]")  # fmt: skip
    call("prepare", "recipes/prepare/demo.yaml", f"source.path={folder / 'source'}",
         f"categories=[{classes}]", f"output_dir={folder / 'data'}")  # fmt: skip


def call(module: str, *words: object) -> Seconds:
    """Run one of the project's modules, and return its time.

    Raises:
        SystemExit: it failed.
    """
    before, started = os.times(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, words)], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{module}: failed\n{done.stdout}{done.stderr}")
    after = os.times()
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - started, processor


def time_engine(folder: Path, options: Any) -> bool:
    """Ask 20 questions about each image, print the times, and tell whether both sides answer the same."""
    from grounding.card import load_card
    from grounding.prompts import find_wordings
    from infer.asking.dataset_questions import read_questions
    from infer.asking.wordings import reworded
    from infer.engines.paddle.engine import PaddleEngine
    from infer.engines.settings import EngineSettings

    settings = {
        "checkpoint": str(folder / "model"),
        "device": "cpu",
        "batch_size": options.batch_size,
        "max_new_tokens": options.answer_tokens,
    }
    engines = {
        "without": PaddleEngine(EngineSettings(**settings, image_cache_megabytes=0)),
        "with": PaddleEngine(EngineSettings(**settings)),
    }
    names = [category.name for category in load_card(folder / "data").categories]
    (wording,) = find_wordings("category.en1", "en")
    asked = [
        [reworded(question.request, wording, name) for name in names]
        for question in read_questions(folder / "data", "val")
    ]

    def answers(side: str) -> list[str]:
        engine, texts = engines[side], []
        engine.forget()
        for requests in asked:
            for start in range(0, len(requests), options.batch_size):
                texts += [
                    answer.text for answer in engine.answer(requests[start : start + options.batch_size])
                ]
        return texts

    best: dict[str, Seconds] = {}
    texts: dict[str, list[str]] = {}
    for side in (*SIDES, *(side for _ in range(options.rounds) for side in SIDES)):
        texts[side], seconds = timed(partial(answers, side))
        print(side, *(f"{each:.2f} s" for each in seconds), file=sys.stderr)
        is_warm = side in best
        best[side] = least(best[side], seconds) if is_warm else (float("inf"), float("inf"))
    for engine in engines.values():  # greedily, a random model says the same again and again
        engine.decoding = replace(engine.decoding, temperature=1.0)
    sampled = [answers(side) for side in SIDES]
    tokens = len(engines["with"].encode(asked[0][0]).token_ids)
    print(f"{len(asked)} images, {len(names)} questions each, prompts of {tokens} tokens, "
          f"answers of at most {options.answer_tokens}")  # fmt: skip
    print(table({"engine.answer": best}, len(asked)), end="")
    print(f"different answers among the {len(sampled[0])} that were sampled: {len(set(sampled[0]))}")
    return texts["with"] == texts["without"] and sampled[0] == sampled[1]


def time_command(folder: Path, options: Any) -> bool:
    """Time `python -m infer` in both ways of asking, and tell whether both sides predict the same."""
    times: dict[str, dict[str, Seconds]] = {}
    is_same = True
    for way, words in WAYS.items():
        rows = {}
        times[f"python -m infer {words[0]}"] = {}
        for side, key in SIDES.items():
            output = folder / f"{way}_{side}"
            times[f"python -m infer {words[0]}"][side] = call(
                "infer", "recipes/infer/demo.yaml", f"checkpoint={folder / 'model'}",
                f"dataset={folder / 'data'}", f"output_dir={output}", "device=cpu", "wording=category.en1",
                f"max_new_tokens={options.answer_tokens}", f"batch_size={options.batch_size}", key, *words,
            )  # fmt: skip
            rows[side] = (output / "predictions.jsonl").read_bytes()
        is_same &= rows["with"] == rows["without"]
    images = len(rows["with"].splitlines())
    print(table(times, images), end="")
    return is_same


def least(one: Seconds, other: Seconds) -> Seconds:
    """Return the smaller seconds of each kind."""
    return min(one[0], other[0]), min(one[1], other[1])


def timed(ask: Callable[[], list[str]]) -> tuple[list[str], Seconds]:
    """Return the answers, and the seconds that they took."""
    wall, processor = time.perf_counter(), time.process_time()
    answers = ask()
    return answers, (time.perf_counter() - wall, time.process_time() - processor)


def table(times: dict[str, dict[str, Seconds]], images: int) -> str:
    """Return a Markdown table of milliseconds an image, as wall-clock / processor time."""
    lines = ["| | without sharing, ms an image | with | times as fast |", "|---|---|---|---|"]
    for name, sides in times.items():
        slow, fast = sides["without"], sides["with"]
        shown = [" / ".join(f"{1000 * each / images:.0f}" for each in side) for side in (slow, fast)]
        gain = " / ".join(f"{s / f:.1f}" for s, f in zip(slow, fast, strict=True))
        lines.append(f"| {name} | {shown[0]} | {shown[1]} | {gain} |")
    return "\n".join([*lines, "Every pair: wall-clock / processor time.", ""])


if __name__ == "__main__":
    sys.exit(main())
