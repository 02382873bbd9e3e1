"""The calibration of a run with score=calibrated, and whether it may score what the run asks about."""

from collections.abc import Sequence
from pathlib import Path

from grounding.card import load_card
from grounding.errors import UserError
from grounding.layout import ALL_JSONL_FILES, SCORED_SPLIT
from infer.asking.dataset_questions import Question
from infer.confidence.calibration import Calibration, FittedOn
from infer.confidence.calibration_place import calibration_path, find_calibration
from infer.confidence.image_contents import hash_images
from infer.engines.checkpoint import Checkpoint
from infer.engines.settings import CALIBRATED, EngineSettings
from infer.recipe import InferRecipe
from infer.runs.answer_keys import answer_keys, describe_changed_keys

AGAIN = "run `python -m infer.calibrate` with these keys"


def calibration_of_run(
    recipe: InferRecipe, checkpoint: Checkpoint | None, questions: Sequence[Question]
) -> Calibration | None:
    """Return the calibration that a run's scores are made with; None with another `score`.

    Raises:
        UserError: as `calibration_of_engine`, or it was made of answers in another format, or on images that
            the run asks about. The last is allowed for the split that it was fitted on: nobody scores that.
    """
    if (calibration := calibration_of_engine(recipe, checkpoint)) is None:
        return None
    fitted_on, path = calibration.fitted_on, calibration_path(recipe, checkpoint)
    answer_format = load_card(recipe.dataset_path).answer_format
    if fitted_on.answer_format != answer_format:
        raise UserError(
            f"{path}: made of answers as {fitted_on.answer_format}, and {recipe.dataset} has answers as "
            f"{answer_format}: run `python -m infer.calibrate` with this data set"
        )
    if recipe.split == SCORED_SPLIT or recipe.split != fitted_on.split:
        _check_images(fitted_on, questions, path, recipe.dataset_path / ALL_JSONL_FILES[recipe.split])
    return calibration


def calibration_of_engine(settings: EngineSettings, checkpoint: Checkpoint | None) -> Calibration | None:
    """Return the calibration that a model's scores are made with; None with another `score`.

    Raises:
        UserError: there is none, or it was made for another checkpoint, or with other keys that change
            answers.
    """
    if settings.score != CALIBRATED:
        return None
    calibration = find_calibration(settings, checkpoint)
    if changes := describe_changed_keys(calibration.fitted_on.keys, answer_keys(settings)):
        path = calibration_path(settings, checkpoint)
        raise UserError(f"{path}: made with other keys: {changes}: {AGAIN}")
    return calibration


def _check_images(fitted_on: FittedOn, questions: Sequence[Question], path: Path, asked: Path) -> None:
    """Refuse to score images that the calibration was fitted on, whatever they are called here."""
    shown = (image for question in questions for image in question.picture_files)
    hashes = hash_images(shown, "comparing images")
    known = frozenset(fitted_on.images)
    if fitted := [image for image, content in hashes.items() if content in known]:
        raise UserError(
            f"{asked}: {len(fitted)} of {len(hashes)} images, the first {fitted[0].name}, are among those "
            f"that {path} was fitted on: scores would look better than they are: take these images out, or "
            "run `python -m infer.calibrate` on others"
        )
