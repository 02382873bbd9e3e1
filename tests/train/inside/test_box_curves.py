import io
import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from grounding.errors import UserError
from grounding.files import read_jsonl, write_jsonl
from grounding.record.conversation import parse_record
from infer.asking import dataset_questions
from infer.asking.words import asked_regions
from infer.scoring.metrics.catalogue import METRICS
from infer.scoring.scorecard import Scores
from tests.train.conftest import TrainTiny, read_losses
from train.inside import asked_dataset
from train.inside.asked_dataset import AskableModel, AskedDataset, true_answers
from train.inside.box_curves import curve_values
from train.inside.inference_mode import inference_mode
from train.preflight.all_checks import check_recipe

CURVES = {"AP50", "F1_50", "mean_IoU", "unreadable", "duplicates"}


def read_log(run: Path) -> Any:
    from visualdl import LogReader

    (file,) = (run / "visualdl").glob("vdlrecords.*")
    return LogReader(file_path=str(file))


@pytest.mark.slow
@pytest.mark.xdist_group("tiny")
def test_curves_and_pictures_lie_beside_the_loss(train_tiny: TrainTiny) -> None:
    run = train_tiny()
    log = read_log(run)
    assert len(log.get_data("scalar", "train/loss")) == 20
    for name in CURVES:
        points = log.get_data("scalar", f"boxes/{name}")
        assert [point.id for point in points] == [0, 10, 20]
        assert all(0 <= point.value <= 1 for point in points)
    unreadable = [point.value for point in log.get_data("scalar", "boxes/unreadable")]
    for step, value in zip((0, 10, 20), unreadable, strict=True):
        scores = json.loads((run / "boxes" / f"step-{step}" / "scores.json").read_text())
        assert scores["images"] == 6
        assert 1 - scores["readable"] == pytest.approx(value)
    for number in range(1, 5):
        pictures = log.get_data("image", f"boxes/example_{number}")
        assert [picture.id for picture in pictures] == [0, 10, 20]
        with Image.open(io.BytesIO(pictures[-1].image.encoded_image_string)) as picture:
            assert picture.width > 600  # two panels
            assert len(picture.convert("RGB").getcolors(1 << 24) or ()) > 20
    text = (run / "logs" / "train.log").read_text()
    assert text.count("boxes at step ") == 3
    assert "(6 images in " in text


@pytest.mark.slow
@pytest.mark.xdist_group("tiny")
def test_the_training_is_the_same_without_curves(train_tiny: TrainTiny) -> None:
    """To the digit, over three epochs of the 48 images: neither evaluation nor answers leave a trace."""
    without = train_tiny(do_eval="false", evaluation_strategy="'no'", grounding_eval_samples=0)
    assert not (without / "boxes").exists()
    assert read_losses(train_tiny()) == read_losses(without)


def test_mode_numbers_and_attention_come_back(tiny_model: Path, load_model: Callable[[Path], Any]) -> None:
    import paddle

    model = load_model(tiny_model)
    model.train()
    model.model.visual.eval()  # a frozen part may be in another mode than the rest
    model.config.text_config._attn_implementation = "flashmask"

    def numbers() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), float(paddle.rand([1]))

    paddle.seed(1)
    random.seed(1)
    np.random.seed(1)
    expected = numbers()
    paddle.seed(1)
    random.seed(1)
    np.random.seed(1)
    with inference_mode(model):
        assert not any(layer.training for layer in model.sublayers(include_self=True))
        assert model.config.text_config._attn_implementation == "eager"
        numbers()
    assert numbers() == expected
    assert model.training
    assert model.model.language_model.layers[0].training
    assert not any(layer.training for layer in model.model.visual.sublayers(include_self=True))
    assert model.config.text_config._attn_implementation == "flashmask"


def test_what_is_not_defined_has_no_point() -> None:
    values = dict.fromkeys(METRICS, 0.25) | {"AP50": None}
    assert curve_values(Scores(values)) == {
        "F1_50": 0.25,
        "mean_IoU": 0.25,
        "unreadable": 0.75,
        "duplicates": 0.25,
    }


