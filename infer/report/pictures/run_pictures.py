"""The pictures of a run: what its predictions.jsonl says about each file."""

from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from grounding.errors import UserError
from grounding.files import find_outside, is_regular, read_jsonl
from grounding.layout import IMAGES_FOLDER, PREDICTIONS_FILE, find_predictions_file, named_dataset
from grounding.predictions.prediction_rows import Prediction, parse_predictions
from grounding.recipe.loading import load_recipe
from grounding.regions.region_mark import asks_for_words
from infer.recipe import InferRecipe
from infer.report.pictures.answered_picture import (
    UNREADABLE_PICTURE,
    AnsweredPicture,
    identify_file,
    own_words,
    picture_size,
)


@dataclass(frozen=True)
class RunPlace:
    """The predictions of a run, and the data set that they are about."""

    predictions: Path
    dataset: Path


def find_run(place: Path, dataset: Path | None) -> RunPlace | None:
    """Return the run that a folder, a predictions file or an infer recipe is; None if it is something else.

    Raises:
        UserError: the recipe's run has no predictions yet, or no data set is known.
    """
    folder = place
    if place.suffix in (".yaml", ".yml"):
        recipe = load_recipe(InferRecipe, place)
        folder, dataset = recipe.output_path, dataset or recipe.dataset_path
    elif place.suffix != ".jsonl" and not is_regular(place / PREDICTIONS_FILE):
        return None
    predictions = find_predictions_file(folder)
    if not is_regular(predictions):
        raise UserError(f"{predictions}: no such file: run `python -m infer` first")
    dataset = dataset or named_dataset(predictions)
    if dataset is None:
        raise UserError(f"{predictions.parent}: no infer.yaml that names the data set: add dataset=DIR")
    return RunPlace(predictions, dataset)


def read_run_pictures(run: RunPlace) -> list[AnsweredPicture]:
    """Return the pictures of a run in the order of its predictions.

    Answers to several questions about one file are joined; those to questions for words are left out. Of a
    question with several pictures, each is a picture of its own. The time of an answer is that of the file.

    Raises:
        UserError: a row is no prediction, or a picture is missing or lies outside the data set's folder.
    """
    from tqdm import tqdm

    rows: dict[str, list[Prediction]] = {}
    seen: set[int] = set()
    for line, row in read_jsonl(run.predictions):
        if asks_for_words(row):
            continue
        where = f"{run.predictions}, line {line}"
        for prediction in parse_predictions(row, where):
            if not prediction.image:
                raise UserError(
                    f"{where}: no `image`, so that the picture cannot be shown: run `python -m infer`"
                )
            if prediction.image_id in seen:
                raise UserError(
                    f"{where}: image_id {prediction.image_id} comes a second time: keep one row per image"
                )
            seen.add(prediction.image_id)
            rows.setdefault(prediction.image, []).append(prediction)
    if not rows:
        raise UserError(f"{run.predictions}: no prediction in it: run `python -m infer` again")
    status = run.predictions.stat().st_mtime
    answered = datetime.fromtimestamp(status, timezone.utc).isoformat(timespec="seconds")
    return [
        _picture(run, name, answers, answered)
        for name, answers in tqdm(rows.items(), unit="image", desc="pictures")
    ]


def _picture(run: RunPlace, name: str, answers: list[Prediction], answered: str) -> AnsweredPicture:
    path = _find_picture(run.dataset, name)
    problems = [problem for prediction in answers for problem in prediction.problems]
    size = picture_size(path)
    detections = tuple(found for prediction in answers for found in prediction.detections)
    return AnsweredPicture(
        name,
        path,
        identify_file(path),
        size,
        detections,
        own_words(detections),
        tuple(dict.fromkeys([*problems, UNREADABLE_PICTURE] if size is None else problems)),
        all(prediction.is_readable for prediction in answers),
        answered,
    )


def _find_picture(dataset: Path, name: str) -> Path:
    paths = [dataset / name, dataset / IMAGES_FOLDER / name]
    for path in find_outside(paths, dataset):
        raise UserError(f"{path}: lies outside the data set's folder: prepare the data set again")
    found = next(filter(is_regular, paths), None)
    if found is None:
        raise UserError(f"{paths[0]}: no such image: is the data set complete?")
    return found
