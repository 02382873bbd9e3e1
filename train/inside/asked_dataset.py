"""Questions of a data set that the model in training answers, with the code of `python -m infer`.

This file and box_curves.py, which shows its answers, are the only ones of train/inside/ that import infer.
Only the training process can ask a model in training, as a second copy would not fit on the GPU.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice, tee
from pathlib import Path
from typing import Any

from grounding.errors import UserError
from grounding.files import read_jsonl, write_json, write_jsonl
from grounding.layout import JSONL_FILES, PREDICTIONS_FILE, SCORES_FILE
from grounding.record.conversation import asks_for_boxes, parse_record
from grounding.regions.region_mark import asks_for_words
from infer.asking.dataset_questions import NumberedRow, Question, read_questions
from infer.asking.parsed_answers import ParsedAnswer
from infer.asking.ways import ask_batch
from infer.asking.words.asked_regions import read_region_questions
from infer.engines.paddle.engine import PaddleEngine
from infer.engines.protocol import chat_messages
from infer.recipe import InferRecipe, save_recipe
from infer.runs.predicted_row import prediction_row
from infer.scoring.inputs import read_evaluation
from infer.scoring.scorecard import Scores, score
from models.family import Encoder, Family
from models.lookup import find_family
from train.inside.inference_mode import bare_model, inference_mode

SPLIT = "val"
LENGTH_FACTOR = 2
"""Answers are cut at this multiple of the longest true answer's length: a bad one never ends by itself."""

RowTest = Callable[[Any], bool]


class AskableModel:
    """A trainer's model with what is needed to ask it."""

    def __init__(self, trainer: Any, key: str) -> None:
        """Take a trainer whose model is complete; `key` is that of the recipe which wants to ask.

        Raises:
            UserError: a model that cannot answer while it is trained.
        """
        self.trainer = trainer
        self.model = bare_model(trainer.model)
        self.family: Family = find_family({"model_type": self.model.config.model_type})
        if not self.family.is_plain(self.model):
            raise UserError(
                f"{key}: a {type(self.model).__name__} of paddlefleet cannot be asked while it is trained: "
                "leave it out"
            )
        self.encoder = encoder_of(trainer)

    def engine(self, longest: int) -> PaddleEngine:
        """Return a greedy engine over the model as it is now; its answers have at most `longest` tokens."""
        return PaddleEngine.from_model(self.model, self.encoder, max_new_tokens=longest)


class AskedDataset:
    """The first questions of a data set's validation split, asked again and again."""

    def __init__(
        self, askable: AskableModel, dataset: Path, samples: int, *, with_words: bool = False
    ) -> None:
        """Read the first `samples` questions about boxes; `with_words` also those for words about regions.

        Raises:
            UserError: not a prepared data set, or no question.
        """
        self.askable, self.dataset, self.samples = askable, dataset, samples
        tests: list[RowTest] = [asks_for_boxes, *([asks_for_words] if with_words else [])]
        # One reading for questions and answers, as far as either needs it.
        rows, words, *each = tee(read_jsonl(dataset / JSONL_FILES[SPLIT]), 2 + len(tests))
        self.questions: list[Question] = read_questions(
            dataset, SPLIT, samples, or_words=with_words, rows=rows
        )
        if with_words:
            self.questions += read_region_questions(dataset, SPLIT, samples, words)
        self.longest = LENGTH_FACTOR * max(
            len(askable.encoder.tokenizer(text)["input_ids"])
            for test, own in zip(tests, each, strict=True)
            for text in true_answers(own, samples, test)
        )

    def chats(self) -> list[tuple[tuple[Path, ...], list[dict[str, Any]]]]:
        """Return the pictures and the chat messages of each question."""
        return [(item.request.images, chat_messages(item.request)) for item in self.questions]

    def recipe(self, folder: Path) -> InferRecipe:
        """Return the recipe of inference that asks the same questions into a folder."""
        arguments = self.askable.trainer.args
        return InferRecipe(
            checkpoint=arguments.output_dir,
            dataset=str(self.dataset),
            output_dir=str(folder),
            limit=min(self.samples, len(self.questions)),
            batch_size=arguments.per_device_eval_batch_size,
            max_new_tokens=self.longest,
        )

    def ask(self, recipe: InferRecipe) -> list[ParsedAnswer]:
        """Ask the model as it is now. All processes call this together."""
        engine = self.askable.engine(self.longest)
        trainer = self.askable.trainer
        with inference_mode(self.askable.model), trainer.autocast_smart_context_manager():
            return [
                answered
                for start in range(0, len(self.questions), recipe.batch_size)
                for answered in ask_batch(engine, self.questions[start : start + recipe.batch_size], recipe)
            ]

    def save(self, recipe: InferRecipe, answered: list[ParsedAnswer]) -> Scores:
        """Write predictions and scores as `python -m infer` does, without METEOR, for other commands."""
        rows = [prediction_row(*pair) for pair in zip(self.questions, answered, strict=True)]
        path = recipe.output_path / PREDICTIONS_FILE
        save_recipe(recipe)
        write_jsonl(path, rows)
        scores = score(read_evaluation(path), with_meteor=False)
        write_json(recipe.output_path / SCORES_FILE, scores.as_json())
        return scores


def encoder_of(trainer: Any) -> Encoder:
    """Return the encoder that inference will load from the finished checkpoint."""
    family = find_family({"model_type": trainer.model.config.model_type})
    with tempfile.TemporaryDirectory() as folder:
        trainer.processing_class.save_pretrained(folder)
        trainer.tokenizer.save_pretrained(folder)
        return family.load_encoder(Path(folder))


def true_answers(
    rows: Iterable[NumberedRow], samples: int, wanted: RowTest = asks_for_boxes
) -> Iterator[str]:
    """Yield the answers of the first records that are `wanted`: those to the questions that are read."""
    for row in islice((row for _, row in rows if wanted(row)), samples):
        yield "".join(parse_record(row).answers)


def visualdl_writer(trainer: Any) -> Any:
    """Return the writer of the run's other curves: VisualDL reads one file per folder."""
    writers = (getattr(callback, "vdl_writer", None) for callback in trainer.callback_handler.callbacks)
    return next(filter(None, writers), None)


def add_points(trainer: Any, folder: str, values: Mapping[str, float], step: int) -> None:
    """Add a point to each curve `folder`/NAME of the run, if it draws curves."""
    if writer := visualdl_writer(trainer):
        for name, value in values.items():
            writer.add_scalar(f"{folder}/{name}", value, step)
        writer.flush()
