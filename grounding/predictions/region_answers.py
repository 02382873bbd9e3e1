"""The rows of predictions.jsonl that answer questions for words about a region."""

from dataclasses import dataclass
from pathlib import Path

from grounding.errors import UserError
from grounding.files import read_jsonl
from grounding.predictions.prediction_rows import Prediction, parse_prediction
from grounding.regions.region_mark import Region, asks_for_words, read_region


@dataclass(frozen=True)
class RegionAnswer:
    """The words that a model gave for a region, with all that is known to be true of it.

    `row` has them as `raw`, and as `image` the picture that was shown, relative to the data set's folder.
    """

    region: Region
    row: Prediction


def read_region_answers(path: Path) -> list[RegionAnswer]:
    """Read the answers to questions for words, in the order of the file; other rows are left alone.

    Raises:
        UserError: a row that is none, or an image_id that comes twice.
    """
    found: dict[int, RegionAnswer] = {}
    for line, row in read_jsonl(path):
        if not asks_for_words(row):
            continue
        where = f"{path}, line {line}"
        try:
            region = read_region(row)
        except ValueError as error:
            raise UserError(f"{where}: {error}: run `python -m infer` again") from error
        answer = parse_prediction(row, where)
        if answer.image_id in found:
            raise UserError(
                f"{where}: image_id {answer.image_id} comes a second time: keep one row per question"
            )
        if region is not None:
            found[answer.image_id] = RegionAnswer(region, answer)
    return list(found.values())
