"""How many pictures a record of a run has at most: each can be as large as max_pixels allows."""

from pathlib import Path

from tqdm import tqdm

from grounding.errors import UserError
from grounding.files import read_jsonl
from train.recipe import SPLITS, TrainRecipe


def most_pictures(recipe: TrainRecipe) -> int:
    """Return the most pictures of a record in the data files that are there, 1 if there is none.

    Nothing is read, and 1 returned, where max_pixels limits nothing: no limit, or rows of several records.
    Lines that are no records count as nothing, as the check of the records says what is wrong with them.
    """
    if not recipe.number("max_pixels") or recipe.get("packing"):
        return 1
    files = {file for split in SPLITS for file in recipe.data_files(split) if file.is_file()}
    return max((_most_in(file) for file in sorted(files)), default=1)


def _most_in(file: Path) -> int:
    most = 1
    try:
        rows = tqdm(read_jsonl(file), desc=f"pictures of {file.name}", unit="record", delay=2, disable=None)
        for _, row in rows:
            images = row.get("images")
            most = max(most, len(images) if isinstance(images, list) else 0)
    except UserError:
        return most
    return most
