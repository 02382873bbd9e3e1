"""The whole step: source -> draw -> images -> records -> folder."""

import dataclasses
import logging
from collections import Counter
from pathlib import Path

from grounding.card import Card
from grounding.errors import UserError
from grounding.regions.region_mark import REGION_KEY
from prepare.draw import Draw, draw_candidates
from prepare.drops import DropLog, check_usable
from prepare.questions.candidates.candidate_lister import (
    FOUND_ANY,
    IMAGES,
    OBJECTS,
    CandidateLister,
    open_candidates,
)
from prepare.questions.image_records import RecordMaker
from prepare.questions.negatives import TrainingStatistics
from prepare.questions.objects import ObjectReader
from prepare.questions.questioner import Questioner
from prepare.questions.record_lines import record_format
from prepare.questions.regions.described_objects import TextSearch
from prepare.questions.regions.region_questions import RegionQuestioner
from prepare.questions.yes_no.box_questions import BoxQuestioner
from prepare.reasons import CANDIDATES_OF_OTHERS
from prepare.recipe import PrepareRecipe
from prepare.source_types import Annotation
from prepare.sources.source import Source
from prepare.sources.source_of_recipe import open_recipe_source
from prepare.write.data_set_identity import plan_card
from prepare.write.extraction import PreparedSplit, extract_images
from prepare.write.folder import begin_folder, find_finished, finish_folder
from prepare.write.image_files import ImageCheck, ImageStore
from prepare.write.lock import clear_stale_lock, only_run

logger = logging.getLogger(__name__)

FEWEST_OBJECTS, LOW_CEILING = 20, 0.1
"""From so many objects on, a detector that finds less than this share of them is doubtful."""


def prepare_dataset(recipe: PrepareRecipe) -> Card:
    """Prepare the data set of a recipe and return its card; a data set that is complete is left alone.

    `counts` of the card has, per split, `images`, `records`, `boxes` (all usable ones), `boxes_in_answers`
    and `boxes_clipped` (stuck out of the image by more than a pixel). If the recipe has such questions, there
    are `yes_no`, `region` (for words about a region) and `relations` records, too.

    In `dropped`, images are counted over the whole source if the annotations tell, and over the drawn images
    if only their bytes tell. Boxes are counted over the images that were taken. "box has no area on the grid"
    concerns the answers only.

    Raises:
        UserError: the user has to correct a source, folder or setting.
    """
    folder = Path(recipe.output_dir).expanduser()
    source = open_recipe_source(recipe.source, recipe.resolved_categories)
    card = plan_card(recipe, source)
    if finished := find_finished(folder, card, overwrite=recipe.overwrite):
        clear_stale_lock(folder)
        return finished
    with only_run(folder):
        # Look again: the run that held the folder until now may have finished it.
        finished = find_finished(folder, card, overwrite=recipe.overwrite)
        return finished or _prepare(folder, source, card, recipe)


def _prepare(folder: Path, source: Source, card: Card, recipe: PrepareRecipe) -> Card:
    names = tuple(category.name for category in card.categories)
    reader = ObjectReader(source.box_format, frozenset(names))
    statistics = TrainingStatistics(names)
    dropped: Counter[str] = Counter()

    draw = _draw(source, recipe, reader, dropped, statistics)
    questioner = Questioner(recipe, recipe.wordings, names, statistics)
    box_questioner = (
        BoxQuestioner(recipe, recipe.yes_no.wordings(recipe.language), statistics)
        if recipe.yes_no.share
        else None
    )
    region_questioner = RegionQuestioner(recipe) if recipe.regions.share else None
    lister = open_candidates(recipe, card.categories)
    maker = RecordMaker(reader, questioner, record_format(recipe), box_questioner, region_questioner, lister)
    is_resumed = begin_folder(folder, card)
    store = ImageStore(folder, ImageCheck(recipe.verify, recipe.exif), is_resumed)
    log = DropLog(recipe.max_bad_share, dropped, planned=sum(draw.sizes.values()))

    splits = extract_images(source, draw, maker, store, log)

    _warn_of_shortage(splits, draw)
    _warn_of_few_texts(splits, recipe)
    log.check()
    if lister is not None:
        _check_candidates(lister, splits, dropped)
        _warn_of_low_ceiling(splits)
    split, purpose = ("val", "test") if recipe.test_set else ("train", "training")
    check_usable(splits[split].images, source.folder, dropped, purpose)
    counts = {split: prepared.counts for split, prepared in splits.items()}
    card = dataclasses.replace(card, counts=counts, dropped=dict(sorted(dropped.items())))
    finish_folder(folder, splits, card)
    return card


