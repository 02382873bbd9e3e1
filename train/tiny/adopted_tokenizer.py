"""A published tokenizer in the tiny model's folder, such as Qwen3's with its 151,669 entries."""

from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import write_json, write_text
from models.folder_files import TABLE_BYTES, read_object
from train.tiny.tokenizer import CHAT_TEMPLATE, SPECIAL_TOKENS

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")


def adopt_tokenizer(source: Path, folder: Path) -> dict[str, int]:
    """Copy the tokenizer of a model folder, with Qwen3-VL's chat template; return token -> id.

    vocab.json and merges.txt are made from tokenizer.json, which has what is in them.

    Raises:
        UserError: a file is missing or not readable, or it lacks one of Qwen3-VL's special tokens.
    """
    for name in TOKENIZER_FILES:
        if not (source / name).is_file():
            raise UserError(f"tokenizer={source}: has no {name}: name a model folder with Qwen's tokenizer")
    layout = read_object(source / "tokenizer.json", TABLE_BYTES)
    config = read_object(source / "tokenizer_config.json", TABLE_BYTES)
    try:
        vocabulary: dict[str, int] = dict(layout["model"]["vocab"])
        merges = [_written(merge) for merge in layout["model"]["merges"]]
        added = {str(token["content"]): int(token["id"]) for token in layout["added_tokens"]}
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{source / 'tokenizer.json'}: not a BPE tokenizer ({error})") from error
    if missing := [token for token in SPECIAL_TOKENS if token not in added]:
        raise UserError(f"{source / 'tokenizer.json'}: has no {', '.join(missing)}: name one of Qwen3-VL's")
    write_json(folder / "tokenizer.json", layout)
    write_json(folder / "vocab.json", vocabulary)
    write_text(folder / "merges.txt", "#version: 0.2\n" + "\n".join(merges) + "\n")
    write_json(
        folder / "tokenizer_config.json",
        {**config, "chat_template": CHAT_TEMPLATE, "processor_class": "Qwen3VLProcessor"},
    )
    write_json(folder / "chat_template.json", {"chat_template": CHAT_TEMPLATE})
    return {**vocabulary, **added}


def _written(merge: Any) -> str:
    """Return a merge as merges.txt has it; tokenizer.json writes it as a pair, in older files as a text."""
    if isinstance(merge, str):
        return merge
    one, other = merge
    return f"{one} {other}"
