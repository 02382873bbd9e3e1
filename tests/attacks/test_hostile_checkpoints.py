"""Damaged and hostile model folders: a line for the user from every step that reads one, and no traceback."""

import json
import os
import re
import shutil
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import load_file, save_file

from grounding.errors import UserError
from infer.engines.checkpoint import find_checkpoint
from models.family import LoadOptions
from models.lookup import family_of_folder
from models.qwen3_vl.encoding import PromptEncoder
from train.export.folder_writer import export
from train.launch.processes import end_earlier_start
from train.launch.trainer_log import LoggedProgress, read_progress
from train.plan.memory_table import plan_recipe
from train.preflight.all_checks import check_recipe
from train.preflight.degrees import model_fits_degrees
from train.preflight.places import model_folder
from train.preflight.template import template_fits
from train.recipe import TrainRecipe
from train.runs import runs_table

FILES = (
    *("config.json", "generation_config.json", "preprocessor_config.json", "tokenizer_config.json"),
    *("video_preprocessor_config.json", "tokenizer.json", "lora_config.json"),
)
ADAPTER = "peft_model-00001-of-00001.safetensors"
ADAPTED = "model.language_model.layers.0.self_attn.o_proj"
WRONG = [None, True, -1, 0, 1.5, "", "x", [], {}, [None], {"a": []}, 10**30, "lone \ud800"]


def places_in(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value in a JSON content, of the content itself, too."""
    if not isinstance(content, dict | list):
        return [path]
    items = content.items() if isinstance(content, dict) else enumerate(content)
    return [path, *(found for key, value in items for found in places_in(value, (*path, key)))]


def with_value(content: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy with another value at a path, or without it if the value is ...."""
    if not path:
        return value
    copy = dict(content) if isinstance(content, dict) else list(content)
    key, *rest = path
    if not rest and value is ...:
        del copy[key]
    else:
        copy[key] = with_value(content[key], tuple(rest), value)
    return copy


@pytest.fixture
def damaged(tiny_model: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return the tiny model's folder with a value of one of its files replaced."""
    folder = tmp_path / "damaged"
    shutil.copytree(tiny_model, folder)
    lora = {"base_model_name_or_path": str(tiny_model), "scaling": 2.0}
    contents = {name: json.loads((tiny_model / name).read_text()) for name in FILES if "lora" not in name}
    contents["lora_config.json"] = lora
    shape = load_file(tiny_model / "model.safetensors")[f"{ADAPTED}.weight"].shape
    factors = {"lora_A": np.ones((shape[1], 2), np.float32), "lora_B": np.ones((2, shape[0]), np.float32)}
    save_file({f"{ADAPTED}.{name}": factor for name, factor in factors.items()}, folder / ADAPTER)
    index = {"weight_map": {f"{ADAPTED}.{name}": ADAPTER for name in factors}}
    (folder / "peft_model.safetensors.index.json").write_text(json.dumps(index))

    def damage(name: str, choice: int, value: Any) -> Path:
        for file, content in contents.items():
            (folder / file).write_text(json.dumps(content))
        (folder / "lora_config.json").unlink()  # only where it is the damaged file: then it is an adapter
        places = places_in(contents[name])
        place = places[choice % len(places)]
        changed = with_value(contents[name], place, {} if value is ... and not place else value)
        (folder / name).write_text(json.dumps(changed))
        return folder

    return damage


def use(folder: Path) -> None:
    """Do what inference does with a model's folder before the first question."""
    checkpoint = find_checkpoint(folder)
    family = family_of_folder(checkpoint.model)
    family.load_encoder(checkpoint.processor)
    options = LoadOptions("float32", has_gpu=False, parts=1, part=0)
    family.load_model(checkpoint.model, checkpoint.adapter, options)


def check(folder: Path) -> list[str]:
    """Return what the checks before a training say about a model's folder."""
    recipe = TrainRecipe({"model_name_or_path": str(folder), "template": "qwen3_vl_nothink", "device": "cpu"})
    return [line for part in (model_folder, template_fits, model_fits_degrees) for line in part(recipe)]


@given(st.sampled_from(FILES), st.integers(0, 200), st.sampled_from([*WRONG, ...]))
@example("config.json", 0, [])
@example("preprocessor_config.json", 0, None)
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_a_wrong_value_is_a_users_error_or_does_no_harm(
    damaged: Callable[..., Path], name: str, choice: int, value: Any
) -> None:
    folder = damaged(name, choice, value)
    check(folder)
    try:
        use(folder)
    except UserError as error:
        assert str(folder) in str(error)  # noqa: PT017 (many values do no harm)


@given(st.sampled_from(FILES), st.integers(0, 10**6), st.sampled_from([*WRONG, ...]))
@example("config.json", 0, [])
@example("tokenizer.json", 0, [])
@example("lora_config.json", 1, [])
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_planning_and_exporting_meet_wrong_values_as_well(
    damaged: Callable[..., Path], make_recipe: Callable[..., Path], name: str, choice: int, value: Any
) -> None:
    folder = damaged(name, choice, value)
    recipe = make_recipe()
    shutil.rmtree(folder / "export", ignore_errors=True)
    for step in (lambda: plan_recipe(recipe, [f"model_name_or_path={folder}"]), lambda: export(folder)):
        try:
            step()
        except UserError as error:
            assert str(folder) in str(error) or "matrix" in str(error)  # noqa: PT017 (many do no harm)
    assert not list(folder.glob(".export*"))


def test_the_undamaged_folder_is_planned_and_exported(
    damaged: Callable[..., Path], make_recipe: Callable[..., Path], tiny_model: Path
) -> None:
    folder = damaged("lora_config.json", 2, 2.0)
    plan_recipe(make_recipe(), [f"model_name_or_path={folder}"])
    export(folder)
    before, after = (load_file(path / "model.safetensors") for path in (tiny_model, folder / "export"))
    assert [name for name in before if (before[name] != after[name]).any()] == [f"{ADAPTED}.weight"]


def write_header(file: Path, header: bytes, length: int | None = None) -> None:
    file.write_bytes(struct.pack("<Q", len(header) if length is None else length) + header)


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(b"PK"),
        lambda file: write_header(file, b"[]"),
        lambda file: write_header(file, b"{"),
        lambda file: write_header(file, b'{"a":' * 5000),
        lambda file: write_header(file, b"{}", 1 << 62),
    ],
    ids=["two bytes", "a list", "cut", "deep", "no end"],
)
@pytest.mark.parametrize("name", ["model.safetensors", ADAPTER])
def test_weights_that_are_none_are_one_line(
    damaged: Callable[..., Path], name: str, damage: Callable[[Path], None]
) -> None:
    folder = damaged(*(("lora_config.json", 2, 2.0) if name == ADAPTER else ("config.json", 0, ...)))
    damage(folder / name)
    with pytest.raises(UserError, match=name):
        export(folder)
    with pytest.raises(UserError):
        use(folder)


