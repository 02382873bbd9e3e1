"""What pictures compare: the ground truth of a data set, and the predictions of runs on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from grounding.boxes import Size
from grounding.card import load_card
from grounding.errors import UserError
from grounding.files import find_outside, is_regular
from grounding.layout import ANNOTATIONS_FILE, IMAGES_FOLDER, PREDICTIONS_FILE, dataset_of_predictions
from grounding.predictions.annotations import objects_by_image, read_annotations
from grounding.predictions.prediction_rows import Prediction, read_predictions
from grounding.predictions.region_answers import RegionAnswer, read_region_answers
from grounding.recipe.loading import load_recipe
from grounding.samples import Detection
from infer.recipe import InferRecipe


@dataclass(frozen=True)
class AnnotatedImage:
    """One image with its objects and crowd regions; `image` is its name in annotations or records.

    `candidates` are those that the question of a record lists, in the order of their numbers.
    """

    image_id: int
    image: str
    size: Size
    detections: tuple[Detection, ...]
    crowds: tuple[Detection, ...] = ()
    problems: tuple[str, ...] = ()
    candidates: tuple[Detection, ...] = ()


@dataclass(frozen=True)
class Run:
    """The predictions of one run by image id; `folder` holds predictions.jsonl.

    `words` are its answers to questions for words about regions, by their ids.
    """

    name: str
    folder: Path
    answers: dict[int, Prediction]
    words: Mapping[int, RegionAnswer] = field(default_factory=dict)


@dataclass(frozen=True)
class Truth:
    """The images of a data set with their objects, in the data set's order, and its category names."""

    dataset: Path
    images: dict[int, AnnotatedImage]
    categories: tuple[str, ...]


def find_predictions(place: Path) -> Path:
    """Return the predictions file of a run, given as a folder, an infer recipe or the file itself."""
    if place.suffix in (".yaml", ".yml"):
        place = load_recipe(InferRecipe, place).output_path
    return place if place.suffix == ".jsonl" else place / PREDICTIONS_FILE


def read_named_run(name: str, place: Path) -> Run:
    """Read the predictions of a run, given as a folder, an infer recipe or a predictions file.

    Raises:
        UserError: there are no predictions, or a row is not a prediction.
    """
    path = find_predictions(place)
    if not path.is_file():
        raise UserError(f"{path}: no such file: '{place}' holds no predictions: run `python -m infer` first")
    predictions = read_predictions(path)
    words = {item.row.image_id: item for item in read_region_answers(path)}
    if not (predictions or words):
        raise UserError(f"{path}: the file is empty: run `python -m infer` again")
    return Run(name, path.parent, {item.image_id: item for item in predictions}, words)


def dataset_of_runs(runs: Sequence[Run], dataset: Path | None) -> Path:
    """Return the data set's folder: the given one, or the one that the runs name.

    Raises:
        UserError: none is named, runs name different ones, or it holds no annotations.
    """
    if dataset is None:
        named = {dataset_of_predictions(run.folder) for run in runs}
        if len(named) > 1:
            raise UserError(
                f"the runs are about different data sets ({', '.join(sorted(map(str, named)))}): "
                "compare runs on one, or say which with --dataset DIR"
            )
        dataset = named.pop()
    if not (dataset / ANNOTATIONS_FILE).is_file():
        raise UserError(
            f"{dataset / ANNOTATIONS_FILE}: no such file: give the prepared data set's folder as "
            "--dataset DIR"
        )
    return dataset


def read_truth(dataset: Path) -> Truth:
    """Read the validation annotations of a data set.

    Raises:
        UserError: the card or the annotations are missing, or are not COCO annotations.
    """
    path = dataset / ANNOTATIONS_FILE
    card, annotations = load_card(dataset), read_annotations(path)
    try:
        objects, crowds = objects_by_image(annotations, card)
        images = {
            item["id"]: AnnotatedImage(
                item["id"],
                item["file_name"],
                Size(item["width"], item["height"]),
                tuple(objects.get(item["id"], ())),
                tuple(crowds.get(item["id"], ())),
            )
            for item in annotations["images"]
        }
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not COCO annotations ({error!r}): prepare the data set again") from error
    return Truth(dataset, images, tuple(category.name for category in card.categories))


def answered_by_all(truth: Truth, runs: Sequence[Run], *, or_words: bool = False) -> list[int]:
    """Return the ids of the images that every run predicted, in the data set's order.

    With `or_words`, there may be none if every run has answered one question for words.

    Raises:
        UserError: there is no such image.
    """
    common = [image_id for image_id in truth.images if all(image_id in run.answers for run in runs)]
    if not common and not (or_words and words_of_all(runs)):
        names = " and ".join(str(run.folder) for run in runs)
        raise UserError(f"{names}: no image of the data set was predicted by every run: check --dataset DIR")
    return common


def by_question(runs: Sequence[Run], ids: Sequence[int]) -> list[tuple[int, ...]]:
    """Return the images as questions: those that one question shows stand together, in its order.

    A question stands where the first of its images is among `ids`, with all its images. Where runs were asked
    in other groups, each image stands alone.
    """
    groups: dict[tuple[int, ...], None] = {}
    for image_id in ids:
        asked = {run.answers[image_id].together for run in runs}
        together = asked.pop() if len(asked) == 1 else ()
        is_whole = all(each in run.answers for run in runs for each in together)
        groups.setdefault(together if together and is_whole else (image_id,))
    return list(groups)


def words_of_all(runs: Sequence[Run]) -> list[int]:
    """Return the ids of the questions for words that every run has answered, in the order of the last run."""
    return [number for number in runs[-1].words if all(number in run.words for run in runs)]


def find_image(truth: Truth, shown: AnnotatedImage, answered: Prediction) -> Path:
    """Return the path of an image, whose name in the annotations may lack the images folder.

    Raises:
        UserError: there is no such image, or it lies outside the data set's folder.
    """
    names = [answered.image, shown.image, f"{IMAGES_FOLDER}/{shown.image}"]
    paths = [truth.dataset / name for name in names if name]
    for path in find_outside(paths, truth.dataset):
        raise UserError(f"{path}: lies outside the data set's folder: prepare the data set again")
    found = next(filter(is_regular, paths), None)
    if found is None:
        raise UserError(f"{paths[0]}: no such image: is the data set complete?")
    return found
