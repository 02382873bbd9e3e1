"""Check of grounding_cache with the keys that it does not go with."""

from collections.abc import Iterator

from train.keys import CACHE_KEY
from train.recipe import PREFERENCES, SPLITS, TrainRecipe

MESSAGES = "messages"


def cache_keys(recipe: TrainRecipe) -> Iterator[str]:
    """A cache holds records of supervised fine-tuning, encoded as they are."""
    if not recipe.values.get(CACHE_KEY):
        return
    if recipe.get("stage") == PREFERENCES:
        yield f"{CACHE_KEY}: holds no pairs of stage {PREFERENCES}: leave it out"
    if recipe.values.get("grounding_grpo") is not None:
        yield f"{CACHE_KEY}: does nothing with grounding_grpo, which samples its answers: leave it out"
    for split in SPLITS:
        kinds = str(recipe.values.get(f"{split}_dataset_type") or MESSAGES).replace(" ", "").split(",")
        if other := [kind for kind in kinds if kind not in (MESSAGES, "")]:
            yield f"{split}_dataset_type: {other[0]} does not go with {CACHE_KEY}, which holds {MESSAGES}"
    if recipe.get("split_multi_turn"):
        yield f"split_multi_turn: does not go with {CACHE_KEY}, which holds whole records: leave one out"
