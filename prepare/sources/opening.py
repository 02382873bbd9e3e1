"""The source that a recipe names."""

from collections.abc import Sequence

from grounding.categories import Category
from prepare.sources.source import Source
from prepare.sources.source_settings import SourceSettings


def open_source(source: SourceSettings, categories: Sequence[Category]) -> Source:
    """Open the source of a recipe; `categories` are the recipe's, empty if the source names them.

    Each module is imported only if it is needed, because each brings a large library of its own.

    Raises:
        UserError: the source's module refuses the files.
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
