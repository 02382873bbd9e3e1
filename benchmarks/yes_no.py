"""`python benchmarks/yes_no.py [FOLDER]`: is p(yes) a better score of a box than its token probabilities?

Trains the tiny model on drawn pictures of 64 x 64 pixels to a middling state, without yes/no records. For
each way of showing a box, a second training goes on from there, in which most records are yes/no questions.
Each model answers 256 new pictures; its boxes are then scored in each way. Printed are the means over the
seeds, and the lowest and highest: AUROC (right or wrong at IoU 0.5), expected calibration error, the AP of
the same boxes, and what the score costs. "perfect order" puts all right boxes first. Takes half an hour on
two cores; what is there already is kept.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from benchmarks.module_call import call

if TYPE_CHECKING:
    from infer.asking.dataset_questions import Question
    from infer.asking.parsed_answers import ParsedAnswer
    from infer.engines.protocol import Engine, RawAnswer, Request
    from infer.recipe import InferRecipe

MAX_PIXELS = 64 * 64
IMAGES = 256
SHARE, MORE_STEPS = 0.6, 300
"""The share of yes/no records in the second training, and its steps."""

SHOWS = ("outline", "spotlight", "text")
WITHOUT = "without yes/no records"
COLUMNS = ("AUROC", "ECE", "AP", "AP50", "questions an image", "ms an image")


@dataclass(frozen=True)
class Measured:
    """One way to score the boxes of one model."""

    model: str
    score: str
    values: dict[str, float | None]
    problems: int


def main() -> None:
    """Make missing data and models, ask, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "data" / "yes_no")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--shows", nargs="+", default=SHOWS, choices=SHOWS)
    parser.add_argument("--steps", type=int, default=500, help="steps of the first training (500)")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    measured: list[Measured] = []
    for seed in arguments.seeds:
        for show in (None, *arguments.shows):
            model = train(folder / f"seed_{seed}", show, seed, arguments.steps)
            measured += kept(model / "yes_no.json") or measure(
                model.parent / (show or "without"), model, show
            )
            sys.stderr.write(f"so far:\n{table(measured)}")
    sys.stdout.write(table(measured))


def kept(path: Path) -> list[Measured]:
    """Return what an earlier run has measured of a model, nothing if none has."""
    return [Measured(**row) for row in json.loads(path.read_text())] if path.is_file() else []


def train(folder: Path, show: str | None, seed: int, steps: int) -> Path:
    """Make the data set and the model of one kind, and return the model's folder."""
    name, asks = show or "without", [f"yes_no.share={SHARE}", f"yes_no.show={show}"] if show else []
    if not (folder / "source").exists():
        call("prepare.shapes", folder / "source", "images=6000", f"val_images={IMAGES}", f"seed={seed}")
    call("prepare", "recipes/prepare/demo.yaml", f"source.path={folder / 'source'}",
         f"output_dir={folder / name}", *asks)  # fmt: skip
    output, start = folder / f"{name}_model_{steps}", folder / (f"without_model_{steps}" if show else "base")
    count = MORE_STEPS if show else steps
    if (output / "train_results.json").is_file():
        return output
    call("train.tiny", folder / "base", f"seed={seed}")
    call("train", "recipes/train/tiny_full.yaml", f"model_name_or_path={start}",
         f"train_dataset_path={folder / name / 'train.jsonl'}",
         f"eval_dataset_path={folder / name / 'val.jsonl'}", f"max_pixels={MAX_PIXELS}",
         f"max_steps={count}", f"seed={seed + 1}", f"output_dir={output}", f"logging_dir={output}/visualdl",
         "grounding_eval_samples=0", "evaluation_strategy=no", "do_eval=false",
         "save_steps=100000")  # fmt: skip
    return output


class CountingEngine:
    """An engine that counts what it is asked."""

    def __init__(self, engine: "Engine") -> None:
        self.engine, self.asked = engine, 0

    def answer(self, requests: "Sequence[Request]") -> "list[RawAnswer]":
        """Answer, and count."""
        self.asked += len(requests)
        return self.engine.answer(requests)


def measure(dataset: Path, model: Path, trained: str | None) -> list[Measured]:
    """Score the boxes of one model in every way that it was trained for, or in all ways if in none."""
    from infer.asking.dataset_questions import read_questions
    from infer.engines.opening import open_engine
    from infer.engines.yes_no_settings import YesNoSettings
    from infer.recipe import InferRecipe

    recipe = InferRecipe(
        checkpoint=str(model), dataset=str(dataset), output_dir=str(model / "answers"), device="cpu",
        batch_size=32, max_new_tokens=160, score="mean_logprob", limit=IMAGES)  # fmt: skip
    ways = {"mean_logprob": recipe}
    for show in SHOWS if trained is None else (trained,):
        asking = replace(recipe, score="yes_no")
        ways[f"yes_no, {show}"] = replace(asking, yes_no=YesNoSettings(show))
        if trained:
            ways[f"yes_no, {show}, all boxes"] = replace(asking, yes_no=YesNoSettings(show, 0.0, 1.0))
    questions, engine = read_questions(dataset, "val", IMAGES), open_engine(recipe)
    ask_all(engine, questions[:32], recipe)  # the first batch takes longer
    rows = []
    for name, way in ways.items():
        counting = CountingEngine(engine)
        start = time.perf_counter()
        answered = ask_all(counting, questions, way)
        cost = (counting.asked / len(questions), (time.perf_counter() - start) / len(questions) * 1000)
        rows += judge(trained or WITHOUT, name, way, (questions, answered), cost)
    (model / "yes_no.json").write_text(json.dumps([asdict(row) for row in rows]))
    return rows


