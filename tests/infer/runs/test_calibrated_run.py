import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from grounding.card import load_card, save_card
from grounding.errors import UserError
from infer.calibrate.making import make_calibration
from infer.engines.settings import CALIBRATED, EngineSettings
from infer.recipe import InferRecipe
from infer.runs.calibrated_run import calibration_of_engine
from infer.runs.predict import predict
from tests.infer.doubtful_engine import DoubtfulEngine, write_doubtful_dataset, write_split


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a data set and a model that was calibrated on it."""
    folder = tmp_path_factory.mktemp("fitted")
    write_doubtful_dataset(folder / "data", {"calibration": 80, "val": 6, "train": 4})
    model = folder / "model"
    model.mkdir()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"):
        (model / name).write_text("{}", encoding="utf-8")
    (model / "model.safetensors").write_bytes(b"weights")
    make_calibration(recipe_in(folder), lambda settings: DoubtfulEngine())
    return folder


@pytest.fixture
def recipe(fitted: Path, tmp_path: Path) -> InferRecipe:
    """A recipe over a copy of that folder."""
    shutil.copytree(fitted, tmp_path / "copy")
    return recipe_in(tmp_path / "copy")


def recipe_in(folder: Path) -> InferRecipe:
    return InferRecipe(
        checkpoint=str(folder / "model"),
        dataset=str(folder / "data"),
        output_dir=str(folder / "out"),
        score=CALIBRATED,
    )


def ask(recipe: InferRecipe) -> list[float | None]:
    path = predict(recipe, lambda settings: DoubtfulEngine())
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [found["score"] for row in rows for found in row["detections"]]


def test_other_images_are_scored(recipe: InferRecipe) -> None:
    scores = ask(recipe)
    assert len(scores) == len(set(scores)) == 6
    assert all(value is not None and 0 < value < 1 for value in scores)


def test_the_split_of_the_fit_is_scored_as_nobody_judges_it(recipe: InferRecipe) -> None:
    assert len(ask(dataclasses.replace(recipe, split="calibration"))) == 80


def fitted_image(recipe: InferRecipe) -> Path:
    return recipe.dataset_path / "images" / f"{3:012}.png"


def copied(recipe: InferRecipe, target: Path) -> None:
    shutil.copyfile(fitted_image(recipe), target)


def saved_again(recipe: InferRecipe, target: Path) -> None:
    with Image.open(fitted_image(recipe)) as picture:
        picture.save(target, compress_level=1)


def with_opaque_alpha(recipe: InferRecipe, target: Path) -> None:
    with Image.open(fitted_image(recipe)) as picture:
        picture.convert("RGBA").save(target)


def turned_and_turned_back(recipe: InferRecipe, target: Path) -> None:
    with Image.open(fitted_image(recipe)) as picture:
        exif = Image.Exif()
        exif[0x0112] = 3
        picture.transpose(Image.Transpose.ROTATE_180).save(target, exif=exif)


@pytest.mark.parametrize("split", ["val", "train"])
@pytest.mark.parametrize("disguise", [copied, saved_again, with_opaque_alpha, turned_and_turned_back])
def test_a_fitted_image_under_another_name_is_not_judged(
    recipe: InferRecipe, disguise: Callable[[InferRecipe, Path], None], split: str
) -> None:
    """By what it shows, not by its name or its bytes; also in a data set of another name."""
    name = f"images/{777:012}.png"
    disguise(recipe, recipe.dataset_path / name)
    write_split(recipe.dataset_path, split, [f"images/{81:012}.png", name])
    moved = recipe.dataset_path.rename(recipe.dataset_path.with_name("another"))
    with pytest.raises(UserError, match=f"{split}.jsonl: 1 of 2 images, the first {777:012}.png, are among"):
        ask(dataclasses.replace(recipe, dataset=str(moved), split=split))
    assert not (recipe.output_path / "predictions.jsonl").exists()


def test_the_fitted_records_as_validation_are_refused(recipe: InferRecipe) -> None:
    for kind in ("{}.jsonl", "annotations_{}.json"):
        data = recipe.dataset_path
        shutil.copyfile(data / kind.format("calibration"), data / kind.format("val"))
    with pytest.raises(UserError, match="80 of 80 images"):
        ask(recipe)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"temperature": 0.7}, r"temperature=0.7 \(was 0.0\)"),
        ({"top_p": 0.9}, r"top_p=0.9 \(was 1.0\)"),
        ({"answer_units": "pixels"}, r"answer_units=pixels \(was grid\)"),
        ({"per_category": True}, r"per_category=True \(was False\)"),
        ({"zoom": "tiles"}, r"zoom=tiles \(was none\)"),
        ({"verify": "drop"}, r"verify=drop \(was none\)"),
    ],
)
def test_other_keys_that_change_answers_are_refused(
    recipe: InferRecipe, keys: dict[str, str], message: str
) -> None:
    with pytest.raises(UserError, match=f"made with other keys: {message}"):
        ask(dataclasses.replace(recipe, **keys))  # type: ignore[arg-type]


def test_keys_that_change_no_confidence_are_let_through(recipe: InferRecipe) -> None:
    before = ask(recipe)
    other = dataclasses.replace(
        recipe, output_dir=f"{recipe.output_dir}_2", batch_size=2, max_new_tokens=99, seed=3, dtype="float32"
    )
    assert ask(other) == before


def test_votes_and_calibrated_scores_do_not_mix(recipe: InferRecipe) -> None:
    with pytest.raises(ValueError, match="agree: with agree=3"):
        dataclasses.replace(recipe, agree=3, temperature=0.7)


def test_another_checkpoint_is_refused(recipe: InferRecipe) -> None:
    assert recipe.checkpoint is not None
    (Path(recipe.checkpoint) / "model.safetensors").write_bytes(b"trained on")
    with pytest.raises(UserError, match=r"calibration.json: made for another checkpoint"):
        ask(recipe)


def test_no_calibration_is_refused(recipe: InferRecipe) -> None:
    assert recipe.checkpoint is not None
    (Path(recipe.checkpoint) / "calibration.json").unlink()
    with pytest.raises(UserError, match=r"calibration.json: no such file: run `python -m infer.calibrate`"):
        ask(recipe)


def test_another_answer_format_is_refused(recipe: InferRecipe) -> None:
    card = dataclasses.replace(load_card(recipe.dataset_path), answer_format="json")
    save_card(card, recipe.dataset_path)
    with pytest.raises(UserError, match="made of answers as objects"):
        ask(recipe)


def test_a_new_calibration_scores_again(recipe: InferRecipe) -> None:
    before = ask(recipe)
    assert ask(recipe) == before
    assert recipe.checkpoint is not None
    path = Path(recipe.checkpoint) / "calibration.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["weighing"]["bias"] += 1
    path.write_text(json.dumps(content), encoding="utf-8")
    assert all(now > then for now, then in zip(ask(recipe), before, strict=True) if now and then)


def test_a_server_needs_the_folder_of_its_model(recipe: InferRecipe) -> None:
    served = dataclasses.replace(
        recipe, checkpoint=None, engine="openai", base_url="http://127.0.0.1:9/v1", model="tiny"
    )
    with pytest.raises(UserError, match=r"calibration: set it to a calibration\.json, or checkpoint="):
        ask(served)
    with pytest.raises(UserError, match="server's model: set checkpoint="):
        ask(dataclasses.replace(served, calibration=f"{recipe.checkpoint}/calibration.json"))
    assert len(ask(dataclasses.replace(served, checkpoint=recipe.checkpoint))) == 6


def test_an_engine_without_a_run_is_checked_alike(recipe: InferRecipe) -> None:
    settings = EngineSettings(checkpoint=recipe.checkpoint, score=CALIBRATED)
    assert calibration_of_engine(settings, settings.resolve_checkpoint()) is not None
    assert calibration_of_engine(dataclasses.replace(settings, score="none"), None) is None
    warmer = dataclasses.replace(settings, temperature=1.0)
    with pytest.raises(UserError, match=r"temperature=1.0 \(was 0.0\)"):
        calibration_of_engine(warmer, warmer.resolve_checkpoint())
