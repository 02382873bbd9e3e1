"""`python benchmarks/box_head.py [FOLDER]`: what does a box head add to a middling and to a better model?

Trains the tiny model on drawn shapes: first on coarse cells, as benchmarks/confidence.py does (600 and 500
steps), then on shapes whose edges lie at quarters of pixels, with sides of 12 to 32 of 64 pixels. Its
early checkpoint there is the middling model, a later one of the same training the learned model.
`train.box_head` makes a head for each, on its own answers to 1,000 training questions (two each), and a
calibration is fitted to its answers to 200, unless too few of them are wrong. Then 256 validation images are
asked about. The joint model is trained as the learned one, with grounding_box_head: true (--joint), and has
the head of that training.

Boxes: those that match an object as they are written (IoU 0.5, the right label), with F1 at that IoU; as text
and as corrected by `boxes=head` their mean IoU, and F1 at an IoU of 0.9 over all boxes. Small objects have
sides of up to 18 pixels. Scores: AP of boxes as written in the order of each score of tokens, and of
`score=head`. Intervals of differences: 95 %, images resampled; those of all seeds take the images of all. A
negative result is printed as it is; the exit code is 0.

Interrupted runs resume: repeat the command.
"""

import argparse
import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import confidence
from benchmarks.module_call import call
from grounding.boxes import iou
from grounding.errors import UserError
from grounding.files import write_jsonl, write_text
from grounding.layout import PREDICTIONS_FILE
from grounding.matching import pair_by_label
from grounding.recipe.loading import load_recipe
from grounding.samples import Detection
from grounding.tables import format_table
from infer.asking.dataset_questions import read_questions
from infer.asking.parsed_answers import parse_raw_answer
from infer.calibrate.fitting import fit_weighing
from infer.calibrate.judged_boxes import ask_and_judge
from infer.calibrate.known_answers import read_known_answers
from infer.confidence.box_features import ALTERNATIVES
from infer.confidence.calibration import Calibration, FittedOn
from infer.engines.opening import open_engine
from infer.engines.paddle.engine import PaddleEngine
from infer.engines.settings import CALIBRATED, HEAD
from infer.recipe import InferRecipe
from infer.runs.predicted_row import prediction_row
from infer.scoring.coco_evaluation import coco_scores
from infer.scoring.evaluation import Evaluation
from infer.scoring.inputs import read_evaluation
from infer.scoring.resampling.average_precision import average_precisions
from train.box_head.box_head_recipe import BoxHeadRecipe
from train.box_head.head_making import make_box_head
from train.box_head.learned_boxes import MATCHED

IMAGES, VAL_IMAGES, SMALL_SIDE = 4000, 512, 18.5
DRAWN = ("cells=256", "min_cells=48", "max_cells=128")
QUESTIONS, CALIBRATED_ON, ASKED, DRAWS = 1000, 200, 256, 1000
JOINT = "joint"
STATES, SEEDS_ADD = ("middling", "learned", JOINT), (21, 31, 31)
"""The models, and what is added to the seed of each, so that it sees the records in an order of its own."""

COARSE_STEPS = {"middling": 600, "learned": 500}
TOKEN_SCORES = ("mean_logprob", "min_prob", CALIBRATED)

RECIPE, HEAD_RECIPE = (ROOT / "recipes" / name / "demo.yaml" for name in ("infer", "box_head"))

BATCH = "batch_size=256"

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """A model's numbers. Sums have a row for each image; AP is a value and a row of draws.

    `sums` are those of `sums_of`, by kind of boxes, over all objects and over small ones.
    """

    name: str
    sums: dict[tuple[str, str], Numbers]
    values: dict[str, float]
    draws: dict[str, Numbers]


