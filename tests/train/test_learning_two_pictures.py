"""From records about two pictures to a model that puts its boxes into the right one: the real commands."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from grounding.recipe.loading import load_recipe
from infer.engines.opening import open_engine
from infer.parity.comparing import compare_engines
from infer.parity.parity_settings import ParitySettings
from infer.recipe import InferRecipe
from infer.runs.predict import predict
from infer.scoring.inputs import read_evaluation
from infer.scoring.scorecard import score
from prepare.pipeline import prepare_dataset
from prepare.recipe import PrepareRecipe
from tests.train.conftest import COLOURS, ROOT, TINY_RECIPE, TrainHere, read_losses

SIDE, CELL = 32, 16
STEPS, RESUMED_AT = 54, 51


def draw_source(folder: Path, count: int) -> Path:
    """Write records of another trainer: a square is in one of two pictures, the other one is empty.

    Its place in the picture is always the same: a model learns in seconds which picture it is in.
    """
    (folder / "images").mkdir(parents=True)
    chance, rows = random.Random(3), []
    for number in range(count):
        place, colour = chance.randrange(2), chance.choice(sorted(COLOURS))
        names = [f"images/{number}_{picture}.png" for picture in range(2)]
        for picture, name in enumerate(names):
            image = Image.new("RGB", (SIDE, SIDE), (128, 128, 128))
            if picture == place:
                ImageDraw.Draw(image).rectangle((0, 0, CELL - 1, CELL - 1), fill=COLOURS[colour])
            image.putpixel((picture, 0), (number // 256, number % 256, 0))  # no two pictures are the same
            image.save(folder / name)
        rows.append(
            {
                "messages": [
                    {"role": "user", "content": "<image><image>Detect."},
                    {"role": "assistant", "content": f"Image {place + 1}: <ref-object><bbox>"},
                ],
                "images": names,
                "objects": {"ref": [f"{colour} square"], "bbox": [[0, 0, 500, 500]], "image_id": [place]},
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
def runs(
    data: Path, tiny_model: Path, train_here: TrainHere, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A run from random weights, and one that resumes it for the last steps."""
    folder = tmp_path_factory.mktemp("runs")
    whole, resumed = folder / "whole", folder / "resumed"
    words = [
        f"model_name_or_path={tiny_model}",
        *(f"train_dataset_path={data / 'train.jsonl'}", f"eval_dataset_path={data / 'val.jsonl'}"),
        *(f"max_steps={STEPS}", f"save_steps={RESUMED_AT}", "save_total_limit=2", "logging_steps=1"),
        *("lr_scheduler_type=constant", f"eval_steps={STEPS}"),
    ]
    begun = f"resume_from_checkpoint={whole / f'checkpoint-{RESUMED_AT}'}"
    no_curves = ("do_eval=false", "evaluation_strategy=no", "grounding_eval_samples=0")
    for own in (
        [f"output_dir={whole}", f"logging_dir={whole / 'visualdl'}", "grounding_eval_samples=8"],
        [f"output_dir={resumed}", begun, *no_curves],
    ):
        code, said = train_here([TINY_RECIPE], [*words, *own])
        assert code == 0, said
    return whole, resumed


@pytest.mark.slow
@pytest.mark.xdist_group("two pictures")
def test_a_resumed_run_has_the_losses_of_the_whole_one(runs: tuple[Path, Path]) -> None:
    whole, resumed = map(read_losses, runs)
    assert len(whole) == STEPS
    assert whole[-1] < 0.1 < 2 < whole[0]
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
    assert len(places) == 48
    assert values["f1_50"] > 0.8  # half of it by a guess
    assert values["wrong_picture"] < 0.1


@pytest.mark.slow
@pytest.mark.xdist_group("two pictures")
def test_transformers_answers_with_the_same_boxes_and_scores(runs: tuple[Path, Path], data: Path) -> None:
    settings = ParitySettings(dataset=str(data), prompts=16, device="cpu")
    if settings.torch_path is None or not settings.torch_path.is_file():
        pytest.skip("no .venv-torch: make setup-torch")
    [report] = compare_engines(runs[0], settings)
    assert report.is_equal, report.text
    assert report.boxes is not None
    assert report.boxes.boxless == 0  # each answer has boxes, and their scores are compared


@pytest.mark.slow
@pytest.mark.xdist_group("two pictures")
def test_curves_ask_about_both_pictures(runs: tuple[Path, Path]) -> None:
    from visualdl import LogReader

    boxes = runs[0] / "boxes"
    scores = json.loads((boxes / f"step-{STEPS}" / "scores.json").read_text(encoding="utf-8"))
    assert scores["images"] == 16  # 8 questions
    (file,) = (runs[0] / "visualdl").glob("vdlrecords.*")
    log = LogReader(file_path=str(file))
    before, after = (point.value for point in log.get_data("scalar", "boxes/F1_50"))
    assert before < 0.2 < 0.8 < after
    for number in range(1, 5):  # two pictures of two questions
        assert [picture.id for picture in log.get_data("image", f"boxes/example_{number}")] == [0, STEPS]
