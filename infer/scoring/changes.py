"""What changed between two runs on the same images: metrics with paired intervals, and image by image."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from grounding.layout import PREDICTIONS_FILE
from infer.recipe import saved_recipe
from infer.runs.predictions import read_predictions
from infer.scoring.evaluation import Evaluation, read_evaluation
from infer.scoring.ground_truth import ANNOTATIONS_FILE
from infer.scoring.metrics.bootstrap import DRAWS, LEVEL, SEED, Interval, interval


@dataclass(frozen=True)
class MetricChange:
    """A metric's difference, after less before, and the interval of the difference."""

    change: float
    interval: Interval | None


@dataclass(frozen=True)
class ImageChange:
    """The mean IoU of an image's objects in both runs; missed and wrong ones count 0."""

    image_id: int
    image: str
    before: float
    after: float


@dataclass(frozen=True)
class Changes:
    """What changed from run `before` to run `after` on so many common images; most changed images first."""

    before: str
    after: str
    common_images: int
    metrics: dict[str, MetricChange]
    images: tuple[ImageChange, ...]

    def as_json(self, images: int) -> dict[str, Any]:
        """Return this for a JSON file, with so many of the images."""
        return asdict(self) | {
            "bootstrap": {"draws": DRAWS, "seed": SEED, "percent": LEVEL},
            "images": [asdict(item) for item in self.images[:images]],
        }


def find_changes(runs: Mapping[str, Path], dataset: Path | None) -> Changes | str:
    """Compare the first with the last of the runs' folders, or say why that cannot be done.

    Raises:
        UserError: predictions or annotations that cannot be read.
    """
    (before, first), *_, (after, last) = runs.items()
    paths = [folder / PREDICTIONS_FILE for folder in (first, last)]
    if missing := [path for path in paths if not path.is_file()]:
        return f"{missing[0]} is missing"
    if dataset is None:
        recipes = [saved_recipe(folder) for folder in (first, last)]
        places = {None if recipe is None else recipe.dataset_path.resolve() for recipe in recipes}
        known = [recipe.dataset_path for recipe in recipes if recipe is not None]
        if len(places) > 1 and None not in places:
            return "the runs are about different data sets"
        if None in places or not (known[0] / ANNOTATIONS_FILE).is_file():
            return "no infer.yaml names a data set that is there (add --dataset DIR)"
        dataset = known[0]
    ids = [{item.image_id for item in read_predictions(path)} for path in paths]
    common = frozenset(ids[0] & ids[1])
    if not common:
        return "no image was answered in both"
    old, new = (read_evaluation(path, dataset, common) for path in paths)
    return Changes(before, after, len(common), metric_changes(old, new), tuple(image_changes(old, new)))


def metric_changes(before: Evaluation, after: Evaluation, draws: int = DRAWS) -> dict[str, MetricChange]:
    """Return the change of every metric that both define, each interval from the same draws for both."""
    weights = before.draw(draws)
    values = before.metrics(), after.metrics()
    drawn = before.resample(weights), after.resample(weights)
    changes = {}
    for key, value in values[0].items():
        other = values[1].get(key)
        if isinstance(value, float) and isinstance(other, float):
            is_drawn = key in drawn[0] and key in drawn[1]
            bounds = interval(drawn[1][key] - drawn[0][key]) if is_drawn else None
            changes[key] = MetricChange(other - value, bounds)
    return changes


def image_changes(before: Evaluation, after: Evaluation) -> list[ImageChange]:
    """Return the images whose boxes became better or worse, those that changed most first."""
    names = {image["id"]: str(image.get("file_name", "")) for image in before.annotations["images"]}
    changes = [
        ImageChange(item.image_id, names[item.image_id], first.agreement, second.agreement)
        for item, first, second in zip(before.predictions, before.matches, after.matches, strict=True)
    ]
    changed = [item for item in changes if item.before != item.after]
    return sorted(changed, key=lambda item: (-abs(item.after - item.before), item.image_id))
