"""What a predictions file does not say about itself: the notation of its boxes, the units of its texts."""

from dataclasses import dataclass, replace
from pathlib import Path

from grounding.errors import UserError
from infer.recipe import ANSWER_UNITS, InferRecipe

XYXY, XYWH = "xyxy", "xywh"
NOTATIONS = (XYXY, XYWH)
"""The corners of a box, or its corner and size."""


@dataclass(frozen=True)
class PredictionHabits:
    """The notation of boxes in a file, and the units of the coordinates in the texts of answers.

    `boxes` is one of NOTATIONS, None: `box` is xyxy and COCO's `bbox` is xywh. `answer_units` is the key of
    the infer recipe, None: that of infer.yaml, or the grid. `checkpoint` is the model's folder, whose image
    processor tells the size for pixels_resized.
    """

    boxes: str | None = None
    answer_units: str | None = None
    checkpoint: Path | None = None

    def recipe(self, saved: InferRecipe | None, dataset: Path, folder: Path) -> InferRecipe:
        """Return the recipe by which texts are read: the saved one, if any, with these habits.

        Raises:
            UserError: pixels_resized without the model's folder.
        """
        units = self.answer_units or (ANSWER_UNITS[0] if saved is None else saved.answer_units)
        known = self.checkpoint or (None if saved is None else saved.checkpoint)
        if units == "pixels_resized" and known is None:
            raise UserError(
                "--answer-units pixels_resized needs --checkpoint DIR: its image processor tells the size"
            )
        if saved is not None:
            return replace(saved, answer_units=units, checkpoint=None if known is None else str(known))
        place = str(known or folder)
        return InferRecipe(checkpoint=place, dataset=str(dataset), output_dir=str(folder), answer_units=units)


USUAL_HABITS = PredictionHabits()
