"""`python -m infer.merge OUTPUT_DIR`: join the shards of a run into one predictions.jsonl."""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from grounding.errors import UserError, run_command
from grounding.files import read_json, replacing, write_json


def merge_shards(output_dir: Path) -> Path:
    """Write predictions.jsonl from the shards in a folder, as one run would have, and return its path.

    Raises:
        UserError: a shard is missing or not complete, or was made by another recipe, from another
            checkpoint or of other questions than the first.
    """
    from grounding.recipe import load_recipe
    from infer.recipe import (
        PREDICTIONS_FILE,
        RECIPE_FILE,
        SCORED_FILES,
        InferRecipe,
        changed_keys,
        check_saved_recipe,
        save_recipe,
    )
    from infer.runs.predict import FINGERPRINTS_FILE

    first = _find_first(output_dir, RECIPE_FILE)
    recipe = replace(load_recipe(InferRecipe, first), output_dir=str(output_dir))
    count = recipe.shard_numbers[1]
    shards = [replace(recipe, shard=f"{number}/{count}") for number in range(count)]
    left = [shard.shard for shard in shards if not shard.file(PREDICTIONS_FILE).is_file()]
    if left:
        raise UserError(
            f"{output_dir}: {len(left)} of {count} shards are missing or not complete: run shard={left[0]}"
        )
    fingerprints = read_json(recipe.file(FINGERPRINTS_FILE))
    for shard in shards:
        path = shard.file(RECIPE_FILE)
        made_by = replace(load_recipe(InferRecipe, path), output_dir=str(output_dir))
        if changes := changed_keys(recipe, made_by):
            raise UserError(f"{path}: not the recipe of {first.name}: {changes}: run this shard again")
        if read_json(shard.file(FINGERPRINTS_FILE)) != fingerprints:
            raise UserError(
                f"{shard.file(PREDICTIONS_FILE)}: made from another checkpoint or of other questions than "
                f"{recipe.file(PREDICTIONS_FILE).name}: run both shards again"
            )
    rows = [shard.file(PREDICTIONS_FILE).read_bytes().splitlines(keepends=True) for shard in shards]
    questions = sum(map(len, rows))
    for shard, lines in zip(shards, rows, strict=True):
        number = shard.shard_numbers[0]
        if len(lines) != len(range(number, questions, count)):
            raise UserError(
                f"{shard.file(PREDICTIONS_FILE)}: {len(lines)} rows, where there should be "
                f"{len(range(number, questions, count))}: delete it and run shard={shard.shard} again"
            )
    whole = replace(recipe, shard=None)
    check_saved_recipe(whole)
    for name in SCORED_FILES:
        (output_dir / name).unlink(missing_ok=True)
    with replacing(output_dir / PREDICTIONS_FILE) as file:
        file.writelines(rows[place % count][place // count] for place in range(questions))
    save_recipe(whole)
    write_json(output_dir / FINGERPRINTS_FILE, fingerprints)
    return output_dir / PREDICTIONS_FILE


def _find_first(output_dir: Path, recipe_file: str) -> Path:
    """Return the recipe of the first shard; all must be of one count."""
    stem, _, suffix = recipe_file.partition(".")
    counts: dict[int, Path] = {}
    for path in sorted(output_dir.glob(f"{stem}.*-of-*.{suffix}")):
        if match := re.fullmatch(rf"{stem}\.\d+-of-(\d+)\.{suffix}", path.name):
            counts.setdefault(int(match[1]), path)
    if not counts:
        raise UserError(f"{output_dir}: no shards here: run `python -m infer RECIPE shard=0/2`, then 1/2")
    if len(counts) > 1:
        raise UserError(
            f"{output_dir}: shards of {' and of '.join(map(str, sorted(counts)))}: delete what is not wanted"
        )
    return next(iter(counts.values()))


def main(argv: Sequence[str] | None = None) -> int:
    """Join the shards, and say where the predictions are."""
    parser = argparse.ArgumentParser(
        prog="python -m infer.merge",
        description=__doc__,
        epilog="example: python -m infer recipes/infer/demo.yaml shard=0/2; "
        "python -m infer recipes/infer/demo.yaml shard=1/2; "
        "python -m infer.merge checkpoints/demo/eval_after",
    )
    parser.add_argument("output_dir", metavar="OUTPUT_DIR", type=Path, help="the output_dir of all shards")
    sys.stdout.write(f"{merge_shards(parser.parse_args(argv).output_dir)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
