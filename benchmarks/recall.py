"""`python benchmarks/recall.py [FOLDER] [MODEL ...]`: what more answers to a question add to AP.

Asks the models that benchmarks/confidence.py has trained in FOLDER (middling_0 to middling_2 and noisy_0 to
noisy_2, or those that are named) in three ways: as usual; with recall=high; and `missed`, which is no key of
a recipe: a question about each category that the usual answer has no box of, in the wording category.en1.
They are asked about images of the calibration part, to fit the calibration of each way, and about validation
images, which are judged. AP is that of the same boxes with constant scores, with mean_logprob, calibrated,
and in a perfect order. Intervals: 95 %, images resampled, the same draws for all ways. Tokens and seconds are
those of an answered validation image.

The models do not know the wording of `missed`. For one that does, prepare data_0 once more with
prompt=[task,category.en1] negatives.share=0.3, train middling_0 on it for 300 more steps, and add
--other NAME CHECKPOINT data_0.

Results of a model are kept in FOLDER/recall/MODEL.json: repeat the command to print the table of all of them.
Takes about four minutes a model on one core; --images and --answers change that.
"""

import argparse
import json
import os
import sys
import time
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt

from grounding.card import load_card
from grounding.files import write_json
from grounding.layout import ANNOTATIONS_FILES
from grounding.predictions.annotations import objects_by_image, read_annotations
from grounding.prompts import ANY_LANGUAGE, find_wordings
from grounding.tables import format_table
from infer.asking.dataset_questions import read_questions
from infer.asking.parsed_answers import ParsedAnswer, SizedRequest
from infer.asking.ways import AskOnce
from infer.asking.wordings import reworded
from infer.calibrate.fitting import fit_weighing
from infer.calibrate.judged_boxes import JudgedAnswers, ask_and_judge, judge_answers
from infer.calibrate.known_answers import KnownAnswers
from infer.calibrate.order_scores import ScoredOrder, score_orders
from infer.confidence.calibration import BeingFitted, rounded
from infer.engines.opening import open_engine
from infer.engines.protocol import Engine, RawAnswer, Request
from infer.recipe import InferRecipe
from infer.scoring.resampling.average_precision import average_precisions

MODELS = tuple(f"{state}_{seed}" for state in ("middling", "noisy") for seed in (0, 1, 2))
WAYS = ("normal", "high", "missed")
WORDING = "category.en1"
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
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"of {', '.join(MODELS)}")
    parser.add_argument(
        "--other", nargs=3, action="append", default=[], metavar=("NAME", "CHECKPOINT", "DATASET")
    )
    parser.add_argument("--images", type=int, default=192, help="of each split")
    parser.add_argument("--answers", type=int, default=InferRecipe.recall_answers, help="beside the first")
    arguments = parser.parse_args()
    chosen = {name: trained_model(arguments.folder, name) for name in arguments.models or MODELS}
    chosen |= {name: (Path(model), Path(dataset)) for name, model, dataset in arguments.other}
    results = {}
    for name, (checkpoint, dataset) in chosen.items():
        recipe = InferRecipe(
            checkpoint=str(checkpoint), dataset=str(dataset), output_dir="", device="cpu", batch_size=64,
            max_new_tokens=160, score="calibrated", recall_answers=arguments.answers,
        )  # fmt: skip
        path = arguments.folder / "recall" / f"{name}.json"
        results[name] = complete(path, name, recipe, arguments.images)
    shown = with_means(results)
    sys.stdout.write(f"{way_table(shown)}\n\n{gain_table(shown)}\n")
    return 0


def trained_model(folder: Path, name: str) -> tuple[Path, Path]:
    """Return checkpoint and data set of a model of benchmarks/confidence.py.

    Raises:
        SystemExit: it is not there.
    """
    state, _, seed = name.partition("_")
    if not (folder / name / "checkpoint").is_dir():
        raise SystemExit(f"{folder / name}: no such model: run benchmarks/confidence.py {folder}")
    return folder / name / "checkpoint", folder / f"data_{seed}{'_noisy' if state == 'noisy' else ''}"