def main() -> int:
    """Train what is missing, ask, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "data" / "box_head")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--middling-steps", type=int, default=200)
    parser.add_argument("--learned-steps", type=int, default=1400, help="after these (1400)")
    parser.add_argument("--joint", default="true", help="grounding_box_head of the joint model (true)")
    parser.add_argument("--states", nargs="+", choices=STATES, default=STATES, help="models to measure (all)")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # of the commands that it runs
    work = arguments.folder.resolve()
    steps = (arguments.middling_steps, arguments.learned_steps)
    measured: dict[str, list[Measured]] = {state: [] for state in arguments.states}
    for seed in arguments.seeds:
        train(work, seed, steps, arguments.joint if JOINT in arguments.states else None)
        for state in arguments.states:
            measured[state].append(measure(work, state, seed))
    sys.stdout.write(f"{box_table(measured)}\n\n{score_table(measured)}\n")
    return 0


def train(work: Path, seed: int, steps: tuple[int, int], joint: str | None) -> None:
    """Draw and prepare the data sets, and train the models, where they are missing.

    `joint` is grounding_box_head of the joint model, None where that is not wanted.
    """
    before = "base"
    for state, count in COARSE_STEPS.items():
        coarse = confidence.Model(state, seed, work / "coarse", before)
        confidence.train(coarse, count)
        before = state
    source, data = work / f"source_{seed}", work / f"data_{seed}"
    if not (data / "card.json").is_file():
        sizes = (f"images={IMAGES}", f"val_images={VAL_IMAGES}", f"seed={seed}")
        call("prepare.shapes", source, *sizes, *DRAWN)
        call("prepare", "recipes/prepare/demo.yaml", f"source.path={source}", f"output_dir={data}")
    bases = {
        "middling": coarse.folder / "checkpoint",
        "learned": work / f"middling_{seed}",
        JOINT: work / f"middling_{seed}",
    }
    for state, count, added in zip(STATES, (*steps, steps[-1]), SEEDS_ADD, strict=True):
        folder, base = work / f"{state}_{seed}", bases[state]
        more = [f"grounding_box_head={joint}"] if state == JOINT else []
        if (state != JOINT or joint) and not any(folder.glob("model*.safetensors")):
            call("train", "recipes/train/tiny_full.yaml", f"model_name_or_path={base}",
                 f"train_dataset_path={data / 'train.jsonl'}", f"eval_dataset_path={data / 'val.jsonl'}",
                 f"output_dir={folder}", f"logging_dir={folder / 'visualdl'}", f"seed={seed + added}",
                 f"max_steps={count}", f"eval_steps={count}", "save_steps=10000", *more)  # fmt: skip


def measure(work: Path, state: str, seed: int) -> Measured:
    """Make a head for a model, ask it, and measure boxes and scores."""
    model, data, folder = work / f"{state}_{seed}", work / f"data_{seed}", work / f"eval_{state}_{seed}"
    if not (folder / HEAD / PREDICTIONS_FILE).is_file():
        words = [f"checkpoint={model}", f"dataset={data}"]
        if state != JOINT:
            progress(f"train.box_head {model}")
            keys = [*words, f"limit={QUESTIONS}", BATCH]
            write_text(folder / "head.txt", make_box_head(load_recipe(BoxHeadRecipe, HEAD_RECIPE, keys)))
        progress(f"ask {model}")
        ask(load_recipe(InferRecipe, RECIPE, [*words, f"output_dir={folder}", "boxes=head", BATCH]), folder)
    only = frozenset(question.image_id for question in read_questions(data, "val", ASKED))
    evaluations = {
        score: read_evaluation(folder / score / PREDICTIONS_FILE, data, only)
        for score in (*TOKEN_SCORES, HEAD)
        if (folder / score / PREDICTIONS_FILE).is_file()
    }
    text, head = evaluations[TOKEN_SCORES[0]], evaluations[HEAD]
    sums = {
        (kind, size): sums_of(text, evaluation, size=size)
        for kind, evaluation in (("text", text), ("head", head))
        for size in ("all", "small")
    }
    weights, values, draws = text.draw(DRAWS), {}, {}
    for score, predictions in {
        **{score: found.predictions for score, found in evaluations.items() if score != HEAD},
        "head": scored_as(text, head),
        "head, boxes=head": head.predictions,
    }.items():
        coco = coco_scores(text.annotations, predictions, text.category_ids)
        values[score] = float(coco.statistics["AP"] or 0.0)
        draws[score] = average_precisions(coco.ranked, weights)["AP"]
    return Measured(f"{state} {seed}", sums, values, draws)


def ask(recipe: InferRecipe, folder: Path) -> None:
    """Ask the validation questions once, and write predictions with each score; the head's come last.

    The calibration is fitted to boxes as they are written, of answers to training questions; there is none
    where too few of them are wrong.
    """
    engine = open_engine(replace(recipe, score=TOKEN_SCORES[0]))
    assert isinstance(engine, PaddleEngine)
    engine.judge, judge = None, engine.judge
    known = read_known_answers(recipe.dataset_path, CALIBRATED_ON)
    images = [(question.image,) for question in known.questions]
    judged = ask_and_judge(engine, known, images, replace(recipe, score=CALIBRATED), lambda _: None)
    calibration: Calibration | None = None
    scores: tuple[str, ...] = (*TOKEN_SCORES, HEAD)
    try:
        fit = fit_weighing(judged.features, judged.right, judged.groups)
        calibration = Calibration(fit.weighing, FittedOn("", "", "", "", (), 0, 0, {}, {}), {})
    except UserError as error:
        progress(f"no calibration: {error}")
        scores = tuple(score for score in scores if score != CALIBRATED)
    engine.judge = judge
    rows: dict[str, list[dict[str, Any]]] = {score: [] for score in scores}
    questions = read_questions(recipe.dataset_path, "val", ASKED)
    for start in range(0, len(questions), recipe.batch_size):
        batch = questions[start : start + recipe.batch_size]
        engine.forget()
        answers = engine.answer([replace(each.request, alternatives=ALTERNATIVES) for each in batch])
        for question, answer in zip(batch, answers, strict=True):
            for score, own in rows.items():
                raw = answer if score == HEAD else replace(answer, head_boxes=())
                parsed = parse_raw_answer(raw, question.size, score, calibration=calibration)
                own.append(prediction_row(question, parsed))
    for score, own in rows.items():
        write_jsonl(folder / score / PREDICTIONS_FILE, own)


def progress(text: str) -> None:
    """Say what is done now."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')}  {text}\n")


