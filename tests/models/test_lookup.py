"""Which family a config belongs to, and what every family states about itself."""

import json
from pathlib import Path

import pytest

from grounding.boxes import GRID
from grounding.errors import UserError
from models.family import Family
from models.lookup import (
    FAMILIES,
    family_of_folder,
    find_family,
    known_model_types,
    model_config,
    published_configs,
)


def test_dense_and_mixture_are_one_family() -> None:
    dense, mixture = (find_family({"model_type": kind}) for kind in ("qwen3_vl", "qwen3_vl_moe"))
    assert dense is mixture
    assert dense.end_tokens == ("<|im_end|>", "<|endoftext|>")


def test_model_types_belong_to_one_family_each() -> None:
    assert len(set(known_model_types())) == len(known_model_types())


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: type(family).__name__)
def test_boxes_are_on_the_grid_that_answers_are_read_from(family: Family) -> None:
    assert family.grid == GRID


def test_another_model_is_refused_by_its_folder(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llama"}))
    with pytest.raises(
        UserError, match=r"config\.json: model_type 'llama' is not supported, only qwen3_vl, "
    ):
        family_of_folder(tmp_path)


def test_a_config_comes_from_a_folder_or_from_the_published_models(tmp_path: Path) -> None:
    name = "Qwen/Qwen3-VL-2B-Instruct"
    assert model_config(name) is published_configs()[name]
    config = {"model_type": "qwen3_vl", "text_config": {}, "vision_config": {}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert model_config(str(tmp_path)) == config
    for other in ("Some/Model", str(tmp_path / "none"), ""):
        with pytest.raises(UserError, match=f"model_name_or_path: the shapes of '{other}' are not known"):
            model_config(other)


@pytest.mark.parametrize(
    ("content", "message"),
    [({"model_type": "qwen3_vl"}, "no text_config"), ({"text_config": {}, "vision_config": {}}, "'None'")],
)
def test_a_config_that_is_no_vision_language_models_is_refused(
    tmp_path: Path, content: dict[str, object], message: str
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=message):
        model_config(str(tmp_path))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: type(family).__name__)
def test_its_templates_are_paddleformers_own(family: Family) -> None:
    from train.preflight.template import templates

    assert {family.template, family.thinking_template} <= templates().keys()
