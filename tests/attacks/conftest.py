"""Fixtures of the parts that are attacked."""

from tests.prepare.sources.conftest import recipe_for
from tests.train.conftest import drawn_data, make_recipe, tiny_model, write_recipe

__all__ = ["drawn_data", "make_recipe", "recipe_for", "tiny_model", "write_recipe"]