def _draw(
    source: Source,
    recipe: PrepareRecipe,
    reader: ObjectReader,
    dropped: Counter[str],
    statistics: TrainingStatistics,
) -> Draw:
    """Draw the images, and look at what the questions need to know of all training annotations.

    Raises:
        UserError: as `draw_candidates`, or words are asked for and no object has a text.
    """
    texts = TextSearch(recipe.regions.labels)
    observers = [statistics.add] if recipe.negatives.share or recipe.yes_no.share else []
    observers += [texts.add] if recipe.regions.share else []

    def observe(annotation: Annotation) -> None:
        for look in observers:
            look(annotation)

    draw = draw_candidates(source, recipe, reader, dropped, observe if observers else None)
    if recipe.regions.share and not texts.is_found:
        remedy = "" if recipe.regions.labels else "set regions.labels=true to ask for categories' names, or "
        raise UserError(
            f"regions.share: no training image of source.kind={recipe.source.kind} has an object with a "
            f"phrase, a description or attributes: {remedy}leave regions.share out"
        )
    return draw


def _check_candidates(
    lister: CandidateLister, splits: dict[str, PreparedSplit], dropped: Counter[str]
) -> None:
    """Count the rows of the file that are not used; refuse a file that is not about these pictures.

    Raises:
        UserError: the candidates are those of other images, or their boxes are not xywh in pixels.
    """
    dropped.update(lister.results.faults)
    if unused := lister.results.unused_images:
        dropped[CANDIDATES_OF_OTHERS] += unused
    if not any(prepared.counts.get(IMAGES) for prepared in splits.values()):
        first = next((image.image for prepared in splits.values() for image in prepared.images), "none")
        raise UserError(
            f"candidates.file: {lister.results.where} has none of the data set's images (the first is "
            f"{first}, the file's first is {lister.results.first_image}): give the results for these images"
        )
    lister.results.check_boxes()


def _warn_of_low_ceiling(splits: dict[str, PreparedSplit]) -> None:
    """Say so if the detector finds nearly no object: its boxes may be of pictures of another size."""
    counts = [prepared.counts for prepared in splits.values()]
    objects, found = (sum(each.get(key, 0) for each in counts) for key in (OBJECTS, FOUND_ANY))
    if objects >= FEWEST_OBJECTS and found < LOW_CEILING * objects:
        logger.warning(
            "candidates.file: the detector finds %d of %d objects (IoU of at least 0.5, any label): are its "
            "boxes in pixels of these pictures at their original size?",
            found,
            objects,
        )


def _warn_of_few_texts(splits: dict[str, PreparedSplit], recipe: PrepareRecipe) -> None:
    """Say where a split has clearly fewer questions for words than the recipe wants."""
    for split in ("train", "val"):
        counts = splits[split].counts
        if not counts["records"]:
            continue
        share = counts.get(REGION_KEY, 0) / counts["records"]
        if share < 0.8 * recipe.regions.share:
            logger.warning(
                "%s: %.1f %% of the records ask for words, and regions.share is %.1f %%: each object with a "
                "text is asked about once",
                split,
                100 * share,
                100 * recipe.regions.share,
            )


def _warn_of_shortage(splits: dict[str, PreparedSplit], draw: Draw) -> None:
    for split, prepared in splits.items():
        if len(prepared.images) < draw.sizes[split]:
            logger.warning(
                "%s: %d images were requested, but only %d are usable: all of them are taken",
                split,
                draw.sizes[split],
                len(prepared.images),
            )
