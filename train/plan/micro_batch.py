"""The longest micro-batch of a run: its rows, their tokens, and their pictures."""

from dataclasses import dataclass

from grounding.errors import UserError
from train.objectives.grpo.grpo_settings import KEY, GrpoSettings, read_grpo
from train.picture_counts import most_in
from train.recipe import SPLITS, TrainRecipe

ANSWER_ENDS = 2
"""A sampled answer has its end, and repeats the last token of the prompt (train/objectives/grpo/)."""


@dataclass(frozen=True)
class MicroBatch:
    """So many `rows` of at most `row_tokens` tokens, of which `image_tokens` can stand for an image."""

    rows: int
    row_tokens: int
    image_tokens: int

    @property
    def tokens(self) -> int:
        """The tokens of all rows, padded to the longest."""
        return self.rows * self.row_tokens


def grpo_settings(recipe: TrainRecipe) -> GrpoSettings | None:
    """Return the settings of a recipe that learns from sampled answers, None of any other.

    Raises:
        UserError: they are wrong.
    """
    try:
        return read_grpo(recipe.values.get(KEY))
    except ValueError as error:
        raise UserError(str(error)) from error


def micro_batch(recipe: TrainRecipe) -> MicroBatch:
    """Return the longest micro-batch.

    Every record has max_seq_len tokens, all of which can be image tokens. Sampled answers to a question share
    a row: the first has max_seq_len tokens with the prompt, each further one as many as an answer may have.
    """
    size, longest = recipe.degree("per_device_train_batch_size"), recipe.degree("max_seq_len")
    settings = grpo_settings(recipe)
    if settings is None:
        return MicroBatch(size, longest, longest)
    in_row = min(size, settings.group)
    rows = -(-size // in_row)
    if max(size, settings.group) % in_row:
        rows += 1  # a group can begin in one micro-batch and end in the next
    return MicroBatch(rows, longest + (in_row - 1) * (settings.max_new_tokens + ANSWER_ENDS), longest)


def most_pictures(recipe: TrainRecipe) -> int:
    """Return the most pictures of a record in a run's data files that are there, 1 if there is none.

    Each can be as large as max_pixels allows. Nothing is read, and 1 returned, where that limits nothing:
    without it, and in rows of several records.
    """
    if not recipe.number("max_pixels") or recipe.get("packing"):
        return 1
    files = {file for split in SPLITS for file in recipe.data_files(split) if file.is_file()}
    return max((1, *map(most_in, sorted(files))))