@pytest.mark.parametrize("text", ["{{", "{{ 1 / 0 }}", "{{ raise_exception('no') }}", "{{ messages.x.y }}"])
def test_a_chat_template_that_fails_is_one_line(
    damaged: Callable[..., Path], text: str, tmp_path: Path
) -> None:
    folder = damaged("generation_config.json", 0, {})
    (folder / "chat_template.jinja").write_text(text)
    picture = tmp_path / "picture.png"
    Image.new("RGB", (64, 64)).save(picture)
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Where?"}]}]
    with pytest.raises(UserError, match=f"{folder}: not usable as a chat template"):
        PromptEncoder(folder).encode([picture], messages)


@pytest.mark.parametrize("template", [5, [], {}, "", None])
def test_a_chat_template_of_another_type_is_refused(
    damaged: Callable[..., Path], tiny_model: Path, template: Any
) -> None:
    folder = damaged("generation_config.json", 0, {})
    (folder / "chat_template.jinja").unlink(missing_ok=True)
    config = json.loads((tiny_model / "tokenizer_config.json").read_text()) | {"chat_template": template}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"chat_template\.jinja"):
        export(folder)
    with pytest.raises(UserError, match="chat template"):
        PromptEncoder(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]", "holds list, not an object"),
        ("null", "holds NoneType, not an object"),
        ('{"a": ' * 20000 + "1" + "}" * 20000, "nested too deeply|more than 64 levels"),
        (" " * (1 << 22) + "{}", "has 4,194,306 bytes, and at most 4,194,304 are read"),
        ('{"model_type": ["qwen3_vl"]}', "is not supported"),
    ],
    ids=["list", "null", "deep", "long", "type"],
)
def test_a_config_that_is_none_is_one_line(
    damaged: Callable[..., Path], make_recipe: Callable[..., Path], content: str, message: str
) -> None:
    folder = damaged("config.json", 0, {})
    (folder / "config.json").write_text(content)
    with pytest.raises(UserError, match=message):
        use(folder)
    recipe = make_recipe(model_name_or_path=str(folder))
    with pytest.raises(UserError, match="model_name_or_path: "):
        check_recipe(recipe)
    with pytest.raises(UserError):
        plan_recipe(recipe)


