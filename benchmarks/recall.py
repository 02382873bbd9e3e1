"""`python benchmarks/recall.py [FOLDER] [MODEL ...]`: what more answers to a question add to AP.

Asks the models that benchmarks/confidence.py has trained in FOLDER (middling_0 to middling_2 and noisy_0 to
noisy_2, or those that are named) as usual and with recall=high: about images of the calibration part, to fit
the calibration of each way of asking, and about validation images, which are judged. AP is that of the same
boxes with constant scores, with mean_logprob, calibrated, and in a perfect order. Intervals: 95 %, images
resampled, the same draws for both ways. Tokens and seconds are those of an answered validation image.

Results of a model are kept in FOLDER/recall/MODEL.json: repeat the command to print the table of all of them.
Takes about four minutes a model on one core; --images and --answers change that.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt

from grounding.annotations import objects_by_image, read_annotations
from grounding.card import load_card
from grounding.files import write_json
from grounding.layout import ANNOTATIONS_FILES
from grounding.tables import format_table
from infer.asking.dataset_questions import read_questions
from infer.calibrate.fitting import fit_weighing
from infer.calibrate.judged_boxes import JudgedAnswers, ask_and_judge
from infer.calibrate.known_answers import KnownAnswers
from infer.calibrate.order_scores import ScoredOrder, score_orders
from infer.confidence.calibration import rounded
from infer.engines.opening import open_engine
from infer.engines.protocol import Engine, RawAnswer, Request
from infer.recipe import InferRecipe
from infer.scoring.resampling.average_precision import average_precisions

MODELS = tuple(f"{state}_{seed}" for state in ("middling", "noisy") for seed in (0, 1, 2))
WAYS = ("normal", "high")
METRICS = ("AP", "AP50")
DRAWS = 1000

Draws = npt.NDArray[np.float64]


@dataclass
class CountingEngine:
    """An engine of which tokens and seconds are counted."""

    engine: Engine
    tokens: int = 0
    seconds: float = 0.0

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        """Answer, and count."""
        start = time.perf_counter()
        answers = self.engine.answer(requests)
        self.seconds += time.perf_counter() - start
        self.tokens += sum(len(answer.tokens) for answer in answers)
        return answers


@dataclass(frozen=True)
class WayResult:
    """How a way of asking did: boxes, tokens and seconds an image, and values and draws of each order."""

    boxes: float
    tokens: float
    seconds: float
    values: Mapping[str, Mapping[str, float]]
    draws: Mapping[str, Mapping[str, list[float]]] = field(repr=False)


def main() -> int:
    """Ask what is not known yet, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "data" / "confidence")
    parser.add_argument("models", nargs="*", choices=MODELS, default=MODELS, metavar="MODEL")
    parser.add_argument("--images", type=int, default=192, help="of each split")
    parser.add_argument("--answers", type=int, default=InferRecipe.recall_answers, help="beside the first")
    arguments = parser.parse_args()
    results = {}
    for name in arguments.models:
        path = arguments.folder / "recall" / f"{name}.json"
        if not path.is_file():
            found = {
                way: asdict(result)
                for way, result in measure(arguments.folder, name, arguments.images, arguments.answers)
            }
            write_json(path, found)
        kept = json.loads(path.read_text(encoding="utf-8"))
        results[name] = {way: WayResult(**kept[way]) for way in WAYS}
    sys.stdout.write(f"{way_table(results)}\n\n{gain_table(results)}\n")
    return 0


def measure(folder: Path, name: str, images: int, answers: int) -> list[tuple[str, WayResult]]:
    """Ask a model in both ways.

    Raises:
        SystemExit: the model is not there.
    """
    state, _, seed = name.partition("_")
    dataset = folder / f"data_{seed}{'_noisy' if state == 'noisy' else ''}"
    if not (folder / name / "checkpoint").is_dir():
        raise SystemExit(f"{folder / name}: no such model: run benchmarks/confidence.py {folder}")
    recipe = InferRecipe(
        checkpoint=str(folder / name / "checkpoint"), dataset=str(dataset), output_dir="", device="cpu",
        batch_size=64, max_new_tokens=160, score="calibrated", recall_answers=answers,
    )  # fmt: skip
    engine = open_engine(recipe)
    return [(way, measure_way(engine, replace(recipe, recall=way), images, name)) for way in WAYS]


