"""How many optimizer steps an update makes."""

from grounding.errors import UserError
from train.objectives.grpo.grpo_settings import KEY, GrpoSettings


def steps_of_update(settings: GrpoSettings, batch: int, accumulation: int) -> int:
    """Return how many optimizer steps the answers of an update make.

    Raises:
        UserError: they do not make whole steps.
    """
    answers = settings.prompts * settings.group
    if answers % (batch * accumulation):
        raise UserError(
            f"{KEY}: {settings.prompts} prompts x {settings.group} answers do not make whole steps of "
            f"per_device_train_batch_size {batch} x gradient_accumulation_steps {accumulation}"
        )
    return settings.inner_epochs * answers // (batch * accumulation)
