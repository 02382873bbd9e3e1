"""The source that a recipe names."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from grounding.categories import Category
from prepare.sources.source import Source

if TYPE_CHECKING:
    from prepare import recipe


def open_source(source: "recipe.Source", categories: Sequence[Category]) -> Source:
    """Open the source of a recipe; `categories` are the recipe's, none where the source is to name them.

    Each module is imported when it is asked for: reading YAML or parquet takes a library each.

    Raises:
        UserError: what the source's module refuses.
    """
    if source.kind == "coco_json":
        from prepare.sources.coco_json import open_coco_json

        return open_coco_json(source)
    if source.kind == "yolo":
        from prepare.sources.yolo import open_yolo

        return open_yolo(source)
    if source.kind == "voc":
        from prepare.sources.voc import open_voc

        return open_voc(source, categories)
    if source.kind == "phrases":
        from prepare.sources.phrases import open_phrases

        return open_phrases(source, categories)
    if source.kind == "records":
        from prepare.sources.records import open_records

        return open_records(source)
    from prepare.sources.coco_parquet import open_coco_parquet

    return open_coco_parquet(source, categories)
