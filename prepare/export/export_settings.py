"""The keys of `python -m prepare.export`, and the formats by name."""

import typing
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from grounding.recipe.checks import check_word
from grounding.recipe.schema import setting
from prepare.export.export_types import ExportFormat

WRITERS_FOLDER = Path(__file__).with_name("formats")
SUFFIX = "_writer"


def known_formats() -> tuple[str, ...]:
    """Return the names of the formats: one module each."""
    return tuple(sorted(path.stem.removesuffix(SUFFIX) for path in WRITERS_FOLDER.glob(f"*{SUFFIX}.py")))


def open_format(name: str) -> ExportFormat:
    """Return the module of a format."""
    return typing.cast(ExportFormat, import_module(f"prepare.export.formats.{name}{SUFFIX}"))


def describe_formats() -> Iterator[str]:
    """Yield two lines of help for each format: what it is for, and what it can state."""
    for name in known_formats():
        facts = open_format(name).FORMAT
        yield f"  {name:<14}{facts.purpose}"
        yield f"  {'':<14}states: {facts.carried}"


@dataclass(frozen=True)
class ExportSettings:
    """What to write, and where."""

    format: str = setting(" | ".join(known_formats()))
    output_dir: str = setting("new folder of the export")
    link: bool = setting("hard-link the images instead of copying them (same disk)", False)

    def __post_init__(self) -> None:
        check_word("format", self.format, known_formats())
        if not self.output_dir.strip():
            raise ValueError("output_dir: the name of a folder is needed")
