"""The whole step: source -> draw -> images and records -> card."""

import dataclasses
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grounding.card import Card
from grounding.errors import UserError
from grounding.prompts import SYSTEM_PROMPT
from prepare.faults import Faults
from prepare.questions.asking import Asking, make_asking
from prepare.questions.image_records import Task
from prepare.questions.negatives import Company
from prepare.recipe import Recipe
from prepare.report import describe_drops
from prepare.sampling import Candidate, scan
from prepare.sources.opening import open_source
from prepare.sources.source import Annotation, Source
from prepare.write.extraction import COUNTS, Taken, take
from prepare.write.folder import begin, card_identity, find_finished, finish
from prepare.write.image_files import ImageCheck
from prepare.write.lock import clear_stale_lock, only_run
from prepare.write.record_lines import make_form

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
    folder = Path(recipe.output_dir).expanduser()
    source = open_source(recipe.source, recipe.resolved_categories)
    categories = recipe.resolved_categories or source.own_categories
    if not categories:
        raise UserError("categories: the source names none: list them")
    card = Card(
        system_prompt=SYSTEM_PROMPT,
        prompts=recipe.prompts,
        answer_format=recipe.answer_format,
        categories=categories,
        source_fingerprint=source.fingerprint(),
        recipe=_settings(recipe),
        counts={},
    )
    if finished := _find_finished(folder, card, recipe):
        clear_stale_lock(folder)
        return finished
    with only_run(folder):
        # Asked again: the run that had the folder until now may have finished it.
        return _find_finished(folder, card, recipe) or _prepare(folder, source, card, recipe)


def _find_finished(folder: Path, card: Card, recipe: Recipe) -> Card | None:
    finished = find_finished(folder, card_identity(card), recipe.overwrite)
    if finished:
        logger.info("%s: already prepared", folder)
    return finished


def _prepare(folder: Path, source: Source, card: Card, recipe: Recipe) -> Card:
    names = tuple(category.name for category in card.categories)
    asking = dataclasses.replace(make_asking(recipe), categories=names, company=Company(names))
    dropped: Counter[str] = Counter()
    pools, sizes = _draw(source, recipe, asking, dropped)
    faults = Faults(recipe.max_bad_share, dropped, planned=sum(sizes.values()))
    task = Task(
        folder,
        frozenset(names),
        asking,
        make_form(recipe),
        ImageCheck(recipe.verify, recipe.exif),
        source.box_format,
        begin(folder, card_identity(card)),
    )
    counts = {split: Counter(dict.fromkeys(COUNTS, 0)) for split in ("train", "val")}
    splits: dict[str, list[Taken]] = {}
    for split in ("val", "train"):  # of one common pool, val takes the front
        splits[split] = take(source, pools[split], sizes[split], task, split, counts[split], faults)
        if len(splits[split]) < sizes[split]:
            logger.warning(
                "%s: %d images asked for, %d usable ones found: all of them are taken",
                split,
                sizes[split],
                len(splits[split]),
            )
    faults.check()
    if not splits["train"]:
        raise UserError(_nothing_usable(source, dropped))
    card = dataclasses.replace(
        card,
        counts={split: dict(counts[split]) for split in ("train", "val")},
        dropped=dict(sorted(dropped.items())),
    )
    finish(folder, {split: splits[split] for split in ("train", "val")}, card)
    return card


def _draw(
    source: Source, recipe: Recipe, asking: Asking, dropped: Counter[str]
) -> tuple[dict[str, Iterator[Candidate]], dict[str, int]]:
    """Return the candidates of each split in the order of the draw, and how many of them to take.

    A source with validation files keeps its own split; else both splits share one pool.
    """

    def observe(annotation: Annotation) -> None:
        for query in annotation.queries:
            labels = {label for label in query.objects.labels if label in asking.categories}
            asking.company.add(labels)
            if query.expression is not None:
                asking.phrases.add(query.expression, sorted(labels))

    faults = Faults(recipe.max_bad_share, dropped)
    names, has_val = frozenset(asking.categories), source.count("val") > 0
    val = scan(source, "val", names, recipe.seed, faults) if has_val else []
    taken = frozenset(candidate.image_id for candidate in val)
    train = scan(
        source, "train", names, recipe.seed, faults, taken, observe if recipe.negatives.share else None
    )
    faults.check()
    if not train:
        raise UserError(_nothing_usable(source, dropped))
    if recipe.total_samples is None and has_val:
        sizes = {"train": len(train), "val": len(val)}
    else:
        total = recipe.total_samples or len(train)
        val_size = round(total * recipe.val_ratio)
        sizes = {"train": total - val_size, "val": val_size}
    shared = iter(train)
    return {"train": shared, "val": iter(val) if has_val else shared}, sizes


def _nothing_usable(source: Source, dropped: Counter[str]) -> str:
    return f"{source.folder}: no usable training image; dropped: {describe_drops(dropped)}"


def _settings(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe as the card keeps it: without what differs from machine to machine."""
    settings = dataclasses.asdict(recipe)
    del settings["output_dir"], settings["overwrite"], settings["source"]["path"]
    hub, boxes = recipe.source.resolved_hub, recipe.source.box_format
    settings["source"] |= {
        "hub": hub,
        "repo": None if hub == "local" else recipe.source.resolved_repo,
        "boxes": boxes.order,
        "units": boxes.units,
    }
    return settings
