from collections.abc import Callable
from pathlib import Path

import pytest

from grounding.errors import UserError
from train.check import RECIPE_CHECKS, check_recipe, is_hub_id, main, resolve_recipe

RECIPES = sorted((Path(__file__).resolve().parents[2] / "recipes" / "train").glob("*.yaml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_passes_the_checks_of_its_keys(path: Path) -> None:
    values = check_recipe(path, checks=RECIPE_CHECKS)
    assert values["template"] == "qwen3_vl_nothink"
    assert values["logging_dir"] == f"{values['output_dir']}/visualdl"


def test_a_good_recipe_passes(recipe: Path) -> None:
    assert check_recipe(recipe)["max_steps"] == 6
    assert main([str(recipe), "max_steps=7"]) == 0


TRAPS = {
    "misspelt": ({"learning_rat": 1.0}, "did you mean 'learning_rate'"),
    "renamed": ({"attn_impl": "eager"}, "_attn_implementation"),
    "number as text": ({"learning_rate": "1e-4"}, "write 1.0e-4"),
    "half a step": ({"max_steps": 1.5}, "max_steps: 1.5 is float, must be int"),
    "text for a number": ({"max_steps": "many"}, "max_steps: 'many' is str"),
    "number for a switch": ({"packing": 1}, "packing: 1 is int, must be bool"),
    "bare no": ({"save_strategy": False}, 'write "no"'),
    "no such strategy": ({"save_strategy": "sometimes"}, "none of no, steps, epoch"),
    "alpha": ({"lora_alpha": 32}, "lora_alpha: has no effect"),
    "thinking": ({"enable_thinking": False}, "enable_thinking: has no effect"),
    "unified": ({"unified_checkpoint": True}, "unified_checkpoint: has no effect"),
    "bf16": ({"bf16": True}, "bf16: has no effect"),
    "own plug-in": ({"custom_register_path": "x.py"}, "custom_register_path: has no effect"),
    "think template": ({"template": "qwen3_vl"}, "write qwen3_vl_nothink"),
    "no template": ({"template": ...}, "template: is missing"),
    "text stage": ({"stage": "SFT"}, "write VL-SFT"),
    "seed": ({"seed": 0}, "seed: 0"),
    "no probability": ({"train_dataset_prob": ...}, "train_dataset_prob: is missing"),
    "stray eval path": ({"eval_dataset_path": ...}, "eval_dataset_path: is missing"),
    "stray eval type": ({"eval_dataset_type": ...}, "eval_dataset_type: is missing"),
    "no evaluation": ({"do_eval": True}, "do_eval: true does nothing"),
    "master gradients": ({"amp_master_grad": ...}, "amp_master_grad: is true by default"),
    "level": ({"fp16_opt_level": "O2"}, "fp16_opt_level: O2 is refused"),
    "mask": ({"_attn_implementation": "flashmask"}, "use_attn_mask_startend_row_indices: must be true"),
    "pixels": ({"min_pixels": 9, "max_pixels": 4}, "min_pixels: 9 is more than max_pixels: 4"),
    "no pixels": ({"max_pixels": 0}, "max_pixels: 0 must be at least 1"),
    "no data": ({"train_dataset_path": "nowhere.jsonl"}, "no such file 'nowhere.jsonl'"),
    "no model": ({"model_name_or_path": "./nowhere"}, "no such folder"),
    "no output": ({"output_dir": ...}, "output_dir: is missing"),
}


@pytest.mark.parametrize(("changes", "message"), TRAPS.values(), ids=TRAPS)
def test_trap_is_found(make_recipe: Callable[..., Path], changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as caught:
        check_recipe(make_recipe(**changes))
    assert message in str(caught.value)


def test_all_problems_come_at_once(recipe: Path) -> None:
    with pytest.raises(UserError) as caught:
        check_recipe(recipe, ["template=qwen3_vl", "seed=0", "max_stepz=3", "learning_rate=fast"])
    for word in ("template", "seed", "max_stepz", "learning_rate", str(recipe)):
        assert word in str(caught.value)


def test_gpu_keys_are_refused_where_there_is_no_gpu(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["device=gpu", "_attn_implementation=sdpa", "compute_type=bf16"]
    monkeypatch.setattr("train.check.visible_gpus", lambda: 1)
    assert check_recipe(recipe, words)["device"] == "gpu"
    monkeypatch.setattr("train.check.visible_gpus", lambda: 0)
    with pytest.raises(UserError, match="device=cpu _attn_implementation=eager compute_type=float32"):
        check_recipe(recipe, words)


def test_a_model_without_weights_is_refused(recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(UserError, match=r"no config\.json"):
        check_recipe(recipe, [f"model_name_or_path={tmp_path / 'model'}"])
    (tmp_path / "model" / "config.json").write_text("{}")
    with pytest.raises(UserError, match="no weights"):
        check_recipe(recipe, [f"model_name_or_path={tmp_path / 'model'}"])


def test_an_output_folder_belongs_to_its_recipe(recipe: Path, tmp_path: Path) -> None:
    from train.launch import save_recipe

    save_recipe(check_recipe(recipe), tmp_path / "run")
    assert check_recipe(recipe)
    with pytest.raises(UserError, match=r"another recipe \(learning_rate\)"):
        check_recipe(recipe, ["learning_rate=0.5"])
    assert check_recipe(recipe, ["learning_rate=0.5", "overwrite_output_dir=true"])


def test_checkpoints_of_an_unknown_recipe_are_refused(recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "run" / "checkpoint-3").mkdir(parents=True)
    with pytest.raises(UserError, match="unknown recipe"):
        check_recipe(recipe)


def test_curves_follow_the_output_folder(recipe: Path) -> None:
    assert resolve_recipe(recipe, ["output_dir=other"])["logging_dir"] == "other/visualdl"
    assert resolve_recipe(recipe, ["output_dir=other", "logging_dir=here"])["logging_dir"] == "here"


def test_hub_ids_are_told_from_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert is_hub_id("Qwen/Qwen3-VL-8B-Instruct")
    assert not is_hub_id("checkpoints/demo/base")
    assert not is_hub_id("./model")
    (tmp_path / "checkpoints").mkdir()
    assert not is_hub_id("checkpoints/base")
