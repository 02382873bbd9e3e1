"""Chooses the threshold of a validation run, saves it, and tells the errors to expect."""

from collections.abc import Sequence
from pathlib import Path

from grounding.errors import UserError
from grounding.layout import find_predictions_file
from grounding.tables import format_table
from infer.report.asked_model import card_note, model_of_run
from infer.report.report_settings import ThresholdSettings
from infer.report.rules.rules_file import read_rules
from infer.report.threshold.threshold_choice import (
    Choose,
    PictureErrors,
    ScoredPicture,
    count_errors,
    held_out_errors,
    threshold_for_cost,
    threshold_for_recall,
)
from infer.report.threshold.threshold_file import FORMAT, ChosenThreshold, errors_row, save_threshold
from infer.report.threshold.validation_pictures import score_pictures
from infer.scoring.inputs import read_evaluation


def choose_threshold(place: Path, settings: ThresholdSettings) -> str:
    """Choose the threshold of a run on the validation pictures, save it, and return the table of its errors.

    Raises:
        UserError: the run, its data set or the rules cannot be used, or no threshold does what is wanted.
    """
    predictions = find_predictions_file(place)
    dataset = None if settings.dataset is None else Path(settings.dataset)
    evaluation = read_evaluation(predictions, dataset)
    assert evaluation.dataset is not None  # read_evaluation sets it
    rules = read_rules(Path(settings.rules), [category.name for category in evaluation.card.categories])
    pictures = score_pictures(evaluation, rules, predictions)
    threshold, cautious = _choose(pictures, settings)
    if count_errors(pictures, threshold).missed.count == sum(item.is_bad for item in pictures):
        raise UserError(
            "with these costs it is cheapest to let every picture pass: check cost_missed and "
            "cost_false_alarm"
        )
    same, held_out = count_errors(pictures, threshold), held_out_errors(pictures, cautious)
    asked = model_of_run(predictions)
    chosen: ChosenThreshold = {
        "format": FORMAT,
        "threshold": threshold,
        "wanted": settings.wanted,
        "rules": rules.fingerprint,
        "model": asked.note,
        "keys": asked.keys,
        "data_card": card_note(evaluation.card, evaluation.dataset),
        "same_pictures": errors_row(same),
        "held_out": errors_row(held_out),
    }
    save_threshold(chosen, Path(settings.output))
    wanted = " ".join(f"{key}={value:g}" for key, value in settings.wanted.items())
    return f"{_table(same, held_out)}\n{settings.output}: threshold {threshold:.6g} for {wanted}"


def _choose(pictures: Sequence[ScoredPicture], settings: ThresholdSettings) -> tuple[float, Choose]:
    """Return the threshold, and how it is chosen on a part of the pictures."""
    if settings.recall is not None:
        recall = settings.recall
        return (
            threshold_for_recall(pictures, recall),
            lambda part: threshold_for_recall(part, recall, is_strict=False),
        )
    missed, alarm = settings.costs
    return (
        threshold_for_cost(pictures, missed, alarm),
        lambda part: threshold_for_cost(part, missed, alarm),
    )


def _table(same: PictureErrors, held_out: PictureErrors) -> str:
    rows = [
        ["missed (bad pictures that pass)", str(same.missed), str(held_out.missed)],
        ["false alarms (good pictures that fail)", str(same.false_alarms), str(held_out.false_alarms)],
    ]
    return format_table(["errors, with 95 % intervals", "chosen on these", "expected, held out"], rows)
