"""Curves that speak of boxes: at every evaluation step the model in training answers validation images.

This is the one file of train that imports infer and visualize. A model in training can be asked in its
own process alone, as a second one would not fit beside it on a GPU, and questions, decoding, reading,
scores and pictures have to be those of `python -m infer` for the curve to end at its result.
"""

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import read_jsonl, write_json, write_jsonl
from grounding.layout import JSONL_FILES, PREDICTIONS_FILE, SCORES_FILE
from grounding.record.conversation import parse_record
from infer.asking.dataset_questions import Question, read_questions
from infer.asking.parsed_answers import ParsedAnswer
from infer.asking.ways import ask_batch
from infer.engines.paddle.engine import PaddleEngine
from infer.recipe import InferRecipe, save_recipe
from infer.runs.predictions import prediction_row
from infer.scoring.scorecard import Scores, score_predictions
from models.family import Encoder, Family
from models.lookup import find_family
from train.launch.start import BOXES_FOLDER
from visualize.draw.compared_runs import read_truth
from visualize.draw.pictures import open_image
from visualize.sheets.panels import Panel, draw_panels
from visualize.sheets.sheet import with_legend

SPLIT = "val"
EXAMPLES = 4
ROOM = 2
"""An answer may be so many times as long as the longest true answer: a bad one never ends by itself."""


def draw_box_curves(val_file: Path, samples: int) -> str:
    """Let every trainer that is made from now on ask the model about the first `samples` images."""
    from paddleformers.cli.train.sft.sft_trainer import SFTTrainer

    build = SFTTrainer.__init__

    def build_with_curves(self: Any, *args: Any, **kwargs: Any) -> None:
        build(self, *args, **kwargs)
        self.add_callback(make_callback(BoxCurves(self, val_file.parent, samples)))

    SFTTrainer.__init__ = build_with_curves
    return "draw_box_curves"


def make_callback(curves: "BoxCurves") -> Any:
    """Return the trainer's callback: before the first step, at every evaluation, and after the last step."""
    from paddleformers.trainer import TrainerCallback

    class Callback(TrainerCallback):  # type: ignore[misc]  # paddleformers has no types
        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            # Not when the training begins: its data workers must be forked before the model computes
            # (`evaluate_without_workers`).
            del args, control, kwargs
            if state.global_step == 0:
                curves.draw(0)

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del args, kwargs
            control.should_evaluate = control.should_evaluate or state.global_step >= state.max_steps

        def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            del args, control, kwargs
            curves.draw(state.global_step)

    return Callback()


class BoxCurves:
    """A trainer's model, the questions that it is asked, and where the answers go."""

    def __init__(self, trainer: Any, dataset: Path, samples: int) -> None:
        """Read the questions.

        Raises:
            UserError: not a prepared data set, or a model that cannot be asked while it is trained.
        """
        from paddleformers.peft import LoRAModel

        self.trainer = trainer
        self.model = trainer.model.model if isinstance(trainer.model, LoRAModel) else trainer.model
        self.family = find_family({"model_type": self.model.config.model_type})
        if not self.family.is_plain(self.model):
            raise UserError(
                f"grounding_eval_samples: a {type(self.model).__name__} of paddlefleet cannot be asked "
                "while it is trained: write 0"
            )
        self.dataset = dataset
        self.questions = read_questions(dataset, SPLIT, samples)
        self.truth = read_truth(dataset)
        self.encoder = _encoder_of(trainer, self.family)
        self.longest = ROOM * max(
            len(self.encoder.tokenizer(text)["input_ids"]) for text in _true_answers(dataset, samples)
        )

    def draw(self, step: int) -> None:
        """Ask the model as it is now, and write a point of every curve; all processes call this together."""
        from paddleformers.utils.log import logger

        started = time.monotonic()
        arguments = self.trainer.args
        recipe = InferRecipe(
            checkpoint=arguments.output_dir,
            dataset=str(self.dataset),
            output_dir=str(Path(arguments.output_dir) / BOXES_FOLDER / f"step-{step}"),
            limit=len(self.questions),
            batch_size=arguments.per_device_eval_batch_size,
            max_new_tokens=self.longest,
        )
        answered = self._ask(recipe)
        if not self.trainer.is_world_process_zero():
            return
        values = curve_values(_save(recipe, self.questions, answered))
        if writer := _visualdl_writer(self.trainer):
            for name, value in values.items():
                writer.add_scalar(f"boxes/{name}", value, step)
            for number, picture in enumerate(self._pictures(answered, step), start=1):
                writer.add_image(f"boxes/example_{number}", picture, step)
            writer.flush()
        shown = ", ".join(f"{name} {value:.3f}" for name, value in values.items())
        seconds = time.monotonic() - started
        logger.info(f"boxes at step {step}: {shown} ({len(self.questions)} images in {seconds:.1f} s)")

    def _ask(self, recipe: InferRecipe) -> list[ParsedAnswer]:
        engine = PaddleEngine.from_model(self.model, self.encoder, max_new_tokens=recipe.max_new_tokens)
        with as_at_inference(self.model), self.trainer.autocast_smart_context_manager():
            return [
                answered
                for start in range(0, len(self.questions), recipe.batch_size)
                for answered in ask_batch(engine, self.questions[start : start + recipe.batch_size], recipe)
            ]

    def _pictures(self, answered: list[ParsedAnswer], step: int) -> Iterator[Any]:
        """Yield truth and answer side by side as (height, width, 3), for the first images."""
        import numpy as np

        for question, found in list(zip(self.questions, answered, strict=True))[:EXAMPLES]:
            shown = self.truth.images[question.image_id]
            panels = [
                Panel("truth", shown.detections, crowds=shown.crowds),
                Panel(f"step {step}", found.detections, truth=shown.detections, crowds=shown.crowds),
            ]
            image = open_image(question.request.image, shown.size)
            yield np.asarray(with_legend(draw_panels(image, panels, heading=question.text)))


