import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from grounding.errors import UserError
from models.hub_downloads import is_hub_id
from tests.train.pair_files import write_pairs
from train.check import main
from train.preflight.all_checks import RECIPE_CHECKS, check_recipe
from train.recipe import learns_preferences, resolve_recipe, save_train_recipe

RECIPES = sorted((Path(__file__).resolve().parents[3] / "recipes" / "train").glob("*.yaml"))
NEEDS_GPU = ("Paddle finds no GPU here", "sharding_parallel_size: does not run on CPUs")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_passes_the_checks_of_its_keys(path: Path) -> None:
    values = check_recipe(path, checks=RECIPE_CHECKS)
    assert values["template"] == "qwen3_vl_nothink"
    assert values["logging_dir"] == f"{values['output_dir']}/visualdl"


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_passes_but_for_gpus_and_what_is_made_before(
    path: Path, tmp_path: Path, drawn_data: Path, tiny_model: Path
) -> None:
    """With data there, the one problem of a recipe for GPUs is that there are none."""
    values = resolve_recipe(path)
    data = write_pairs(tmp_path / "pairs") if learns_preferences(values) else drawn_data
    files = [str(data / "train.jsonl")] * len(str(values["train_dataset_type"]).split(","))
    words = [f"output_dir={tmp_path / 'run'}", f"train_dataset_path={','.join(files)}"]
    words.append(f"eval_dataset_path={data / 'val.jsonl'}")
    on_cpu = values.get("device") == "cpu"
    if not is_hub_id(values["model_name_or_path"]):  # what an earlier recipe makes
        words.append(f"model_name_or_path={tiny_model if on_cpu else 'Qwen/Qwen3-VL-8B-Instruct'}")
    found = problems_of(path, words)
    assert (found == []) if on_cpu else found
    assert all(problem.startswith(NEEDS_GPU) for problem in found)


def problems_of(path: Path, words: list[str]) -> list[str]:
    try:
        check_recipe(path, words)
    except UserError as error:
        return str(error).removeprefix(f"{path}: ").split("; ")
    return []


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
    "late checkpoints": ({"use_async_save": True}, "use_async_save: its checkpoints cannot be told"),
    "no such strategy": ({"save_strategy": "sometimes"}, "none of no, steps, epoch"),
    "alpha": ({"lora_alpha": 32}, "lora_alpha: has no effect"),
    "thinking": ({"enable_thinking": False}, "enable_thinking: has no effect"),
    "unified": ({"unified_checkpoint": True}, "unified_checkpoint: has no effect"),
    "bf16": ({"bf16": True}, "bf16: has no effect"),
    "weights in 4 bits": ({"weight_quantize_algo": "nf4"}, "weight_quantize_algo: has no effect"),
    "no package for nf4": ({"compute_type": "nf4"}, "compute_type: nf4 needs PaddleSlim"),
    "filtered loss": ({"use_filtered_label_loss": True}, "use_filtered_label_loss: the loss computes"),
    "fused head": ({"use_fused_head_and_loss_fn": True}, "use_fused_head_and_loss_fn: the loss computes"),
    "loss in parts": ({"loss_subbatch_sequence_length": 64}, "loss_subbatch_sequence_length: the loss"),
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
    "no such template": ({"template": "qwen3_vl_nothing"}, "knows no 'qwen3_vl_nothing'"),
    "thinking model": ({"model_name_or_path": "Qwen/Qwen3-VL-8B-Thinking"}, "take the Instruct model"),
    "sharding": ({"sharding": "stage4"}, "sharding: 'stage4' is none of stage1, stage2, stage3"),
    "no sharding": ({"sharding": "", "sharding_parallel_size": 2}, "has no effect without sharding"),
    "experts": ({"expert_model_parallel_size": 2, "use_expert_parallel": True}, "the model has no experts"),
    "expert switch": ({"expert_model_parallel_size": 2}, "needs use_expert_parallel: true"),
    "heads": ({"tensor_model_parallel_size": 3}, "3 does not divide the model's attention heads 4"),
    "key-value heads": ({"tensor_model_parallel_size": 4}, "4 does not divide the model's key-value heads 2"),
    "layers": ({"pipeline_model_parallel_size": 2}, "2 does not divide the model's 3 layers"),
    "types": ({"train_dataset_prob": "0.5,0.5"}, "each path needs a type and a prob (there are 1 of path"),
    "mixture": (
        {"mix_strategy": "random", "max_steps": -1},
        "max_steps: must be set with mix_strategy random",
    ),
    "short": ({"max_seq_len": 20}, "max_seq_len: 20 is less than any of 48 records needs"),
    "resume": ({"resume_from_checkpoint": "nowhere"}, "resume_from_checkpoint: no such folder"),
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
    monkeypatch.setattr("train.preflight.all_checks.visible_gpus", lambda: 1)
    assert check_recipe(recipe, words)["device"] == "gpu"
    monkeypatch.setattr("train.preflight.all_checks.visible_gpus", lambda: 0)
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
    save_train_recipe(check_recipe(recipe), tmp_path / "run")
    assert check_recipe(recipe)
    with pytest.raises(UserError, match=r"another recipe \(learning_rate\)"):
        check_recipe(recipe, ["learning_rate=0.5"])
    assert check_recipe(recipe, ["learning_rate=0.5", "overwrite_output_dir=true"])
    checkpoint = tmp_path / "run" / "checkpoint-3"
    checkpoint.mkdir()
    assert check_recipe(recipe, ["learning_rate=0.5", f"resume_from_checkpoint={checkpoint}"])


