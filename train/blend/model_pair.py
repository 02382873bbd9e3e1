"""BASE and TUNED: two models of one shape and vocabulary, or a model and the adapter trained on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from grounding.errors import UserError
from models.folder_files import LORA_CONFIG, WEIGHTS, fingerprint_model
from train.blend.weight_tables import PlacedTensor, adapter_tensors, model_tensors
from train.export.folder_writer import base_folder, read_lora_config
from train.export.portable import read_layout

LORA_A, LORA_B = "lora_A", "lora_B"
TOKENIZER = "tokenizer.json"


@dataclass(frozen=True)
class ModelPair:
    """The folders of both, and the tensors that a point is made of.

    Of an adapter (`is_adapter`), `tuned_tensors` are its factors, and `base_tensors` is empty.
    """

    base: Path
    tuned: Path
    is_adapter: bool
    base_tensors: Mapping[str, PlacedTensor]
    tuned_tensors: Mapping[str, PlacedTensor]

    @property
    def point_bytes(self) -> int:
        """The bytes of the weights of a point."""
        return sum(one.length for one in self.tuned_tensors.values())

    @property
    def fingerprint(self) -> str:
        """A hash of both models: points of others are not taken for theirs."""
        base = fingerprint_model(self.base, None, self.base)
        adapter = self.tuned if self.is_adapter else None
        return f"{base} {fingerprint_model(self.base if adapter else self.tuned, adapter, self.tuned)}"


def open_pair(base: str, tuned: Path) -> ModelPair:
    """Return the pair, checked.

    Raises:
        UserError: a folder is none of a finished model, or the two do not belong together.
    """
    if not tuned.is_dir():
        raise UserError(f"{tuned}: no such folder: name a finished training's output_dir")
    folder = base_folder(base, None)
    if (folder / LORA_CONFIG).is_file():
        raise UserError(f"{folder}: BASE is an adapter: name the model that TUNED was trained from")
    if (tuned / LORA_CONFIG).is_file():
        return _adapter_pair(folder, tuned)
    for place in (folder, tuned):
        if not any(place.glob(WEIGHTS)):
            raise UserError(f"{place}: no {WEIGHTS}: name a model's folder, or a training's that has ended")
    pair = ModelPair(folder, tuned, False, model_tensors(folder), model_tensors(tuned))
    _check_tensors(pair)
    _check_words(folder, tuned)
    return pair


def _adapter_pair(folder: Path, tuned: Path) -> ModelPair:
    named, _ = read_lora_config(tuned / LORA_CONFIG)
    own = base_folder(named, None)
    if own.resolve() != folder.resolve() and fingerprint_model(own, None, own) != fingerprint_model(
        folder, None, folder
    ):
        raise UserError(f"{tuned}: its adapter was trained on {named}, not on {folder}: name that as BASE")
    factors = adapter_tensors(tuned)
    if strange := sorted(name for name in factors if not name.endswith((LORA_A, LORA_B))):
        raise UserError(
            f"{tuned}: its adapter has tensors that are no lora_A or lora_B ({len(strange)}, first "
            f"'{strange[0]}'): a share of it is not defined"
        )
    if not factors:
        raise UserError(f"{tuned}: holds no adapter's weights: train first")
    return ModelPair(folder, tuned, True, {}, factors)


def _check_tensors(pair: ModelPair) -> None:
    base, tuned = pair.base_tensors, pair.tuned_tensors
    for name in (*base, *tuned):
        if name not in base or name not in tuned:
            where = pair.base if name not in base else pair.tuned
            raise UserError(f"{where}: has no '{name}', which the other has: BASE and TUNED are two models")
        if base[name].shape != tuned[name].shape:
            shapes = f"{list(base[name].shape)} and {list(tuned[name].shape)}"
            raise UserError(f"{pair.tuned}: '{name}' is {shapes}: BASE and TUNED are two models")


def _check_words(base: Path, tuned: Path) -> None:
    """Check that a number stands for the same token in both: rows of the embedding would be mixed up."""
    tables = []
    for folder in (base, tuned):
        layout = read_layout(folder / TOKENIZER)
        words = dict(layout["model"]["vocab"])
        words |= {str(token.get("content")): token["id"] for token in layout["added_tokens"]}
        tables.append(words)
    if tables[0] != tables[1]:
        differing = sorted(dict(tables[0].items() ^ tables[1].items()))
        raise UserError(
            f"{tuned}: its tokenizer is not {base}'s ({len(differing)} tokens differ, first "
            f"'{differing[0][:40]}'): BASE and TUNED are two models"
        )
