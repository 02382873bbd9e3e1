"""The folder of a point: weights between the two models, and TUNED's own settings, tokenizer and processor.

Of a LoRA run, the point is its adapter with lora_B times the share, beside the same base:
W + a scaling (A B) = (1 - a) W + a (W + scaling (A B)).
"""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from grounding.errors import UserError
from grounding.files import replacing, write_json
from grounding.layout import TRAIN_RECIPE_FILE
from models.folder_files import (
    ADAPTER_INDEX,
    CONFIG_FILE,
    IMAGE_CONFIG,
    LORA_CONFIG,
    TOKENIZER_CONFIG,
    TOKENIZER_FILES,
    WEIGHTS_INDEX,
)
from train.blend.blended_numbers import blended_bytes, scaled_bytes
from train.blend.model_pair import LORA_B, ModelPair
from train.blend.weight_tables import PlacedTensor, write_header

log = logging.getLogger(__name__)

SETTINGS = (
    *(CONFIG_FILE, "generation_config.json", WEIGHTS_INDEX, ADAPTER_INDEX, LORA_CONFIG, IMAGE_CONFIG),
    *("video_preprocessor_config.json", TOKENIZER_CONFIG, *TOKENIZER_FILES, "merges.txt"),
    *("special_tokens_map.json", "added_tokens.json", "chat_template.jinja", "chat_template.json"),
    TRAIN_RECIPE_FILE,
)
"""The files of TUNED that a point takes over, where they are there."""

POINT_FILE = "blend.json"
"""In a point's folder: which models it lies between, and where. Written last."""

SPARE_BYTES = 1 << 28
"""Bytes that stay free on the disk: answers and tables are written, too."""


def point_name(share: float) -> str:
    """Return the name of a point's folder."""
    return f"alpha_{share:g}"


def check_disk(folder: Path, pair: ModelPair, points: int) -> str:
    """Return a line that says what `points` points take on the disk at a time.

    Raises:
        UserError: there is less.
    """
    place = folder
    while not place.exists():
        place = place.parent
    free, wanted = shutil.disk_usage(place).free, points * pair.point_bytes
    line = f"disk: {points} points of {pair.point_bytes / 1e9:.2f} GB at a time, {free / 1e9:.1f} GB are free"
    if wanted + SPARE_BYTES > free:
        raise UserError(f"output_dir: {folder}: {line}: keep fewer points (keep=best), or use another disk")
    return line


def write_point(pair: ModelPair, share: float, folder: Path) -> None:
    """Write a point; its folder is complete or not there, and one that is there stays.

    Raises:
        UserError: tensors that cannot be blended, or the disk is full.
    """
    if (folder / POINT_FILE).is_file():
        return
    beside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(beside, ignore_errors=True)  # left by a run that was killed
    shutil.rmtree(folder, ignore_errors=True)
    try:
        with _naming_full_disks(beside):
            beside.mkdir(parents=True)
            _write_weights(pair, share, beside)
            for name in SETTINGS:
                if (pair.tuned / name).is_file():
                    shutil.copyfile(pair.tuned / name, beside / name)
            facts = {"base": str(pair.base), "tuned": str(pair.tuned), "alpha": share}
            write_json(beside / POINT_FILE, facts | {"is_adapter": pair.is_adapter})
            beside.replace(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _write_weights(pair: ModelPair, share: float, folder: Path) -> None:
    by_file: dict[Path, dict[str, PlacedTensor]] = {}
    for name, tensor in pair.tuned_tensors.items():
        by_file.setdefault(tensor.file, {})[name] = tensor
    with tqdm(
        total=pair.point_bytes, desc=point_name(share), unit="B", unit_scale=True, delay=2, disable=None
    ) as progress:
        for file, tensors in by_file.items():
            with replacing(folder / file.name) as output:
                write_header(output, tensors)
                for name, tensor in tensors.items():
                    for piece in _pieces(pair, name, tensor, share):
                        output.write(piece)
                        progress.update(len(piece))


def _pieces(pair: ModelPair, name: str, tensor: PlacedTensor, share: float) -> Iterator[bytes]:
    if not pair.is_adapter:
        return blended_bytes(name, pair.base_tensors[name], tensor, share)
    return scaled_bytes(tensor, share if name.endswith(LORA_B) else 1.0)


@contextmanager
def _naming_full_disks(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"{folder}: cannot be written: {error.strerror or error}") from error
