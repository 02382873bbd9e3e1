"""Give PaddleFormers' collator the positions of records that a cache has already."""

from collections.abc import Callable
from itertools import chain
from typing import Any

from train.cached.section_reader import POSITIONS

Collate = Callable[..., dict[str, Any]]


def with_cached_positions(collate: Collate) -> Collate:
    """Return the collator `mm_collate_fn` that asks no model for positions of records from a cache."""

    def collate_cached(batch: list[list[Any]], *, model: Any, **options: Any) -> dict[str, Any]:
        sequences = list(chain.from_iterable(batch))
        if all(hasattr(sequence, POSITIONS) for sequence in sequences):
            model = _KnownPositions(sequences)
        return collate(batch, model=model, **options)

    return collate_cached


class _KnownPositions:
    """Stands in for a model whose positions the collator asks for, record by record."""

    def __init__(self, sequences: list[Any]) -> None:
        self._left = iter(sequences)

    def get_rope_index(
        self, input_ids: Any = None, image_grid_thw: Any = None, attention_mask: Any = None
    ) -> tuple[Any, None]:
        """Return the (3, 1, length) positions of the next record in int64, and no offsets."""
        import paddle

        del image_grid_thw, attention_mask
        positions = getattr(next(self._left), POSITIONS)
        if positions.shape[1] != input_ids.shape[1]:
            raise RuntimeError("the collator asks for positions in another order than that of the batch")
        return paddle.to_tensor(positions[:, None].astype("int64")), None
