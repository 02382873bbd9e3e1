"""The scores of one member of a suite: its metrics, and their values on resampled images."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from infer.scoring.inputs import read_evaluation
from infer.scoring.likely_cause import likely_cause
from infer.scoring.metrics.metric import Value
from infer.scoring.outputs import save_scores
from infer.scoring.resampling.bootstrap import Interval
from infer.scoring.resampling.ratios import FloatArray
from infer.scoring.scorecard import score


@dataclass(frozen=True)
class MemberScores:
    """Value and interval of each metric, None where the set does not define it.

    `drawn` has the values of each draw, shape (draws,), for means over the sets. Draws of different sets are
    independent; members about the same pictures have the same draws. `asked` counts images or questions.
    """

    asked: int
    values: Mapping[str, Value]
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    drawn: Mapping[str, FloatArray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def seed_of(pictures: Sequence[object]) -> int:
    """Return the seed of a set's draws, by its pictures: sets of the same pictures are drawn alike."""
    text = "\n".join(sorted({str(picture) for picture in pictures}))
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=4).digest(), "big")


def score_boxes(predictions: Path, set_name: str, metrics: Sequence[str], draws: int) -> MemberScores:
    """Score predictions of boxes, write the scores beside them, and return those that the suite asks for.

    The draws are those of the intervals. All sets begin them with one seed, so that sets with as many images
    would have the same; for means over sets, each set's draws come in an order of their own.

    Raises:
        UserError: the predictions cannot be scored.
    """
    evaluation = read_evaluation(predictions)
    scores = score(evaluation, draws)
    save_scores(predictions, evaluation, scores)
    pictures = [f"{set_name}\t{image['file_name']}" for image in evaluation.annotations["images"]]
    order = np.random.default_rng(seed_of(pictures)).permutation(draws)
    cause = likely_cause(evaluation.predictions, scores)
    return MemberScores(
        len(evaluation.predictions),
        {key: scores.values.get(key) for key in metrics},
        {key: scores.intervals[key] for key in metrics if key in scores.intervals},
        {key: scores.drawn[key][order] for key in metrics if key in scores.drawn},
        (*scores.notes, *([] if cause is None else [cause])),
    )
