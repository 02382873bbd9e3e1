"""Weights of two model folders compared, one tensor at a time."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from grounding.errors import UserError
from grounding.files import read_json
from train.export.folder_writer import weight_files

TIED = "lm_head.weight"
"""The output layer's name; a model that shares it with the embedding may or may not store it."""

SHOWN = 3
"""How many names are shown of a longer list."""


@dataclass(frozen=True)
class WeightChanges:
    """The names of tensors that a folder lacks, has in addition, has in another shape or value, or alike."""

    missing: tuple[str, ...]
    added: tuple[str, ...]
    changed: tuple[str, ...]
    same: tuple[str, ...]


class StoredWeights:
    """The tensors of a model folder by name, each read when it is asked for."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        """Open all weight files; the stack closes them.

        Raises:
            UserError: there is none, or one that the index names is missing.
        """
        from safetensors import SafetensorError, safe_open

        self._files: dict[str, Any] = {}
        for path in weight_files(folder):
            try:
                file = stack.enter_context(safe_open(str(path), "np"))
            except (SafetensorError, OSError) as error:
                raise UserError(f"{path}: not readable as weights: {error}") from error
            self._files |= dict.fromkeys(file.keys(), file)
        if not self._files:
            raise UserError(f"{folder}: no weights")

    @property
    def names(self) -> set[str]:
        """The names of all tensors."""
        return set(self._files)

    def read(self, name: str) -> Any:
        """Return a tensor as numpy array; bfloat16 is a type of ml_dtypes."""
        return self._files[name].get_tensor(name)


def compare_weights(base: Path, folder: Path) -> WeightChanges:
    """Compare the weights of a folder with those of its base by name, shape and value.

    Where one of two values has fewer bits, both are rounded to these bits first.

    Raises:
        UserError: a folder without weights, or with a weight file missing.
    """
    with ExitStack() as stack:
        first, second = StoredWeights(base, stack), StoredWeights(folder, stack)
        tied = {TIED} if _is_tied(base) else set()
        shared = sorted(first.names & second.names)
        changed = tuple(name for name in shared if not _is_equal(first.read(name), second.read(name)))
    return WeightChanges(
        missing=tuple(sorted(first.names - second.names - tied)),
        added=tuple(sorted(second.names - first.names - tied)),
        changed=changed,
        same=tuple(name for name in shared if name not in set(changed)),
    )


def read_vectors(folder: Path, endings: tuple[str, ...]) -> Mapping[str, Any]:
    """Return the tensors whose names have one of the endings, in float32.

    Raises:
        UserError: a folder without weights, or with a weight file missing.
    """
    with ExitStack() as stack:
        weights = StoredWeights(folder, stack)
        names = sorted(name for name in weights.names if name.endswith(endings))
        return {name: weights.read(name).astype(np.float32) for name in names}


def shown_names(names: tuple[str, ...]) -> str:
    """Return the first names of a list, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"


def _is_tied(folder: Path) -> bool:
    config = read_json(folder / "config.json")
    text = config.get("text_config", {})
    return bool(text.get("tie_word_embeddings", config.get("tie_word_embeddings", False)))


def _is_equal(first: Any, second: Any) -> bool:
    if first.shape != second.shape:
        return False
    if first.dtype != second.dtype:
        kind = min((first.dtype, second.dtype), key=lambda dtype: dtype.itemsize)
        first, second = first.astype(kind), second.astype(kind)
    return bool(np.array_equal(first.astype(np.float32), second.astype(np.float32), equal_nan=True))


def differing(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield the name and the largest difference of each tensor that both have."""
    for name in sorted(first.keys() & second.keys()):
        yield name, float(np.abs(first[name] - second[name]).max())
