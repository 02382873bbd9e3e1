"""Checks that the template fits the model: its type, its tokenizer's special tokens, whether it thinks."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from models.family import Family
from models.folder_files import CONFIG_FILE, TABLE_BYTES, read_object
from models.hub_downloads import is_hub_id
from models.lookup import find_family, known_model_types
from train.keys import quiet_imports
from train.recipe import TrainRecipe

SPECIAL_TOKEN = re.compile(r"<\|[a-z_]+\|>")


def template_known(recipe: TrainRecipe) -> Iterator[str]:
    """The template must exist in this PaddleFormers."""
    name = recipe.get("template")
    if name is not None and name not in templates():
        near = ", ".join(known for known in templates() if known.startswith("qwen3_vl"))
        yield f"template: PaddleFormers knows no '{name}' (for this model: {near})"


def template_fits(recipe: TrainRecipe) -> Iterator[str]:
    """The template must be for the model's type, and use special tokens that its tokenizer has."""
    template = templates().get(str(recipe.get("template")))
    if "thinking" in recipe.model.lower() and str(recipe.get("template")).endswith("_nothink"):
        yield (
            f"template: {recipe.get('template')} trains answers without thoughts, and "
            f"'{recipe.model}' thinks first: take the Instruct model"
        )
    folder = Path(recipe.model)
    if is_hub_id(recipe.model) or template is None or not (folder / CONFIG_FILE).is_file():
        return
    try:
        config = read_object(folder / CONFIG_FILE)
        known = _known_tokens(folder)
    except UserError as error:
        yield f"model_name_or_path: {error}"
        return
    kind = config.get("model_type")
    if kind not in known_model_types():
        yield (
            f"model_name_or_path: '{folder}' is a {kind}, and template {recipe.get('template')} is for "
            f"{' and '.join(known_model_types())}"
        )
    elif known is not None:
        missing = [token for token in template_tokens(template, find_family(config)) if token not in known]
        if missing:
            yield (
                f"template: {recipe.get('template')} writes {', '.join(missing)}, which the tokenizer in "
                f"'{folder}' does not know as one token: take the model's own tokenizer"
            )


def _known_tokens(folder: Path) -> set[str] | None:
    """Return the texts of the tokens that were added to a tokenizer, None without a tokenizer.json."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        return None
    added = read_object(path, TABLE_BYTES).get("added_tokens", [])
    if not isinstance(added, list) or not all(isinstance(token, dict) for token in added):
        raise UserError(f"{path}: its added_tokens are no list of objects: copy or download it again")
    return {str(token.get("content")) for token in added}


def template_tokens(template: Any, family: Family) -> list[str]:
    """Return the special tokens that a template and the family's plug-in write into conversations."""
    formats = (template.format_user, template.format_assistant, template.format_system)
    slots = [slot for each in formats for slot in each.slots if isinstance(slot, str)]
    texts = [*slots, *template.suffix, template.chat_sep]
    found = [token for text in texts for token in SPECIAL_TOKEN.findall(text)]
    return list(dict.fromkeys([*found, *family.image_tokens, *family.grounding_tokens]))


@cache
def templates() -> dict[str, Any]:
    """Return PaddleFormers' templates by name."""
    with quiet_imports():
        from paddleformers.datasets.template.template import TEMPLATES

    return dict(TEMPLATES)