def ask_all(engine: "Engine", questions: "Sequence[Question]", recipe: "InferRecipe") -> "list[ParsedAnswer]":
    """Ask all questions, batch after batch."""
    from infer.asking.ways import ask_batch

    starts = range(0, len(questions), recipe.batch_size)
    return [
        answer
        for start in starts
        for answer in ask_batch(engine, questions[start : start + recipe.batch_size], recipe)
    ]


def judge(
    model: str, name: str, recipe: "InferRecipe", asked: Any, cost: tuple[float, float]
) -> list[Measured]:
    """Measure the scores of one run; with those of the tokens, also constant scores and a perfect order."""
    from grounding.files import write_jsonl
    from infer.asking.yes_no.asking_back import NEITHER_YES_NOR_NO
    from infer.recipe import save_recipe
    from infer.runs.predicted_row import prediction_row
    from infer.scoring.inputs import read_evaluation

    folder = recipe.output_path / "".join(letter if letter.isalnum() else "_" for letter in name)
    save_recipe(replace(recipe, output_dir=str(folder)))
    write_jsonl(folder / "predictions.jsonl", [prediction_row(*pair) for pair in zip(*asked, strict=True)])
    evaluation = read_evaluation(folder / "predictions.jsonl")
    problems = sum(answer.problems.count(NEITHER_YES_NOR_NO) for answer in asked[1])
    rows = [
        Measured(model, name, values_of(evaluation) | dict(zip(COLUMNS[4:], cost, strict=True)), problems)
    ]
    if name == "mean_logprob":
        constant, perfect = (
            replace(evaluation, predictions=rescored(evaluation, is_perfect=is_perfect))
            for is_perfect in (False, True)
        )
        rows.insert(0, Measured(model, "constant", values_of(constant), 0))
        rows.append(Measured(model, "perfect order", values_of(perfect), 0))
    return rows


def values_of(evaluation: Any) -> dict[str, float | None]:
    """Return AUROC, ECE, AP and AP50."""
    from infer.scoring.calibration.judging import judge_boxes
    from infer.scoring.calibration.measures import measure_reliability
    from infer.scoring.scorecard import score

    judged = judge_boxes(evaluation.predictions, evaluation.objects, evaluation.crowds)
    reliability = measure_reliability([(value or 0.0, is_right) for value, is_right in judged])
    scores = score(evaluation, draws=0).values
    numbers = (reliability.auroc, reliability.calibration_error, scores["AP"], scores["AP50"])
    return dict(zip(COLUMNS, numbers, strict=False))


def rescored(evaluation: Any, *, is_perfect: bool) -> Any:
    """Return the predictions with the score 1, or with 0 for boxes that are wrong at IoU 0.5."""
    from infer.scoring.calibration.judging import judge_boxes

    changed = []
    for item in evaluation.predictions:
        numbered = tuple(replace(found, score=place) for place, found in enumerate(item.detections))
        judged = judge_boxes([replace(item, detections=numbered)], evaluation.objects, evaluation.crowds)
        right = {int(place or 0) for place, is_right in judged if is_right or not is_perfect}
        scored = tuple(
            replace(found, score=float(place in right)) for place, found in enumerate(item.detections)
        )
        changed.append(replace(item, detections=scored))
    return tuple(changed)


def table(measured: Sequence[Measured]) -> str:
    """Return the means over the seeds with the lowest and the highest value."""
    lines = [f"{'trained':24}{'score':30}" + "".join(f"{column:>22}" for column in COLUMNS) + "  unanswered"]
    for model, name in dict.fromkeys((row.model, row.score) for row in measured):
        rows = [row for row in measured if (row.model, row.score) == (model, name)]
        cells = (shown([row.values.get(column) for row in rows]) for column in COLUMNS)
        unanswered = sum(row.problems for row in rows)
        lines.append(f"{model:24}{name:30}" + "".join(f"{cell:>22}" for cell in cells) + f"{unanswered:12}")
    return "\n".join(lines) + "\n"


def shown(values: Sequence[float | None]) -> str:
    """Return the mean, and the range in brackets."""
    numbers = [value for value in values if value is not None]
    if not numbers:
        return "-"
    digits = 3 if max(numbers) < 10 else 1
    low, high = min(numbers), max(numbers)
    return f"{statistics.mean(numbers):.{digits}f} ({low:.{digits}f}..{high:.{digits}f})"


if __name__ == "__main__":
    main()
