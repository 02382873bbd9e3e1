"""The whole of `python -m train.box_head` with an engine whose boxes and states are known."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grounding.errors import UserError
from grounding.layout import BOX_HEAD_FILE
from infer.engines.checkpoint import find_checkpoint, fingerprint_checkpoint
from infer.engines.paddle.boxes.box_judge import StatesOfBoxes
from infer.engines.paddle.boxes.box_places import box_places
from infer.engines.protocol import RawAnswer, Request
from models.heads.box import PLACES
from models.heads.box_file import load_box_head
from tests.infer.conftest import write_dataset
from train.box_head import answered_boxes, head_making
from train.box_head.box_head_recipe import BoxHeadRecipe
from train.box_head.head_making import make_box_head

IMAGES = 24


class KnownEngine:
    """Writes each box up to 90 steps too far to the right; its states say by how much."""

    def __init__(self, *, dies_at: int = 10**6, says: str = "") -> None:
        self.asked = self.read = 0
        self.dies_at, self.says = dies_at, says

    def forget(self) -> None:
        pass

    def _count(self) -> None:
        if self.asked + self.read == self.dies_at:
            raise KeyboardInterrupt

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        self._count()
        self.asked += 1
        return [RawAnswer(self.says or written(request), is_cut=False) for request in requests]

    def read_boxes(self, requests: Sequence[Request], texts: Sequence[str]) -> list[StatesOfBoxes]:
        self._count()
        self.read += 1
        return [self._read(text) for text in texts]

    def _read(self, text: str) -> StatesOfBoxes:
        import paddle

        boxes = box_places(text, list(text), in_thought=False)
        if not boxes:
            return StatesOfBoxes([], None)
        states = np.zeros((len(boxes), len(PLACES), 3), "float32")
        states[:, 0, 0] = [10 * (box.shares[0] - 0.1) for box in boxes]
        return StatesOfBoxes(boxes, paddle.to_tensor(states))


def written(request: Request) -> str:
    shift = (int(request.picture.stem) * 37 + request.draw * 11) % 90
    return f"red square({100 + shift},100),({500 + shift},500), cup(1,1),(9,9)"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data") / "set", ((64, 64),) * IMAGES).path


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A folder that looks like a model's, for engines that do not read it."""
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"):
        (folder / name).write_text("{}", encoding="utf-8")
    (folder / "config.json").write_text(json.dumps({"model_type": "qwen3_vl"}), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def make(
    monkeypatch: pytest.MonkeyPatch, checkpoint: Path, dataset: Path, engine: KnownEngine, **changes: Any
) -> str:
    monkeypatch.setattr(answered_boxes, "open_engine", lambda settings: engine)
    monkeypatch.setattr(answered_boxes, "QUESTIONS_A_FILE", 8)
    keys: dict[str, Any] = {
        "hidden": 8,
        "epochs": 40,
        "learning_rate": 0.05,
        "box_batch": 16,
        "held_out": 0.25,
    }
    recipe = BoxHeadRecipe(checkpoint=str(checkpoint), dataset=str(dataset), **(keys | changes))
    return make_box_head(recipe)


def test_a_head_learns_the_shift_and_its_card_says_of_what(
    monkeypatch: pytest.MonkeyPatch, checkpoint: Path, dataset: Path
) -> None:
    report = make(monkeypatch, checkpoint, dataset, KnownEngine())
    path = checkpoint / "box_head" / BOX_HEAD_FILE
    assert report.endswith(str(path))
    card = load_box_head(path, fingerprint_checkpoint(find_checkpoint(checkpoint))).card
    assert (card.family, card.width, card.hidden, card.images) == ("qwen3_vl", 3, 8, IMAGES)
    assert (card.boxes, card.matched) == (4 * IMAGES, 2 * IMAGES)  # two answers with two boxes each
    assert card.settings["answers"] == 2
    assert card.measured["mean_iou_head"] > card.measured["mean_iou_text"] + 0.05
    assert f"{card.measured['mean_iou_head']:.4f}" in report
    assert sorted(file.name for file in path.parent.iterdir()) == [
        BOX_HEAD_FILE,
        "samples.jsonl",
        "sampling.json",
    ]
    engine = KnownEngine(dies_at=0)  # nothing is asked again
    assert "complete already" in make(monkeypatch, checkpoint, dataset, engine)
    (checkpoint / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(UserError, match="another checkpoint"):
        load_box_head(path, fingerprint_checkpoint(find_checkpoint(checkpoint)))


@pytest.mark.parametrize("dies_at", [0, 2, 6, 7, 8])
def test_an_interrupted_run_resumes_and_ends_with_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch, checkpoint: Path, dataset: Path, dies_at: int, tmp_path: Path
) -> None:
    whole, part = ({"output_dir": str(tmp_path / name)} for name in ("whole", "part"))
    make(monkeypatch, checkpoint, dataset, KnownEngine(), **whole)
    with pytest.raises(KeyboardInterrupt):
        make(monkeypatch, checkpoint, dataset, KnownEngine(dies_at=dies_at), **part)
    assert not (tmp_path / "part" / BOX_HEAD_FILE).exists()
    engine = KnownEngine()
    make(monkeypatch, checkpoint, dataset, engine, **part)
    assert engine.asked + engine.read == 9 - min(dies_at, 8)  # 6 batches of questions, 3 files of states
    first, second = ((tmp_path / name / BOX_HEAD_FILE).read_bytes() for name in ("whole", "part"))
    assert first == second
    assert not list((tmp_path / "part").glob("*part*"))


def test_a_run_killed_while_it_fits_leaves_no_head(
    monkeypatch: pytest.MonkeyPatch, checkpoint: Path, dataset: Path
) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(head_making, "fit_head", killed)
        with pytest.raises(KeyboardInterrupt):
            make(patched, checkpoint, dataset, KnownEngine())
    assert not (checkpoint / "box_head" / BOX_HEAD_FILE).exists()
    engine = KnownEngine(dies_at=0)  # answers and states are there
    make(monkeypatch, checkpoint, dataset, engine)
    assert (checkpoint / "box_head" / BOX_HEAD_FILE).is_file()


def test_another_key_of_the_head_asks_nothing_again(
    monkeypatch: pytest.MonkeyPatch, checkpoint: Path, dataset: Path
) -> None:
    make(monkeypatch, checkpoint, dataset, KnownEngine())
    engine = KnownEngine()
    assert "complete already" not in make(monkeypatch, checkpoint, dataset, engine, hidden=4)
    assert (engine.asked, engine.read) == (0, 3)


@pytest.mark.parametrize("says", ["nothing", "red square(600,600),(900,900)"])
def test_a_model_without_right_boxes_is_refused_with_one_line(
    monkeypatch: pytest.MonkeyPatch, checkpoint: Path, dataset: Path, says: str
) -> None:
    with pytest.raises(UserError, match=r"0 of its boxes in 0 images match an object, a head needs 20"):
        make(monkeypatch, checkpoint, dataset, KnownEngine(says=says))
    assert not (checkpoint / "box_head" / BOX_HEAD_FILE).exists()


def test_a_checkpoint_on_a_hub_needs_a_folder_for_its_head(
    monkeypatch: pytest.MonkeyPatch, dataset: Path
) -> None:
    with pytest.raises(UserError, match="output_dir: Qwen/Qwen3-VL-2B-Instruct lies in the cache of a hub"):
        make(monkeypatch, Path("Qwen/Qwen3-VL-2B-Instruct"), dataset, KnownEngine())


def test_questions_about_two_pictures_are_refused_before_one_is_asked(
    monkeypatch: pytest.MonkeyPatch, checkpoint: Path, dataset: Path
) -> None:
    path = dataset / "train.jsonl"
    first, second, *others = path.read_text(encoding="utf-8").splitlines()
    row = json.loads(second)
    row["images"] *= 2
    row["messages"][1]["content"] = f"<image>{row['messages'][1]['content']}"
    path.write_text("\n".join([first, json.dumps(row), *others]) + "\n", encoding="utf-8")
    engine = KnownEngine(dies_at=0)
    with pytest.raises(
        UserError, match=r"train\.jsonl, line 2 has 2 pictures, and a head reads boxes of one"
    ):
        make(monkeypatch, checkpoint, dataset, engine)
