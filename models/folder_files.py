"""The files of a model's folder, which anybody may have written: its JSON, and a hash of all."""

import hashlib
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import read_json

CONFIG_FILE = "config.json"
CONFIG_BYTES = 1 << 22
"""The longest config that is read, 4 MiB: published ones have some KB, and 1 MB with lists of layers."""

TABLE_BYTES = 1 << 28
"""The longest index of weights or tokenizer.json that is read, 256 MiB: Qwen3-VL's tokenizer has 11 MB."""


LORA_CONFIG = "lora_config.json"
IMAGE_CONFIG = "preprocessor_config.json"
TOKENIZER_FILES = ("tokenizer.json", "vocab.json")
TOKENIZER_CONFIG = "tokenizer_config.json"
WEIGHTS, ADAPTER_WEIGHTS = "model*.safetensors", "peft_model*.safetensors"

READ_WHOLE = 1 << 26
"""Files up to this many bytes are hashed whole."""

BLOCK, BLOCKS = 1 << 16, 64
"""Size in bytes, and number, of the blocks that are hashed of a longer file."""

WEIGHTS_INDEX, ADAPTER_INDEX = "model.safetensors.index.json", "peft_model.safetensors.index.json"


def named_shards(folder: Path, name_of_index: str = WEIGHTS_INDEX) -> set[str]:
    """Return the weight files that an index names, none without an index; all of them lie beside it.

    Raises:
        UserError: the index cannot be read, or names something else.
    """
    index = folder / name_of_index
    names = read_object(index, TABLE_BYTES).get("weight_map", {}) if index.is_file() else {}
    shards = list(names.values()) if isinstance(names, dict) else [names]
    for name in shards:
        if not isinstance(name, str) or Path(name).name != name:
            raise UserError(
                f"{index}: '{str(name)[:80]}' in its weight_map is no file's name: copy or download it again"
            )
    return set(shards)


def read_object(path: Path, most_bytes: int = CONFIG_BYTES) -> dict[str, Any]:
    """Read a JSON file of a model's folder that holds an object.

    Raises:
        UserError: it is no regular file of at most `most_bytes`, not JSON, nested too deeply, or no object.
    """
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: not a regular file: copy or download it again")
    if path.is_file() and path.stat().st_size > most_bytes:
        raise UserError(
            f"{path}: has {path.stat().st_size:,} bytes, and at most {most_bytes:,} are read: "
            "copy or download it again"
        )
    try:
        content = read_json(path)
    except RecursionError as error:
        raise UserError(f"{path}: not readable as JSON: nested too deeply") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: holds {type(content).__name__}, not an object: copy or download it again")
    return content


def fingerprint_model(model: Path, adapter: Path | None, processor: Path) -> str:
    """Return a hash of the files that determine an answer, from the folders that hold them.

    Of a large file, only the length and blocks spread over it are hashed: training changes weights
    everywhere, and hashing all of an 8B model would take minutes. Times and folders do not count, so a copy
    of a checkpoint has the same fingerprint.
    """
    files = {*model.glob(WEIGHTS), model / CONFIG_FILE}
    if adapter is not None:
        files |= {*adapter.glob(ADAPTER_WEIGHTS), adapter / LORA_CONFIG}
    names = (IMAGE_CONFIG, TOKENIZER_CONFIG, *TOKENIZER_FILES, "chat_template.json", "chat_template.jinja")
    files |= {processor / name for name in names}
    digest = hashlib.sha256()
    for path in sorted(files, key=lambda path: (path.name, str(path))):
        if path.is_file():
            digest.update(f"{path.name} {path.stat().st_size}\n".encode())
            _hash_sample(path, digest)
    return digest.hexdigest()


def fingerprint_folder(folder: Path) -> str:
    """Return `fingerprint_model` of a folder with a model, or with an adapter and the name of its base.

    Raises:
        UserError: the adapter's config cannot be read.
    """
    if not (folder / LORA_CONFIG).is_file():
        return fingerprint_model(folder, None, folder)
    base = read_object(folder / LORA_CONFIG).get("base_model_name_or_path")
    model = Path(base) if isinstance(base, str) and Path(base).is_dir() else folder
    return fingerprint_model(model, folder, folder)


def _hash_sample(path: Path, digest: "hashlib._Hash") -> None:
    size = path.stat().st_size
    step = BLOCK if size <= READ_WHOLE else (size - BLOCK) // BLOCKS
    with path.open("rb") as file:
        for start in (*range(0, size, step), max(0, size - BLOCK)):
            file.seek(start)
            digest.update(file.read(BLOCK))
