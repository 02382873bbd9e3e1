"""ODVG: SPLIT.jsonl with a line per image, label_map.json, and images/.

Source of the format: data_format.md of longzw1997/Open-GroundingDino, and ODVGDataset of
open-mmlab/mmdetection, which also reads `tokens_positive`. Objects are the `detection` of a line, referring
expressions the `grounding` of another: their caption joins them, each phrase with its place in it.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grounding.files import write_jsonl, write_text
from prepare.export.annotation_text import compact_json
from prepare.export.export_types import ExportedData, ExportedImage, FormatFacts
from prepare.progress import watched

FORMAT = FormatFacts("ODVG, for Grounding DINO (Open-GroundingDino, MMDetection)", "images", has_phrases=True)

BETWEEN = " . "
"""Between two phrases of a caption, as Open-GroundingDino joins them."""


def save(data: ExportedData, folder: Path) -> Counter[str]:
    """Write a file for each split, and the labels by their index."""
    index = {name: number for number, name in enumerate(data.names)}
    for split, images in data.images.items():
        write_jsonl(
            folder / f"{split}.jsonl",
            (line for image in watched(images, f"writing {split}") for line in _lines(image, index)),
        )
    write_text(folder / "label_map.json", compact_json({str(number): name for name, number in index.items()}))
    return Counter()


def _lines(image: ExportedImage, index: dict[str, int]) -> Iterator[dict[str, Any]]:
    """Yield an image's objects, if it has any or no phrases, and its phrases, if it has any."""
    head = {"filename": image.name, "height": image.size.height, "width": image.size.width}
    if image.objects or not image.phrases:
        instances = [
            {"bbox": list(item.box.xyxy), "label": index[item.label], "category": item.label}
            for item in image.objects
        ]
        yield {**head, "detection": {"instances": instances}}
    if image.phrases:
        yield {**head, "grounding": _grounding(image)}


def _grounding(image: ExportedImage) -> dict[str, Any]:
    regions, caption = [], ""
    for phrase in dict.fromkeys(item.label for item in image.phrases):
        start = len(caption)
        caption += phrase
        for item in image.phrases:
            if item.label == phrase:
                place = [[start, len(caption)]]
                regions.append({"bbox": list(item.box.xyxy), "phrase": phrase, "tokens_positive": place})
        caption += BETWEEN
    return {"caption": caption.rstrip(), "regions": regions}
