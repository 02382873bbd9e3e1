import dataclasses
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from infer.engines.openai.client import OpenAIEngine
from infer.engines.opening import open_engine
from infer.engines.settings import EngineSettings
from infer.recipe import InferRecipe
from infer.serve.serve_settings import ServeSettings

SERVER = {"engine": "openai", "base_url": "http://localhost:1/v1", "model": "m"}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"checkpoint": None}, "checkpoint must be set"),
        ({"device": "tpu"}, "device: 'tpu' is not one of auto, cpu, gpu"),
        ({"dtype": "int8"}, "dtype: 'int8' is not one of"),
        ({"temperature": -0.1}, "temperature: -0.1 is less than 0"),
        ({"top_p": 0.0}, "top_p: 0.0 is not above 0 and up to 1"),
        ({"tensor_parallel": 0}, "tensor_parallel: 0 is less than 1"),
        ({"image_cache_megabytes": -1}, "image_cache_megabytes: -1 is less than 0"),
        ({"retries": -1}, "retries not less than 0"),
        ({"request": {"top_k": 1}}, "have an effect only with engine=openai"),
        ({**SERVER, "model": None}, "model must be set"),
        ({**SERVER, "base_url": "localhost"}, "base_url: 'localhost' is not like"),
        ({"grammar": "xml"}, "grammar: 'xml' is not one of none, objects, json"),
        (
            {"grammar": "json", "grammar_labels": "any"},
            "grammar_labels: 'any' is not one of",
        ),
        ({"grammar_labels": "categories"}, "have an effect only with grammar"),
        ({**SERVER, "grammar_field": "vllm"}, "have an effect only with grammar"),
        ({"grammar": "json", "grammar_field": "vllm"}, "grammar_field has an effect only with engine=openai"),
        ({"boxes": "heads"}, "boxes: 'heads' is not one of text, head"),
        (
            {**SERVER, "boxes": "head"},
            "boxes: head reads the model's hidden states, which engine=openai does",
        ),
        (
            {**SERVER, "score": "head"},
            "score: head reads the model's hidden states, which engine=openai does",
        ),
        ({"box_head": "head.safetensors"}, "box_head has an effect only with boxes=head or score=head"),
        ({"grammar": "json", "score": "answer"}, "no place for a confidence"),
        ({**SERVER, "grammar": "json"}, "set grammar_field to the kind of server .vllm, sglang, fastdeploy"),
        ({**SERVER, "grammar": "objects", "grammar_field": "response_format"}, "needs grammar=json"),
        (
            {**SERVER, "grammar": "json", "grammar_field": "vllm", "request": {"response_format": {}}},
            "request: response_format would take the place of the grammar",
        ),
        (
            {**SERVER, "grammar": "json", "grammar_field": "vllm", "request": {"enable_thinking": True}},
            "no place for a thought",
        ),
    ],
)
def test_values_that_do_not_fit_are_named(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EngineSettings(**{"checkpoint": "model", **keys})


def test_a_score_needs_the_tokens() -> None:
    assert not EngineSettings(checkpoint="model").with_tokens
    assert EngineSettings(checkpoint="model", score="min_prob").with_tokens


def test_recipe_and_server_take_their_defaults_from_the_engine() -> None:
    settings = EngineSettings(checkpoint="model")
    recipe = InferRecipe(checkpoint="model", dataset="data", output_dir="out")
    for field in dataclasses.fields(EngineSettings):
        assert getattr(recipe, field.name) == getattr(settings, field.name)
    served = ServeSettings().engine_settings(Path("model"))
    # A server may be asked anything, and an answer that is not about objects may say a thing twice.
    assert dataclasses.replace(served, score="none", repeat_stop=True) == settings
    assert served.with_tokens
    assert not served.repeat_stop
    assert ServeSettings(repeat_stop=True).engine_settings(Path("model")).repeat_stop
    assert ServeSettings(grammar="json").engine_settings(Path("model")).grammar == "json"


def test_the_engine_that_is_named_is_opened(tmp_path: Path) -> None:
    assert isinstance(open_engine(EngineSettings(**SERVER)), OpenAIEngine)
    with pytest.raises(UserError, match="no such checkpoint folder"):
        open_engine(EngineSettings(checkpoint=str(tmp_path / "none")))
