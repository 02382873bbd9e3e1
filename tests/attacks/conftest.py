"""Fixtures of the parts that are attacked."""

from tests.prepare.sources.conftest import recipe_for

__all__ = ["recipe_for"]
