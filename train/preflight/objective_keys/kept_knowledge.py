"""The line about what a model may forget: nothing in the recipe keeps or measures what it knew before."""

from collections.abc import Iterator

from grounding.card import CARD_FILE, load_card
from grounding.errors import UserError
from grounding.record.contract import is_replay
from models.lookup import find_family, shaped_config
from train.keep.keep_settings import KEY as KEEP_KEY
from train.recipe import TrainRecipe

CONCAT = "concat"
"""PaddleFormers' default for several files (paddleformers/datasets/reader/mix_datasets.py)."""

LEAST_PARAMETERS = 1_000_000_000
"""A model of fewer parameters has no skills to lose: the smallest published Qwen3-VL has 2.1e9, and the tiny
models of the demo and the tests have 1e6."""


def forgetting_line(recipe: TrainRecipe) -> Iterator[str]:
    """Yield a warning for supervised fine-tuning of a large model's language part without replay or measure.

    Learning from rewards or pairs stays close to the model by its own terms.
    """
    is_frozen = "freeze_llm" in str(recipe.get("freeze_config") or "")
    if recipe.get("stage") != "VL-SFT" or recipe.values.get("grounding_grpo") or is_frozen:
        return
    has_replay = _has_replay(recipe)
    if has_replay and recipe.get("mix_strategy") == CONCAT:
        yield (
            f"replay: warning: with mix_strategy {CONCAT} an epoch has every record once, and "
            "train_dataset_prob does nothing: write interleave_over"
        )
    if recipe.values.get(KEEP_KEY) or has_replay or not _is_large(recipe):
        return
    yield (
        f"forgetting: warning: the training data has no replay, and {KEEP_KEY} measures nothing else: the "
        "model may lose other skills: mix in answers of its own (python -m prepare.replay, recipes/README.md)"
    )


def _has_replay(recipe: TrainRecipe) -> bool:
    for folder in {file.parent for file in recipe.data_files("train")}:
        try:
            if (folder / CARD_FILE).is_file() and is_replay(load_card(folder)):
                return True
        except UserError:
            continue  # the check of the cards says so
    return False


def _is_large(recipe: TrainRecipe) -> bool:
    try:
        config = shaped_config(recipe.model)
    except UserError:
        return False  # the checks of the model say so
    return sum(tensor.size for tensor in find_family(config).tensors(config)) >= LEAST_PARAMETERS
