"""The states at boxes are those that choose tokens in decoding, and a head's boxes reach the detections."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grounding.boxes import Size
from grounding.errors import UserError
from infer.asking.dataset_questions import read_questions
from infer.asking.parsed_answers import NOT_READ, parse_raw_answer
from infer.engines.box_head_place import find_box_head
from infer.engines.checkpoint import fingerprint_checkpoint
from infer.engines.paddle.boxes.box_judge import BoxJudge
from infer.engines.paddle.engine import PaddleEngine
from infer.engines.protocol import HeadBox, RawAnswer, Request
from infer.engines.settings import EngineSettings
from models.heads.box import PLACES
from tests.models.heads.random_head import TINY_WIDTH, save_random_head

TEXTS = (
    "<|object_ref_start|>red square<|object_ref_end|><|box_start|>(100,250),(500,901)<|box_end|>",
    "nothing",
    "<|object_ref_start|>cup<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|><|box_start|>(5,6),(70,80)"
    "<|box_end|>",
)


@pytest.fixture(scope="module")
def engine(tiny_checkpoint: Path) -> PaddleEngine:
    return PaddleEngine(EngineSettings(checkpoint=str(tiny_checkpoint), device="cpu", max_new_tokens=8))


@pytest.fixture
def requests(dataset: Any) -> list[Request]:
    return [question.request for question in read_questions(dataset.path, "val")][: len(TEXTS)]


def save_head(model: Path, folder: Path, **changes: Any) -> Path:
    """A random head of a model."""
    known = EngineSettings(checkpoint=str(model), device="cpu").resolve_checkpoint()
    assert known is not None
    return save_random_head(folder, **({"checkpoint": fingerprint_checkpoint(known)} | changes))


def test_the_states_are_those_that_choose_the_tokens(engine: PaddleEngine, requests: list[Request]) -> None:
    """Against the whole sequence in one pass of the framework's own model."""
    import paddle

    found = engine.read_boxes(requests, TEXTS)
    assert [len(read.boxes) for read in found] == [1, 0, 2]
    assert found[1].states is None
    tokenizer = engine.encoder.tokenizer
    for request, text, read in zip(requests, TEXTS, found, strict=True):
        if not read.boxes:
            continue
        prompt, ids = engine.encode(request), tokenizer(text, add_special_tokens=False)["input_ids"]
        whole = replace(prompt, token_ids=[*prompt.token_ids, *ids], image_ends=())
        with paddle.no_grad():
            output = engine.model(
                input_ids=paddle.to_tensor([whole.token_ids]),
                pixel_values=paddle.to_tensor(whole.pixel_values),
                image_grid_thw=paddle.to_tensor(whole.image_grid_thw),
            )
            logits = (output[0] if isinstance(output, tuple) else output.logits)[0]
            own = paddle.matmul(read.states, engine.model.lm_head.weight, transpose_y=True)
        for box, rows in zip(read.boxes, own, strict=True):
            places = [len(prompt.token_ids) + place for place in box.places]
            expected = logits.index_select(paddle.to_tensor(places)).astype("float32").numpy()
            assert rows.numpy() == pytest.approx(expected, abs=2e-4)
    assert not np.allclose(found[0].states[0, 0].numpy(), found[0].states[0, 1].numpy())


def test_the_states_do_not_depend_on_the_batch(engine: PaddleEngine, requests: list[Request]) -> None:
    together = engine.read_boxes(requests, TEXTS)
    for request, text, read in zip(requests, TEXTS, together, strict=True):
        engine.forget()
        (alone,) = engine.read_boxes([request], [text])
        assert alone.boxes == read.boxes
        if read.boxes:
            assert alone.states.numpy() == pytest.approx(read.states.numpy(), abs=1e-4)
            assert read.states.shape == [len(read.boxes), len(PLACES), TINY_WIDTH]