@pytest.mark.parametrize(
    ("part", "key", "value", "message"),
    [
        ("text_config", "num_hidden_layers", 10**9, "layers of TextShape is '1000000000' .* from 1 to 1,000"),
        (
            "text_config",
            "hidden_size",
            "64",
            "hidden_size of TextShape is '64'|is no number",
        ),
        ("vision_config", "depth", ..., "config.json has no 'depth'"),
        ("vision_config", "num_position_embeddings", 1 << 24, "describes a model of .* parameters"),
    ],
)
def test_a_size_that_no_model_has_is_named(
    damaged: Callable[..., Path], tiny_model: Path, part: str, key: str, value: Any, message: str
) -> None:
    folder = damaged("config.json", 0, {})
    config = json.loads((tiny_model / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(with_value(config, (part, key), value)))
    with pytest.raises(UserError, match=message):
        use(folder)


def test_a_pipe_in_place_of_a_config_blocks_nobody(damaged: Callable[..., Path]) -> None:
    folder = damaged("config.json", 0, {})
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")
    with pytest.raises(UserError, match=r"config\.json"):
        find_checkpoint(folder)


@pytest.mark.parametrize("weight_map", [5, [], {"a": 5}, {"a": "../other.safetensors"}, {"a": "/etc/hosts"}])
def test_an_index_names_files_beside_it(
    damaged: Callable[..., Path], tiny_model: Path, weight_map: Any
) -> None:
    config = json.loads((tiny_model / "config.json").read_text())
    folder = damaged("config.json", 0, config)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    with pytest.raises(UserError, match="in its weight_map is no file's name"):
        find_checkpoint(folder)


RUN: dict[str, Any] = {
    **{"model": "m", "method": "full", "max_steps": 4, "step": 4, "loss": 0.5, "process": 1, "mark": "x"},
    **{
        "devices": {"kind": "cpu"},
        "versions": {"a": "1"},
        "git": {"commit": "c"},
        "log_start": 0,
        "version": 1,
    },
    "data": {"train": {"path": "p", "card": {}}},
    "starts": [{"started": "2026-01-01T00:00:00+00:00", "seconds": 1.0, "state": "running"}],
    "evaluation": {"loss": 0.1},
    "scores": {"eval": {"limit": None, "scores": {"AP50": 0.5}}},
}


def test_wrong_values_in_the_record_of_a_run(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text(json.dumps(RUN))
    assert re.search(r"^run +m +full +4/4 +0\.5000 +50\.0%", runs_table(tmp_path), re.MULTILINE)
    for place in places_in(RUN):
        for value in [*WRONG, 10**5000, "\x1b[2J"]:
            with suppress(ValueError):  # a number of more digits than Python writes
                (run / "run.json").write_text(json.dumps(with_value(RUN, place, value)))
            assert "\x1b" not in runs_table(tmp_path)
            with suppress(UserError):
                end_earlier_start(run)


WORDS = ("1.2.3", "e", "-", "9" * 5000, "\x00", "\x1b[2J")


def test_wrong_values_in_the_log_of_a_run(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    lines = [
        "loss: 1.5, learning_rate: 1e-4, global_step: 3",
        "Total optimization steps = 9",
        "eval_loss: 2.5",
    ]
    wrong = [
        line.replace(found, value) for line in lines for found in ["1.5", "3", "9", "2.5"] for value in WORDS
    ]
    log.write_text("\n".join([*lines, *wrong]))
    assert read_progress(log, -5) == read_progress(log)
    assert read_progress(log, 10**30) == LoggedProgress()
    assert read_progress(log).max_steps == 9
