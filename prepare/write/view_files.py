"""Views of an image, written beside it, in each of its records that asks about boxes."""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from grounding.boxes import GridBox
from grounding.candidates.candidate_list import read_candidates
from grounding.views.view_mark import VIEWS_KEY, Views
from grounding.views.view_pictures import cut_view
from grounding.views.view_regions import choose_regions
from prepare.questions.image_records import ImageRecords
from prepare.questions.record_lines import RecordRow
from prepare.recipe import PrepareRecipe
from prepare.write.drawn_files import VIEW, DrawnFiles
from prepare.write.image_files import ImageFacts

RECORDS_WITH_VIEWS, VIEWS_SHOWN = "with_views", "views"
"""Counts of a split: records that show views, and how many views these show in all."""


def add_views(
    made: ImageRecords, data: bytes | memoryview, facts: ImageFacts, folder: Path, recipe: PrepareRecipe
) -> None:
    """Show views in each record about the image; their pictures are written into the data set's folder.

    A record of which the image alone is shown stays as it is: a small picture without tiles, or a question
    without candidates. `counts` has the records with views, and their views.

    Raises:
        UnusableImageError: the image does not decode.
        UserError: the disk is full, or the folder cannot be written.
    """
    if not recipe.has_views:
        return
    files = DrawnFiles(made.image, data, facts, folder)

    @cache
    def write(region: GridBox) -> str:
        return files.write(cut_view(files.pixels, region, recipe.view_pixels), VIEW)

    shown: Counter[str] = Counter()
    for place, record in enumerate(made.records):
        listed = read_candidates(record)
        boxes = () if listed is None else (item.box for item in listed.items)
        if regions := choose_regions(recipe, facts.frame.upright, boxes):
            made.records[place] = _with_views(record, regions, list(map(write, regions)))
            shown[RECORDS_WITH_VIEWS] += 1
            shown[VIEWS_SHOWN] += len(regions)
    made.counts.update(shown)


def _with_views(record: RecordRow, regions: Sequence[GridBox], names: Sequence[str]) -> RecordRow:
    """Return a record about one image that shows views of it, from the files of these names."""
    messages = [dict(message) for message in record["messages"]]
    first = next(message for message in messages if message["role"] == "user")
    views = Views.introduced(regions, first["content"])
    first["content"] = views.add_to(first["content"])
    return {
        **record,
        "messages": messages,
        "images": [*record["images"], *names],
        VIEWS_KEY: views.as_json(),
    }
