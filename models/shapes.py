"""Parameters and sizes of a model, as tables that need no weights."""

import math
from dataclasses import dataclass
from typing import Literal

Split = Literal["tensor", "expert", "none"]
"""How a tensor is spread over GPUs: by tensor parallelism, by expert parallelism, or not at all."""


@dataclass(frozen=True)
class StoredTensor:
    """A parameter as a Hugging Face folder stores it: matrices are (out, in)."""

    name: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Tensor:
    """A parameter of PaddleFormers' plain Paddle model: matrices are (in, out), some of them fused.

    `split` tells how GPUs share it. `stored` are the parameters that a Hugging Face folder has instead; none
    where name and shape are the same.
    """

    name: str
    shape: tuple[int, ...]
    split: Split = "none"
    stored: tuple[StoredTensor, ...] = ()

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class TextShape:
    """The sizes of a language model; all of the experts' are 0 in a dense model."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    key_value_heads: int
    head_dim: int
    experts: int = 0
    experts_per_token: int = 0
    expert_size: int = 0

    @property
    def query_width(self) -> int:
        """The width of all queries of a token."""
        return self.heads * self.head_dim

    @property
    def key_width(self) -> int:
        """The width of all keys of a token, which is also that of its values."""
        return self.key_value_heads * self.head_dim


@dataclass(frozen=True)
class VisionShape:
    """The sizes of a vision tower.

    `deepstack` counts the inner layers whose features the first text layers add.
    """

    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    channels: int
    patch_size: int
    temporal_patch_size: int
    merge_size: int
    positions: int
    output_size: int
    deepstack: int = 0

    @property
    def patches_per_token(self) -> int:
        """How many patches are merged into one vision token."""
        return self.merge_size**2

    @property
    def merged_size(self) -> int:
        """The width of merged patches before they are projected to the text's width."""
        return self.hidden_size * self.patches_per_token
