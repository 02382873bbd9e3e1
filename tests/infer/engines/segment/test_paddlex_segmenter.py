"""PaddleX's SAM-H modules: what they are asked, with a stand-in; and PaddleX itself where it is."""

import importlib.machinery
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import yaml
from PIL import Image

from grounding.boxes import Box
from grounding.errors import UserError
from infer.engines.segment.opening_segmenters import open_segmenter
from infer.engines.segment.segmenter import Click, MaskPrompt, Segmenter, mask_iou
from infer.engines.segment.segmenter_settings import SegmenterSettings

CLICK, BOX = MaskPrompt((Click(3, 4),)), MaskPrompt(box=Box(1, 2, 9, 40))


class StandIn(ModuleType):
    """A module `paddlex` whose model returns the pixels that are more blue than red."""

    def __init__(self) -> None:
        super().__init__("paddlex")
        self.__spec__ = importlib.machinery.ModuleSpec("paddlex", None)
        self.made: list[tuple[Any, ...]] = []
        self.asked: list[dict[str, Any]] = []

    def create_model(self, name: str, *, model_dir: str, device: str | None) -> "StandIn":
        if device == "gpu:7":
            raise RuntimeError("no such device\nmore of it")
        self.made.append((name, model_dir, device))
        return self

    def predict(self, pixels: npt.NDArray[np.uint8], *, prompts: dict[str, Any]) -> Iterator[dict[str, Any]]:
        self.asked.append(prompts)
        yield {"masks": [(pixels[:, :, 0] > pixels[:, :, 2]).astype(np.int8)]}


@pytest.fixture
def paddlex(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    module = StandIn()
    monkeypatch.setitem(sys.modules, "paddlex", module)
    return module


def folder_of(name: str, folder: Path) -> Path:
    (folder / "inference.yml").write_text(yaml.safe_dump({"Global": {"model_name": name}}))
    return folder


def opened(folder: Path, device: str = "cpu") -> Segmenter:
    return open_segmenter(SegmenterSettings(backend="paddlex", checkpoint=str(folder), device=device))


def test_a_click_and_its_picture_reach_the_model(paddlex: StandIn, tmp_path: Path) -> None:
    picture = Image.new("RGB", (20, 10), (200, 0, 0))
    picture.paste((0, 0, 200), (5, 0, 9, 10))
    (found,) = opened(folder_of("SAM-H_point", tmp_path)).segment(picture, CLICK)
    assert paddlex.made == [("SAM-H_point", str(tmp_path), "cpu")]
    assert paddlex.asked == [{"point_prompt": [[3, 4]]}]
    assert found.mask.dtype == np.bool_
    assert np.argwhere(found.mask).min(axis=0).tolist() == [0, 5]  # arrays are BGR there
    assert int(found.mask.sum()) == 40
    assert found.score is None


def test_a_box_is_clipped(paddlex: StandIn, tmp_path: Path) -> None:
    opened(folder_of("SAM-H_box", tmp_path), "cuda:1").segment(Image.new("RGB", (20, 10)), BOX)
    assert paddlex.made[0][2] == "gpu:1"
    assert paddlex.asked == [{"box_prompt": [[1, 2, 9, 10]]}]


@pytest.mark.parametrize(
    ("name", "prompt", "message"),
    [
        ("SAM-H_box", CLICK, "takes a box alone"),
        ("SAM-H_box", MaskPrompt(CLICK.clicks, BOX.box), "takes a box alone"),
        ("SAM-H_point", BOX, "takes one click"),
        ("SAM-H_point", MaskPrompt((Click(1, 1), Click(2, 2, False))), "takes one click"),
        ("SAM-H_point", MaskPrompt((Click(50, 1),)), "outside of the picture"),
    ],
)
@pytest.mark.usefixtures("paddlex")
def test_other_prompts_are_refused(name: str, prompt: MaskPrompt, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        opened(folder_of(name, tmp_path)).segment(Image.new("RGB", (20, 10)), prompt)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "no settings of a PaddleX model"),
        ("{", "no settings of a PaddleX model"),
        ("Global: 3", "no settings of a PaddleX model"),
        ("Global: {model_name: PP-OCR}", "model 'PP-OCR' is none of SAM-H_point, SAM-H_box"),
    ],
)
@pytest.mark.usefixtures("paddlex")
def test_another_folder_is_named(text: str | None, message: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "inference.yml").write_text(text)
    with pytest.raises(UserError, match=message):
        opened(tmp_path)


@pytest.mark.usefixtures("paddlex")
def test_what_paddlex_says_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"PaddleX cannot load it on cuda:7: no such device$"):
        opened(folder_of("SAM-H_point", tmp_path), "cuda:7")


def test_without_paddlex_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(UserError, match="this Python has no PaddleX: run make setup-paddlex"):
        opened(tmp_path)


@pytest.mark.skipif(importlib.util.find_spec("paddlex") is None, reason="no PaddleX: make setup-paddlex")
def test_paddlex_itself_loads_a_folder(tmp_path: Path) -> None:
    """A small graph in the place of SAM-H: it finds bright pixels, wherever the click is."""
    import paddle

    class Bright(paddle.nn.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.grey = paddle.nn.Conv2D(3, 1, 4, stride=4)
            self.grey.weight.set_value(paddle.full([1, 3, 4, 4], 1 / 48))
            self.grey.bias.set_value(paddle.zeros([1]))

        def forward(self, image: Any, point: Any) -> Any:
            return self.grey(image) + 0 * point.sum()

    specs = [paddle.static.InputSpec([None, 3, 1024, 1024]), paddle.static.InputSpec([None, 1, 2])]
    graph = paddle.jit.to_static(Bright(), full_graph=True, input_spec=specs)
    paddle.jit.save(graph, str(folder_of("SAM-H_point", tmp_path) / "inference"))
    config = {
        "Global": {"model_name": "SAM-H_point"},
        "PreProcess": {},
        "Processor": {"type": "SAMProcessor", "size": 1024},
    }
    (tmp_path / "inference.yml").write_text(yaml.safe_dump(config))
    picture = Image.new("RGB", (80, 60), (20, 20, 20))
    picture.paste((250, 250, 250), (20, 10, 50, 40))
    true = np.zeros((60, 80), dtype=np.bool_)
    true[10:40, 20:50] = True
    (found,) = opened(tmp_path).segment(picture, CLICK)
    assert mask_iou(found.mask, true) > 0.9
