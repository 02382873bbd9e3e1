import dataclasses
import json
from pathlib import Path

import pytest

from grounding.answers.forms import OUT_OF_IMAGE, TRUNCATED
from grounding.boxes import Box, Size
from infer.asking.answer_units import choose_scale
from infer.asking.parsed_answers import NO_CONFIDENCE, SizedRequest, parse_raw_answer
from infer.asking.ways import choose_way
from infer.engines.protocol import RawAnswer, Request
from infer.recipe import InferRecipe

SIZE = Size(400, 200)
BOX = Box(100.0, 20.0, 300.0, 180.0)
REQUEST = SizedRequest(Request((Path("a.png"),), "", "<image>Where?"), SIZE)


class Says:
    """An engine that always says the same."""

    def __init__(self, answer: RawAnswer) -> None:
        self.said = answer

    def answer(self, requests: list[Request]) -> list[RawAnswer]:
        return [self.said] * len(requests)


@pytest.fixture
def with_processor(recipe: InferRecipe, tmp_path: Path) -> InferRecipe:
    """A recipe with a checkpoint whose processor makes 448x224 of 400x200, as Qwen2.5-VL's does."""
    for name in ("config.json", "tokenizer_config.json", "tokenizer.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    processor = {"patch_size": 14, "merge_size": 2, "min_pixels": 90_000, "max_pixels": 12_845_056}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(processor))
    return dataclasses.replace(recipe, checkpoint=str(tmp_path), answer_units="pixels_resized")


@pytest.mark.parametrize(
    ("units", "numbers"),
    [
        ("grid", "[250, 100, 750, 900]"),
        ("pixels", "[100, 20, 300, 180]"),
        ("fractions", "[0.25, 0.1, 0.75, 0.9]"),
        ("pixels_resized", "[112, 22.4, 336, 201.6]"),
        *((units, "[25%, 10%, 75%, 90%]") for units in ("grid", "pixels", "fractions", "pixels_resized")),
    ],
)
def test_answers_in_every_unit_give_the_same_box(
    with_processor: InferRecipe, units: str, numbers: str
) -> None:
    recipe = dataclasses.replace(with_processor, answer_units=units)
    engine = Says(RawAnswer(f'{{"bbox_2d": {numbers}, "label": "cat"}}', is_cut=False))
    (answer,) = choose_way(engine, recipe)([REQUEST])
    assert answer.problems == ()
    assert answer.detections[0].box.xyxy == pytest.approx(BOX.xyxy)


def test_the_processor_tells_the_size_of_each_image(with_processor: InferRecipe) -> None:
    scale_of = choose_scale(with_processor)
    assert dataclasses.astuple(scale_of(SIZE)) == (448, 224)
    assert dataclasses.astuple(scale_of(Size(280, 560))) == (280, 560)


def test_pixels_outside_of_the_image_are_clipped_and_named(recipe: InferRecipe) -> None:
    scale = choose_scale(dataclasses.replace(recipe, answer_units="pixels"))(SIZE)
    parsed = parse_raw_answer(RawAnswer("cat(100,20),(900,180)", is_cut=False), SIZE, scale=scale)
    assert parsed.problems == (OUT_OF_IMAGE,)
    assert parsed.detections[0].box == Box(100, 20, 400, 180)


def test_the_processors_size_needs_a_checkpoint() -> None:
    with pytest.raises(ValueError, match="answer_units: pixels_resized needs checkpoint"):
        InferRecipe(
            engine="openai",
            base_url="http://a/v1",
            model="m",
            dataset="",
            output_dir="",
            answer_units="pixels_resized",
        )


def test_the_confidence_in_the_answer_is_the_score() -> None:
    rows = '[{"bbox": [1,2,3,4], "label": "a", "confidence": 0.5}, {"bbox": [1,2,3,5], "label": "b"}]'
    parsed = parse_raw_answer(RawAnswer(rows, is_cut=False), SIZE, "answer")
    assert [found.score for found in parsed.detections] == [0.5, None]
    assert parsed.problems == (NO_CONFIDENCE,)
    assert {found.score for found in parse_raw_answer(RawAnswer(rows, is_cut=False), SIZE).detections} == {
        None
    }


@pytest.mark.parametrize(
    ("in_thought", "request_fields", "is_read"),
    [
        (None, {}, True),
        (None, {"chat_template_kwargs": {"enable_thinking": True}}, False),
        (None, {"chat_template_kwargs": {"enable_thinking": False}}, True),
        (False, {"enable_thinking": True}, True),
        (True, {}, False),
    ],
)
def test_a_thought_that_never_ends_is_no_answer(
    recipe: InferRecipe, in_thought: bool | None, request_fields: dict[str, object], is_read: bool
) -> None:
    asked = dataclasses.replace(
        recipe, engine="openai", base_url="http://a/v1", model="m", request=request_fields
    )
    engine = Says(RawAnswer("I see it at [10, 10, 50, 50] and", is_cut=False, in_thought=in_thought))
    (answer,) = choose_way(engine, asked)([REQUEST])
    assert bool(answer.detections) == is_read
    assert (answer.problems == (TRUNCATED,)) == (not is_read)
