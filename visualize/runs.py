"""What there is to draw: a data set's truth, the predictions of runs, and prepared records."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from grounding.answers import read_answer
from grounding.boxes import Box, Size, from_grid
from grounding.errors import UserError
from grounding.files import read_json, read_jsonl
from grounding.recipe import read_yaml
from grounding.samples import Detection

if TYPE_CHECKING:
    from PIL import Image

PREDICTIONS_FILE = "predictions.jsonl"
RUN_RECIPE_FILE = "infer.yaml"
TRUTH_FILE = "annotations_val.json"


@dataclass(frozen=True)
class Shown:
    """One image with objects to draw; `image` is relative to the data set's folder."""

    image_id: int | str
    image: str
    size: Size
    detections: tuple[Detection, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Run:
    """The predictions of one run, by image id."""

    name: str
    folder: Path
    predictions: dict[int | str, Shown]


@dataclass(frozen=True)
class Truth:
    """The images of a data set with their objects, in the data set's order, and its category names."""

    images: dict[int | str, Shown]
    categories: tuple[str, ...]


def read_run(name: str, folder: Path) -> Run:
    """Read the predictions of a run.

    Raises:
        UserError: no predictions there, or a row that is not one.
    """
    path = folder / PREDICTIONS_FILE
    if not path.is_file():
        raise UserError(f"{path}: no such file: '{folder}' holds no predictions, run `python -m infer` first")
    predictions: dict[int | str, Shown] = {}
    for number, row in read_jsonl(path):
        try:
            predictions[row["image_id"]] = Shown(
                row["image_id"],
                row["image"],
                Size(row["width"], row["height"]),
                tuple(
                    Detection(_text(item["label"]), _box(item["box"]), item.get("score"))
                    for item in row["detections"]
                ),
                tuple(row.get("problems", ())),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            reason = f"no key {error}" if isinstance(error, KeyError) else error
            raise UserError(f"{path}, line {number}: not a prediction: {reason}") from error
    if not predictions:
        raise UserError(f"{path}: no predictions in it: run `python -m infer` again")
    return Run(name, folder, predictions)


def find_dataset(runs: Sequence[Run], dataset: Path | None) -> Path:
    """Return the data set's folder: the given one, or the one that the runs name.

    Raises:
        UserError: none is named, runs name different ones, or it holds no annotations.
    """
    if dataset is None:
        named = {_dataset_of(run.folder) for run in runs}
        if len(named) > 1:
            raise UserError(
                f"the runs are about different data sets ({', '.join(sorted(map(str, named)))}): "
                "compare runs on one, or say which with --dataset DIR"
            )
        dataset = named.pop()
    if not (dataset / TRUTH_FILE).is_file():
        raise UserError(
            f"{dataset / TRUTH_FILE}: no such file: give the prepared data set's folder as --dataset DIR"
        )
    return dataset


def read_truth(dataset: Path) -> Truth:
    """Read a data set's validation annotations (COCO JSON).

    Raises:
        UserError: no such file, or not COCO annotations.
    """
    path = dataset / TRUTH_FILE
    content = read_json(path)
    try:
        names = {item["id"]: str(item["name"]) for item in content["categories"]}
        objects: dict[int | str, list[Detection]] = {item["id"]: [] for item in content["images"]}
        for item in content["annotations"]:
            detection = Detection(names[item["category_id"]], Box.from_xywh(*map(float, item["bbox"])))
            objects[item["image_id"]].append(detection)
        images = {
            item["id"]: Shown(
                item["id"],
                item["file_name"],
                Size(item["width"], item["height"]),
                tuple(objects[item["id"]]),
            )
            for item in content["images"]
        }
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not COCO annotations ({error!r}): prepare the data set again") from error
    return Truth(images, tuple(names.values()))


def read_records(path: Path, limit: int) -> Iterator[tuple[Shown, str]]:
    """Yield the first records of a prepared data set, each with its question.

    Raises:
        UserError: no such file, a row that is not a record, or an image that cannot be read.
    """
    for position, (number, row) in enumerate(read_jsonl(path)):
        if position == limit:
            return
        try:
            image = row["images"][0]
            texts = {message["role"]: message["content"] for message in row["messages"]}
            question, answer = texts["user"], texts["assistant"]
            with open_image(path.parent / image) as opened:
                size = Size(*opened.size)
            detections, problems = _read_objects(row.get("objects"), answer, size)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise UserError(f"{path}, line {number}: not a training record ({error!r})") from error
        yield Shown(position + 1, image, size, detections, problems), question


def open_image(path: Path, size: Size | None = None) -> "Image.Image":
    """Open an image, which must have the given size where one is given.

    Raises:
        UserError: no such file, not an image, or of another size.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(path)
        image.load()
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such image: is the data set complete?") from error
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"{path}: not readable as an image: {error}") from error
    if size is not None and image.size != (size.width, size.height):
        raise UserError(
            f"{path}: the image is {image.width}x{image.height}, the annotations say "
            f"{size.width}x{size.height}: is --dataset the one that was predicted?"
        )
    return image


def _read_objects(
    objects: dict[str, Any] | None, answer: str, size: Size
) -> tuple[tuple[Detection, ...], tuple[str, ...]]:
    if objects:
        pairs = zip(objects["ref"], objects["bbox"], strict=True)
        return tuple(Detection(_text(label), from_grid(*_box(box).xyxy, size)) for label, box in pairs), ()
    reading = read_answer(answer, size)
    return reading.detections, reading.problems


def _box(numbers: Sequence[float]) -> Box:
    x1, y1, x2, y2 = map(float, numbers)
    return Box(x1, y1, x2, y2)


def _text(label: Any) -> str:
    if not isinstance(label, str):
        raise ValueError(f"label {label!r} is not a text")
    return label


def _dataset_of(folder: Path) -> Path:
    path = folder / RUN_RECIPE_FILE
    named = read_yaml(path).get("dataset") if path.is_file() else None
    if not named:
        raise UserError(f"{path}: names no data set: say which with --dataset DIR")
    return Path(str(named))
