"""Join the shards of a run, each with files of its own, into the files of one run."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from grounding.errors import UserError
from grounding.files import read_json, replacing, write_json
from grounding.layout import INFER_RECIPE_FILE, PREDICTIONS_FILE, SCORED_FILES
from grounding.recipe.loading import load_recipe
from infer.recipe import InferRecipe, changed_keys, check_saved_recipe, save_recipe
from infer.runs.fingerprints import FINGERPRINTS_FILE


def merge_shards(output_dir: Path) -> Path:
    """Write predictions.jsonl from the shards in a folder, as one run would have, and return its path.

    Raises:
        UserError: a shard is missing or incomplete, or was made by another recipe, from another checkpoint
            or of other questions than the first.
    """
    shards = _find_shards(output_dir)
    _check_origin(shards)
    rows = [shard.file(PREDICTIONS_FILE).read_bytes().splitlines(keepends=True) for shard in shards]
    _check_counts(shards, rows)
    whole = replace(shards[0], shard=None)
    check_saved_recipe(whole)
    for name in SCORED_FILES:
        (output_dir / name).unlink(missing_ok=True)
    count, questions = len(shards), sum(map(len, rows))
    with replacing(output_dir / PREDICTIONS_FILE) as file:
        file.writelines(rows[place % count][place // count] for place in range(questions))
    save_recipe(whole)
    write_json(output_dir / FINGERPRINTS_FILE, read_json(shards[0].file(FINGERPRINTS_FILE)))
    return output_dir / PREDICTIONS_FILE


def _find_shards(output_dir: Path) -> list[InferRecipe]:
    """Return the recipe of each shard, by the first recipe found; all must have their predictions."""
    recipe = _moved(_find_recipe(output_dir), output_dir)
    count = recipe.shard_numbers[1]
    shards = [replace(recipe, shard=f"{number}/{count}") for number in range(count)]
    left = [shard.shard for shard in shards if not shard.file(PREDICTIONS_FILE).is_file()]
    if left:
        raise UserError(
            f"{output_dir}: {len(left)} of {count} shards are missing or not complete: run shard={left[0]}"
        )
    return shards


def _find_recipe(output_dir: Path) -> Path:
    """Return the recipe file of the first shard in the folder; all must be of the same count."""
    stem, _, suffix = INFER_RECIPE_FILE.partition(".")
    counts: dict[int, Path] = {}
    for path in sorted(output_dir.glob(f"{stem}.*-of-*.{suffix}")):
        if match := re.fullmatch(rf"{stem}\.\d+-of-(\d+)\.{suffix}", path.name):
            counts.setdefault(int(match[1]), path)
    if not counts:
        raise UserError(f"{output_dir}: no shards here: run `python -m infer RECIPE shard=0/2`, then 1/2")
    if len(counts) > 1:
        raise UserError(
            f"{output_dir}: shards of {' and of '.join(map(str, sorted(counts)))}: delete those that you do "
            "not want"
        )
    return next(iter(counts.values()))


def _moved(path: Path, output_dir: Path) -> InferRecipe:
    """Read a shard's recipe as one for this folder, which may have been moved or copied."""
    return replace(load_recipe(InferRecipe, path), output_dir=str(output_dir))


def _check_origin(shards: Sequence[InferRecipe]) -> None:
    """Check that all shards have the first one's recipe, checkpoint and questions."""
    first = shards[0]
    fingerprints = read_json(first.file(FINGERPRINTS_FILE))
    for shard in shards:
        path = shard.file(INFER_RECIPE_FILE)
        if changes := changed_keys(first, _moved(path, first.output_path)):
            name = first.file(INFER_RECIPE_FILE).name
            raise UserError(f"{path}: not the recipe of {name}: {changes}: run this shard again")
        if read_json(shard.file(FINGERPRINTS_FILE)) != fingerprints:
            raise UserError(
                f"{shard.file(PREDICTIONS_FILE)}: made from another checkpoint or of other questions than "
                f"{first.file(PREDICTIONS_FILE).name}: run both shards again"
            )


def _check_counts(shards: Sequence[InferRecipe], rows: Sequence[Sequence[bytes]]) -> None:
    """Check that each shard has as many rows as its share of all."""
    questions = sum(map(len, rows))
    for shard, lines in zip(shards, rows, strict=True):
        number, count = shard.shard_numbers
        expected = len(range(number, questions, count))
        if len(lines) != expected:
            raise UserError(
                f"{shard.file(PREDICTIONS_FILE)}: {len(lines)} rows, where there should be {expected}: "
                f"delete it and run shard={shard.shard} again"
            )
