"""From records about two pictures to a model that puts its boxes into the right one: the real commands."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from grounding.recipe.loading import load_recipe
from infer.engines.opening import open_engine
from infer.recipe import InferRecipe
from infer.runs.predict import predict
from infer.scoring.inputs import read_evaluation
from infer.scoring.scorecard import score
from prepare.pipeline import prepare_dataset
from prepare.recipe import PrepareRecipe
from tests.train.conftest import COLOURS, ROOT, TINY_RECIPE, read_losses

RUNNER = Path(__file__).with_name("forked_runs.py")
SIDE, CELL = 32, 16
STEPS, RESUMED_AT = 80, 76


def draw_source(folder: Path, count: int) -> Path:
    """Write records of another trainer: a square is in one of two pictures, the other one is empty."""
    (folder / "images").mkdir(parents=True)
    chance, rows = random.Random(3), []
    for number in range(count):
        place, colour = chance.randrange(2), chance.choice(sorted(COLOURS))
        x, y = (CELL * chance.randrange(SIDE // CELL) for _ in range(2))
        names = [f"images/{number}_{picture}.png" for picture in range(2)]
        for picture, name in enumerate(names):
            image = Image.new("RGB", (SIDE, SIDE), (128, 128, 128 - number % 100))
            if picture == place:
                ImageDraw.Draw(image).rectangle((x, y, x + CELL - 1, y + CELL - 1), fill=COLOURS[colour])
            image.save(folder / name)
        box = [side * 1000 // SIDE for side in (x, y, x + CELL, y + CELL)]
        rows.append(
            {
                "messages": [
                    {"role": "user", "content": "<image><image>Detect."},
                    {"role": "assistant", "content": f"Image {place + 1}: <ref-object><bbox>"},
                ],
                "images": names,
                "objects": {"ref": [f"{colour} square"], "bbox": [box], "image_id": [place]},
            }
        )
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "all.jsonl").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The records as a prepared data set."""
    folder = tmp_path_factory.mktemp("two")
    source = draw_source(folder / "source", 480)
    words = [f"source.path={source}", "source.units=grid", "val_ratio=0.1", f"output_dir={folder / 'data'}"]
    prepare_dataset(load_recipe(PrepareRecipe, ROOT / "recipes" / "prepare" / "records.yaml", words))
    return folder / "data"


@pytest.fixture(scope="module")
def runs(data: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run from random weights, and one that resumes it for the last steps: forks of one process."""
    folder = tmp_path_factory.mktemp("runs")
    whole, resumed = folder / "whole", folder / "resumed"
    words = [
        f"model_name_or_path={tiny_model}",
        *(
            f"{name}_dataset_path={data / file}"
            for name, file in (("train", "train.jsonl"), ("eval", "val.jsonl"))
        ),
        *(f"max_steps={STEPS}", f"save_steps={RESUMED_AT}", "save_total_limit=2", "logging_steps=1"),
        *("do_eval=false", "evaluation_strategy=no", "grounding_eval_samples=0"),
    ]
    listed = [
        [str(TINY_RECIPE), [*words, f"output_dir={whole}"]],
        [
            str(TINY_RECIPE),
            [*words, f"resume_from_checkpoint={whole / f'checkpoint-{RESUMED_AT}'}", f"output_dir={resumed}"],
        ],
    ]
    (folder / "runs.json").write_text(json.dumps(listed), encoding="utf-8")
    variables = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, str(RUNNER), str(folder / "runs.json")],
        cwd=ROOT, env=variables, capture_output=True, text=True,
    )  # fmt: skip
    codes = [json.loads(line[4:])["code"] for line in done.stdout.splitlines() if line.startswith("RUN ")]
    assert codes == [0, 0], done.stdout[-2000:] + done.stderr[-2000:]
    return whole, resumed


@pytest.mark.slow
@pytest.mark.xdist_group("two pictures")
def test_a_resumed_run_has_the_losses_of_the_whole_one(runs: tuple[Path, Path]) -> None:
    whole, resumed = map(read_losses, runs)
    assert len(whole) == STEPS
    assert whole[-1] < 0.2 < 2 < whole[0]
    assert resumed == pytest.approx(whole[RESUMED_AT:], rel=1e-5)


@pytest.mark.slow
@pytest.mark.xdist_group("two pictures")
def test_boxes_are_put_into_the_right_picture(runs: tuple[Path, Path], data: Path, tmp_path: Path) -> None:
    words = [f"checkpoint={runs[0]}", f"dataset={data}", f"output_dir={tmp_path}", "max_new_tokens=64"]
    recipe = load_recipe(InferRecipe, ROOT / "recipes" / "infer" / "demo.yaml", words)
    predictions = predict(recipe, open_engine)
    assert predictions is not None
    evaluation = read_evaluation(predictions)
    values: Any = score(evaluation, draws=0, with_meteor=False).values
    places = [item.place for item in evaluation.predictions for _ in item.detections]
    assert values["several_pictures"] == 48
    assert {0, 1} == set(places)
    assert len(places) >= 40
    right = sum(each.count(0)[0] for each in evaluation.matches)
    wrong = values["wrong_picture_boxes"]
    assert right > 0.5 * len(places)
    assert wrong <= 0.1 * (right + wrong)  # a guess is wrong half of the time
