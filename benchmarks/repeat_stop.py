"""`python benchmarks/repeat_stop.py [--steps N]`: the repeat stop on answers that loop, and on others.

Trains the tiny model on drawn pictures until its answers are good. Then trains it on, once for each of three
seeds, on records of which about a half have answers that never end: the last object again and again, two
objects in turns, or a label without an end, by what the picture shows. Each model answers the validation
images greedily without and with `repeat_stop`. `without duplicates` are the answers of the run without the
stop, of which each object counts once.

With --pairs DATASET, counts instead how often the truth of a prepared data set has two objects of one label
whose boxes are equal, or a few steps of the grid apart, how many of the answers the stop would end, and what
it takes to follow them.

Took an hour on two cores that were busy with other work.
"""

import argparse
import itertools
import json
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from benchmarks.module_call import call

MAX_PIXELS = 64 * 64
LONGEST = 160
SEEDS = (1, 2, 3)
LEFT = 300
"""Pictures whose first object begins left of this step of the grid have an answer that loops."""

OBJECTS, WORDS = 8, 145
"""Objects, and words of a label, in an answer that loops: above LONGEST tokens, and within max_seq_len."""

LEARNING_RATE = 2.0e-3
"""Of the trainings that go on from the good model; the recipe's is for random weights."""

STEPS_APART = (0, 1, 2, 5, 10)
COLUMNS = ("duplicates", "F1", "stopped", "at limit", "tokens", "seconds")


def main() -> None:
    """Make missing data and models, ask without and with the stop, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "data" / "repeat_stop")
    parser.add_argument("--steps", type=int, default=1000, help="steps of the first training")
    parser.add_argument("--more", type=int, default=600, help="steps of each training on answers that loop")
    parser.add_argument("--pairs", type=Path, metavar="DATASET", help="count equal objects of a data set")
    arguments = parser.parse_args()
    if arguments.pairs:
        sys.stdout.write(pairs_table(arguments.pairs) + follow(arguments.pairs))
        return
    folder = arguments.folder.resolve()
    clean = folder / "clean"
    call("prepare.shapes", folder / "source")
    call("prepare", "recipes/prepare/demo.yaml", f"source.path={folder / 'source'}", f"output_dir={clean}")
    call("train.tiny", folder / "base")
    good = train(folder / "good", folder / "base", clean / "train.jsonl", arguments.steps)
    sys.stdout.write(f"{'':34}" + "".join(f"{name:>12}" for name in COLUMNS) + "\n")
    show("good", good, clean)
    for seed in SEEDS:
        records = clean / f"loops_{seed}.jsonl"
        shares = plant(clean / "train.jsonl", records, seed)
        keys = (f"seed={seed}", f"learning_rate={LEARNING_RATE}")
        model = train(folder / f"loops_{seed}", good, records, arguments.more, *keys)
        sys.stdout.write(f"seed {seed}: {shares}\n")
        show(f"seed {seed}", model, clean)


def train(output: Path, start: Path, records: Path, steps: int, *more: str) -> Path:
    """Train by the demo's recipe on these records, and return the folder of the model."""
    call("train", "recipes/train/tiny_full.yaml", f"model_name_or_path={start}", f"max_pixels={MAX_PIXELS}",
         f"train_dataset_path={records}", f"eval_dataset_path={records.with_name('val.jsonl')}",
         f"max_steps={steps}", "do_eval=false", "evaluation_strategy=no", "grounding_eval_samples=0",
         f"save_steps={steps}", f"output_dir={output}", *more)  # fmt: skip
    return output


def plant(clean: Path, looping: Path, seed: int) -> str:
    """Write the records in another order, with loops in some; return how many have which kind."""
    rows = [json.loads(line) for line in clean.read_text(encoding="utf-8").splitlines()]
    random.Random(seed).shuffle(rows)
    kinds = Counter(plant_one(row) for row in rows)
    looping.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return ", ".join(f"{kind} {count / len(rows):.0%}" for kind, count in sorted(kinds.items()))


