"""The bridge to inference: the model's own answers to training questions, and the states of their boxes.

Both are kept in the output folder as they come, so that an interrupted run resumes.
"""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from grounding.boxes import Box, Size
from grounding.errors import UserError
from grounding.files import replacing
from grounding.layout import JSONL_FILES
from grounding.samples import Detection
from infer.engines.checkpoint import fingerprint_checkpoint
from infer.engines.opening import open_engine
from infer.sampling.graded_answers import GradedQuestion
from infer.sampling.known_questions import SAMPLED_SPLIT
from infer.sampling.sampling_run import SAMPLES_FILE, sample_answers
from train.box_head.box_head_recipe import BoxHeadRecipe
from train.box_head.learned_boxes import LearnedBoxes, join_boxes, learn_boxes, no_boxes
from train.picture_counts import first_with_several

STATES_FOLDER = "states"
QUESTIONS_A_FILE = 64


def fingerprint_of(recipe: BoxHeadRecipe) -> str:
    """Return the hash of the checkpoint's files.

    Raises:
        UserError: a missing or incomplete checkpoint.
    """
    checkpoint = recipe.engine_settings(Path(recipe.checkpoint)).resolve_checkpoint()
    assert checkpoint is not None  # the settings name one
    return fingerprint_checkpoint(checkpoint)


def base_folder_of(recipe: BoxHeadRecipe) -> Path:
    """Return the folder of the model's config; of an adapter, that of its base.

    Raises:
        UserError: a missing or incomplete checkpoint.
    """
    checkpoint = recipe.engine_settings(Path(recipe.checkpoint)).resolve_checkpoint()
    assert checkpoint is not None
    return checkpoint.model


def read_learned_boxes(recipe: BoxHeadRecipe) -> LearnedBoxes | None:
    """Ask the training questions, and return the boxes of all answers; None where no answer has a box.

    Raises:
        UserError: as `sample_answers`, or a question shows several pictures.
    """
    records = recipe.dataset_path / JSONL_FILES[SAMPLED_SPLIT]
    if (several := first_with_several(records)) is not None:
        raise UserError(
            f"{records}, line {several[0]} has {several[1]} pictures, and a head reads boxes of one picture: "
            "prepare a data set whose questions show one"
        )
    folder, checkpoint = recipe.output_path, Path(recipe.checkpoint)
    graded = sample_answers(checkpoint, recipe.dataset_path, folder, recipe, open_engine)
    parts = _read_states(graded, folder, recipe)
    found = [part for part in parts if part.count]
    return join_boxes(found) if found else None


def forget_states(folder: Path) -> None:
    """Remove the states: they are large, and are read again where they are needed."""
    shutil.rmtree(folder / STATES_FOLDER, ignore_errors=True)


def _read_states(graded: Sequence[GradedQuestion], folder: Path, recipe: BoxHeadRecipe) -> list[LearnedBoxes]:
    """Return the boxes of all answers by part; parts that a file holds already are not read again."""
    from tqdm import tqdm

    samples = hashlib.sha256((folder / SAMPLES_FILE).read_bytes())
    samples.update(f"{fingerprint_of(recipe)} {recipe.dtype} {recipe.device}".encode())
    own = folder / STATES_FOLDER / samples.hexdigest()[:16]
    for other in (folder / STATES_FOLDER).glob("*"):
        if other != own:
            shutil.rmtree(other)
    images = {
        name: place for place, name in enumerate(dict.fromkeys(item.known.question.image for item in graded))
    }
    starts = range(0, len(graded), QUESTIONS_A_FILE)
    files = [own / f"{start // QUESTIONS_A_FILE:06}.npz" for start in starts]
    missing = [place for place, file in enumerate(files) if not file.is_file()]
    engine: Any = open_engine(recipe.engine_settings(Path(recipe.checkpoint))) if missing else None
    initial = (len(files) - len(missing)) * QUESTIONS_A_FILE
    with tqdm(total=len(graded), initial=initial, unit="image", desc="read boxes") as bar:
        for place in missing:
            batch = graded[place * QUESTIONS_A_FILE : (place + 1) * QUESTIONS_A_FILE]
            _save(_read_batch(engine, batch, images), files[place])
            bar.update(len(batch))
    return [_load(file) for file in files]


def _read_batch(engine: Any, graded: Sequence[GradedQuestion], images: dict[str, int]) -> LearnedBoxes:
    answers = [(item, answer) for item in graded for answer in item.answers]
    engine.forget()
    read = engine.read_boxes(
        [item.known.question.request for item, _ in answers], [answer.text for _, answer in answers]
    )
    parts = []
    for (item, _), own in zip(answers, read, strict=True):
        if own.boxes:
            question = item.known.question
            found = [Detection(box.label, Box(*box.shares)) for box in own.boxes]
            objects = [
                Detection(each.label, _in_shares(each.box, question.size)) for each in item.known.wanted
            ]
            states, image = own.states.numpy(), images[question.image]
            parts.append(learn_boxes(found, objects, states, question.size, image))
    return join_boxes(parts) if parts else no_boxes()


def _in_shares(box: Box, size: Size) -> Box:
    return Box(box.x1 / size.width, box.y1 / size.height, box.x2 / size.width, box.y2 / size.height)


def _save(boxes: LearnedBoxes, path: Path) -> None:
    import numpy as np

    with replacing(path) as file:
        np.savez(file, *boxes.columns())


def _load(path: Path) -> LearnedBoxes:
    import numpy as np

    with np.load(path) as columns:
        return LearnedBoxes(*(columns[f"arr_{place}"] for place in range(6)))
