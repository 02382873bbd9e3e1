"""Which patches a run gets, in which order; and each patch says what it is for."""

import ast
import sys
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from train.inside.patches import needed
from train.inside.patches.needed import patches_for
from train.inside.patches.paddleformers_1_2.on_demand.draw_box_curves import draw_box_curves

FOLDER = Path(needed.__file__).parent / "paddleformers_1_2"
PATCHES = sorted(path for path in FOLDER.glob("*/[!_]*.py") if path.parent.name != "shared")

PLAIN = [
    "use_plain_paddle_classes",
    "recompute_vision_with_its_mask",
    "define_pipeline_model",
    "sum_head_norm_gradients",
    "save_adapters_in_model_order",
    "load_adapters_in_process_order",
    "learn_in_blocks",
]
FLEET = ["freeze_by_parameters", "name_adapters_of_sublayers"]
CPU = [
    "skip_device_synchronize",
    "evaluate_without_workers",
    "pass_batches_through_pipes",
    "leave_out_fused_norm",
    "attend_to_each_image_alone",
    "attend_in_groups",
    "remember_patch_positions",
    "rotate_by_rolling",
    "normalise_without_broadcasting",
    "embed_patches_by_matmul",
]
GLOO = ["use_gloo_collectives", "wrap_optimizer_without_norm_log", "leave_together"]
EVERY = [
    "hide_own_keys",
    "read_checkpoints_without_code",
    "run_no_model_code",
    "leave_model_folders_alone",
    "read_pixels_as_everywhere",
    "one_image_resolution",
    "seal_before_rotation",
    "average_loss_over_all_steps",
    "end_when_not_finite",
    "count_steps_without_pixels",
    "skip_trained_records_unencoded",
]


def names(recipe: dict[str, Any]) -> list[str]:
    patches = (patch.func if isinstance(patch, partial) else patch for patch in patches_for(recipe))
    return [patch.__name__ for patch in patches]


PAIRS = [
    "build_reference_model",
    "count_pairs_unencoded",
    "read_pairs_as_records",
    "show_pictures_with_pairs",
]


def be(
    monkeypatch: pytest.MonkeyPatch,
    *,
    processes: int = 1,
    on_this_node: int | None = None,
    has_gpu: bool = False,
) -> None:
    import paddle

    monkeypatch.setenv("PADDLE_TRAINERS_NUM", str(processes))
    monkeypatch.setenv("PADDLE_LOCAL_SIZE", str(on_this_node or processes))
    monkeypatch.setattr(paddle.device, "is_compiled_with_cuda", lambda: has_gpu)


def test_one_cpu_process(monkeypatch: pytest.MonkeyPatch) -> None:
    be(monkeypatch)
    alone = ["start_adapters_alike", "initialise_fleet_for_resume"]
    assert names({}) == [*EVERY, *PLAIN, *alone, *CPU]
    with_curves = names({"grounding_eval_samples": 4, "eval_dataset_path": "data/val.jsonl"})
    assert with_curves == [*EVERY, *PLAIN, "draw_box_curves", *alone, *CPU]


def test_nothing_is_there_of_learning_from_rewards_without_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    be(monkeypatch)
    data = {"train_dataset_path": "data/train.jsonl", "eval_dataset_path": "data/val.jsonl"}
    curves = {**data, "grounding_eval_samples": 4}
    assert names({**data, "grounding_grpo": None}) == names({})
    assert set(names({**data, "grounding_grpo": {"group": 4}})) - set(names({})) == {"learn_from_rollouts"}

    def keeps_best(recipe: dict[str, Any]) -> bool:
        (patch,) = (each for each in patches_for(recipe) if getattr(each, "func", None) is draw_box_curves)
        assert isinstance(patch, partial)
        return bool(patch.keywords["keep_best"])

    assert not keeps_best(curves)
    assert keeps_best({**curves, "grounding_grpo": {}})
    assert not keeps_best({**curves, "grounding_grpo": {"keep_best": False}})


