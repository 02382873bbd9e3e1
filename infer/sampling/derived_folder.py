"""The folder of a data set that is made of sampled answers to the questions of another one."""

from collections.abc import Iterable
from pathlib import Path

from grounding.card import CARD_FILE
from grounding.errors import UserError
from grounding.files import link_or_copy
from grounding.layout import JSONL_FILES
from infer.sampling.known_questions import SAMPLED_SPLIT
from infer.sampling.sampling_run import SAMPLING_FILE


def check_folder(folder: Path, dataset: Path) -> None:
    """Refuse to write over a data set that was not made of sampled answers.

    Raises:
        UserError: the folder is the data set itself, or holds another one.
    """
    if folder.resolve() == dataset.resolve():
        raise UserError(f"output_dir: {folder} is the data set itself: choose another output_dir")
    is_derived = (folder / SAMPLING_FILE).is_file()
    for name in (CARD_FILE, JSONL_FILES[SAMPLED_SPLIT]):
        if (folder / name).exists() and not is_derived:
            raise UserError(f"output_dir: {folder} holds another {name}: choose another output_dir")


def link_images(images: Iterable[str], dataset: Path, folder: Path) -> None:
    """Hard-link images of the data set, named as its records name them; copy where no link is possible.

    Raises:
        UserError: one cannot be written.
    """
    from tqdm import tqdm

    for image in tqdm(images, unit="image", desc="link images", delay=2):
        link_or_copy(dataset / image, folder / image)
