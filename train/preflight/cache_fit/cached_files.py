"""Check that a cache has all records that a run reads, as the run would encode them."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from grounding.errors import UserError
from train.cached.cached_datasets import data_set_files, matching_sections, refuse_random_stand_ins
from train.cached.image_stamps import find_changed_image
from train.cached.section_reader import forget_open_sections, open_section
from train.keys import CACHE_KEY
from train.preflight.cache_fit.cache_keys import cache_keys
from train.preflight.cache_fit.record_encoder import open_encoder, settings_of_encoder
from train.preflight.forecast import model_on_disk
from train.recipe import SPLITS, TrainRecipe

log = logging.getLogger(__name__)

MEGABYTE = 1e6


def cached_files(recipe: TrainRecipe) -> Iterator[str]:
    """The cache must be made of these records, images, model and settings.

    That of a model on a hub is compared when the run has fetched it.
    """
    folder = model_on_disk(recipe.model) if cache_of(recipe) and not any(cache_keys(recipe)) else None
    if folder is None or not folder.is_dir():
        return  # the check of the model says so
    forget_open_sections()
    try:
        sections = _sections(replace(recipe, values={**recipe.values, "model_name_or_path": str(folder)}))
        for file, section in sections.items():
            changed = find_changed_image(open_section(str(section)), Path(file).parent)
            if changed is not None:
                yield (
                    f"{CACHE_KEY}: image {changed} of {file} has changed since it was cached: repeat "
                    "`python -m train.cache RECIPE`"
                )
                return
    except UserError as error:
        yield f"{CACHE_KEY}: {error}"
        return
    cards = [open_section(str(section)).card for section in sections.values()]
    records, size = sum(sum(card.counts.values()) for card in cards), sum(card.bytes for card in cards)
    log.info("cache: %s records with their images, %.1f MB", f"{records:,}", size / MEGABYTE)


def cache_of(recipe: TrainRecipe) -> Path | None:
    """Return the folder of the cache that a recipe names."""
    value = recipe.values.get(CACHE_KEY)
    return Path(value) if isinstance(value, str) and value else None


def _sections(recipe: TrainRecipe) -> Mapping[str, Path]:
    """Return the sections of all files that a run reads.

    Raises:
        UserError: there is none for one of them, or it does not go with the recipe.
    """
    settings = settings_of_encoder(open_encoder(recipe), recipe)
    limit, cache = int(recipe.get("max_seq_len")), cache_of(recipe) or Path()
    found: dict[str, Path] = {}
    for split in SPLITS if recipe.get("do_eval") else SPLITS[:1]:
        files = data_set_files(recipe.get(f"{split}_dataset_path"), recipe.get(f"{split}_dataset_prob"))
        sections = matching_sections(cache, files, settings)
        refuse_random_stand_ins(recipe.get("dataset_type"), bool(recipe.get("packing")), limit, sections)
        found |= sections
    return found
