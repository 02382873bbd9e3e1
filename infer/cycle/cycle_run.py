"""Ask a model for the box of each description, and resume after an interruption."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grounding.boxes import from_grid, iou
from grounding.card import Card, load_card
from grounding.errors import UserError
from grounding.files import is_regular, lies_inside
from grounding.images.pixels import UNREADABLE, open_picture, upright_size
from grounding.layout import CYCLE_FILE, dataset_of_predictions
from grounding.markup import IMAGE_PLACEHOLDER
from grounding.prompts import CATEGORY, EXPRESSION
from grounding.regions.region_mark import asks_for_words
from infer.asking.dataset_questions import Question
from infer.asking.parsed_answers import ParsedAnswer
from infer.asking.wordings import find_wording
from infer.cycle.cycle_settings import CycleRunSettings
from infer.engines.protocol import Request
from infer.recipe import InferRecipe
from infer.runs.fingerprints import fingerprint_run
from infer.runs.predict import EngineOpener
from infer.runs.question_batches import ask_questions
from infer.runs.resumed_answers import resumed_rows
from infer.scoring.other_tools.file_rows import file_rows
from infer.scoring.words.cycle_answers import cycle_row, fingerprint_words
from infer.scoring.words.given_descriptions import GivenDescription, read_given_descriptions

LONGEST_WORDS = 4000
"""Characters: a longer description is a loop, and counts as one that is not found again."""


@dataclass(frozen=True)
class AskedBack:
    """A description with the question for its box; None where nothing is asked: no words, or too many."""

    item: GivenDescription
    question: Question | None


def find_again(predictions: Path, settings: CycleRunSettings, open_engine: EngineOpener) -> Path:
    """Write cycle.jsonl beside the predictions, a row for each description, and return its path.

    An interrupted call resumes, and ends with the same bytes; a finished one asks nothing.

    Raises:
        UserError: no descriptions, something is wrong with data set, checkpoint or server, or the folder has
            boxes of another model or other settings and `overwrite` is not set.
    """
    folder = predictions.parent
    named = None if settings.dataset is None else Path(settings.dataset)
    dataset = dataset_of_predictions(predictions, named)
    card = load_card(dataset)
    recipe = settings.recipe(dataset, folder)
    asked = list(_asked_back(read_descriptions(predictions)[: settings.limit], dataset, card, recipe))
    questions = [one.question for one in asked if one.question is not None]
    identity = {
        "keys": settings.asked_keys(),
        **fingerprint_run(settings.resolve_checkpoint(), questions),
        "words": fingerprint_words(one.item for one in asked),
    }
    numbers = {place: number for number, place in enumerate(_places_with_question(asked))}
    places = list(numbers)

    def ask(left: Sequence[int]) -> Iterator[Mapping[int, dict[str, Any]]]:
        yield {place: cycle_row(asked[place].item, None, 0.0) for place in left if place not in numbers}
        wanted = [numbers[place] for place in left if place in numbers]
        if not wanted:
            return
        for found in ask_questions(open_engine(recipe), questions, wanted, recipe):
            yield {
                places[number]: judged_row(asked[places[number]].item, questions[number], answered)
                for number, answered in found.items()
            }

    path = folder / CYCLE_FILE
    resumed_rows(path, identity, len(asked), ask, "text", overwrite=settings.overwrite)
    return path


def _places_with_question(asked: Sequence[AskedBack]) -> list[int]:
    return [place for place, one in enumerate(asked) if one.question is not None]


def read_descriptions(predictions: Path) -> tuple[GivenDescription, ...]:
    """Return the descriptions in a file of predictions.

    Raises:
        UserError: no such file, no description in it, or a row that is none.
    """
    if not predictions.is_file():
        raise UserError(f"{predictions}: no such file: run `python -m infer` first")
    found = read_given_descriptions(pair for pair in file_rows(predictions) if asks_for_words(pair[1]))
    if not found:
        raise UserError(
            f"{predictions}: no descriptions in it: prepare a data set that asks for words about regions, "
            "and run `python -m infer` on it"
        )
    return found


def _asked_back(
    found: Sequence[GivenDescription], dataset: Path, card: Card, recipe: InferRecipe
) -> Iterator[AskedBack]:
    wording = find_wording(card, EXPRESSION, CATEGORY, chosen=recipe.wordings)
    for item in found:
        if not 0 < len(item.words) <= LONGEST_WORDS:
            yield AskedBack(item, None)
            continue
        picture = dataset / item.picture
        if not item.picture or not lies_inside(picture, dataset) or not is_regular(picture):
            raise UserError(
                f"{picture}: no picture of description {item.image_id} in the data set: run `python -m "
                "infer` again, or name the data set with dataset="
            )
        try:
            with open_picture(picture) as opened:
                size = upright_size(opened)
        except UNREADABLE as error:
            raise UserError(f"{picture}: not readable as an image: prepare the data set again") from error
        request = Request((picture,), card.system_prompt, f"{IMAGE_PLACEHOLDER}{wording.ask(item.words)}")
        yield AskedBack(item, Question.of_one(item.image_id, item.picture, size, request))


def judged_row(item: GivenDescription, question: Question, answered: ParsedAnswer) -> dict[str, Any]:
    """Return the row of a description: of several boxes, the one with the highest score counts."""
    if not answered.detections:
        return cycle_row(item, None, 0.0)
    best = max(answered.detections, key=lambda found: 1.0 if found.score is None else found.score)
    truth = from_grid(*item.region.box, question.size)
    return cycle_row(item, best.box.xyxy, iou(best.box, truth))
