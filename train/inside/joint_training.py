"""A trainer of PaddleFormers whose model learns together with a box head."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from train.inside.inference_mode import bare_model
from train.objectives.coordinates.coordinate_digits import digit_token_ids
from train.objectives.joint_head.answer_boxes import NOT_TAUGHT
from train.objectives.joint_head.box_batches import read_box_table, read_label_table
from train.objectives.joint_head.growing_head import FIGURES, STATE_FILE, GrowingHead, load_state, save_state
from train.objectives.joint_head.joint_settings import JointSettings
from train.objectives.joint_head.spoiled_boxes import make_wrong

CURVES = "box_head_"
"""Before the names of the curves."""


class JointTraining:
    """Makes boxes of batches wrong, adds the head's loss, and lets the head learn when the model does.

    Step, batch and seed alone decide which boxes are made wrong, so that a resumed run makes the same wrong.
    """

    def __init__(self, trainer: Any, settings: JointSettings) -> None:
        """Take a trainer whose model is complete.

        Raises:
            UserError: the tokenizer has no token for each digit.
        """
        self.trainer, self.settings = trainer, settings
        self.seed = int(trainer.args.seed)
        self.digit_ids = digit_token_ids(trainer.tokenizer)
        width = bare_model(trainer.model).config.text_config.hidden_size
        self.head = GrowingHead(width, settings, self.seed)
        self.batches = 0
        self.asked = 0
        self.figures: dict[str, list[float]] = defaultdict(list)

    def prepare(self, inputs: dict[str, Any], boxes: Any, labels: Any) -> Callable[[Any, Any, Any], Any]:
        """Write wrong boxes into a batch, and return the loss to add (`added_loss`)."""
        import numpy as np

        arguments = self.trainer.args
        reader = max(0, int(getattr(arguments, "dataset_rank", 0)))
        chance = np.random.default_rng((self.seed, self.trainer.state.global_step, self.batches, reader))
        self.batches += 1
        self.asked = 0
        rows = read_box_table(boxes)
        length = inputs["input_ids"].shape[1]
        seen = make_wrong(rows, read_label_table(labels), self.digit_ids, length, self.settings, chance)
        _write(inputs, seen.tokens, seen.unlearned)

        def added(hidden: Any, weight: Any, group: Any) -> Any:
            del weight, group
            self.asked += 1
            if not rows:
                return 0.0
            loss, figures = self.head.loss(hidden, seen)
            for name, value in figures.items():
                self.figures[name].append(value)
            return self.settings.weight * loss

        return added

    def expect_asked(self) -> None:
        """Check that the model's head has added the loss of the last batch, and once.

        Raises:
            RuntimeError: it has not.
        """
        if self.asked != 1:
            raise RuntimeError(f"the model's head computed the loss of the box head {self.asked} times")

    def step(self, groups: Sequence[Any]) -> None:
        """Let the head learn from the batches since the last step, as the model does now."""
        arguments = self.trainer.args
        share = float(self.trainer.optimizer.get_lr()) / arguments.learning_rate
        self.head.step(share, self.batches, groups)
        self.batches = 0

    def take_figures(self) -> dict[str, float]:
        """Return the mean of every figure since the last call, and forget them."""
        taken = {name: sum(values) / len(values) for name, values in self.figures.items()}
        self.figures.clear()
        for place, name in enumerate(FIGURES):
            self.head.measured[place] = taken.get(name, self.head.measured[place])
        return {CURVES + name: value for name, value in taken.items()}

    def save(self, folder: Path) -> None:
        """Write the head as it is; one process of each node does."""
        if self.trainer.args.local_process_index == 0:
            save_state(self.head, folder / STATE_FILE)

    def load(self, folder: Path) -> None:
        """Go on from what `save` has written."""
        load_state(self.head, folder / STATE_FILE)


def _write(
    inputs: dict[str, Any], tokens: Sequence[tuple[int, int, int]], unlearned: Sequence[tuple[int, int, int]]
) -> None:
    """Write tokens (row, place, id) into a batch, and take the label of places (row, first, end) away.

    The label of a token is at the place before it, as the model predicts it there.
    """
    import paddle

    if not tokens:
        return
    ids, labels = inputs["input_ids"].numpy(), inputs["labels"].numpy()
    for row, place, token in tokens:
        ids[row, place] = token
    for row, first, end in unlearned:
        labels[row, first - 1 : end - 1] = NOT_TAUGHT
    for name, values in (("input_ids", ids), ("labels", labels)):
        inputs[name] = paddle.to_tensor(values, place=inputs[name].place)