def test_true_answers_are_those_of_the_questions_that_are_asked(drawn_data: Path) -> None:
    rows = [json.loads(line) for line in (drawn_data / "val.jsonl").read_text().splitlines()]
    expected = list(true_answers(enumerate(rows), 3))
    marked = {**rows[0], "yes_no": "truth"}
    mark = {"box": [1, 2, 300, 400], "show": "text", "label": None, "phrases": ["a cat"]}
    words = {**rows[0], "region": mark}
    assert list(true_answers(enumerate((marked, words, rows[0], marked, *rows[1:])), 3)) == expected
    assert len(expected) == 3


def test_a_data_set_that_is_asked_is_read_once_as_far_as_needed(
    prepared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(prepared_data, tmp_path / "data")
    file = tmp_path / "data" / "val.jsonl"
    boxes = [json.loads(line) for line in file.read_text().splitlines()]
    mark = {"box": [1, 2, 300, 400], "show": "text", "label": None, "phrases": ["a cat"]}
    words = [{**row, "region": mark} for row in boxes[:2]]
    write_jsonl(file, [boxes[0], words[0], boxes[1], words[1], *boxes[2:]])
    read: list[int] = []

    def counted(path: Path) -> Iterator[tuple[int, Any]]:
        for line, row in read_jsonl(path):
            read.append(line)
            yield line, row

    for module in (asked_dataset, dataset_questions, asked_regions):
        monkeypatch.setattr(module, "read_jsonl", counted)
    asked = SimpleNamespace(encoder=SimpleNamespace(tokenizer=lambda text: {"input_ids": list(text)}))
    longest = 2 * max(len("".join(parse_record(row).answers)) for row in boxes[:2])
    for with_words, needed in ((False, [1, 2, 3, 4]), (True, [1, 2, 3, 4, 5])):
        read.clear()
        made = AskedDataset(cast(AskableModel, asked), file.parent, 2, with_words=with_words)
        assert read == needed
        assert len(made.questions) == (4 if with_words else 2)
        assert made.longest == longest


EVALUATED = {"do_eval": True, "evaluation_strategy": "steps"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grounding_eval_samples": -1}, "grounding_eval_samples: -1 must be 0"),
        ({"grounding_eval_samples": "many"}, "grounding_eval_samples: 'many' is str, must be int"),
        ({"grounding_eval_samples": 4, "do_eval": False}, "does nothing without do_eval"),
        ({"grounding_eval_sample": 4}, "did you mean 'grounding_eval_samples'"),
    ],
)
def test_a_wrong_key_is_found(
    make_recipe: Callable[..., Path], changes: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError) as caught:
        check_recipe(make_recipe(**{**EVALUATED, **changes}))
    assert message in str(caught.value)


def test_a_model_of_paddlefleet_is_refused(make_recipe: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match="a model of grounding_backend fleet cannot be asked"):
        check_recipe(make_recipe(**EVALUATED, grounding_eval_samples=4, grounding_backend="fleet"))


def test_curves_need_a_prepared_data_set(make_recipe: Callable[..., Path], drawn_data: Path) -> None:
    assert check_recipe(make_recipe(**EVALUATED, grounding_eval_samples=4))
    path = drawn_data / "train.jsonl"
    with pytest.raises(UserError, match=r"needs a prepared data set's val\.jsonl"):
        check_recipe(make_recipe(**EVALUATED, grounding_eval_samples=4, eval_dataset_path=str(path)))


def test_curves_need_a_question_about_boxes(
    make_recipe: Callable[..., Path], drawn_data: Path, tmp_path: Path
) -> None:
    """A data set that goes from boxes to words alone has none."""
    path = Path(shutil.copytree(drawn_data, tmp_path / "words")) / "val.jsonl"
    mark = {"box": [1, 2, 300, 400], "show": "text", "label": None, "phrases": ["a cat"]}
    rows = [{**json.loads(line), "region": mark} for line in path.read_text().splitlines()]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    with pytest.raises(UserError, match=r"val\.jsonl has no question about boxes: write 0"):
        check_recipe(make_recipe(**EVALUATED, grounding_eval_samples=4, eval_dataset_path=str(path)))