def measure_way(engine: Engine, recipe: InferRecipe, images: int, name: str) -> WayResult:
    """Fit a calibration for a way of asking, and judge the boxes of validation images."""
    sys.stderr.write(f"{name}, recall={recipe.recall} ...\n")
    fitted = judged(engine, recipe, "calibration", images)
    weighing = fit_weighing(fitted.features, fitted.right, fitted.groups).weighing
    counting = CountingEngine(engine)
    answers = judged(counting, recipe, "val", images)
    calibrated = [rounded(value) for value in weighing.probabilities(answers.features).tolist()]
    names = [category.name for category in load_card(recipe.dataset_path).categories]
    orders = score_orders(answers, calibrated, names)
    return WayResult(
        boxes=len(answers.boxes) / images,
        tokens=counting.tokens / images,
        seconds=counting.seconds / images,
        values={
            order.name: {metric: order.coco.statistics[metric] or 0.0 for metric in METRICS}
            for order in orders
        },
        draws={order.name: resampled(order, images, MODELS.index(name)) for order in orders},
    )


def judged(engine: Engine, recipe: InferRecipe, split: str, images: int) -> JudgedAnswers:
    """Ask about the first images of a split, and judge the boxes."""
    questions = read_questions(recipe.dataset_path, split, images)
    annotations = read_annotations(recipe.dataset_path / ANNOTATIONS_FILES[split])
    objects, crowds = objects_by_image(annotations, load_card(recipe.dataset_path))
    ids = [question.image_id for question in questions]
    known = KnownAnswers(
        split,
        tuple(questions),
        tuple(tuple(objects.get(number, ())) for number in ids),
        tuple(tuple(crowds.get(number, ())) for number in ids),
    )
    return ask_and_judge(engine, known, [str(number) for number in ids], recipe)


def resampled(order: ScoredOrder, images: int, seed: int) -> dict[str, list[float]]:
    """Return the metrics of each draw of images; a model's draws are the same for both ways."""
    chosen = np.random.default_rng(seed).integers(0, images, (DRAWS, images))
    weights = np.stack([np.bincount(row, minlength=images) for row in chosen]).astype(np.float64)
    found = average_precisions(order.coco.ranked, weights)
    return {metric: found[metric].tolist() for metric in METRICS}


def way_table(results: Mapping[str, Mapping[str, WayResult]]) -> str:
    """Return AP and AP50 of each model, way and order."""
    orders = list(next(iter(results.values()))["normal"].values)
    rows = []
    for name, ways in results.items():
        for way, result in ways.items():
            cells = [
                f"{100 * result.values[order]['AP']:.1f} {interval(result.draws[order]['AP'])} "
                f"{100 * result.values[order]['AP50']:.1f}"
                for order in orders
            ]
            costs = (f"{result.boxes:.1f}", f"{result.tokens:.0f}", f"{result.seconds:.2f}")
            rows.append((name, way, *cells, *costs))
    heads = [f"{order}: AP, AP50" for order in orders]
    return format_table(("model", "recall", *heads, "boxes", "tokens", "seconds"), rows)


def gain_table(results: Mapping[str, Mapping[str, WayResult]]) -> str:
    """Return what recall=high adds to AP and AP50, of each model and of all of a state."""
    orders = list(next(iter(results.values()))["normal"].values)
    groups = {name: [name] for name in results}
    for state in ("middling", "noisy"):
        if len(names := [name for name in results if name.startswith(state)]) > 1:
            groups[f"{state}, mean of {len(names)}"] = names
    rows = [
        (
            group,
            *(
                gain(order, metric, [results[name] for name in names])
                for order in orders
                for metric in METRICS
            ),
        )
        for group, names in groups.items()
    ]
    return format_table(
        ("recall=high adds", *(f"{order}: {metric}" for order in orders for metric in METRICS)), rows
    )


def gain(order: str, metric: str, models: Sequence[Mapping[str, WayResult]]) -> str:
    """Return the mean gain of models in points, with its interval."""
    value = np.mean(
        [ways["high"].values[order][metric] - ways["normal"].values[order][metric] for ways in models]
    )
    draws = [
        np.subtract(ways["high"].draws[order][metric], ways["normal"].draws[order][metric]) for ways in models
    ]
    return f"{100 * float(value):+.1f} {interval(np.mean(draws, axis=0))}"


def interval(values: Any) -> str:
    """Return the interval that holds 95 % of the draws, in points."""
    low, high = 100 * np.nanpercentile(values, (2.5, 97.5))
    return f"[{low:.1f}, {high:.1f}]"


if __name__ == "__main__":
    sys.exit(main())
