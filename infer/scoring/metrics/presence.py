"""Is it there? Yes or no, derived from the boxes of answers to questions about one thing.

Accuracy, precision, recall, F1 and the share of yes are POPE's (Li et al., Evaluating Object Hallucination in
Large Vision-Language Models, EMNLP 2023), for questions about one category. An answer means yes if it has a
box with the category's label; otherwise it means no, also if it is unreadable. The false positive rate covers
all questions about something that is not there, categories and referring expressions; for an expression, any
box means yes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from grounding.predictions.prediction_rows import Prediction
from infer.scoring.evaluation import Evaluation
from infer.scoring.metrics.metric import (
    COUNTS,
    PRESENCE,
    MeasuredRatios,
    Metric,
    MetricFamily,
    count_questions,
)
from infer.scoring.resampling.ratios import Ratio

_METRICS = {
    "false_positive_rate": Metric(
        "boxes for what is not there", PRESENCE, less_is_better=True, is_optional=True
    ),
    "negatives": Metric("questions about what is not there", COUNTS, is_optional=True, is_shown_last=True),
    "pope_accuracy": Metric("POPE accuracy", PRESENCE, is_optional=True),
    "pope_precision": Metric("POPE precision", PRESENCE, is_optional=True),
    "pope_recall": Metric("POPE recall", PRESENCE, is_optional=True),
    "pope_f1": Metric("POPE F1", PRESENCE, is_optional=True),
    "pope_yes_ratio": Metric("POPE share of yes", PRESENCE, is_optional=True),
    "pope_questions": Metric("questions about one category", COUNTS, is_optional=True),
}


def measure_presence(evaluation: Evaluation) -> MeasuredRatios:
    """Measure the answers to questions about one category or one referring expression."""
    ratios = presence_ratios(evaluation.predictions, evaluation.annotations, evaluation.categories)
    keys = {"pope_accuracy": "pope_questions", "false_positive_rate": "negatives"}
    return MeasuredRatios(ratios, count_questions(ratios, keys))


def presence_ratios(
    predictions: Sequence[Prediction], annotations: Mapping[str, Any], categories: frozenset[str]
) -> dict[str, Ratio]:
    """Return POPE's metrics and the false positive rate; metrics without such a question are left out."""
    subjects = {image["id"]: image.get("asked") for image in annotations["images"]}
    present = {item["image_id"] for item in annotations["annotations"]}  # crowd regions are there, too
    names = [subjects[item.image_id] for item in predictions]
    is_there = [item.image_id in present for item in predictions]
    says_yes = [
        any(name not in categories or found.label == name for found in item.detections)
        for item, name in zip(predictions, names, strict=True)
    ]
    is_category = [name in categories for name in names]
    is_absent = [name is not None and not there for name, there in zip(names, is_there, strict=True)]
    ratios = pope_ratios(is_category, is_there, says_yes) if any(is_category) else {}
    if any(is_absent):
        wrong = (absent and yes for absent, yes in zip(is_absent, says_yes, strict=True))
        ratios["false_positive_rate"] = Ratio.of(wrong, is_absent)
    return ratios


def pope_ratios(
    is_category: Sequence[bool], is_there: Sequence[bool], says_yes: Sequence[bool]
) -> dict[str, Ratio]:
    """Return POPE's metrics; only questions about a category count."""
    rows = list(zip(is_category, is_there, says_yes, strict=True))
    truths = [counts and there for counts, there, _ in rows]
    answers = [counts and yes for counts, _, yes in rows]
    hits = [counts and there and yes for counts, there, yes in rows]
    return {
        "pope_accuracy": Ratio.of((counts and there == yes for counts, there, yes in rows), is_category),
        "pope_precision": Ratio.of(hits, answers),
        "pope_recall": Ratio.of(hits, truths),
        "pope_f1": Ratio.of(
            (2 * hit for hit in hits), (sum(pair) for pair in zip(truths, answers, strict=True))
        ),
        "pope_yes_ratio": Ratio.of(answers, is_category),
    }


def false_positives_by_choice(
    predictions: Sequence[Prediction], annotations: Mapping[str, Any], categories: frozenset[str]
) -> dict[str, dict[str, float]]:
    """Return questions and false positive rate by how the absent category was chosen, such as popular."""
    choices: dict[str, set[int]] = {}
    for image in annotations["images"]:
        if image.get("negative") is not None:
            choices.setdefault(str(image["negative"]), set()).add(image["id"])
    table = {}
    for choice, ids in sorted(choices.items()):
        chosen = [item for item in predictions if item.image_id in ids]
        rate = presence_ratios(chosen, annotations, categories).get("false_positive_rate")
        if rate is not None:
            table[choice] = {"questions": int(rate.wholes.sum()), "false_positive_rate": rate.value}
    return table


IS_IT_THERE = MetricFamily(_METRICS, measure_presence)
