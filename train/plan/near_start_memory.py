"""What the penalties around the start keep in memory (train/objectives/near_start/)."""

from train.objectives.near_start.near_start_settings import usable_near_start
from train.recipe import TrainRecipe


def keeps_start(recipe: TrainRecipe) -> bool:
    """Tell whether a run keeps the start of its weights: the change of an adapter is the adapter itself.

    Sharding divides it as it divides the optimizer's states.
    """
    return not recipe.is_lora and usable_near_start(recipe.values) is not None


def needs_fisher(recipe: TrainRecipe) -> bool:
    """Tell whether a run keeps the Fisher information of the weights that it changes.

    In full fine-tuning sharding divides it as the optimizer's states. With LoRA each process has that of all
    adapted weights, as each factor needs all of it.
    """
    settings = usable_near_start(recipe.values)
    return settings is not None and settings.ewc is not None
