"""Is it there? Yes and no, derived from the boxes of answers to questions about one thing.

Accuracy, precision, recall, F1 and the share of yes are POPE's (Li et al., Evaluating Object Hallucination in
Large Vision-Language Models, EMNLP 2023), for questions about one category: an answer says yes that holds a
box with the category's label, and no otherwise, an unreadable one included. The false positive rate is over
all questions about something that is not there, a category or a referring expression; for the latter any box
is a yes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from infer.runs.predictions import Prediction
from infer.scoring.metrics.ratios import Ratio


def presence_ratios(
    predictions: Sequence[Prediction], annotations: Mapping[str, Any], categories: frozenset[str]
) -> dict[str, Ratio]:
    """Return POPE's metrics and the false positive rate; what no question defines is left out."""
    asked = {image["id"]: image.get("asked") for image in annotations["images"]}
    present = {item["image_id"] for item in annotations["annotations"]}  # crowds are there, too
    about = [asked[item.image_id] for item in predictions]
    is_there = [item.image_id in present for item in predictions]
    says_yes = [
        any(name not in categories or found.label == name for found in item.detections)
        for item, name in zip(predictions, about, strict=True)
    ]
    rows = list(zip((name in categories for name in about), is_there, says_yes, strict=True))
    questions, truths, answers = (
        [is_asked for is_asked, _, _ in rows],
        [is_asked and there for is_asked, there, _ in rows],
        [is_asked and yes for is_asked, _, yes in rows],
    )
    right = [is_asked and there and yes for is_asked, there, yes in rows]
    ratios = {
        "pope_accuracy": Ratio.of((is_asked and there == yes for is_asked, there, yes in rows), questions),
        "pope_precision": Ratio.of(right, answers),
        "pope_recall": Ratio.of(right, truths),
        "pope_f1": Ratio.of(
            (2 * hit for hit in right), (sum(pair) for pair in zip(truths, answers, strict=True))
        ),
        "pope_yes_ratio": Ratio.of(answers, questions),
    }
    absent = [name is not None and not there for name, there in zip(about, is_there, strict=True)]
    rate = Ratio.of((no and yes for no, yes in zip(absent, says_yes, strict=True)), absent)
    return (ratios if any(questions) else {}) | ({"false_positive_rate": rate} if any(absent) else {})


def false_positives_by_choice(
    predictions: Sequence[Prediction], annotations: Mapping[str, Any], categories: frozenset[str]
) -> dict[str, dict[str, float]]:
    """Return questions and false positive rate for each choice of negatives, such as popular."""
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
