"""A run's configuration, tokenizer and processors for other tools, without PaddleFormers' own keys."""

from pathlib import Path
from typing import Any

from typing_extensions import TypedDict

from grounding.errors import UserError
from grounding.files import check_types, is_unicode, write_json, write_text
from models.folder_files import CONFIG_BYTES, TABLE_BYTES, read_object

OLDER_NAMES = ("bos_token_id", "eos_token_id", "rope_scaling", "rope_theta", "tie_word_embeddings")
"""Keys of Qwen3-VL's published configuration that newer releases of transformers have moved or dropped."""

TRAINING_ONLY = ("use_cache", "torch_dtype", "_name_or_path", "transformers_version")
"""Keys that say how the model was loaded for training; torch_dtype is now called dtype."""

PRIVATE_TOKENIZER_KEYS = ("_from_auto", "backend", "download_hub", "is_local", "extra_special_tokens")
PRIVATE_GENERATION_KEYS = ("_from_model_config", "max_length", "no_repeat_ngram_size", "transformers_version")
PROCESSOR = "Qwen3VLProcessor"


class AddedToken(TypedDict):
    """A token that was added to a tokenizer; more keys say how it is found."""

    id: int


class TokenizerModel(TypedDict):
    """Tokens with their ids, and the pairs that are merged, as texts or as lists of two."""

    vocab: dict[str, int]
    merges: list[str | list[str]]


class TokenizerLayout(TypedDict):
    """What is needed of a tokenizer.json, which has more keys."""

    added_tokens: list[AddedToken]
    model: TokenizerModel


def portable_config(config: dict[str, Any], where: object = "config.json") -> dict[str, Any]:
    """Return a config.json with the keys that transformers' own class of this model knows.

    Raises:
        UserError: transformers knows no such model, or a part of the config is no object; `where` names it.
    """
    from transformers import AutoConfig

    kind = config.get("model_type")
    try:
        known = AutoConfig.for_model(kind).to_dict() if isinstance(kind, str) else {}
    except (KeyError, ValueError):
        known = {}
    if not known:
        raise UserError(f"{where}: transformers knows no model_type '{str(kind)[:40]}'")
    for name, value in config.items():
        if isinstance(known.get(name), dict) and name.endswith("_config") and not isinstance(value, dict):
            raise UserError(f"{where}: {name} is no object: copy or download it again")
    return {
        "architectures": config.get("architectures"),
        **_known_part(config, known),
        "model_type": config["model_type"],
    }


def _known_part(config: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in config.items():
        if name in TRAINING_ONLY or (name not in known and name not in OLDER_NAMES):
            continue
        if name.endswith("_config") and isinstance(value, dict) and isinstance(known[name], dict):
            part = _known_part(value, known[name])
            part.pop("architectures", None)  # names a class of PaddleFormers
            kept[name] = part
        elif name == "rope_scaling" and isinstance(value, dict):  # it has a key of its own
            kept[name] = {key: item for key, item in value.items() if key != "rope_theta"}
        else:
            kept[name] = value
    if dtype := config.get("dtype", config.get("torch_dtype")):
        kept["dtype"] = dtype
    return kept


def write_portable_tokenizer(run: Path, folder: Path) -> None:
    """Write tokenizer.json, vocab.json, merges.txt, the chat template and their configuration.

    Older tools read the special tokens and the template from tokenizer_config.json: they are written there
    too.

    Raises:
        UserError: one of the files is missing, or holds values of other types.
    """
    layout = read_layout(run / "tokenizer.json")
    config = read_object(run / "tokenizer_config.json")
    more = config.get("extra_special_tokens")
    text = _chat_template(run, config)
    config = {name: value for name, value in config.items() if name not in PRIVATE_TOKENIZER_KEYS}
    if isinstance(more, list):
        config["additional_special_tokens"] = more
    config["added_tokens_decoder"] = {
        str(token["id"]): {name: value for name, value in token.items() if name != "id"}
        for token in layout["added_tokens"]
    }
    config |= {"chat_template": text, "processor_class": PROCESSOR}
    merges = (pair if isinstance(pair, str) else " ".join(pair) for pair in layout["model"]["merges"])
    write_json(folder / "tokenizer.json", layout)
    write_json(folder / "tokenizer_config.json", config)
    write_json(folder / "vocab.json", layout["model"]["vocab"])
    write_text(folder / "merges.txt", "#version: 0.2\n" + "".join(f"{pair}\n" for pair in merges))
    write_text(folder / "chat_template.jinja", text)


def read_layout(path: Path) -> dict[str, Any]:
    """Read a tokenizer.json with the parts that are written to files of their own.

    Raises:
        UserError: it lacks one of them, or one has another type.
    """
    layout = read_object(path, TABLE_BYTES)
    try:
        check_types(layout, TokenizerLayout)
    except ValueError as error:
        raise UserError(f"{path}: {error}: copy or download it again") from error
    return layout


def _chat_template(run: Path, config: dict[str, Any]) -> str:
    path = run / "chat_template.jinja"
    text = config.get("chat_template")
    if path.is_file():
        with path.open("rb") as file:
            text = file.read(CONFIG_BYTES).decode("utf-8", "replace")
    if not isinstance(text, str) or not text or not is_unicode(text):
        raise UserError(f"{run}: no chat_template.jinja: copy it from the model that was trained")
    return text


def portable_processor(config: dict[str, Any]) -> dict[str, Any]:
    """Return an image or video processor's configuration without keys that are not set."""
    kept = {name: value for name, value in config.items() if value is not None and name != "video_backend"}
    return {**kept, "processor_class": PROCESSOR}


def portable_generation(config: dict[str, Any]) -> dict[str, Any]:
    """Return a generation_config.json without the keys that PaddleFormers adds, such as max_length 20."""
    return {name: value for name, value in config.items() if name not in PRIVATE_GENERATION_KEYS}
