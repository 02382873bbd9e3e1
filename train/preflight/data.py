"""Checks of the data set: every record, its image files, and the card against the records."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from grounding.card import CARD_FILE, Card, load_card
from grounding.errors import UserError
from grounding.files import is_regular, lies_inside, read_jsonl
from grounding.layout import ALL_JSONL_FILES, ANNOTATIONS_FILES, CALIBRATION_SPLIT
from grounding.record.checker import check_record
from grounding.record.contract import Contract, contract_of, is_replay
from grounding.record.conversation import asks_for_boxes
from grounding.record.flaws import ACCEPTED_BY_TRAINING, BAD_IMAGES, Flaw
from train.preflight.pair_data.pair_rows import check_pair
from train.recipe import SPLITS, TrainRecipe, learns_preferences

MISSING_IMAGE = "no such image"
OUTSIDE = "image lies outside the data set's folder"

RowCheck = Callable[[Any, Contract], Iterable[Flaw]]

_is_remote = re.compile(r"https?://").match


def records(recipe: TrainRecipe) -> Iterator[str]:
    """Every record has to be one that PaddleFormers takes as it is, instead of dropping or garbling it."""
    for split in SPLITS:
        name = f"{split}_dataset_path"
        for file in recipe.data_files(split):
            if not file.is_file():
                continue  # the check of the files says so
            if split == "train" and _is_calibration_part(file):
                yield (
                    f"{name}: {file} is the data set's calibration part: scores are fitted to what a model "
                    "answers about images that it was not trained on: train on train.jsonl"
                )
            try:
                check = check_pair if learns_preferences(recipe.values) else check_record
                yield from (f"{name}: {problem}" for problem in file_problems(file, check))
            except UserError as error:
                yield f"{name}: {error}"


def _is_calibration_part(file: Path) -> bool:
    """Tell whether a file is the one that prepare's calibration.share makes."""
    return file.name == ALL_JSONL_FILES[CALIBRATION_SPLIT] and (
        file.with_name(ANNOTATIONS_FILES[CALIBRATION_SPLIT]).is_file()
    )


def cards(recipe: TrainRecipe) -> Iterator[str]:
    """The cards of training and validation data have to promise the same prompts and answers.

    Replayed answers are to prompts of any kind, and promise nothing.
    """
    found: dict[Path, Card] = {}
    for split in SPLITS:
        for folder in dict.fromkeys(file.parent for file in recipe.data_files(split)):
            if folder not in found and (folder / CARD_FILE).is_file():
                try:
                    card = load_card(folder)
                except UserError as error:
                    yield f"{split}_dataset_path: {error}"
                    continue
                if not is_replay(card):
                    found[folder] = card
    first = next(iter(found.items()), None)
    for folder, card in found.items():
        for part in ("system_prompt", "answer_format"):
            if first and getattr(card, part) != getattr(first[1], part):
                yield (
                    f"{folder / CARD_FILE}: its {part} '{getattr(card, part)}' is not the "
                    f"'{getattr(first[1], part)}' of {first[0] / CARD_FILE}: prepare both alike"
                )


def repeated_records(recipe: TrainRecipe) -> Iterator[str]:
    """PaddleFormers repeats a file of which more records are taken than it has, and spoils what it repeats.

    It reads each record twice, and joins the paths of its images with the folder twice. Source: FileReader in
    paddleformers/datasets/reader/file_reader.py.
    """
    for split in SPLITS:
        for file, taken in recipe.taken_records(split):
            if taken is None or not file.is_file():
                continue
            with file.open("rb") as lines:
                count = sum(bool(line.strip()) for line in lines)
            if taken > count:
                yield (
                    f"{split}_dataset_path: {file}#{taken} takes more records than the {count} of the file, "
                    f"and PaddleFormers does not find the images of repeated ones: write #{count} or less, "
                    f"and give the file a larger share ({split}_dataset_prob)"
                )


def curve_questions(recipe: TrainRecipe) -> Iterator[str]:
    """The curves of box scores need a question about boxes; a data set can ask for words alone."""
    for file in recipe.data_files("eval") if recipe.number("grounding_eval_samples") > 0 else ():
        if not file.is_file():
            continue  # the check of the files says so
        about_boxes: set[bool] = set()
        try:
            for _, row in read_jsonl(file):
                about_boxes.add(asks_for_boxes(row))
                if True in about_boxes:
                    break
        except UserError:
            continue  # the check of the records says so
        if about_boxes == {False}:
            yield f"grounding_eval_samples: {file} has no question about boxes: write 0"


DATA_CHECKS = (records, repeated_records, cards, curve_questions)


def file_problems(file: Path, check: RowCheck = check_record) -> Iterator[str]:
    """Yield each kind of problem in a JSONL file once: the first line with it, and how many more there are.

    `check` is the check of a row: of a record, or of a pair.

    Raises:
        UserError: a line is not JSON, or the card beside the file is not readable.
    """
    card = load_card(file.parent) if (file.parent / CARD_FILE).is_file() else None
    contract = contract_of(card) if card else Contract()
    first: dict[str, tuple[int, Flaw]] = {}
    lines: Counter[str] = Counter()
    count = 0
    for number, row in tqdm(
        read_jsonl(file), desc=f"reading {file.name}", unit="record", delay=2, disable=None
    ):
        count += 1
        flaws = list(_find_flaws(row, contract, file.parent, check))
        lines.update({flaw.kind for flaw in flaws})
        for flaw in flaws:
            first.setdefault(flaw.kind, (number, flaw))
    if count == 0:
        yield f"{file} has no records"
    for kind, (number, flaw) in first.items():
        more = f" (and {lines[kind] - 1} more lines like it)" if lines[kind] > 1 else ""
        yield f"{file}, line {number}: {flaw}{more}: prepare the data set again"
    split = file.stem
    if card is not None and split in card.counts:
        said = card.counts[split].get("records", card.counts[split].get("images", count))
        if said != count:
            yield f"{file} has {count} records and its card says {said}: prepare the data set again"


def _find_flaws(row: dict[str, Any], contract: Contract, folder: Path, check: RowCheck) -> Iterator[Flaw]:
    """Yield what PaddleFormers would drop, or train on as it is, without a word."""
    for flaw in check(row, contract):
        is_text_alone = flaw.kind == BAD_IMAGES and not row.get("images")  # such a record is trained, too
        if flaw.kind not in ACCEPTED_BY_TRAINING and not is_text_alone:
            yield flaw
    images = row.get("images")
    for image in images if isinstance(images, list) else ():
        if not isinstance(image, str) or _is_remote(image):
            continue  # the check of the record has said what is no path
        if not lies_inside(folder / image, folder):
            yield Flaw(OUTSIDE, image)
        elif not is_regular(folder / image):
            yield Flaw(MISSING_IMAGE, image)
