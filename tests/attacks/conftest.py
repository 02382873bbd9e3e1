"""Fixtures of the parts that are attacked."""

import logging

import pytest

from tests.prepare.sources.conftest import recipe_for
from tests.train.conftest import drawn_data, make_recipe, tiny_model, write_recipe

__all__ = ["drawn_data", "make_recipe", "recipe_for", "tiny_model", "write_recipe"]


@pytest.fixture
def faults(monkeypatch, capfd):
    """Return a function that returns the lines about errors that were logged or printed since the start."""
    logged = []
    for name in ("uvicorn.error", "visualize.app.interface.page_events"):
        monkeypatch.setattr(logging.getLogger(name), "handle", logged.append)

    def read():
        printed = "".join(capfd.readouterr()).splitlines()
        errors = [record.getMessage() for record in logged if record.levelno >= logging.ERROR]
        return [*errors, *(line for line in printed if "Traceback" in line or "Error" in line)]

    return read