def complete(path: Path, name: str, recipe: InferRecipe, images: int) -> dict[str, WayResult]:
    """Return the results of a model; what the file does not have is measured, and kept there."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if missing := [way for way in WAYS if way not in kept]:
        engine = open_engine(recipe)
        for way in missing:
            sys.stderr.write(f"{name}, {way} ...\n")
            kept[way] = asdict(measure_way(engine, recipe, way, images, name))
            write_json(path, kept)
    return {way: WayResult(**kept[way]) for way in WAYS}


def measure_way(engine: Engine, recipe: InferRecipe, way: str, images: int, name: str) -> WayResult:
    """Fit a calibration for a way of asking, and judge the boxes of validation images."""
    fitted = judged(engine, recipe, way, "calibration", images)
    weighing = fit_weighing(fitted.features, fitted.right, fitted.groups).weighing
    counting = CountingEngine(engine)
    answers = judged(counting, recipe, way, "val", images)
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
        draws={order.name: resampled(order, images, zlib.crc32(name.encode())) for order in orders},
    )


def judged(engine: Engine, recipe: InferRecipe, way: str, split: str, images: int) -> JudgedAnswers:
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
    names = tuple((str(number),) for number in ids)
    if way == "missed":
        return JudgedAnswers(known, names, tuple(judge_answers(known, ask_missed(engine, recipe, known))))
    return ask_and_judge(engine, known, names, replace(recipe, recall=way))


def ask_missed(engine: Engine, recipe: InferRecipe, known: KnownAnswers) -> dict[int, ParsedAnswer]:
    """Ask as usual, then about each category without a box, and return all boxes by question."""
    once = AskOnce(engine, recipe.batch_size, recipe.score, calibration=BeingFitted())
    first = once([SizedRequest(question.request, question.size) for question in known.questions])
    names = [category.name for category in load_card(recipe.dataset_path).categories]
    (wording,) = find_wordings(WORDING, ANY_LANGUAGE)
    missed = [
        (place, name)
        for place, answer in enumerate(first)
        for name in names
        if name not in {found.label for found in answer.detections}
    ]
    asked = [(known.questions[place], name) for place, name in missed]
    others = once(
        [SizedRequest(reworded(question.request, wording, name), question.size) for question, name in asked]
    )
    answers = dict(enumerate(first))
    for (place, name), other in zip(missed, others, strict=True):
        found = tuple(item for item in other.detections if item.label == name)
        answers[place] = replace(answers[place], detections=answers[place].detections + found)
    return answers


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
    return format_table(("model", "way", *heads, "boxes", "tokens", "seconds"), rows)


def gain_table(results: Mapping[str, Mapping[str, WayResult]]) -> str:
    """Return what the other ways add to AP and AP50."""
    columns = [
        (order, metric) for order in next(iter(results.values()))["normal"].values for metric in METRICS
    ]
    rows = [
        (name, way, *(gain(ways[way], ways["normal"], *column) for column in columns))
        for way in WAYS[1:]
        for name, ways in results.items()
    ]
    return format_table(("model", "adds", *(f"{order}: {metric}" for order, metric in columns)), rows)


def gain(way: WayResult, normal: WayResult, order: str, metric: str) -> str:
    """Return the gain over the usual way in points, with its interval."""
    value = way.values[order][metric] - normal.values[order][metric]
    return (
        f"{100 * value:+.1f} {interval(np.subtract(way.draws[order][metric], normal.draws[order][metric]))}"
    )


def with_means(results: Mapping[str, dict[str, WayResult]]) -> dict[str, dict[str, WayResult]]:
    """Add the means of the models of each state."""
    added = dict(results)
    for state in ("middling", "noisy"):
        if len(chosen := [ways for name, ways in results.items() if name.startswith(state)]) > 1:
            added[f"{state}, mean of {len(chosen)}"] = {
                way: mean_result([ways[way] for ways in chosen]) for way in WAYS
            }
    return added


def mean_result(results: Sequence[WayResult]) -> WayResult:
    """Return the mean of several models; each draw is the mean of one draw of each."""
    first = results[0]
    return WayResult(
        boxes=float(np.mean([each.boxes for each in results])),
        tokens=float(np.mean([each.tokens for each in results])),
        seconds=float(np.mean([each.seconds for each in results])),
        values={
            order: {
                metric: float(np.mean([each.values[order][metric] for each in results])) for metric in METRICS
            }
            for order in first.values
        },
        draws={
            order: {
                metric: np.mean([each.draws[order][metric] for each in results], axis=0).tolist()
                for metric in METRICS
            }
            for order in first.values
        },
    )


def interval(values: Any) -> str:
    """Return the interval that holds 95 % of the draws, in points."""
    low, high = 100 * np.nanpercentile(values, (2.5, 97.5))
    return f"[{low:.1f}, {high:.1f}]"


if __name__ == "__main__":
    sys.exit(main())
