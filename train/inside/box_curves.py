"""Curves of box scores: at every evaluation the model in training answers questions about images.

Questions, decoding, reading, scores and pictures are those of `python -m infer` (asked_dataset.py), so that
the curve ends at its result.
"""

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from grounding.answers.forms import PICTURE_HEADING
from grounding.layout import BOXES_FOLDER
from infer.asking.parsed_answers import ParsedAnswer
from infer.scoring.scorecard import Scores
from train.inside.asked_dataset import AskableModel, AskedDataset, add_points, visualdl_writer
from visualize.draw.pictures import open_image
from visualize.read.compared_runs import read_truth
from visualize.sheets.panels import Panel, draw_panels
from visualize.sheets.sheet import with_legend

KEY = "grounding_eval_samples"
F1_CURVE = "F1_50"
EXAMPLES = 4


class BoxCurves:
    """Asks a trainer's model the same questions at every evaluation; writes answers, scores and curves."""

    def __init__(self, trainer: Any, dataset: Path, samples: int) -> None:
        """Read the questions.

        Raises:
            UserError: not a prepared data set, or a model that cannot answer while it is trained.
        """
        self.trainer = trainer
        self.asked = AskedDataset(AskableModel(trainer, KEY), dataset, samples)
        self.truth = read_truth(dataset)

    def draw(self, step: int) -> dict[str, float]:
        """Ask the model as it is now, write a point of every curve, and return the values in process 0.

        All processes call this together.
        """
        from paddleformers.utils.log import logger

        started = time.monotonic()
        recipe = self.asked.recipe(Path(self.trainer.args.output_dir) / BOXES_FOLDER / f"step-{step}")
        answered = self.asked.ask(recipe)
        if not self.trainer.is_world_process_zero():
            return {}
        values = curve_values(self.asked.save(recipe, answered))
        if writer := visualdl_writer(self.trainer):
            for number, picture in enumerate(self._pictures(answered, step), start=1):
                writer.add_image(f"boxes/example_{number}", picture, step)
        add_points(self.trainer, "boxes", values, step)
        shown = ", ".join(f"{name} {value:.3f}" for name, value in values.items())
        seconds = time.monotonic() - started
        logger.info(f"boxes at step {step}: {shown} ({len(self.asked.questions)} images in {seconds:.1f} s)")
        return values

    def _pictures(self, answered: list[ParsedAnswer], step: int) -> Iterator[Any]:
        """Yield truth and answer side by side for the first pictures, each (height, width, 3), uint8."""
        import numpy as np

        pairs = zip(self.asked.questions, answered, strict=True)
        asked = ((*pair, place) for pair in pairs for place in range(len(pair[0].pictures)))
        for question, found, place in islice(asked, EXAMPLES):
            picture = question.pictures[place]
            shown = self.truth.images[picture.image_id]
            own = tuple(item for item in found.detections if item.picture == place)
            panels = [
                Panel("truth", shown.detections, crowds=shown.crowds),
                Panel(f"step {step}", own, truth=shown.detections, crowds=shown.crowds),
            ]
            number = PICTURE_HEADING.format(number=place + 1) if question.is_about_several else ""
            image = open_image(self.asked.dataset / picture.image, shown.size)
            yield np.asarray(with_legend(draw_panels(image, panels, heading=number + question.text)))


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
