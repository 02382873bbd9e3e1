"""What changed between two runs on the same images: the metrics with paired intervals, and each image."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from grounding.files import read_json, read_jsonl
from grounding.layout import ANNOTATIONS_FILE, PREDICTIONS_FILE, SCORES_FILE, named_dataset
from grounding.predictions.prediction_rows import read_predictions
from grounding.regions.region_mark import asks_for_words
from infer.scoring.advice.cut_detections import KEY
from infer.scoring.evaluation import Evaluation
from infer.scoring.inputs import read_evaluation
from infer.scoring.metrics.catalogue import measure
from infer.scoring.resampling.bootstrap import DRAWS, LEVEL, SEED, Interval, interval
from infer.scoring.scorecard import LIMITS_KEY


class NotComparableError(Exception):
    """Two runs cannot be compared image by image; the message says why."""


@dataclass(frozen=True)
class MetricChange:
    """A metric's difference, after minus before, and the interval of the difference."""

    change: float
    interval: Interval | None


@dataclass(frozen=True)
class ImageChange:
    """The mean IoU of an image's objects in both runs; missed objects and wrong detections count 0."""

    image_id: int
    image: str
    before: float
    after: float


@dataclass(frozen=True)
class Changes:
    """What changed from run `before` to run `after` on their common images; most changed images first."""

    before: str
    after: str
    common_images: int
    metrics: dict[str, MetricChange]
    images: tuple[ImageChange, ...]

    def as_json(self, images: int) -> dict[str, Any]:
        """Return this for a JSON file, with at most this many images."""
        return asdict(self) | {
            "bootstrap": {"draws": DRAWS, "seed": SEED, "percent": LEVEL},
            "images": [asdict(item) for item in self.images[:images]],
        }


def find_changes(runs: Mapping[str, Path], dataset: Path | None) -> Changes:
    """Compare the first of the runs with the last; `runs` maps names to folders.

    Raises:
        NotComparableError: predictions are missing, or no data set or no image is common to both.
        UserError: predictions or annotations that cannot be read.
    """
    (before, first), *_, (after, last) = runs.items()
    old, new, common = common_evaluations(first, last, dataset)
    return Changes(before, after, common, metric_changes(old, new), tuple(image_changes(old, new)))


def common_evaluations(
    first: Path, last: Path, dataset: Path | None = None
) -> tuple[Evaluation, Evaluation, int]:
    """Return the evaluations of two runs on what both have answered, and the number of their images.

    Raises:
        NotComparableError: predictions are missing, or no data set or no image is common to both.
        UserError: predictions or annotations that cannot be read.
    """
    paths = [folder / PREDICTIONS_FILE for folder in (first, last)]
    if missing := [path for path in paths if not path.is_file()]:
        raise NotComparableError(f"{missing[0]} is missing")
    dataset = dataset or _common_dataset(paths)
    ids = [{item.image_id for item in read_predictions(path)} for path in paths]
    common = frozenset(ids[0] & ids[1])
    if not (common or all(map(_has_descriptions, paths))):
        raise NotComparableError("no image was answered in both")
    limit = _common_limit([path.parent for path in paths])
    old, new = with_common_regions(*(read_evaluation(path, dataset, common, limit) for path in paths))
    if not (common or old.descriptions):
        raise NotComparableError("no image was answered and no region described in both")
    return old, new, len(common)


def _has_descriptions(predictions: Path) -> bool:
    return any(asks_for_words(row) for _, row in read_jsonl(predictions))


def with_common_regions(before: Evaluation, after: Evaluation) -> tuple[Evaluation, Evaluation]:
    """Return two evaluations with the descriptions alone of the regions that both have, in one order."""
    common = {item.key for item in before.descriptions} & {item.key for item in after.descriptions}
    first, second = (
        replace(run, descriptions=tuple(item for item in run.descriptions if item.key in common))
        for run in (before, after)
    )
    return first, second


def _common_dataset(predictions: Sequence[Path]) -> Path:
    """Return the data set that the infer.yaml of every run names."""
    named = [folder for path in predictions if (folder := named_dataset(path)) is not None]
    if len(named) == len(predictions) and len({folder.resolve() for folder in named}) > 1:
        raise NotComparableError("the runs are about different data sets")
    if len(named) < len(predictions) or not (named[0] / ANNOTATIONS_FILE).is_file():
        raise NotComparableError("no infer.yaml names a data set that is there (add --dataset DIR)")
    return named[0]


def _common_limit(folders: Sequence[Path]) -> int | None:
    """Return the max_detections of the runs' scores.json; None where no scores name one."""
    saved = [read_json(folder / SCORES_FILE) for folder in folders if (folder / SCORES_FILE).is_file()]
    limits = {limit for scores in saved if isinstance(limit := _limit_in(scores), int)}
    if len(limits) > 1:
        first, second, *_ = sorted(limits)
        raise NotComparableError(
            f"one run was scored with max_detections={first}, another with {second}: score one of them again"
        )
    return next(iter(limits), None)


def _limit_in(scores: Any) -> Any:
    limits = scores.get(LIMITS_KEY) if isinstance(scores, dict) else None
    return limits.get(KEY) if isinstance(limits, dict) else None


def metric_changes(before: Evaluation, after: Evaluation, draws: int = DRAWS) -> dict[str, MetricChange]:
    """Return the change of every metric that both define; each draw takes the same images for both."""
    weights = before.draw(draws)
    old, new = measure(before), measure(after)
    old_values, new_values = old.values, new.values
    old_drawn, new_drawn = old.resample(weights).values, new.resample(weights).values
    changes = {}
    for key, value in old_values.items():
        other = new_values.get(key)
        if isinstance(value, float) and isinstance(other, float):
            is_drawn = key in old_drawn and key in new_drawn
            bounds = interval(new_drawn[key] - old_drawn[key]) if is_drawn else None
            changes[key] = MetricChange(other - value, bounds)
    return changes


def image_changes(before: Evaluation, after: Evaluation) -> list[ImageChange]:
    """Return the images whose boxes became better or worse, the most changed first."""
    names = {image["id"]: str(image.get("file_name", "")) for image in before.annotations["images"]}
    changes = [
        ImageChange(item.image_id, names[item.image_id], first.agreement, second.agreement)
        for item, first, second in zip(before.predictions, before.matches, after.matches, strict=True)
    ]
    changed = [item for item in changes if item.before != item.after]
    return sorted(changed, key=lambda item: (-abs(item.after - item.before), item.image_id))
