"""The folder that pairs or best answers are written to: rows, images, card and report.

train.jsonl  what is learned; val.jsonl the same for the images that are kept apart
images/      hard links to the images of the data set, or copies where a link is not possible
report.txt   what was made, and what was dropped for which reason
card.json    written last: a folder with a card is complete
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from grounding.card import CARD_FILE, Card, save_card
from grounding.files import write_jsonl, write_text
from grounding.layout import JSONL_FILES, TOKEN_LENGTHS_FILE
from infer.pairs.learned_rows import Row
from infer.pairs.pair_settings import PairSettings
from infer.sampling.derived_folder import link_images
from infer.sampling.graded_answers import GradedQuestion
from infer.scoring.resampling.bootstrap import linked_groups

REPORT_FILE = "report.txt"


def held_out_images(graded: Sequence[GradedQuestion], share: float, seed: int) -> frozenset[str]:
    """Choose the images that are kept apart: the share of all, one at least, and never all of them.

    Images that one question shows stay together, and so do those that such questions link: otherwise an
    image that is kept apart would be seen in training beside another one.
    """
    shown = [[picture.image for picture in item.known.question.pictures] for item in graded]
    units = linked_groups((name for names in shown for name in names), shown)
    chosen = sorted(set(units.values()), key=lambda name: _mark(name, seed))
    count = min(max(1, round(share * len(chosen))), len(chosen) - 1) if share > 0 else 0
    apart = set(chosen[:count])
    return frozenset(name for name, unit in units.items() if unit in apart)


def _mark(name: str, seed: int) -> str:
    return hashlib.sha256(f"{seed} {name}".encode()).hexdigest()


def write_learned(
    folder: Path,
    dataset: Path,
    card: Card,
    rows: Mapping[str, Sequence[Row]],
    dropped: Mapping[str, int],
    report: str,
    settings: PairSettings,
) -> None:
    """Write rows by split with their images, the report, and the card.

    Raises:
        UserError: a file cannot be written.
    """
    for name in (CARD_FILE, TOKEN_LENGTHS_FILE, *JSONL_FILES.values()):
        (folder / name).unlink(missing_ok=True)
    images = dict.fromkeys(image for part in rows.values() for row in part for image in row["images"])
    link_images(images, dataset, folder)
    counts = {}
    for split, part in rows.items():
        write_jsonl(folder / JSONL_FILES[split], part)
        shown = {image for row in part for image in row["images"]}
        counts[split] = {"images": len(shown), "records": len(part)}
    write_text(folder / REPORT_FILE, f"{report}\n")
    made = replace(
        card,
        source_fingerprint=hashlib.sha256(json.dumps(rows).encode()).hexdigest(),
        recipe={**card.recipe, "answers_chosen_by": chosen_by(settings)},
        counts=counts,
        dropped=dict(dropped),
    )
    save_card(made, folder)


def chosen_by(settings: PairSettings) -> dict[str, object]:
    """Return the keys that decide which rows are made of which answers."""
    keys = (
        "keep",
        "answers",
        "temperature",
        "top_p",
        "seed",
        "limit",
        "good",
        "truth",
        "margin",
        "val_share",
    )
    values = asdict(settings)
    return {key: values[key] for key in keys}
