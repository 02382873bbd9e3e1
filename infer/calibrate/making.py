"""Make the calibration of a checkpoint: ask, judge, fit, cross-validate, save."""

import os
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from tqdm import tqdm

from grounding.card import Card, load_card
from grounding.errors import UserError
from infer.asking.candidates.given_candidates import with_given_candidates
from infer.calibrate.fitting import Fit, fit_weighing
from infer.calibrate.held_out_report import format_orders, measure_orders, measured_figures
from infer.calibrate.judged_boxes import JudgedAnswers, ask_and_judge
from infer.calibrate.known_answers import KnownAnswers, read_known_answers
from infer.calibrate.order_scores import score_orders
from infer.confidence.calibration import Calibration, FittedOn, rounded
from infer.confidence.calibration_file import save_calibration
from infer.confidence.calibration_place import calibration_path, model_identity
from infer.confidence.image_contents import hash_images
from infer.recipe import InferRecipe
from infer.runs.answer_keys import answer_keys
from infer.runs.predict import EngineOpener
from models.hub_downloads import is_hub_id

LIBRARIES = ("numpy", "scikit-learn", "paddlepaddle")


def make_calibration(recipe: InferRecipe, open_engine: EngineOpener) -> str:
    """Fit a calibration for the recipe's checkpoint, save it, and return the report.

    The recipe has score=calibrated. Its keys that change answers are kept: a run has to have the same.

    Raises:
        UserError: no data set, no checkpoint, a file that cannot be written, or too few boxes to fit.
    """
    checkpoint = recipe.resolve_checkpoint()
    path = calibration_path(recipe, checkpoint)
    _check_place(recipe, path)
    card = load_card(recipe.dataset_path)
    known = read_known_answers(recipe.dataset_path, recipe.limit)
    known = replace(known, questions=tuple(with_given_candidates(known.questions, recipe)))
    shown = [question.picture_files for question in known.questions]
    contents = hash_images((image for images in shown for image in images), "reading images")
    answers = _ask(recipe, open_engine, known, [tuple(contents[each] for each in images) for images in shown])
    fit = fit_weighing(answers.features, answers.right, answers.groups)
    calibrated = [rounded(value) for value in fit.held_out.tolist()]
    orders = score_orders(answers, calibrated, [category.name for category in card.categories])
    qualities = measure_orders(answers, orders)
    fitted_on = _fitted_on(recipe, card, answers, model_identity(recipe, checkpoint))
    save_calibration(Calibration(fit.weighing, fitted_on, measured_figures(qualities)), path)
    return f"{format_orders(qualities)}\n{_summary(answers, fit, path)}"


def _check_place(recipe: InferRecipe, path: Path) -> None:
    """Refuse a place that cannot be written before the model is asked.

    Raises:
        UserError: the cache of a hub, a folder in place of a file, or a folder that cannot be written.
    """
    if recipe.calibration is None and recipe.checkpoint is not None and is_hub_id(recipe.checkpoint):
        raise UserError(
            f"checkpoint: {recipe.checkpoint} lies in the cache of a hub: set calibration= to a file that is "
            "to hold its calibration"
        )
    if path.is_dir():
        raise UserError(f"calibration: {path} is a folder: name a file")
    there = next(folder for folder in path.absolute().parents if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        raise UserError(f"calibration: {path} cannot be written: set calibration= to a file elsewhere")


def _ask(
    recipe: InferRecipe, open_engine: EngineOpener, known: KnownAnswers, images: list[tuple[str, ...]]
) -> JudgedAnswers:
    engine = open_engine(recipe)
    with tqdm(total=len(known.questions), unit="image", desc="calibrate") as bar:
        return ask_and_judge(engine, known, images, recipe, bar.update)


def _fitted_on(recipe: InferRecipe, card: Card, answers: JudgedAnswers, checkpoint: str) -> FittedOn:
    return FittedOn(
        checkpoint=checkpoint,
        dataset=card.source_fingerprint,
        split=answers.known.split,
        answer_format=card.answer_format,
        images=answers.contents,
        boxes=len(answers.judged),
        right=int(answers.right.sum()),
        keys=answer_keys(recipe),
        versions={name: version(name) for name in LIBRARIES},
    )


def _summary(answers: JudgedAnswers, fit: Fit, path: Path) -> str:
    kind = "logistic, then isotonic" if fit.weighing.knots else "logistic"
    judged, left = len(answers.judged), len(answers.boxes) - len(answers.judged)
    return (
        f"{path}: {kind}, fitted on {judged} boxes ({answers.right.mean():.1%} right) of "
        f"{len(answers.contents)} images of {answers.known.split}, {left} boxes left out; "
        "the table is of images that were held out in turn"
    )
