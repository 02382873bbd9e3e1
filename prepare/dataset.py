"""The whole step: source -> draw -> images and records -> card."""

import dataclasses
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grounding.card import Card
from grounding.errors import UserError
from grounding.prompts import SYSTEM_PROMPT, write_question
from prepare.extraction import COUNTS, Taken, Task, take
from prepare.output import begin, card_identity, find_finished, finish
from prepare.recipe import Recipe
from prepare.report import describe_drops
from prepare.sampling import Candidate, scan
from prepare.source import SourceFiles, find_source, fingerprint

logger = logging.getLogger(__name__)


def prepare_dataset(recipe: Recipe) -> Card:
    """Prepare the data set of a recipe and return its card; nothing is done where it is all there.

    `counts` of the card has, per split, `images`, `boxes` (all usable ones), `boxes_in_answers` and
    `boxes_clipped` (stuck out of the image by more than a pixel). In `dropped`, images are counted over
    the whole source where the annotations tell, and over the images that were drawn where only the bytes
    do; boxes are counted over the images that were taken. "box has no area on the grid" is left out of
    the answers only.

    Raises:
        UserError: a source, folder or setting that the user has to mend.
    """
    files = find_source(recipe.source)
    folder = Path(recipe.output_dir).expanduser()
    categories = recipe.resolved_categories
    card = Card(
        system_prompt=SYSTEM_PROMPT,
        question=write_question(recipe.prompt, [category.name for category in categories]),
        answer_format=recipe.answer_format,
        categories=categories,
        source_fingerprint=fingerprint(files),
        recipe=_settings(recipe),
        counts={},
    )
    if finished := find_finished(folder, card_identity(card), recipe.overwrite):
        logger.info("%s: already prepared", folder)
        return finished
    task = Task(folder, categories, card.question, recipe.answer_format, recipe.verify)
    dropped: Counter[str] = Counter()
    counts = {split: Counter(dict.fromkeys(COUNTS, 0)) for split in ("train", "val")}
    splits: dict[str, list[Taken]] = {}
    pools, sizes = _draw(files, recipe, dropped)
    begin(folder, card_identity(card))
    for split in ("val", "train"):  # of one common pool, val takes the front
        splits[split] = take(pools[split], sizes[split], task, split, counts[split], dropped)
        if len(splits[split]) < sizes[split]:
            logger.warning(
                "%s: %d images asked for, %d usable ones found: all of them are taken",
                split,
                sizes[split],
                len(splits[split]),
            )
    if not splits["train"]:
        raise UserError(f"{files.folder}: no usable training image; dropped: {describe_drops(dropped)}")
    card = dataclasses.replace(
        card,
        counts={split: dict(counts[split]) for split in ("train", "val")},
        dropped=dict(sorted(dropped.items())),
    )
    finish(folder, {split: splits[split] for split in ("train", "val")}, card)
    return card


def _draw(
    files: SourceFiles, recipe: Recipe, dropped: Counter[str]
) -> tuple[dict[str, Iterator[Candidate]], dict[str, int]]:
    """Return the candidates of each split in the order of the draw, and how many of them to take.

    A source with validation files keeps its own split; else both splits share one pool.
    """
    categories, seed = recipe.resolved_categories, recipe.seed
    val = scan(files.val, categories, seed, dropped) if files.val else []
    train = scan(files.train, categories, seed, dropped, frozenset(candidate.image_id for candidate in val))
    if not train:
        raise UserError(f"{files.folder}: no usable training image; dropped: {describe_drops(dropped)}")
    if recipe.total_samples is None and files.val:
        sizes = {"train": len(train), "val": len(val)}
    else:
        total = recipe.total_samples or len(train)
        val_size = round(total * recipe.val_ratio)
        sizes = {"train": total - val_size, "val": val_size}
    shared = iter(train)
    return {"train": shared, "val": iter(val) if files.val else shared}, sizes


def _settings(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe as the card keeps it: without what differs from machine to machine."""
    settings = dataclasses.asdict(recipe)
    del settings["output_dir"], settings["overwrite"], settings["source"]["path"]
    hub = recipe.source.resolved_hub
    settings["source"] |= {"hub": hub, "repo": None if hub == "local" else recipe.source.resolved_repo}
    return settings
