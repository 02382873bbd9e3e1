"""The scores of DLC-Bench: positive, negative, and their mean, with bootstrap intervals over the pictures.

As published: a region's positive score is the mean of the points of its positive questions, and likewise for
negative ones. Where the description is not of the right kind of object, no question gives more than 0. An
answer of the judge that names no choice gives 0. Scores of the set are means over its regions; regions
without negative questions have no part in the negative score.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from infer.dlc_bench.bench_files import NEGATIVE, POSITIVE, BenchRegion
from infer.dlc_bench.judge_prompts import chosen_place, judge_questions
from infer.scoring.resampling.bootstrap import DRAWS, LEVEL, SEED, draw_images, interval
from infer.scoring.resampling.ratios import FloatArray, Ratio

KEYS = ("dlc_positive", "dlc_negative", "dlc_average", "dlc_recognised")


@dataclass(frozen=True)
class JudgedRegion:
    """The scores of one region, -1 to 1; `negative` is None without negative questions."""

    region: BenchRegion
    positive: float
    negative: float | None
    is_recognised: bool
    unreadable: int


def judge_region(region: BenchRegion, answers: Sequence[str]) -> JudgedRegion:
    """Return the scores of a region by the judge's answers to `judge_questions` it, in their order."""
    questions = judge_questions(region)
    places = [
        chosen_place(answer, question.choices) for answer, question in zip(answers, questions, strict=True)
    ]
    is_recognised = places[0] is not None and questions[0].points[places[0]] > 0
    points: dict[str, list[float]] = {POSITIVE: [], NEGATIVE: []}
    for place, question in zip(places[1:], questions[1:], strict=True):
        given = 0.0 if place is None else question.points[place]
        points[question.kind].append(given if is_recognised else min(0.0, given))
    negative = _mean(points[NEGATIVE]) if points[NEGATIVE] else None
    return JudgedRegion(region, _mean(points[POSITIVE]), negative, is_recognised, places.count(None))


def bench_scores(judged: Sequence[JudgedRegion], draws: int = DRAWS) -> dict[str, Any]:
    """Return the scores of all regions, their intervals and counts; None for what is not defined."""
    ratios = {
        "dlc_positive": Ratio.of((one.positive for one in judged), [1] * len(judged)),
        "dlc_negative": Ratio.of(
            (one.negative or 0.0 for one in judged), (one.negative is not None for one in judged)
        ),
        "dlc_recognised": Ratio.of((one.is_recognised for one in judged), [1] * len(judged)),
    }
    values = {key: ratio.value for key, ratio in ratios.items() if ratio.is_defined}
    weights = draw_images([one.region.picture for one in judged], draws)
    drawn = {
        key: np.where(weights @ ratios[key].wholes > 0, ratios[key].resample(weights), np.nan)
        for key in values
    }
    if "dlc_negative" in values:
        values["dlc_average"] = (values["dlc_positive"] + values["dlc_negative"]) / 2
        drawn["dlc_average"] = (drawn["dlc_positive"] + drawn["dlc_negative"]) / 2
    return {
        **{key: values.get(key) for key in KEYS},
        "intervals": _intervals(drawn),
        "bootstrap": {"draws": draws, "seed": SEED, "percent": LEVEL},
        "regions": len(judged),
        "questions": sum(len(one.region.questions) + 1 for one in judged),
        "unreadable": sum(one.unreadable for one in judged),
    }


def _intervals(drawn: Mapping[str, FloatArray]) -> dict[str, Any]:
    bounds = {key: interval(drawn[key]) for key in KEYS if key in drawn}
    return {key: pair for key, pair in bounds.items() if pair is not None}


def _mean(points: Sequence[float]) -> float:
    return sum(points) / len(points)
