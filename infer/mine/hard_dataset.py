"""The folder of a mined data set: records, images and card, as `prepare` writes them.

hard.jsonl    each hard record and each hard negative once, with its weight
train.jsonl   the same, each as often as its weight says: what PaddleFormers is trained on
images/       hard links to the images of the data set (copies on another disk)
card.json     written last: a folder with a card is complete
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from grounding.card import CARD_FILE, Card, save_card
from grounding.files import write_jsonl
from grounding.layout import JSONL_FILES, TOKEN_LENGTHS_FILE
from grounding.prompts import load_wordings
from infer.mine.hard_records import Row, repeated
from infer.sampling.derived_folder import link_images

HARD_FILE = "hard.jsonl"
TRAIN_FILE = JSONL_FILES["train"]


def write_hard_dataset(
    folder: Path, dataset: Path, card: Card, rows: Sequence[Row], prompts: Iterable[str]
) -> None:
    """Write the records with their images; `prompts` are the names of the wordings that are not on the card.

    Raises:
        UserError: a file cannot be written.
    """
    for name in (CARD_FILE, TOKEN_LENGTHS_FILE):
        (folder / name).unlink(missing_ok=True)
    lines = list(repeated(rows))
    images = dict.fromkeys(image for row in rows for image in row["images"])
    link_images(images, dataset, folder)
    write_jsonl(folder / HARD_FILE, rows)
    write_jsonl(folder / TRAIN_FILE, lines)
    templates = {
        wording.name: wording.template
        for family in load_wordings().values()
        for wordings in family.values()
        for wording in wordings
    }
    counts = {"images": len(images), "records": len(lines)}
    mined = dataclasses.replace(
        card,
        prompts=card.prompts | {name: templates[name] for name in prompts},
        source_fingerprint=hashlib.sha256(json.dumps(rows).encode()).hexdigest(),
        counts={"train": counts},
        dropped={},
    )
    save_card(mined, folder)
