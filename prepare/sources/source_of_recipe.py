"""The source that a recipe names."""

from collections.abc import Sequence
from importlib import import_module

from grounding.categories import Category
from prepare.sources.source import Source
from prepare.sources.source_settings import SourceSettings


def open_recipe_source(settings: SourceSettings, categories: Sequence[Category]) -> Source:
    """Open the source of a recipe; `categories` are the recipe's, empty if the source names them.

    Only the module of the recipe's format is imported, because each brings a large library of its own.

    Raises:
        UserError: the format's module refuses the files.
    """
    module = import_module(f"prepare.sources.formats.{settings.kind}")
    source: Source = module.open_source(settings, categories)
    return source