def test_coordinates_are_sharpened_where_a_recipe_weighs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    be(monkeypatch)
    assert names({"grounding_coordinate_loss": 0.0}) == names({})
    assert set(names({"grounding_coordinate_loss": 0.1})) - set(names({})) == {"sharpen_coordinates"}


def test_records_come_from_a_cache_where_a_recipe_names_one(monkeypatch: pytest.MonkeyPatch) -> None:
    be(monkeypatch)
    assert names({"grounding_cache": None}) == names({})
    assert set(names({"grounding_cache": "data/cache"})) - set(names({})) == {"take_records_from_cache"}


def test_kept_skills_are_measured_where_a_recipe_names_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    be(monkeypatch)
    assert names({"grounding_keep": []}) == names({"grounding_keep": None}) == names({})
    assert set(names({"grounding_keep": ["data/old"]})) - set(names({})) == {"measure_kept_skills"}


def test_adapters_are_on_attention_alone_where_a_recipe_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    be(monkeypatch)
    assert names({"grounding_lora_targets": "all"}) == names({})
    assert set(names({"grounding_lora_targets": "attention"})) - set(names({})) == {"adapt_attention_alone"}


def test_a_head_learns_where_a_recipe_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    be(monkeypatch)
    assert names({"grounding_box_head": False}) == names({})
    assert set(names({"grounding_box_head": True})) - set(names({})) == {"learn_box_head"}
    assert set(names({"grounding_box_head": {"weight": 2.0}})) - set(names({})) == {"learn_box_head"}


def test_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    be(monkeypatch, processes=8, has_gpu=True)
    assert names({"stage": "VL-SFT"}) == [*EVERY, *PLAIN, "start_adapters_alike"]
    assert names({"stage": "VL-DPO"}) == [*EVERY, *PLAIN, *PAIRS, "start_adapters_alike"]


def test_several_cpu_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    be(monkeypatch, processes=2)
    assert names({}) == [*EVERY, *PLAIN, "start_adapters_alike", *CPU, *GLOO]
    be(monkeypatch, processes=4, on_this_node=2)
    assert names({}) == ["share_one_folder", *EVERY, *PLAIN, "start_adapters_alike", *CPU, *GLOO]


def test_the_recipe_chooses_the_classes_on_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    be(monkeypatch, processes=8, has_gpu=True)
    assert names({"grounding_backend": "fleet"}) == [*EVERY, *FLEET, "start_adapters_alike"]
    assert names({"grounding_backend": "plain"}) == [*EVERY, *PLAIN, "start_adapters_alike"]
    monkeypatch.setitem(sys.modules, "paddlefleet", ModuleType("paddlefleet"))  # installed, and imported
    assert names({}) == [*EVERY, *PLAIN, "start_adapters_alike"]


def test_every_patch_is_used_somewhere() -> None:
    used = {*EVERY, *PLAIN, *FLEET, *CPU, *GLOO, *PAIRS}
    used |= {
        "learn_from_rollouts",
        "learn_box_head",
        "sharpen_coordinates",
        "adapt_attention_alone",
        "share_one_folder",
        "draw_box_curves",
        "measure_kept_skills",
        "stay_near_start",
        "start_adapters_alike",
        "initialise_fleet_for_resume",
        "take_records_from_cache",
    }
    assert {path.stem for path in PATCHES} == used


@pytest.mark.parametrize("path", PATCHES, ids=lambda path: path.stem)
def test_a_patch_says_what_it_is_for(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    first, *lines = (ast.get_docstring(tree) or "").splitlines()
    assert first.endswith(".")
    for label in ("Upstream: ", "Patch: ", "Remove: "):
        assert any(line.startswith(label) for line in lines), label
    [patch] = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == path.stem]
    returned = [node.value for node in patch.body if isinstance(node, ast.Return)]
    assert [value.value for value in returned if isinstance(value, ast.Constant)] == [path.stem]
