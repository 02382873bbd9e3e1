"""Counts over the records of a data set, from its JSONL; the numbers of dropped pieces are the card's."""

from collections import Counter
from pathlib import Path
from typing import Any

from grounding.boxes import GRID, Size
from grounding.card import CARD_FILE, load_card
from grounding.errors import UserError
from grounding.files import read_jsonl
from grounding.record.contract import read_contract
from grounding.record.conversation import Record, parse_record
from grounding.record.replay_mark import REPLAY_KEY
from grounding.regions.region_mark import REGION_KEY
from grounding.samples import Detection
from grounding.yes_no.yes_no_mark import YES_NO_KEY

SIZE_EDGES = (0, 4, 8, 16, 32, 64, 128, 256, 512, GRID + 1)
"""Edges of the classes of box sizes; the size is the square root of the area, in steps of the grid."""

LENGTH_STEP = 100
"""Width of the classes of answer lengths, in characters."""

PHRASES_KEY = "boxes_of_computed_phrases"
"""Counted where the data set asks for computed phrases."""

SEVERAL_KEY, MOST_KEY = "records_of_several_images", "most_images_of_a_record"
"""Counted where records show several images."""

PERCENTILES = (50, 90, 99, 100)


def count_files(files: dict[str, Path]) -> dict[str, Any]:
    """Return the counts of each split, and the card's counts of dropped pieces.

    Raises:
        UserError: a line is not a record.
    """
    folder = next(iter(files.values())).parent
    dropped = load_card(folder).dropped if (folder / CARD_FILE).is_file() else {}
    categories = read_contract(folder).categories
    return {"splits": {split: _count(path, categories) for split, path in files.items()}, "dropped": dropped}


def _count(path: Path, categories: frozenset[str]) -> dict[str, Any]:
    """Count the records of a file; of those whose answers name no objects only their number, by kind.

    With `categories`, all other labels are computed phrases: they are counted together.
    """
    images: set[str] = set()
    boxes_per_record: Counter[int] = Counter()
    sizes: Counter[int] = Counter()
    labels: Counter[str] = Counter()
    lengths: list[int] = []
    others: Counter[str] = Counter()
    phrases = several = most = 0
    for line, row in read_jsonl(path):
        try:
            record = parse_record(row)
        except ValueError as error:
            raise UserError(f"{path}, line {line}: {error}: run python -m prepare.check") from error
        if not record.names_objects:
            others[_kind(record)] += 1
            continue
        objects = record.read_answers(Size(GRID, GRID)).detections
        images.update(record.pictures)
        if len(record.pictures) > 1:
            several += 1
            most = max(most, len(record.pictures))
        boxes_per_record[len(objects)] += 1
        sizes.update(_size_class(detection) for detection in objects)
        named = [item.label for item in objects if not categories or item.label in categories]
        labels.update(named)
        phrases += len(objects) - len(named)
        lengths.append(sum(map(len, record.answers)))
    lengths.sort()
    classes = Counter(length // LENGTH_STEP * LENGTH_STEP for length in lengths)
    return {
        "images": len(images),
        "records": len(lengths) + others.total(),
        "records_without_objects": boxes_per_record[0],
        **{key: others[key] for key in (YES_NO_KEY, REGION_KEY, REPLAY_KEY) if others[key]},
        **({SEVERAL_KEY: several, MOST_KEY: most} if several else {}),
        "boxes": labels.total() + phrases,
        **({PHRASES_KEY: phrases} if categories else {}),
        "boxes_per_record": {str(number): boxes_per_record[number] for number in sorted(boxes_per_record)},
        "box_sizes_on_grid": {str(edge): sizes[edge] for edge in SIZE_EDGES[:-1]},
        "categories": dict(sorted(labels.items(), key=lambda item: (-item[1], item[0]))),
        "answer_characters": {
            "percentiles": {str(share): _percentile(lengths, share) for share in PERCENTILES},
            "classes": {str(start): classes[start] for start in sorted(classes)},
        },
    }


def _kind(record: Record) -> str:
    """Return the mark of a record whose answers name no objects."""
    if record.is_replay:
        return REPLAY_KEY
    return YES_NO_KEY if record.is_yes_no else REGION_KEY


def _size_class(detection: Detection) -> int:
    """Return the lower edge of the size class of a box on the grid."""
    side = detection.box.area**0.5
    return max(edge for edge in SIZE_EDGES if edge <= side)


def _percentile(ordered: list[int], share: int) -> int:
    """Return the smallest value that `share` percent of the values do not exceed, 0 if there are none."""
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)] if ordered else 0
