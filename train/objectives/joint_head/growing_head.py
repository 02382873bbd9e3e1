"""The weights of a head that learns with the model: its optimizer, its inputs' statistics, and its file.

The head is no part of the model: its weights are in no checkpoint of PaddleFormers' format, and neither the
model's optimizer nor its clipping of gradients sees them. All processes hold the same head.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import replacing
from models.heads.box import LEAST_SPREAD, apply_box_head, head_inputs, kept_inside, new_parts, weight_shapes
from models.heads.box_losses import box_head_loss, generalised_iou, plain_iou
from train.objectives.joint_head.joint_settings import JointSettings
from train.objectives.joint_head.spoiled_boxes import SeenBoxes

STATE_FILE = "state.safetensors"
"""In box_head/ of each of PaddleFormers' checkpoints, and of the run until its head is finished."""

MOMENTUM = 0.01
"""Of the running mean and spread of the inputs, which change as the model learns; at first they are means."""

CLIP = 1.0
"""The longest gradient of the head's weights."""

FIGURES = ("fit", "match", "iou_written", "iou")
"""The curves: losses of both parts, and mean IoU of the jittered boxes that still match, before and after."""

COUNTS = ("steps", "boxes", "matched")
OPTIMIZER = "optimizer."


class GrowingHead:
    """A box head in training; `width` is that of the model's hidden states.

    Adam moves each weight by about the learning rate, and an output by that times the number of its inputs.
    So `rate`, the optimizer's, is the settings' learning rate divided by the head's inputs: a step can change
    an output as much, however wide the model is.
    """

    def __init__(self, width: int, settings: JointSettings, seed: int) -> None:
        import numpy as np
        import paddle

        self.settings = settings
        inputs = weight_shapes(width, settings.hidden)["mean"]
        self.rate = settings.learning_rate / inputs[0]
        self.weights = {
            name: paddle.to_tensor(values, stop_gradient=False)
            for name, values in new_parts(width, settings.hidden, seed).items()
        }
        for name, values in self.weights.items():
            values.name = f"box_head.{name}"  # the optimizer's states are named so, in every process
        self.optimizer = paddle.optimizer.AdamW(
            self.rate,
            parameters=list(self.weights.values()),
            weight_decay=settings.weight_decay,
            grad_clip=paddle.nn.ClipGradByGlobalNorm(CLIP),
        )
        self.mean, self.variance = (paddle.zeros(inputs) for _ in range(2))
        self.counts = np.zeros(len(COUNTS))
        self.measured = np.full(len(FIGURES), np.nan)

    def loss(self, hidden: Any, seen: SeenBoxes) -> tuple[Any, dict[str, float]]:
        """Return the loss of a batch's boxes, a float32 scalar, and its figures.

        `hidden` is (..., width): the states of all tokens, which `seen` has boxes of.
        """
        import paddle

        hidden = hidden.reshape([-1, hidden.shape[-1]])
        if not self.settings.into_model:
            hidden = hidden.detach()
        places = paddle.to_tensor(seen.places)
        with paddle.amp.auto_cast(enable=False):
            states = hidden.gather(places.flatten()).astype("float32")
            states = states.reshape([*places.shape, hidden.shape[-1]])
            written, wanted, matched = map(paddle.to_tensor, (seen.written, seen.wanted, seen.matched))
            self._see(head_inputs(states.detach(), written))
            corrected, logits = apply_box_head(self.all_weights(), states, written)
            ones = paddle.ones_like(matched)
            loss = box_head_loss(corrected, logits, wanted, matched, ones, self.settings.loss_weights)
        self.counts += [0, len(seen.matched), seen.matched.sum()]
        return loss, self._figures(corrected.detach(), logits.detach(), seen)

    def step(self, share: float, accumulated: int, groups: Sequence[Any] = ()) -> None:
        """Let the weights learn; `share` is the run's learning rate as a share of its highest.

        `accumulated` batches have added up their gradients, on each process. `groups` are those of processes
        that read other batches: gradients and statistics become the means over them.
        """
        import paddle

        self.counts[0] += 1
        for known in (self.mean, self.variance):
            known.set_value(averaged(known, groups))
        for values in self.weights.values():
            if values.grad is None:
                values.grad = paddle.zeros_like(values)  # no batch of this process has a box
            values.grad.set_value(averaged(values.grad / accumulated, groups))
        self.optimizer.set_lr(self.rate * share)
        self.optimizer.step()
        self.optimizer.clear_grad()

    def _see(self, inputs: Any) -> None:
        """Take inputs (boxes, inputs) into the running mean and variance."""
        momentum = max(MOMENTUM, 1 / (1 + self.counts[1] / inputs.shape[0]))
        self.mean.set_value(self.mean + momentum * (inputs.mean(0) - self.mean))
        apart = (inputs - self.mean).square().mean(0)
        self.variance.set_value(self.variance + momentum * (apart - self.variance))

    def all_weights(self) -> dict[str, Any]:
        """Return the weights with the statistics of now, as `apply_box_head` takes them."""
        return {"mean": self.mean, "scale": self.variance.sqrt().clip(LEAST_SPREAD), **self.weights}

    def _figures(self, corrected: Any, logits: Any, seen: SeenBoxes) -> dict[str, float]:
        import paddle
        from paddle.nn.functional import binary_cross_entropy_with_logits

        written, wanted, matched = map(paddle.to_tensor, (seen.written, seen.wanted, seen.matched))
        figures = {"match": float(binary_cross_entropy_with_logits(logits, matched))}
        if seen.matched.any():
            rows = paddle.nonzero(matched).flatten()
            boxes = corrected.gather(rows), wanted.gather(rows)
            fit = self.settings.l1_weight * (boxes[0] - boxes[1]).abs().sum(-1)
            figures["fit"] = float((fit + self.settings.giou_weight * (1 - generalised_iou(*boxes))).mean())
        if (jittered := seen.matched * seen.changed).any():
            rows = paddle.nonzero(paddle.to_tensor(jittered)).flatten()
            inside = kept_inside(corrected, written)
            for name, own in (("iou_written", written), ("iou", inside)):
                figures[name] = float(plain_iou(own.gather(rows), wanted.gather(rows)).mean())
        return figures

    def state(self) -> dict[str, Any]:
        """Return all that a resumed run needs, numpy arrays by name."""
        tensors = {**self.weights, **self._running(), **self._moments()}
        arrays = {name: value.numpy() for name, value in tensors.items()}
        return {**arrays, "counts": self.counts, "measured": self.measured}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put back what `state` has returned.

        Raises:
            KeyError: it is another head's.
        """
        if not self._moments() and any(name.startswith(OPTIMIZER) for name in state):
            for values in self.weights.values():
                values.grad = values * 0
            self.optimizer.set_lr(0.0)
            self.optimizer.step()  # makes the states, which are replaced
            self.optimizer.clear_grad()
        tensors = {**self.weights, **self._running(), **self._moments()}
        if wrong := [name for name, value in tensors.items() if state[name].shape != tuple(value.shape)]:
            raise KeyError(wrong[0])
        for name, value in tensors.items():
            value.set_value(state[name])
        self.counts, self.measured = state["counts"], state["measured"]

    def _moments(self) -> dict[str, Any]:
        """Return the optimizer's states by weight and kind; their names count the optimizers of a process."""
        names = sorted((f"{values.name}_" for values in self.weights.values()), key=len, reverse=True)
        found = {}
        for name, value in self.optimizer.state_dict().items():
            if weight := next((each for each in names if name.startswith(each)), None):
                kind = name.removeprefix(weight).rpartition("_")[0]
                found[f"{OPTIMIZER}{weight}{kind}"] = value
        return found

    def _running(self) -> dict[str, Any]:
        return {"mean": self.mean, "variance": self.variance}


def averaged(tensor: Any, groups: Sequence[Any]) -> Any:
    """Return the mean of a tensor over the processes of groups, one group after the other."""
    import paddle

    for group in groups:
        tensor = tensor.clone()
        paddle.distributed.all_reduce(tensor, group=group)
        tensor = tensor / group.nranks
    return tensor


def save_state(head: GrowingHead, path: Path) -> None:
    """Write a head in training, whole or not at all."""
    import numpy as np
    from safetensors.numpy import save

    with replacing(path) as file:
        file.write(save({name: np.ascontiguousarray(value) for name, value in head.state().items()}))


def load_state(head: GrowingHead, path: Path) -> None:
    """Restore a head in training.

    Raises:
        UserError: no such file, or not this head's.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        head.restore(load_file(path))
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise UserError(
            f"{path}: not the box head of this run ({error}): start again with overwrite_output_dir=true"
        ) from error
