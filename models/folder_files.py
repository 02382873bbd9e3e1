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
