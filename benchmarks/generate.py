"""`python benchmarks/generate.py [CHECKPOINT] [DATASET]`: images per second of three implementations.

The paddle engine, a plain loop over PaddleFormers' `generate`, and transformers' `generate` with the same
weights (in .venv-torch: `make setup-torch`) answer the same prompts greedily. The time is measured from
encoded prompts (token ids, patches) to token ids; reading images and tokenizing are left out. The
implementations take turns, and the best round counts. Processor time is measured, too, for machines with
other work.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TORCH = ROOT / ".venv-torch/bin/python"
BATCHES = (1, 8, 32)
Answers = list[list[int]]
Seconds = tuple[float, float]
"""Wall-clock time and processor time."""


def main() -> None:
    """Time the implementations, compare their answers, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", nargs="?", default="checkpoints/demo/full")
    parser.add_argument("dataset", nargs="?", default="data/demo")
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--plain-images", type=int, default=8, help="images of the loop over generate")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--max-new-tokens", type=int, default=160)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    sys.path.insert(0, str(ROOT))
    from infer.asking.dataset_questions import read_questions
    from infer.engines.checkpoint import find_checkpoint
    from infer.engines.paddle.engine import PaddleEngine
    from infer.engines.settings import EngineSettings

    checkpoint = find_checkpoint(Path(options.checkpoint))
    engine = PaddleEngine(
        EngineSettings(
            checkpoint=options.checkpoint,
            device="cpu",
            batch_size=max(BATCHES),
            max_new_tokens=options.max_new_tokens,
            image_cache_megabytes=0,  # every round reads the images
        )
    )
    questions = read_questions(Path(options.dataset), "val", options.images)
    prompts = [engine.encode(question.request) for question in questions]

    def ours(size: int) -> Answers:
        return [
            row.token_ids
            for start in range(0, len(prompts), size)
            for row in engine.generate(prompts[start : start + size])
        ]

    timed = _Timed()
    expected = timed.run("paddle", 1, lambda: ours(1))
    plain_prompts = prompts[: options.plain_images]
    plain = timed.run("plain", 1, lambda: [plain_generate(engine, prompt) for prompt in plain_prompts])
    same = {"plain": plain == expected[: len(plain)]}
    with tempfile.TemporaryDirectory() as folder:
        torch = _Torch(checkpoint.model, prompts, engine.decoding, Path(folder)) if TORCH.is_file() else None
        for size in BATCHES:
            for _ in range(options.rounds):
                same[f"paddle {size}"] = timed.run("paddle", size, partial(ours, size)) == expected
                if torch is not None:
                    answers, seconds = torch.answer(size, len(prompts))
                    timed.add("transformers", size, seconds)
                    same[f"transformers {size}"] = answers == expected
        if torch is not None:
            torch.close()
    print(table(timed.best, len(prompts), len(plain_prompts)), end="")
    if torch is None:
        print("transformers: left out, no .venv-torch here: make setup-torch")
    differing = [name for name, is_same in same.items() if not is_same]
    print(f"answers: {'differ: ' + ', '.join(differing) if differing else 'the same on all sides'}")
    sys.exit(1 if differing else 0)


def plain_generate(engine: Any, prompt: Any) -> list[int]:
    """Answer one prompt with PaddleFormers' own `generate`."""
    import paddle

    ids = paddle.to_tensor([prompt.token_ids])
    with paddle.no_grad():
        output, _ = engine.model.generate(
            input_ids=ids,
            attention_mask=paddle.ones_like(ids),
            pixel_values=prompt.pixel_values,
            image_grid_thw=prompt.image_grid_thw,
            max_new_tokens=engine.decoding.max_new_tokens,
            decode_strategy="greedy_search",
            eos_token_id=sorted(engine.decoding.end_ids),
            pad_token_id=engine.decoding.pad_id,
        )
    return list(takewhile(lambda token_id: token_id not in engine.decoding.end_ids, output[0].tolist()))


def table(best: dict[tuple[str, int], Seconds], images: int, plain_images: int) -> str:
    """Return a Markdown table of milliseconds per image and ratios, each as wall-clock / processor time."""
    plain = [seconds / plain_images for seconds in best["plain", 1]]
    lines = [
        "| batch | loop over `generate` ms | paddle engine ms | images/s | times the loop | transformers ms "
        "| engine / transformers |",
        "|---|---|---|---|---|---|---|",
    ]
    for size in BATCHES:
        own = [seconds / images for seconds in best["paddle", size]]
        other = best.get(("transformers", size))
        theirs = None if other is None else [seconds / images for seconds in other]
        gain = _pair([slow / fast for slow, fast in zip(plain, own, strict=True)], 1)
        ratio = "" if theirs is None else _pair([o / t for o, t in zip(own, theirs, strict=True)], 2)
        times = [_pair([1000 * each for each in side], 1) if side else "" for side in (plain, own, theirs)]
        lines.append(
            f"| {size} | {times[0]} | {times[1]} | {1 / own[0]:.1f} | {gain} | {times[2]} | {ratio} |"
        )
    return "\n".join([*lines, "Every pair: wall-clock / processor time.", ""])


def _pair(numbers: Sequence[float], digits: int) -> str:
    return " / ".join(f"{number:.{digits}f}" for number in numbers)


class _Timed:
    def __init__(self) -> None:
        self.best: dict[tuple[str, int], Seconds] = {}

    def run(self, side: str, size: int, answer: Callable[[], Answers]) -> Answers:
        clock, processor = time.perf_counter(), time.process_time()
        answers = answer()
        self.add(side, size, (time.perf_counter() - clock, time.process_time() - processor))
        return answers

    def add(self, side: str, size: int, seconds: Seconds) -> None:
        before = self.best.get((side, size), seconds)
        self.best[side, size] = (min(before[0], seconds[0]), min(before[1], seconds[1]))
        print(side, size, *(f"{each:.2f} s" for each in seconds), file=sys.stderr)


class _Torch:
    """The process of the other environment, with the same prompts."""

    def __init__(self, model: Path, prompts: Sequence[Any], decoding: Any, folder: Path) -> None:
        import numpy as np

        arrays = {}
        for number, prompt in enumerate(prompts):
            arrays[f"ids{number}"] = np.asarray(prompt.token_ids)
            arrays[f"pixels{number}"] = prompt.pixel_values.numpy()
            arrays[f"grid{number}"] = prompt.image_grid_thw.numpy()
        np.savez(folder / "prompts.npz", **arrays)
        script = Path(__file__).with_name("generate_torch.py")
        settings = {
            "max_new_tokens": decoding.max_new_tokens,
            "end_ids": sorted(decoding.end_ids),
            "pad_id": decoding.pad_id,
        }
        command = [TORCH, script, model.resolve(), folder / "prompts.npz", json.dumps(settings)]
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._line()

    def answer(self, size: int, count: int) -> tuple[Answers, Seconds]:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{size} {count}\n")
        self.process.stdin.flush()
        result = json.loads(self._line())
        return result["answers"], tuple(result["seconds"])

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("transformers' side ended: run benchmarks/generate_torch.py alone to see why")
        return line


if __name__ == "__main__":
    main()
