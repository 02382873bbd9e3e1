"""The folder of a mined data set: records, images and card, as `prepare` writes them.

hard.jsonl    each hard record and each hard negative once, with its weight
train.jsonl   the same, each as often as its weight says: what PaddleFormers is trained on
images/       hard links to the images of the data set (copies on another disk)
card.json     written last: a folder with a card is complete
"""

import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from grounding.card import CARD_FILE, Card, save_card
from grounding.errors import UserError
from grounding.files import replacing, write_jsonl
from grounding.layout import JSONL_FILES, TOKEN_LENGTHS_FILE
from grounding.prompts import load_wordings
from infer.mine.hard_records import Row, repeated
from infer.sampling.sampling_run import SAMPLING_FILE

HARD_FILE = "hard.jsonl"
TRAIN_FILE = JSONL_FILES["train"]


def check_folder(folder: Path, dataset: Path) -> None:
    """Refuse a folder that holds a data set which is not a mined one.

    Raises:
        UserError: it is the data set itself, or another one.
    """
    if folder.resolve() == dataset.resolve():
        raise UserError(f"output_dir: {folder} is the data set itself: choose another output_dir")
    is_mined = (folder / SAMPLING_FILE).is_file()
    for name in (CARD_FILE, TRAIN_FILE):
        if (folder / name).exists() and not is_mined:
            raise UserError(f"output_dir: {folder} holds another {name}: choose another output_dir")


def write_hard_dataset(
    folder: Path, dataset: Path, card: Card, rows: Sequence[Row], prompts: Iterable[str]
) -> None:
    """Write the records with their images; `prompts` are the names of the wordings that are not on the card.

    Raises:
        UserError: a file cannot be written.
    """
    from tqdm import tqdm

    for name in (CARD_FILE, TOKEN_LENGTHS_FILE):
        (folder / name).unlink(missing_ok=True)
    lines = list(repeated(rows))
    images = dict.fromkeys(image for row in rows for image in row["images"])
    for image in tqdm(images, unit="image", desc="link images", delay=2):
        _link(dataset / image, folder / image)
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


def _link(source: Path, target: Path) -> None:
    """Hard-link an image, or copy it where the file system allows no link.

    Raises:
        UserError: it cannot be written.
    """
    if target.exists() and target.samefile(source):
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        os.link(source.resolve(), target)
    except OSError:
        with source.open("rb") as original, replacing(target) as copy:
            shutil.copyfileobj(original, copy)
