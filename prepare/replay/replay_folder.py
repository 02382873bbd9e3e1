"""The folder that is written: records of both splits, their images, the card, and the log of answers.

train.jsonl  val.jsonl  images/   records in PaddleFormers' form, as the check and the training take them
card.json                         how they were made, and what was dropped; written last
replay/answers.jsonl              every answer, so that no question is asked twice
replay/server.log                 what the server of a checkpoint printed
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from grounding.card import CARD_FILE, Card, load_card, save_card
from grounding.errors import UserError
from grounding.files import write_jsonl
from grounding.layout import ALL_JSONL_FILES, IMAGES_FOLDER, JSONL_FILES
from grounding.record.contract import REPLAY_SOURCE, is_replay
from prepare.progress import watched
from prepare.replay.replay_settings import ReplaySettings
from prepare.write.image_files import ImageCheck, bytes_to_write, check_image, write_image

ANSWERS_FILE = "replay/answers.jsonl"
SERVER_LOG = "replay/server.log"

PLACES = ("base_url", "output_dir", "request", "concurrency", "timeout", "retries", "most_failures")
"""Settings that the card leaves out: they do not change answers, or can hold secrets."""

CHECK = ImageCheck(exif="turned")
"""Images as the model saw them: upright."""


@dataclass(frozen=True)
class SeenImage:
    """An image of a prompt: its file, and its path in the folder, which its content names."""

    file: Path
    name: str


def check_replay_folder(folder: Path, prompts: Path) -> None:
    """Refuse to write into another data set.

    Raises:
        UserError: the folder holds one.
    """
    if folder.resolve() == prompts.resolve():
        raise UserError(f"output_dir: {folder} holds the prompts: choose another output_dir")
    if (folder / CARD_FILE).is_file() and not is_replay(load_card(folder)):
        raise UserError(f"output_dir: {folder} is another data set: choose another output_dir")
    for name in ALL_JSONL_FILES.values():
        if (folder / name).exists() and not (folder / ANSWERS_FILE).is_file():
            raise UserError(f"output_dir: {folder} holds another {name}: choose another output_dir")


def seen_image(file: Path, digest: str) -> SeenImage:
    """Check the image of a prompt, and name it by its content.

    Raises:
        UnusableImageError: it cannot be used; the reason is counted.
        OSError: it cannot be read.
    """
    facts = check_image(file.read_bytes(), None, CHECK)
    return SeenImage(file, f"{IMAGES_FOLDER}/{digest}.{facts.extension}")


def write_replay(
    folder: Path,
    rows: Mapping[str, Sequence[dict[str, Any]]],
    images: Sequence[SeenImage],
    card: Card,
) -> None:
    """Write all but the log; each file is complete or not there, and without a card nothing is finished.

    Raises:
        UserError: the disk is full, or the folder cannot be written.
    """
    (folder / CARD_FILE).unlink(missing_ok=True)
    wanted = {name for part in rows.values() for row in part for name in row["images"]}
    for image in watched([each for each in images if each.name in wanted], "writing images"):
        if not (folder / image.name).is_file():
            data = image.file.read_bytes()
            write_image(bytes_to_write(data, check_image(data, None, CHECK)), folder / image.name)
    if (folder / IMAGES_FOLDER).is_dir():
        for path in (folder / IMAGES_FOLDER).iterdir():  # of an earlier start with other prompts
            if f"{IMAGES_FOLDER}/{path.name}" not in wanted:
                path.unlink()
    for split, name in JSONL_FILES.items():
        write_jsonl(folder / name, rows[split])
    save_card(card, folder)


def replay_card(
    settings: ReplaySettings,
    source: Mapping[str, Any],
    rows: Mapping[str, Sequence[dict[str, Any]]],
    dropped: Counter[str],
) -> Card:
    """Return the card; `source` says who answered which prompts, and `fingerprint` which content they had."""
    kept = {key: value for key, value in asdict(settings).items() if key not in PLACES}
    return Card(
        system_prompt=settings.system,
        prompts={},
        answer_format="objects",
        categories=(),
        source_fingerprint=str(source["fingerprint"]),
        recipe={"source": {"kind": REPLAY_SOURCE, **source}, **kept},
        counts={
            split: {"images": len({name for row in part for name in row["images"]}), "records": len(part)}
            for split, part in rows.items()
        },
        dropped=dict(sorted(dropped.items())),
    )