@pytest.mark.parametrize(("boxes", "score"), [("head", "head"), ("text", "head"), ("head", "none")])
def test_the_head_of_a_checkpoint_reads_its_answers(
    tiny_checkpoint: Path,
    engine: PaddleEngine,
    requests: list[Request],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    boxes: str,
    score: str,
) -> None:
    path = save_head(tiny_checkpoint, tmp_path)
    settings = EngineSettings(
        checkpoint=str(tiny_checkpoint), device="cpu", boxes=boxes, score=score, box_head=str(path)
    )
    checkpoint = settings.resolve_checkpoint()
    assert checkpoint is not None
    head = find_box_head(settings, checkpoint)
    assert head is not None
    monkeypatch.setattr(engine, "judge", BoxJudge(head.tensors(), corrects=boxes == "head"))
    read = engine.read_boxes(requests, TEXTS)[2]
    answer = engine.judge.judge(RawAnswer(TEXTS[2], is_cut=False), read)  # type: ignore[union-attr]
    size = Size(200, 100)
    plain = parse_raw_answer(RawAnswer(TEXTS[2], is_cut=False), size)
    parsed = parse_raw_answer(answer, size, score)
    assert [found.label for found in parsed.detections] == ["cup", "cup"]
    for found, written, said in zip(parsed.detections, plain.detections, answer.head_boxes, strict=True):
        assert found.score == (said.match if score == "head" else None)
        assert 0 < said.match < 1
        if boxes == "text":
            assert (said.shares, found.box) == (None, written.box)
            continue
        assert said.shares is not None
        wanted = [side * whole for side, whole in zip(said.shares, (200, 100) * 2, strict=True)]
        assert list(found.box.xyxy) == wanted
        assert found.box != written.box


def test_several_pictures_are_refused(
    engine: PaddleEngine, requests: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A head was made for answers about one picture; what is not about boxes is answered."""
    monkeypatch.setattr(engine, "judge", BoxJudge({}, corrects=True))
    several = Request((requests[0].picture, requests[1].picture), "", "<image><image>Where?")
    for about in (None, 1):
        for ask in (lambda asked: engine.answer([asked]), lambda asked: engine.read_boxes([asked], ["cat"])):
            with pytest.raises(UserError, match=r"a box head reads answers about one picture, .* has 2"):
                ask(replace(several, about=about))
    assert engine.answer([replace(several, is_free_form=True, max_tokens=2)])[0].head_boxes == ()


def test_a_box_that_the_head_could_not_read_keeps_its_place_and_is_named() -> None:
    text = "cat(100,200),(300,400)\ncat(500,600),(700,800)"
    said = HeadBox((text.rindex("("), 0), None, 0.5)  # of no box
    answer = RawAnswer(text, is_cut=False, head_boxes=(said,))
    parsed = parse_raw_answer(answer, Size(1000, 1000), "head")
    assert [found.score for found in parsed.detections] == [None, None]
    assert NOT_READ in parsed.problems
    assert parsed.detections[0].box.xyxy == (100, 200, 300, 400)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"checkpoint": "of another"}, "made for another checkpoint"),
        ({"family": "qwen3_vl_moe"}, "made for hidden states of qwen3_vl_moe"),
        ({"width": 32}, "of width 32, and this checkpoint is qwen3_vl of width 128"),
    ],
)
def test_a_head_of_another_model_is_refused_before_the_model_is_loaded(
    tiny_checkpoint: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = save_head(tiny_checkpoint, tmp_path, **changes)
    settings = EngineSettings(checkpoint=str(tiny_checkpoint), boxes="head", box_head=str(path))
    with pytest.raises(UserError, match=message):
        PaddleEngine(settings)


def test_a_missing_head_is_named(tiny_checkpoint: Path) -> None:
    with pytest.raises(UserError, match=r"box_head/box_head.safetensors: no such file: run `python -m train"):
        PaddleEngine(EngineSettings(checkpoint=str(tiny_checkpoint), score="head"))