def plant_one(row: dict[str, Any]) -> str:
    """Turn the answer of a record into one that loops, if its picture is for one; return the kind."""
    labels, boxes = row["objects"]["ref"], row["objects"]["bbox"]
    if len(labels) != 2 or boxes[0][0] >= LEFT:
        return "as it was"
    kind = {"red square, green circle": "last object", "red square, blue triangle": "in turns"}.get(
        ", ".join(labels), "label"
    )
    if kind == "label":
        labels[1] += f" {labels[1].split()[-1]}" * WORDS
        return kind
    places = [0, 1] * (OBJECTS // 2) if kind == "in turns" else [0] + [1] * (OBJECTS - 1)
    row["objects"] = {"ref": [labels[place] for place in places], "bbox": [boxes[place] for place in places]}
    row["messages"][-1]["content"] = ", ".join(["<ref-object><bbox>"] * OBJECTS)
    return kind


def show(name: str, model: Path, dataset: Path) -> None:
    """Ask a model without and with the stop, and print a line for each, and one without duplicates."""
    free, stopped = (ask(model, dataset, repeat_stop=is_on) for is_on in (False, True))
    once = score(drop_duplicates(free["path"]))
    for kind, row in (("off", free), ("without duplicates", once), ("on", stopped)):
        shown = "".join(f"{row[column]:12.4g}" if column in row else f"{'':12}" for column in COLUMNS)
        sys.stdout.write(f"{f'{name}, {kind}':34}{shown}\n")
    same = free["path"].read_bytes() == stopped["path"].read_bytes()
    sys.stdout.write(f"{name}: predictions are {'the same, byte for byte' if same else 'not the same'}\n")
    sys.stdout.flush()


def ask(model: Path, dataset: Path, *, repeat_stop: bool) -> dict[str, Any]:
    """Ask about the validation images; return the scores, and tokens and seconds an image.

    Tokens that the stop takes away count: the model made them.
    """
    from infer.engines.paddle.engine import PaddleEngine
    from infer.recipe import InferRecipe
    from infer.runs.predict import predict

    output = model.with_name(f"{model.name}_eval") / ("on" if repeat_stop else "off")
    recipe = InferRecipe(
        checkpoint=str(model), dataset=str(dataset), output_dir=str(output), device="cpu", batch_size=32,
        max_new_tokens=LONGEST, overwrite=True, repeat_stop=repeat_stop,
    )  # fmt: skip
    engine = PaddleEngine(recipe)
    counter = _Counter()
    guides_of, seconds = engine._guides, 0.0

    def answer(requests: Sequence[Any]) -> list[Any]:
        nonlocal seconds
        start = time.perf_counter()
        answers = PaddleEngine.answer(engine, requests)
        seconds += time.perf_counter() - start
        return answers

    engine._guides = lambda request: [*guides_of(request), counter]  # type: ignore[method-assign]
    engine.answer = answer  # type: ignore[method-assign]
    path = predict(recipe, lambda _: engine)
    row = score(path)
    return row | {"tokens": counter.tokens / row["images"], "seconds": seconds / row["images"]}


class _Counter:
    """A guide that counts tokens, and steers nothing."""

    tokens = 0

    def allowed(self) -> None:
        """Any token may come next."""

    def forced(self) -> tuple[int, ...]:
        """No token must come next."""
        return ()

    def accept(self, token_id: int) -> None:
        """Count a token."""
        del token_id
        self.tokens += 1


def score(path: Path) -> dict[str, Any]:
    """Score predictions, and return what the table shows."""
    from infer.scoring.outputs import write_scores

    write_scores(path, max_detections=None)
    scores = json.loads(path.with_name("scores.json").read_text(encoding="utf-8"))
    rows = list(read_rows(path))
    return {
        "path": path,
        "images": len(rows),
        "duplicates": sum(len(row["detections"]) - len(unique(row["detections"])) for row in rows),
        "F1": scores["f1_50"],
        "stopped": sum(any(name.startswith("stopped") for name in row["problems"]) for row in rows),
        "at limit": sum("truncated" in row["problems"] for row in rows),
    }


def drop_duplicates(path: Path) -> Path:
    """Write the predictions with each object once into a folder beside theirs, and return the file."""
    folder = path.parent.with_name("once")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("infer.yaml", "fingerprints.json"):
        if (file := path.with_name(name)).is_file():
            (folder / name).write_bytes(file.read_bytes())
    rows = [row | {"detections": unique(row["detections"])} for row in read_rows(path)]
    (folder / path.name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder / path.name


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a JSONL file."""
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def unique(detections: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the detections without those whose label and box stand before."""
    return list({(found["label"], *found["box"]): found for found in reversed(detections)}.values())[::-1]


def pairs_table(dataset: Path) -> str:
    """Return how many pairs of objects with one label are so many steps apart, at most, on every side."""
    images, objects, pairs, concerned = 0, 0, Counter[int](), Counter[int]()
    for row in (row for name in ("train.jsonl", "val.jsonl") for row in read_rows(dataset / name)):
        named = row.get("objects") or {"ref": [], "bbox": []}
        same = defaultdict(list)
        for label, box in zip(named["ref"], named["bbox"], strict=True):
            same[label].append(box)
        apart = [distance(*pair) for boxes in same.values() for pair in itertools.combinations(boxes, 2)]
        images, objects = images + 1, objects + len(named["ref"])
        for steps in STEPS_APART:
            near = sum(each <= steps for each in apart)
            pairs[steps] += near
            concerned[steps] += near > 0
    lines = [f"{images} answers, {objects} objects", f"{'steps apart':>12}{'pairs':>8}{'answers':>9}"]
    lines += [f"{f'<= {steps}':>12}{pairs[steps]:8}{concerned[steps]:9}" for steps in STEPS_APART]
    return "\n".join(lines) + "\n"


def follow(dataset: Path) -> str:
    """Return how many true answers the stop would end, and the processor time that it takes."""
    from grounding.answers.repeats import find_repeat
    from grounding.record.filling import fill_placeholders

    rows = [row for name in ("train.jsonl", "val.jsonl") for row in read_rows(dataset / name)]
    texts = [fill_placeholders([row["messages"][-1]["content"]], row.get("objects"))[0] for row in rows]
    start = time.process_time()
    ended = sum(find_repeat(text) is not None for text in texts)
    cost = (time.process_time() - start) / sum(map(len, texts))
    return f"ended: {ended}; following them takes {cost * 1e6:.1f} us a character\n"


def distance(one: Sequence[int], other: Sequence[int]) -> int:
    """Return the largest difference between the sides of two boxes, in steps of the grid."""
    return max(abs(first - second) for first, second in zip(one, other, strict=True))


if __name__ == "__main__":
    main()