def curve_values(scores: Scores) -> dict[str, float]:
    """Return the values of the curves, 0..1; one that is not defined, as AP without objects, has no point."""
    values = {
        "AP50": scores.values["AP50"],
        "F1_50": scores.values["f1_50"],
        "mean_IoU": scores.values["mean_iou"],
        "unreadable": 1 - scores.metrics["readable"],
        "duplicates": scores.values["duplicates"],
    }
    return {name: value for name, value in values.items() if value is not None}


@contextmanager
def as_at_inference(model: Any) -> Iterator[None]:
    """Put a model into the state in which inference runs it; then its mode and all random numbers back."""
    import numpy as np
    import paddle

    modes = [(layer, layer.training) for layer in model.sublayers(include_self=True)]
    configs = [model.config, model.config.text_config, model.config.vision_config]
    attention = [config._attn_implementation for config in configs]
    numbers = paddle.get_rng_state(), random.getstate(), np.random.get_state()
    model.eval()
    for config in configs:
        # flashmask is made for whole sequences; a decoding step has a single row of queries.
        config._attn_implementation = "sdpa" if paddle.device.is_compiled_with_cuda() else "eager"
    try:
        yield
    finally:
        for config, name in zip(configs, attention, strict=True):
            config._attn_implementation = name
        for layer, was_training in modes:
            layer.training = was_training
        paddle.set_rng_state(numbers[0])
        random.setstate(numbers[1])
        np.random.set_state(numbers[2])


def _encoder_of(trainer: Any, family: Family) -> Encoder:
    """Return the encoder that inference will load from the finished checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        trainer.processing_class.save_pretrained(folder)
        trainer.tokenizer.save_pretrained(folder)
        return family.load_encoder(Path(folder))


def _true_answers(dataset: Path, samples: int) -> Iterator[str]:
    for number, (_, record) in enumerate(read_jsonl(dataset / JSONL_FILES[SPLIT])):
        if number == samples:
            return
        yield "".join(parse_record(record).answers)


def _save(recipe: InferRecipe, questions: list[Question], answered: list[ParsedAnswer]) -> Scores:
    """Write predictions and scores as `python -m infer` does, for `python -m visualize` to compare."""
    rows = [prediction_row(*pair) for pair in zip(questions, answered, strict=True)]
    path = recipe.output_path / PREDICTIONS_FILE
    save_recipe(recipe)
    write_jsonl(path, rows)
    scores = score_predictions(path)
    write_json(recipe.output_path / SCORES_FILE, scores.as_json())
    return scores


def _visualdl_writer(trainer: Any) -> Any:
    """Return the writer of the run's other curves: VisualDL reads one file a folder."""
    writers = (getattr(callback, "vdl_writer", None) for callback in trainer.callback_handler.callbacks)
    return next(filter(None, writers), None)