def scored_as(text: Evaluation, head: Evaluation) -> list[Any]:
    """Return the predictions with boxes as they are written and the scores of the head."""
    return [
        replace(
            item,
            detections=tuple(
                replace(found, score=other.score)
                for found, other in zip(item.detections, judged.detections, strict=True)
            ),
        )
        for item, judged in zip(text.predictions, head.predictions, strict=True)
    ]


def sums_of(text: Evaluation, other: Evaluation, *, size: str) -> Numbers:
    """Return for each image: IoUs of matched boxes, their number, right boxes at 0.9, boxes, objects.

    A box is matched as it is written, so that both kinds are judged by the same pairs. Small objects are told
    by their own side, and boxes that match none by theirs.
    """
    rows = []
    for item, judged in zip(text.predictions, other.predictions, strict=True):
        objects = text.objects.get(item.image_id, ())
        pairs = pair_by_label(item.detections, objects, MATCHED)
        fits = [iou(judged.detections[row].box, objects[column].box) for row, column, _ in pairs
                if size == "all" or is_small(objects[column])]  # fmt: skip
        strict = pair_by_label(judged.detections, objects, 0.9)
        right = sum(size == "all" or is_small(objects[column]) for _, column, _ in strict)
        owners = pair_by_label(judged.detections, objects, MATCHED)
        owner = {row: objects[column] for row, column, _ in owners}
        boxes = sum(
            size == "all" or is_small(owner.get(row, found)) for row, found in enumerate(judged.detections)
        )
        wanted = sum(size == "all" or is_small(each) for each in objects)
        rows.append([sum(fits), len(fits), right, boxes, wanted])
    return np.array(rows, float)


def is_small(item: Detection) -> bool:
    """Tell whether an object is small."""
    return item.box.area <= SMALL_SIDE**2


def figures_of(sums: Numbers) -> tuple[float, float]:
    """Return mean IoU of matched boxes, and F1 at an IoU of 0.9, from the sums over images."""
    fits, count, right, boxes, objects = sums
    return fits / max(count, 1), 2 * right / max(boxes + objects, 1)


def box_table(measured: dict[str, list[Measured]]) -> str:
    """Return mean IoU and F1 of both kinds of boxes, and their differences with intervals."""
    rows = []
    chance = np.random.default_rng(0)
    for state, models in measured.items():
        pooled = {key: np.concatenate([item.sums[key] for item in models]) for key in models[0].sums}
        for name, sums in [(item.name, item.sums) for item in models] + [(f"{state}, all seeds", pooled)]:
            for size in ("all", "small"):
                text, head = sums["text", size], sums["head", size]
                weights = chance.multinomial(len(text), [1 / len(text)] * len(text), DRAWS)
                ends = [figures_of(each.sum(0)) for each in (text, head)]
                drawn = np.array([
                    np.subtract(figures_of(row @ head), figures_of(row @ text)) for row in weights
                ])  # fmt: skip
                cells = []
                for place in (0, 1):
                    gain = ends[1][place] - ends[0][place]
                    cells += [f"{ends[0][place]:.3f}", f"{ends[1][place]:.3f}",
                              f"{gain:+.3f} {interval(drawn[:, place])}"]  # fmt: skip
                _, matched, _, boxes, objects = text.sum(0)
                f1 = 2 * matched / max(boxes + objects, 1)
                rows.append([f"{name}, {size}", f"{matched:.0f}", f"{f1:.3f}", *cells])
    kinds = ("mean IoU text", "head", "gain", "F1 at 0.9 text", "head", "gain")
    return format_table(["boxes", "matched", "F1 at 0.5", *kinds], rows)


def score_table(measured: dict[str, list[Measured]]) -> str:
    """Return AP of each order, and the gain of the head's over the best token score, with its interval."""
    rows = []
    columns = (*TOKEN_SCORES, "head", "head, boxes=head")
    for state, models in measured.items():
        common = [score for score in columns if all(score in item.values for item in models)]
        means = Measured(
            f"{state}, mean",
            {},
            {key: float(np.mean([item.values[key] for item in models])) for key in common},
            {key: np.mean([item.draws[key] for item in models], axis=0) for key in common},
        )
        for item in [*models, means]:
            best = max((score for score in TOKEN_SCORES if score in item.values), key=item.values.__getitem__)
            drawn = item.draws["head"] - item.draws[best]
            gain = item.values["head"] - item.values[best]
            values = [f"{item.values[score]:.3f}" if score in item.values else "-" for score in columns]
            rows.append([item.name, *values, best, f"{gain:+.3f} {interval(drawn)}"])
    return format_table(["AP by score", *columns, "best of tokens", "head - best"], rows)


def interval(values: Numbers) -> str:
    """Return the interval that holds 95 % of the draws."""
    low, high = np.nanpercentile(values, (2.5, 97.5))
    return f"[{low:+.3f}, {high:+.3f}]"


if __name__ == "__main__":
    sys.exit(main())
