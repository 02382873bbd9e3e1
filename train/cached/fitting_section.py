"""Find the section of a cache that fits a file of records and a run's settings, or say why none does."""

from collections.abc import Iterator
from pathlib import Path

from grounding.errors import UserError
from grounding.files import file_sha256
from train.cached.encoding_settings import setting_differences
from train.cached.section import (
    CARD,
    SectionCard,
    Settings,
    read_section_card,
    section_folder,
)

MOST_DIFFERENCES = 4
MAKE = "make it with `python -m train.cache RECIPE`"


def find_section(cache: Path, file: Path, settings: Settings) -> tuple[Path, SectionCard]:
    """Return the folder and the card of the section of a file.

    Raises:
        UserError: none fits; the message says what differs from the nearest one.
    """
    try:
        sha256 = file_sha256(file)
    except OSError as error:
        raise UserError(f"{file}: cannot be read: {error.strerror or error}") from error
    folder = section_folder(cache, file, sha256, settings)
    card = read_section_card(folder)
    if card is not None:
        return folder, card
    if folder.is_dir():
        raise UserError(f"{folder}: the cache of {file} is not finished: {MAKE}, which resumes")
    raise UserError(f"{cache}: {_why_none_fits(cache, file, sha256, settings)}: {MAKE}")


def other_sections(cache: Path, used: set[Path]) -> Iterator[tuple[Path, SectionCard]]:
    """Yield the finished sections of a cache that are none of `used`, with their cards."""
    for path in sorted(cache.glob(f"*/{CARD}")):
        if path.parent not in used and (card := _card_or_none(path.parent)) is not None:
            yield path.parent, card


def _why_none_fits(cache: Path, file: Path, sha256: str, settings: Settings) -> str:
    found = [card for _, card in other_sections(cache, set())]
    of_this_file = [card for card in found if card.sha256 == sha256]
    if of_this_file:
        lists = [list(setting_differences(card.settings, settings)) for card in of_this_file]
        nearest = min(lists, key=len)
        more = f" and {len(nearest) - MOST_DIFFERENCES} more" if len(nearest) > MOST_DIFFERENCES else ""
        return f"made for another encoding of {file} ({'; '.join(nearest[:MOST_DIFFERENCES])}{more})"
    if any(card.source == file.name and card.settings == dict(settings) for card in found):
        return f"{file} has changed since it was made"
    return f"has nothing of {file}"


def _card_or_none(folder: Path) -> SectionCard | None:
    try:
        return read_section_card(folder)
    except UserError:
        return None  # whoever needs this section hears of it
