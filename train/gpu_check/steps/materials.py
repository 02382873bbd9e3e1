"""The data set that all steps share, and the folders of the models."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

from grounding.files import read_jsonl
from grounding.layout import JSONL_FILES
from models.hub_downloads import named_folder
from train.export.folder_writer import weight_files
from train.gpu_check.finding import Found, judged
from train.gpu_check.step import PLAIN, Step
from train.gpu_check.training_words import FULL, ROOT, plan_training, run_training, write_lines
from train.gpu_check.workplace import MATERIALS, Workplace

TRAIN_IMAGES, VAL_IMAGES = 48, 8
FEW, FEW_FILE = 4, "few.jsonl"
"""The records of a first step, whose loss does not depend on their order."""

COPIES, COPIES_FILE = 32, "copies.jsonl"
"""Copies of one record: however they are packed, each has the loss of the one."""


TEACHING: dict[str, Any] = {"max_steps": 60, "per_device_train_batch_size": 8}
"""The training after which the tiny model answers with boxes, though with wrong ones."""


def step() -> Step:
    """Return the step."""
    return Step(
        0,
        MATERIALS,
        f"draws {TRAIN_IMAGES} + {VAL_IMAGES} images of shapes and finds the model",
        _work,
        _judge,
    )


def _work(place: Workplace) -> None:
    source = place.folder_of(MATERIALS) / "source"
    counts = [f"images={TRAIN_IMAGES}", f"val_images={VAL_IMAGES}"]
    place.run(MATERIALS, ["-m", "prepare.shapes", str(source), *counts])
    words = [f"source.path={source}", f"output_dir={place.data}"]
    place.run(MATERIALS, ["-m", "prepare", str(ROOT / "recipes" / "prepare" / "demo.yaml"), *words])
    records = [json.dumps(record) for _, record in islice(read_jsonl(_records(place)), FEW)]
    write_lines(place.data / FEW_FILE, records)
    write_lines(place.data / COPIES_FILE, records[:1] * COPIES)
    model, mixture = _model(place), _mixture(place)
    place.save_models(model, model, mixture)
    if place.model_name is None:
        teaching = plan_training(place, MATERIALS, FULL, PLAIN, run="taught", **TEACHING)
        run_training(place, MATERIALS, teaching)
        place.save_models(model, teaching.run, mixture)


def _records(place: Workplace) -> Path:
    return place.data / JSONL_FILES["train"]


def _model(place: Workplace) -> Path:
    if place.model_name is None:
        return _tiny(place, "tiny")
    return named_folder(place.model_name).resolve()


def _mixture(place: Workplace) -> Path | None:
    if place.settings.mixture is not None:
        return named_folder(place.settings.mixture).resolve()
    return None if place.machine.has_gpu else _tiny(place, "tiny_mixture", "experts=4")


def _tiny(place: Workplace, name: str, *words: str) -> Path:
    folder = place.folder_of(MATERIALS) / name
    place.run(MATERIALS, ["-m", "train.tiny", str(folder), *words])
    return folder


def _judge(place: Workplace) -> Found:
    records = sum(1 for _ in read_jsonl(_records(place)))
    files = len(weight_files(place.model))
    return judged(
        f"{TRAIN_IMAGES} records, and a model with weights",
        f"{records} records, {files} weight file{'' if files == 1 else 's'}",
        passed=records == TRAIN_IMAGES and files > 0,
    )