def test_what_will_become_of_an_earlier_run_is_said(
    recipe: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    save_train_recipe(check_recipe(recipe), tmp_path / "run")
    assert "output: " not in caplog.text
    for step in (3, 12):
        (tmp_path / "run" / f"checkpoint-{step}").mkdir()
    check_recipe(recipe)
    assert "holds a run of this recipe, at checkpoint-12: it resumes" in caplog.text
    check_recipe(recipe, ["overwrite_output_dir=true"])
    assert "is removed (overwrite_output_dir), and training starts from the beginning" in caplog.text


def test_the_run_is_foretold(recipe: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    check_recipe(recipe, ["gradient_accumulation_steps=3", "max_seq_len=200"])
    for words in (
        "records: 48; the first 48 in this seed's order encoded",
        "max_seq_len 200: 0 of 48 records are longer",
        "of them are learned",
        "(batches of 2 as they come, padded to the longest)",
        "batch: 6 records a step = 2 a device x 3 accumulated x 1 data parallel; 6 steps = 0.75 epochs",
        "memory: about",
    ):
        assert words in caplog.text


def test_a_sample_can_be_smaller_or_left_out(recipe: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert "check_samples" not in check_recipe(recipe, ["check_samples=5"])
    assert "the first 5 in this seed's order" in caplog.text
    check_recipe(recipe, ["check_samples=0"])
    assert "encoding: left out" in caplog.text


def test_a_model_that_is_not_here_is_no_fault(
    make_recipe: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    check_recipe(make_recipe(model_name_or_path="Qwen/Qwen3-VL-2B-Instruct"))
    assert "encoding: skipped, as 'Qwen/Qwen3-VL-2B-Instruct' is not on this disk" in caplog.text
    assert "model 2,127.5 M" in caplog.text
    check_recipe(make_recipe(model_name_or_path="Some/Unknown"))
    assert "memory: no plan, model_name_or_path: the shapes of 'Some/Unknown' are not known" in caplog.text


GPU_WORDS = ["device=gpu", "_attn_implementation=sdpa", "compute_type=bf16"]


def test_degrees_have_to_divide_the_gpus(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for gpus, words, message in (
        (3, "tensor_model_parallel_size=2", "does not divide 3 GPUs: change the degrees"),
        (1, "tensor_model_parallel_size=2", "tensor_model_parallel_size: 2 is dropped on one GPU"),
        (
            4,
            "sharding_parallel_size=3",
            "sharding_parallel_size: 3 x tensor_model_parallel_size 1 does not divide",
        ),
    ):
        monkeypatch.setattr("train.preflight.all_checks.visible_gpus", lambda gpus=gpus: gpus)
        with pytest.raises(UserError) as caught:
            check_recipe(recipe, [*GPU_WORDS, words])
        assert message in str(caught.value)
    monkeypatch.setattr("train.preflight.all_checks.visible_gpus", lambda: 2)
    assert check_recipe(recipe, [*GPU_WORDS, "tensor_model_parallel_size=2"])


def test_a_run_that_does_not_fit_its_cards_is_refused(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("train.preflight.all_checks.visible_gpus", lambda: 1)
    words = [*GPU_WORDS, "model_name_or_path=Qwen/Qwen3-VL-8B-Instruct", "max_seq_len=4096"]
    assert check_recipe(recipe, words)  # how large the card is, is not known
    with pytest.raises(UserError, match=r"memory: .* of 24 GiB on each of 1 GPUs, DOES NOT FIT"):
        check_recipe(recipe, [*words, "gpu_memory_gb=24"])


def test_nodes_are_counted(
    recipe: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("train.preflight.all_checks.visible_gpus", lambda: 2)
    monkeypatch.setenv("NNODES", "3")
    check_recipe(recipe, GPU_WORDS)
    assert "2 a device x 1 accumulated x 6 data parallel" in caplog.text


def test_a_tokenizer_without_the_templates_tokens_is_refused(
    recipe: Path, tiny_model: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_model, tmp_path / "model")
    path = tmp_path / "model" / "tokenizer.json"
    content = json.loads(path.read_text())
    content["added_tokens"] = [t for t in content["added_tokens"] if t["content"] != "<|box_start|>"]
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"qwen3_vl_nothink writes <\|box_start\|>, which the tokenizer"):
        check_recipe(recipe, [f"model_name_or_path={tmp_path / 'model'}"])
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    (tmp_path / "model" / "config.json").write_text(json.dumps({**config, "model_type": "qwen2_5_vl"}))
    with pytest.raises(UserError, match="is a qwen2_5_vl, and template qwen3_vl_nothink is for qwen3_vl"):
        check_recipe(recipe, [f"model_name_or_path={tmp_path / 'model'}"])


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
