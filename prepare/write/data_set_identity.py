"""The card of a data set before it is prepared, and what makes two data sets the same."""

import dataclasses
from pathlib import Path
from typing import Any

from grounding.candidates.results_file import fingerprint_files
from grounding.card import Card
from grounding.errors import UserError
from grounding.prompts import SYSTEM_PROMPT
from grounding.views.view_settings import ViewSettings
from prepare.recipe import PrepareRecipe
from prepare.source_types import BoxFormat
from prepare.sources.source import Source
from prepare.sources.source_settings import SourceSettings

READING_KEYS = ("kind", "boxes", "units", "crowds", "label", "val_split", "groups", "headings")
"""Keys of the source that decide what its files mean."""

Identity = dict[str, Any]
"""What decides the bytes of a data set: two runs with the same identity write the same files."""


def plan_card(recipe: PrepareRecipe, source: Source) -> Card:
    """Return the card of a data set, without counts.

    Raises:
        UserError: neither recipe nor source names the categories.
    """
    categories = recipe.resolved_categories or source.own_categories
    if not categories:
        raise UserError("categories: the source names none: list them")
    return Card(
        system_prompt=SYSTEM_PROMPT,
        prompts=recipe.prompts,
        answer_format=recipe.answer_format,
        categories=categories,
        source_fingerprint=source.fingerprint(),
        recipe=_settings(recipe, source.box_format),
        counts={},
    )


def card_identity(card: Card) -> Identity:
    """Return the identity of the data set that a card describes; the place of the source is no part of it."""
    settings = {key: value for key, value in card.recipe.items() if key != "source"}
    reading = {f"source.{key}": card.recipe.get("source", {}).get(key) for key in READING_KEYS}
    return (
        settings
        | reading
        | {
            "source files": card.source_fingerprint,
            "prompts": card.prompts,
            "system_prompt": card.system_prompt,
        }
    )


def describe_differences(there: Identity, here: Identity) -> str:
    """Name the settings that differ, with both values if they are short."""
    texts = []
    for key in sorted(there.keys() | here.keys()):
        first, second = there.get(key), here.get(key)
        if first != second:
            short = key != "source files" and len(f"{first}{second}") < 40
            texts.append(f"{key} {first} there, {second} here" if short else f"other {key}")
    return "; ".join(texts)


def _settings(recipe: PrepareRecipe, boxes: BoxFormat) -> dict[str, Any]:
    """Return the recipe as the card keeps it, without settings that differ between machines."""
    settings = dataclasses.asdict(recipe)
    del settings["output_dir"], settings["overwrite"], settings["source"]["path"]
    if not recipe.calibration.share:  # on the card only where there is a calibration part
        del settings["calibration"]
    for name in (
        "outside",
        "max_text",
        "crowds",
        "label",
        "val_split",
        "groups",
        "headings",
    ):  # on the card only where the recipe sets them
        if getattr(recipe.source, name) == getattr(SourceSettings, name):
            del settings["source"][name]
    if not recipe.test_set:
        del settings["test_set"]
    if not recipe.asks_relations:
        del settings["relations"]
    if not recipe.descriptions:
        del settings["descriptions"]
    if not recipe.yes_no.share:  # without such questions, the card is as if there were no such key
        del settings["yes_no"]
    if not recipe.regions.share:
        del settings["regions"]
    elif recipe.regions.prompt is None:
        del settings["regions"]["prompt"]
    if recipe.candidates.files:  # what is in the files counts, not their place
        settings["candidates"]["file"] = fingerprint_files(map(Path, recipe.candidates.files))
    else:
        del settings["candidates"]
    if not recipe.has_views:
        for name in (field.name for field in dataclasses.fields(ViewSettings)):
            del settings[name]
    hub = recipe.source.resolved_hub
    settings["source"] |= {
        "hub": hub,
        "repo": None if hub == "local" else recipe.source.resolved_repo,
        "boxes": boxes.order,
        "units": boxes.units,
    }
    return settings
