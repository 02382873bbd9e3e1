"""Curves of box scores: at every evaluation the model in training answers questions about images.

This is the only file of train/ that imports infer and visualize. Only the training process can ask a model in
training, as a second copy would not fit on the GPU. Questions, decoding, reading, scores and pictures are
those of `python -m infer`, so that the curve ends at its result.
"""

import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import read_jsonl, write_json, write_jsonl
from grounding.layout import BOXES_FOLDER, JSONL_FILES, PREDICTIONS_FILE, SCORES_FILE
from grounding.record.conversation import asks_for_boxes, parse_record
from infer.asking.dataset_questions import Question, read_questions
from infer.asking.parsed_answers import ParsedAnswer
from infer.asking.ways import ask_batch
from infer.engines.paddle.engine import PaddleEngine
from infer.recipe import InferRecipe, save_recipe
from infer.runs.predicted_row import prediction_row
from infer.scoring.scorecard import Scores, score_predictions
from models.family import Encoder
from models.lookup import find_family
from train.inside.inference_mode import bare_model, inference_mode
from visualize.draw.pictures import open_image
from visualize.read.compared_runs import read_truth
from visualize.sheets.panels import Panel, draw_panels
from visualize.sheets.sheet import with_legend

SPLIT = "val"
F1_CURVE = "F1_50"
EXAMPLES = 4
LENGTH_FACTOR = 2
"""Answers are cut at this multiple of the longest true answer's length: a bad one never ends by itself."""


class BoxCurves:
    """Asks a trainer's model the same questions at every evaluation; writes answers, scores and curves."""

    def __init__(self, trainer: Any, dataset: Path, samples: int) -> None:
        """Read the questions.

        Raises:
            UserError: not a prepared data set, or a model that cannot answer while it is trained.
        """
        self.trainer = trainer
        self.model = bare_model(trainer.model)
        self.family = find_family({"model_type": self.model.config.model_type})
        if not self.family.is_plain(self.model):
            raise UserError(
                f"grounding_eval_samples: a {type(self.model).__name__} of paddlefleet cannot be asked "
                "while it is trained: write 0"
            )
        self.dataset = dataset
        self.questions = read_questions(dataset, SPLIT, samples)
        self.truth = read_truth(dataset)
        self.encoder = encoder_of(trainer)
        self.longest = LENGTH_FACTOR * max(
            len(self.encoder.tokenizer(text)["input_ids"]) for text in true_answers(dataset, samples)
        )

    def draw(self, step: int) -> dict[str, float]:
        """Ask the model as it is now, write a point of every curve, and return the values in process 0.

        All processes call this together.
        """
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
            return {}
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
        return values

    def _ask(self, recipe: InferRecipe) -> list[ParsedAnswer]:
        engine = PaddleEngine.from_model(self.model, self.encoder, max_new_tokens=recipe.max_new_tokens)
        with inference_mode(self.model), self.trainer.autocast_smart_context_manager():
            return [
                answered
                for start in range(0, len(self.questions), recipe.batch_size)
                for answered in ask_batch(engine, self.questions[start : start + recipe.batch_size], recipe)
            ]

    def _pictures(self, answered: list[ParsedAnswer], step: int) -> Iterator[Any]:
        """Yield truth and answer side by side for the first images, each (height, width, 3), uint8."""
        import numpy as np

        for question, found in list(zip(self.questions, answered, strict=True))[:EXAMPLES]:
            shown = self.truth.images[question.image_id]
            panels = [
                Panel("truth", shown.detections, crowds=shown.crowds),
                Panel(f"step {step}", found.detections, truth=shown.detections, crowds=shown.crowds),
            ]
            image = open_image(question.request.picture, shown.size)
            yield np.asarray(with_legend(draw_panels(image, panels, heading=question.text)))


def curve_values(scores: Scores) -> dict[str, float]:
    """Return the values of the curves, 0..1; undefined values (AP without objects) are left out."""
    values = {
        "AP50": scores.values["AP50"],
        F1_CURVE: scores.values["f1_50"],
        "mean_IoU": scores.values["mean_iou"],
        "unreadable": 1 - scores.metrics["readable"],
        "duplicates": scores.values["duplicates"],
    }
    return {name: value for name, value in values.items() if value is not None}


def encoder_of(trainer: Any) -> Encoder:
    """Return the encoder that inference will load from the finished checkpoint."""
    family = find_family({"model_type": trainer.model.config.model_type})
    with tempfile.TemporaryDirectory() as folder:
        trainer.processing_class.save_pretrained(folder)
        trainer.tokenizer.save_pretrained(folder)
        return family.load_encoder(Path(folder))


def true_answers(dataset: Path, samples: int) -> Iterator[str]:
    """Yield the answers to the questions that `read_questions` reads."""
    rows = (row for _, row in read_jsonl(dataset / JSONL_FILES[SPLIT]) if asks_for_boxes(row))
    for row in islice(rows, samples):
        yield "".join(parse_record(row).answers)


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
    """Return the writer of the run's other curves: VisualDL reads one file per folder."""
    writers = (getattr(callback, "vdl_writer", None) for callback in trainer.callback_handler.callbacks)
    return next(filter(None, writers), None)
