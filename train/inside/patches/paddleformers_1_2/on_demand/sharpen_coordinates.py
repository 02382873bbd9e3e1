"""Learn the digits of coordinates by distance, beside the cross entropy.

Upstream: PaddleFormers 1.2.0 has no loss of this kind. Its cross entropy (nn/criterion/sft_loss.py) takes all
    wrong digits for equally wrong, and mm_collate_fn (datasets/collate.py, line 636) passes nothing on that
    would say which tokens are coordinates.
Patch: batches say which labels are digits of a box (train/objectives/coordinates/), and in training their
    loss is added to that of the head. It is logged as `coordinate_loss`. The loss of an evaluation stays the
    cross entropy alone, which can be compared with that of other runs.
Remove: when PaddleFormers has a distance-aware loss of coordinates.
"""

from typing import Any

from train.inside.inference_mode import bare_model
from train.objectives.coordinates.coordinate_settings import CoordinateSettings

CURVE = "coordinate_loss"


def sharpen_coordinates(settings: CoordinateSettings) -> str:
    """Let every trainer that is made from now on add the loss of coordinates to its own."""
    from paddleformers.cli.train.sft import workflow
    from paddleformers.cli.train.sft.sft_trainer import SFTTrainer

    from train.objectives.coordinates.coordinate_batches import CODES_KEY, with_codes
    from train.objectives.coordinates.coordinate_digits import digit_token_ids
    from train.objectives.coordinates.coordinate_loss import coordinate_loss
    from train.objectives.head_objective import added_loss

    build, compute_loss, log = SFTTrainer.__init__, SFTTrainer.compute_loss, SFTTrainer.log

    def build_with_digits(self: Any, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        self.grounding_digit_ids = digit_token_ids(self.tokenizer)
        self.grounding_coordinate_losses = []

    def loss_of(self: Any, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        codes = inputs.pop(CODES_KEY)
        if not model.training:
            return compute_loss(self, model, inputs, *args, **kwargs)
        asked: list[bool] = []

        def added(hidden: Any, weight: Any, group: Any) -> Any:
            asked.append(True)
            loss = coordinate_loss(hidden, weight, codes, self.grounding_digit_ids, settings.tau, group)
            if loss is None:  # a batch without a box
                return 0.0
            self.grounding_coordinate_losses.append(loss.detach())
            return settings.weight * loss

        with added_loss(bare_model(self.model).lm_head, added):
            loss = compute_loss(self, model, inputs, *args, **kwargs)
        if asked != [True]:
            raise RuntimeError(f"the model's head computed the loss of coordinates {len(asked)} times")
        return loss

    def log_with_curve(self: Any, logs: dict[str, float], **kwargs: Any) -> None:
        losses = self.grounding_coordinate_losses
        if "loss" in logs and losses:
            logs[CURVE] = sum(map(float, losses)) / len(losses)
            losses.clear()
        log(self, logs, **kwargs)

    workflow.mm_collate_fn = with_codes(workflow.mm_collate_fn)
    SFTTrainer.__init__, SFTTrainer.compute_loss, SFTTrainer.log = build_with_digits, loss_of, log_with_curve
    return "sharpen_coordinates"
