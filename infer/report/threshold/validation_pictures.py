"""The pictures of a validation run, each with the confidence up to which it fails, and whether it is bad."""

from collections.abc import Iterable
from pathlib import Path

from grounding.boxes import Size
from grounding.errors import UserError
from grounding.predictions.annotations import image_sizes
from grounding.samples import Detection
from infer.report.rules.rule_set import RuleSet, look_at
from infer.report.threshold.threshold_choice import ALWAYS, NEVER, ScoredPicture
from infer.scoring.evaluation import Evaluation


def score_pictures(evaluation: Evaluation, rules: RuleSet, predictions: Path) -> list[ScoredPicture]:
    """Return the scored pictures of a validation run; answers about one file are joined.

    The truth is judged by the same rules, as if it were sure. A picture fails up to the highest confidence of
    its boxes with a severity that fails; one whose answer cannot be read fails always.

    Raises:
        UserError: the boxes have no confidence, no size of an image is known, or there is no bad picture, or
            no good one.
    """
    found = [item for prediction in evaluation.predictions for item in prediction.detections]
    if found and not evaluation.has_scores:
        raise UserError(
            f"{predictions}: no box has a confidence, so that there is no threshold to choose: ask with "
            "score=min_prob, or after `python -m infer.calibrate` with score=calibrated"
        )
    sizes = image_sizes(evaluation.annotations)
    files = {image["id"]: image.get("file_name", image["id"]) for image in evaluation.annotations["images"]}
    by_file: dict[object, ScoredPicture] = {}
    for prediction in evaluation.predictions:
        number = prediction.image_id
        if number not in sizes:
            raise UserError(f"{predictions}: the annotations have no size of image {number}: prepare again")
        truth = [*evaluation.objects.get(number, ()), *evaluation.crowds.get(number, ())]
        score = _highest(prediction.detections, sizes[number], rules)
        if not prediction.is_readable:
            score = ALWAYS
        is_bad = _highest([Detection(item.label, item.box) for item in truth], sizes[number], rules) != NEVER
        known = by_file.get(files[number], ScoredPicture(NEVER, False))
        by_file[files[number]] = ScoredPicture(max(score, known.score), is_bad or known.is_bad)
    pictures = list(by_file.values())
    bad = sum(item.is_bad for item in pictures)
    if bad in (0, len(pictures)):
        kind = "bad" if bad == 0 else "good"
        raise UserError(
            f"{predictions}: none of {len(pictures)} pictures is {kind} by {rules.file}: a threshold needs "
            "good and bad ones in the validation set"
        )
    return pictures


def _highest(detections: Iterable[Detection], size: Size, rules: RuleSet) -> float:
    """Return the highest confidence of a box with a severity that fails, NEVER without one."""
    seen = [look_at(item.label, item.box, size, item.score) for item in detections]
    return max(
        (defect.confidence for defect in seen if rules.fails(rules.rule_on(defect).severity)), default=NEVER
    )
