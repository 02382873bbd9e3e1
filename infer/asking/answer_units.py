"""The units in which a model writes coordinates: the grid of this project, or another model's habit."""

from collections.abc import Callable

from grounding.answers.reader import ON_GRID, AnswerScale
from grounding.boxes import Size
from grounding.errors import UserError
from infer.recipe import InferRecipe

ScaleOf = Callable[[Size], AnswerScale]
"""From the size of a request's image to the scale of the coordinates in the answer about it."""


def on_the_grid(size: Size) -> AnswerScale:
    """Return the scale of this project, whatever the size of the image."""
    del size
    return ON_GRID


def choose_scale(recipe: InferRecipe) -> ScaleOf:
    """Return the scale that `answer_units` of a recipe names.

    Raises:
        UserError: pixels_resized, and the checkpoint is incomplete or its image processor unreadable.
    """
    if recipe.answer_units == "pixels":
        return lambda size: AnswerScale(size.width, size.height)
    if recipe.answer_units == "fractions":
        return lambda size: AnswerScale(1, 1)
    if recipe.answer_units == "pixels_resized":
        return _resized(recipe)
    return on_the_grid


def _resized(recipe: InferRecipe) -> ScaleOf:
    from models.resized_size import image_resizer

    checkpoint = recipe.resolve_checkpoint()
    if checkpoint is None:
        raise UserError("answer_units=pixels_resized needs checkpoint: its image processor tells the size")
    resize = image_resizer(checkpoint.processor)

    def scale_of(size: Size) -> AnswerScale:
        try:
            seen = resize(size)
        except ValueError as error:
            raise UserError(f"an image of the data set: {error}: the model cannot see it") from error
        return AnswerScale(seen.width, seen.height)

    return scale_of
