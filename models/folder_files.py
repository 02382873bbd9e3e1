"""The JSON files of a model's folder, which anybody may have written."""

from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import read_json

CONFIG_FILE = "config.json"
CONFIG_BYTES = 1 << 22
"""The longest config that is read, 4 MiB: published ones have some KB, and 1 MB with lists of layers."""

TABLE_BYTES = 1 << 28
"""The longest index of weights or tokenizer.json that is read, 256 MiB: Qwen3-VL's tokenizer has 11 MB."""


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
