"""Checks of grounding_keep: that its sets are there, and what the meter does not go with."""

from collections.abc import Iterator

from grounding.card import load_card
from grounding.errors import UserError
from grounding.files import read_jsonl
from grounding.layout import JSONL_FILES
from grounding.record.conversation import asks_for_boxes
from grounding.regions.region_mark import asks_for_words
from models.lookup import find_family, shaped_config
from train.checkpoints import numbered_checkpoints
from train.keep.base_distributions import NUMBER_BYTES, PROMPTS, TOKENS, base_answers_folder, has_base
from train.keep.keep_prompts import read_keep_prompts
from train.keep.keep_settings import KEY, KeepEntry, read_keep_entries
from train.keys import BACKEND_KEY, Backend
from train.preflight.objective_keys.excluded_values import UNDIVIDED, Exclusions, exclusion_problems
from train.recipe import PREFERENCES, TrainRecipe

NOT_SUPPORTED: Exclusions = (
    (BACKEND_KEY, (None, Backend.PLAIN.value), "a model of paddlefleet cannot be asked while it is trained"),
    ("pipeline_model_parallel_size", UNDIVIDED, "a stage of a pipeline cannot answer"),
    ("context_parallel_size", UNDIVIDED, "a part of a sequence cannot answer"),
    ("sep_parallel_size", UNDIVIDED, "a part of a sequence cannot answer"),
    ("sequence_parallel", (None, False), "a single token cannot be divided"),
)


def keep_keys(recipe: TrainRecipe) -> Iterator[str]:
    """The sets must be named right, and the model must be one that can be asked while it is trained."""
    if not isinstance(recipe.values.get(KEY), list | None):
        return  # the check of the types reports it
    try:
        entries = read_keep_entries(recipe.values.get(KEY))
    except ValueError as error:
        yield str(error)
        return
    if not entries:
        return
    if not recipe.get("do_eval"):
        yield f"{KEY}: does nothing without do_eval: true, with evaluation_strategy and eval_steps"
    if recipe.get("stage") == PREFERENCES:
        yield (
            f"{KEY}: the trainer of stage {PREFERENCES} draws no curves: leave it out, and compare with "
            "`python -m infer.compare` afterwards"
        )
    yield from exclusion_problems(recipe, KEY, NOT_SUPPORTED)
    if "stage3" in str(recipe.values.get("sharding")):
        yield f"sharding: stage3 does not go with {KEY}, a part of the weights cannot answer: write stage1"


def keep_sets(recipe: TrainRecipe) -> Iterator[str]:
    """Each set must be there and have something to ask; a resumed run must have the answers of its base."""
    for entry in _usable_entries(recipe):
        try:
            for problem in _set_problems(entry):
                yield f"{KEY}: {entry.name}: {problem}"
        except UserError as error:
            yield f"{KEY}: {entry.name}: {error}"
    folder = recipe.output_dir
    if not _usable_entries(recipe) or folder is None or has_base(folder):
        return
    resumed = recipe.values.get("resume_from_checkpoint")
    is_anew = bool(recipe.values.get("overwrite_output_dir"))
    if resumed or (numbered_checkpoints(folder) and not is_anew):
        place = base_answers_folder(folder)
        yield (
            f"{KEY}: the run resumes, and {place} has no answers of its base: copy that folder from the run "
            "that began it, or start anew with overwrite_output_dir=true"
        )


def keep_line(recipe: TrainRecipe) -> Iterator[str]:
    """Yield the line about what is asked at each evaluation, and what is kept on the disk for it."""
    entries = _usable_entries(recipe)
    if not entries:
        return
    sets = ", ".join(f"{entry.name} ({entry.recorded.kind}, up to {entry.samples})" for entry in entries)
    config = shaped_config(recipe.model)
    most = PROMPTS * TOKENS * find_family(config).text_shape(config).vocab_size * NUMBER_BYTES
    yield (
        f"{KEY}: {sets}; KL(tuned || base) on up to {PROMPTS} prompts of {TOKENS} tokens, for which "
        f"{most / 1e6:,.0f} MB stay in output_dir"
    )


def _usable_entries(recipe: TrainRecipe) -> tuple[KeepEntry, ...]:
    """Return the sets; none where the key is wrong, which keep_keys reports."""
    try:
        return read_keep_entries(recipe.values.get(KEY))
    except ValueError:
        return ()


def _set_problems(entry: KeepEntry) -> Iterator[str]:
    """Yield what a set lacks.

    Raises:
        UserError: a file of it cannot be read.
    """
    if not entry.path.exists():
        yield f"'{entry.path}': no such file or folder"
        return
    if (file := entry.prompts_file) is not None:
        read_keep_prompts(file, entry.samples)
        return
    load_card(entry.path)
    records = entry.path / JSONL_FILES["val"]
    if not records.is_file():
        yield f"'{records}': no such file: prepare the data set again"
    elif not any(asks_for_boxes(row) or asks_for_words(row) for _, row in read_jsonl(records)):
        yield f"'{records}' has no question about boxes or for words: name another data set"
