"""The trained weights of the evaluation with the best boxes, kept beside a run and put back at its end.

A run that learns from rewards can lose what it was trained for while its reward rises, and its loss says
nothing. So its result is the model that answered best about held-out images, and not the last one.
PaddleFormers' own choice (load_best_model_at_end) knows no score of boxes, and finds no weights in
checkpoints of its default format.
"""

import shutil
from pathlib import Path
from typing import Any

from grounding.files import read_json, write_json
from grounding.layout import BEST_FILE, BEST_FOLDER

NONE = -1
"""No step's weights are kept."""


class BestWeights:
    """Keeps the trained weights with the highest score in the run's folder, through a kill and a resume.

    All processes of a run call its methods together. Each process of the first model on a node writes its
    part of the weights.
    """

    def __init__(self, trainer: Any) -> None:
        """Take a trainer whose model is complete."""
        arguments = trainer.args
        self.trainer = trainer
        self.folder = Path(arguments.output_dir) / BEST_FOLDER
        parts = max(1, arguments.tensor_model_parallel_size)
        self.part = arguments.process_index % parts
        self.writes = arguments.local_process_index < parts

    def offer(self, step: int, score: float | None) -> None:
        """Keep the weights of a step if its score, which process 0 has, is higher than any before."""
        if not self._of_first(int(score is not None and score > self._kept()[1])):
            return
        own = self._weights_of(step)
        if self.writes:
            from safetensors.numpy import save_file

            own.parent.mkdir(parents=True, exist_ok=True)
            unfinished = own.with_suffix(".partial")
            save_file({name: value.numpy() for name, value in self._trained().items()}, unfinished)
            unfinished.replace(own)
        self._of_first(0)  # now the parts of all processes are there
        if self.trainer.is_world_process_zero():
            write_json(self.folder / BEST_FILE, {"step": step, "F1_50": score})
        self._of_first(0)  # a kill before this leaves the earlier weights and their record
        for other in set(self.folder.glob("step-*")) - {own.parent} if self.writes else ():
            shutil.rmtree(other, ignore_errors=True)  # the processes of a node do the same

    def restore(self, last: int) -> str | None:
        """Put the kept weights into the model, and say so; None if they are those of the last step."""
        step, score = self._kept()
        step = self._of_first(step)
        if step in (NONE, last):
            return None
        from safetensors.numpy import load_file

        kept = load_file(self._weights_of(step))
        for name, parameter in self._trained().items():
            parameter.set_value(kept[name])
        return f"best weights: those of step {step} are the result, with F1 {score:.3f} on held-out images"

    def _kept(self) -> tuple[int, float]:
        """Return the step whose weights are kept, NONE if there are none yet, and its score."""
        file = self.folder / BEST_FILE
        if not file.is_file():
            return NONE, float("-inf")
        kept = read_json(file)
        return int(kept["step"]), float(kept["F1_50"])

    def _weights_of(self, step: int) -> Path:
        return self.folder / f"step-{step}" / f"weights-{self.part}.safetensors"

    def _trained(self) -> dict[str, Any]:
        """Return the parameters that learn, by name; a head that is also the embedding is there once."""
        parameters = self.trainer.model.named_parameters()
        return {name: value for name, value in parameters if not value.stop_gradient}

    def _of_first(self, number: int) -> int:
        """Return the number of process 0 in all processes, which wait for each other."""
        import paddle

        if self.trainer.args.world_size == 1:
            return number
        agreed = paddle.to_tensor([number if self.trainer.is_world_process_zero() else 0])
        paddle.distributed.all_reduce(agreed)
        return int(agreed.item())
