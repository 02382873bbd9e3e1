import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from grounding.errors import UserError, run_command
from grounding.markup import IMAGE_PLACEHOLDER
from infer.engines.paddle.engine import PaddleEngine
from infer.engines.protocol import RawAnswer, Request
from infer.engines.settings import EngineSettings
from models.folder_files import fingerprint_model
from tests.models.heads.random_head import save_random_head
from train.export.__main__ import main
from train.export.adapter_merge import split_fused
from train.export.folder_writer import export
from train.tiny import config_files as tiny
from train.tiny.config_files import TinySettings
from train.tiny.model import write_tiny_model

COMPLETE = (
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "merges.txt",
    "preprocessor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "video_preprocessor_config.json",
    "vocab.json",
)
ADDED_BY_TRANSFORMERS = {"rope_parameters", "attention_bias", "attention_dropout"}
SETTINGS = ("tokenizer.json", "tokenizer_config.json", "preprocessor_config.json")
SETTINGS += ("video_preprocessor_config.json",)


@pytest.fixture
def lora_run(base: Path, tmp_path: Path, load_model: Any) -> tuple[Path, Any]:
    """A folder as a LoRA run leaves it, with an adapter that changes every matrix, and its model."""
    import paddle
    from paddleformers.peft import LoRAConfig, LoRAModel

    names = ["q_proj", "k_proj", "v_proj", "qkv_proj", "o_proj", "up_gate_proj", "gate_proj", "up_proj"]
    names += ["down_proj", "attn.qkv", "attn.proj", "linear_fc1", "linear_fc2"]
    config = LoRAConfig(
        target_modules=[*(f"model.*{name}.*" for name in names), "model.*mlp.experts"],
        r=8,
        lora_alpha=16,
        merge_weights=False,
        dtype="float32",
        base_model_name_or_path=str(base),
    )
    model = LoRAModel(load_model(base), config)
    paddle.seed(3)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.set_value(paddle.randn(parameter.shape) * 0.2)
    run = tmp_path / "run"
    from safetensors.paddle import save_file as save_paddle_file

    factors = {
        re.sub(r"^(model\.)+", "model.", name): value
        for name, value in model.state_dict().items()
        if "lora_" in name
    }
    run.mkdir()
    save_paddle_file(factors, str(run / "peft_model-00001-of-00001.safetensors"))
    config.save_pretrained(str(run))
    for name in SETTINGS:
        (run / name).write_bytes((base / name).read_bytes())
    return run, model


@pytest.fixture(params=[2, 4, "experts"], ids=["grouped", "full", "experts"])
def base(
    request: pytest.FixtureRequest, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The tiny model, with four query heads for two key-value heads, and for four, and with experts."""
    if request.param == "experts":
        write_tiny_model(tmp_path / "base", TinySettings(experts=4))
        return tmp_path / "base"
    if request.param == tiny.TEXT["num_key_value_heads"]:
        return tiny_model
    monkeypatch.setitem(tiny.TEXT, "num_key_value_heads", request.param)
    write_tiny_model(tmp_path / "base")
    return tmp_path / "base"


def logits(model: Any, vision_tokens: tuple[int, int, int]) -> Any:
    import paddle

    image, start, end = vision_tokens
    paddle.seed(1)
    model.eval()
    with paddle.no_grad():
        output = model(
            input_ids=paddle.to_tensor([[5, start, *[image] * 16, end, 6, 7]]),
            pixel_values=paddle.randn([64, 384]),
            image_grid_thw=paddle.to_tensor([[1, 8, 8]]),
        )
    return output.logits.numpy()


def test_merged_model_equals_the_adapter(
    lora_run: tuple[Path, Any], base: Path, load_model: Any, vision_tokens: tuple[int, int, int]
) -> None:
    run, adapted = lora_run
    folder = export(run)
    expected = logits(adapted, vision_tokens)
    assert np.abs(expected - logits(load_model(base), vision_tokens)).max() > 0.1
    assert np.abs(expected - logits(load_model(folder), vision_tokens)).max() <= 1e-4
    assert sorted(path.name for path in folder.glob("*.*") if path.suffix in (".json", ".jinja", ".txt")) == (
        sorted(COMPLETE)
    )


FLEET_NAMES = {
    "experts.gate_up_proj_": "grouped_gemm_experts.weight1_",
    "experts.down_proj_": "grouped_gemm_experts.weight2_",
}


def change_factors(run: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    [file] = run.glob("peft_model*.safetensors")
    save_file(change(load_file(file)), file)


def written_weights(folder: Path) -> dict[str, Any]:
    return {name: value for file in folder.glob("*.safetensors") for name, value in load_file(file).items()}


@pytest.mark.parametrize("base", ["experts"], indirect=True)
def test_the_experts_of_paddlefleet_are_merged_under_their_own_names(lora_run: tuple[Path, Any]) -> None:
    """The adapter is the plain one with the names that LoRAModel gives to paddlefleet's experts."""
    run, _ = lora_run
    expected = written_weights(export(run))

    def rename(factors: dict[str, Any]) -> dict[str, Any]:
        for plain, fleet in FLEET_NAMES.items():
            assert any(plain in name for name in factors)
            factors = {name.replace(plain, fleet): value for name, value in factors.items()}
        return factors

    change_factors(run, rename)
    found = written_weights(export(run))
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize("base", ["experts"], indirect=True)
@pytest.mark.parametrize(
    ("gone", "added"),
    [
        ("", "model.language_model.layers.0.mlp.grouped_gemm_experts.weight1_lora_C"),
        ("", "model.language_model.layers.0.self_attn.q_proj.lora_magnitude"),
        ("", "model.language_model.layers.0.self_attn.o_proj.bias"),
        ("", "model.language_model.layers.0.mlp.experts.weight3_lora_A"),
        ("model.language_model.layers.0.mlp.experts.down_proj_lora_B", ""),
        ("model.language_model.layers.0.mlp.experts.down_proj_lora_A", ""),
    ],
)
def test_a_factor_that_the_export_does_not_know_is_refused(
    lora_run: tuple[Path, Any], gone: str, added: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = lora_run

    def change(factors: dict[str, Any]) -> dict[str, Any]:
        kept = {name: value for name, value in factors.items() if name != gone}
        assert len(kept) == len(factors) - bool(gone)
        return kept | ({added: np.zeros((4, 8, 8), np.float32)} if added else {})

    change_factors(run, change)
    assert run_command(lambda: export(run) and 0) == 2
    [line] = capsys.readouterr().err.splitlines()
    partner = gone[:-1] + {"A": "B", "B": "A", "": ""}[gone[-1:]]
    assert f"(1, first '{added or partner}')" in line
    assert sorted(path.name for path in run.iterdir() if path.is_dir()) == []


@pytest.mark.parametrize("base", ["experts"], indirect=True)
def test_a_pair_for_a_matrix_that_the_model_does_not_have_is_refused(lora_run: tuple[Path, Any]) -> None:
    run, _ = lora_run
    strange = "model.language_model.layers.0.mlp.grouped_gemm_experts.weight3_lora_"
    pair = {f"{strange}A": np.zeros((4, 8, 2), np.float32), f"{strange}B": np.zeros((4, 2, 8), np.float32)}
    change_factors(run, lambda factors: factors | pair)
    with pytest.raises(UserError, match=r"the adapter changes '.*weight3', which .* does not have"):
        export(run)


@pytest.mark.slow
@pytest.mark.xdist_group("runs")
def test_an_adapter_of_two_processes_is_merged_as_it_was_trained(
    interrupted_parallel_run: dict[str, Any],
    load_model: Any,
    vision_tokens: tuple[int, int, int],
    write_recipe: Callable[..., Path],
    finish_training: Callable[..., str],
    tmp_path: Path,
) -> None:
    from paddleformers.peft import LoRAModel

    from grounding.run_record import read_run

    run = interrupted_parallel_run["run"]
    folder = export(run)
    base = Path(json.loads((run / "lora_config.json").read_text())["base_model_name_or_path"])
    unmerged = LoRAModel.from_pretrained(load_model(base), str(run))
    expected = logits(unmerged, vision_tokens)
    assert np.abs(expected - logits(load_model(base), vision_tokens)).max() > 0.1
    assert np.abs(expected - logits(load_model(folder), vision_tokens)).max() <= 1e-4

    # One process that goes over the validation data with the merged model finds the two processes' loss.
    evaluation = {"do_eval": True, "evaluation_strategy": "steps", "eval_steps": 1}
    recipe = write_recipe(
        tmp_path,
        model_name_or_path=str(folder),
        max_steps=1,
        save_strategy="no",
        save_steps=...,
        learning_rate=0.0,
        per_device_eval_batch_size=8,
        **evaluation,
    )
    finish_training(recipe)
    trained, again = read_run(run), read_run(tmp_path / "run")
    assert trained
    assert again
    assert again.evaluation["loss"] == pytest.approx(trained.evaluation["loss"], rel=1e-4)


@pytest.mark.slow
def test_the_adapter_of_a_mixture_is_merged_as_it_was_trained(
    train_tiny: Callable[..., Path], load_model: Any, vision_tokens: tuple[int, int, int], tmp_path: Path
) -> None:
    from paddleformers.peft import LoRAModel

    base = tmp_path / "base"
    write_tiny_model(base, TinySettings(experts=4))
    run = train_tiny("tiny_lora", model_name_or_path=base, max_steps=4, eval_steps=4, learning_rate=3.0e-2)
    factors = {name for file in run.glob("peft_model*.safetensors") for name in load_file(file)}
    assert any(name.endswith("mlp.experts.gate_up_proj_lora_B") for name in factors)
    assert (run / "boxes" / "step-4" / "scores.json").is_file()  # it was asked while it was trained
    folder = export(run)
    expected = logits(LoRAModel.from_pretrained(load_model(base), str(run)), vision_tokens)
    assert np.abs(expected - logits(load_model(base), vision_tokens)).max() > 0.1
    assert np.abs(expected - logits(load_model(folder), vision_tokens)).max() <= 1e-4


@pytest.mark.slow
@pytest.mark.xdist_group("runs")
def test_a_full_run_is_exported_with_the_same_weights(
    full_run: Path, tiny_model: Path, load_model: Any, vision_tokens: tuple[int, int, int]
) -> None:
    assert main([str(full_run / "train.yaml")]) == 0
    folder = full_run / "export"
    for name in (*COMPLETE, "model.safetensors.index.json", "train.yaml", "run.json"):
        assert (folder / name).is_file(), name
    expected, found = (logits(load_model(path), vision_tokens) for path in (full_run, folder))
    np.testing.assert_array_equal(found, expected)
    with safe_open(next(folder.glob("*.safetensors")), "np") as weights:
        assert weights.metadata() == {"format": "pt"}
    assert not list(full_run.glob(".export*"))

    config = json.loads((folder / "config.json").read_text())
    original = json.loads((tiny_model / "config.json").read_text())
    private = {"fuse_rms_norm"}
    for part in ("text_config", "vision_config"):
        assert {
            name: config[part].get(name) for name in original[part] if name not in {*private, "use_cache"}
        } == {name: value for name, value in original[part].items() if name not in {*private, "use_cache"}}
        assert config[part].keys() - original[part].keys() <= {"layer_types", *ADDED_BY_TRANSFORMERS}
    assert config["architectures"] == ["Qwen3VLForConditionalGeneration"]
    assert json.loads((folder / "generation_config.json").read_text()) == json.loads(
        (tiny_model / "generation_config.json").read_text()
    )


@pytest.mark.parametrize("base", [2], indirect=True)
def test_an_export_that_fails_leaves_the_earlier_one(lora_run: tuple[Path, Any]) -> None:
    run, _ = lora_run
    before = {path.name: path.read_bytes() for path in export(run).iterdir()}
    (run / "preprocessor_config.json").unlink()
    with pytest.raises(UserError, match=r"preprocessor_config\.json"):
        export(run)
    assert {path.name: path.read_bytes() for path in (run / "export").iterdir()} == before


def write_calibration(run: Path, checkpoint: str) -> dict[str, Any]:
    content = {"version": 1, "weighing": {"bias": 0.5}, "fitted_on": {"checkpoint": checkpoint, "boxes": 60}}
    (run / "calibration.json").write_text(json.dumps(content))
    return content


def test_the_calibration_of_copied_weights_holds_for_the_export(tiny_model: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_model, run)
    content = write_calibration(run, fingerprint_model(run, None, run))
    folder = export(run)
    found = json.loads((folder / "calibration.json").read_text())
    fitted_on = found.pop("fitted_on")
    assert fitted_on == {"checkpoint": fingerprint_model(folder, None, folder), "boxes": 60}
    assert found == {name: content[name] for name in found}


@pytest.mark.parametrize("base", [2], indirect=True)
def test_the_calibration_of_an_adapter_is_left_out_of_merged_weights(
    lora_run: tuple[Path, Any], base: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run, _ = lora_run
    write_calibration(run, fingerprint_model(base, run, run))
    assert not (export(run) / "calibration.json").exists()
    assert "left out: it was fitted to the adapter" in caplog.text


@pytest.mark.parametrize("text", ['{"fitted_on": {"checkpoint": "older"}}', "{}", '{"fitted_on": 3}'])
def test_the_calibration_of_another_checkpoint_is_left_out(
    tiny_model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_model, run)
    (run / "calibration.json").write_text(text)
    assert not (export(run) / "calibration.json").exists()
    assert "left out: it was fitted to another checkpoint" in caplog.text


@pytest.mark.parametrize("base", [2], indirect=True)
def test_the_box_head_of_an_adapter_reads_the_merged_model(
    lora_run: tuple[Path, Any], base: Path, drawn_data: Path
) -> None:
    """The unmerged adapter and the export give the head the same states, so that it says the same."""
    run, _ = lora_run
    [file] = run.glob("peft_model*.safetensors")
    index = {"metadata": {"total_size": 0}, "weight_map": dict.fromkeys(load_file(file), file.name)}
    (run / "peft_model.safetensors.index.json").write_text(json.dumps(index))
    save_random_head(run, fingerprint_model(base, run, run))
    request = Request(
        (drawn_data / "images" / "val_0.png",), "", f"{IMAGE_PLACEHOLDER}Task: Object Detection"
    )
    text = "red square(100,200),(500,600), green circle(10,20),(30,45)"
    said = []
    for folder in (run, export(run)):
        keys = {"checkpoint": str(folder), "device": "cpu", "boxes": "head", "score": "head"}
        engine = PaddleEngine(EngineSettings(**keys))  # type: ignore[arg-type]
        assert engine.judge is not None
        answer = engine.judge.judge(RawAnswer(text, is_cut=False), *engine.read_boxes([request], [text]))
        said.append([[*(box.shares or ()), box.match] for box in answer.head_boxes])
    assert len(said[0]) == 2
    assert np.array(said[0]) == pytest.approx(np.array(said[1]), abs=2e-4)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no finished run"):
        export(tmp_path)


def test_a_run_that_lacks_a_weight_file_is_refused(tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(
        (tiny_model / "model.safetensors").read_bytes()
    )
    names = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    with pytest.raises(UserError, match=r"no model-00002-of-00002\.safetensors"):
        export(tmp_path)


@pytest.mark.parametrize("base", [2], indirect=True)
def test_an_adapter_of_another_model_is_refused(lora_run: tuple[Path, Any], tmp_path: Path) -> None:
    run, _ = lora_run
    write_tiny_model(tmp_path / "other")
    config = json.loads((tmp_path / "other" / "config.json").read_text())
    config["text_config"] |= {"num_attention_heads": 2, "num_key_value_heads": 1}
    (tmp_path / "other" / "config.json").write_text(json.dumps(config))
    lora = json.loads((run / "lora_config.json").read_text())
    lora["base_model_name_or_path"] = str(tmp_path / "other")
    (run / "lora_config.json").write_text(json.dumps(lora))
    with pytest.raises(UserError, match="another model"):
        export(run)
    config["text_config"] |= {"num_attention_heads": 4, "num_key_value_heads": 2}
    (tmp_path / "other" / "config.json").write_text(json.dumps(config))
    assert export(run).is_dir()
    weights = load_file(tmp_path / "other" / "model.safetensors")
    weights["model.visual.merger.linear_fc1.weight"] = np.zeros((192, 96), np.float32)
    save_file(weights, tmp_path / "other" / "model.safetensors")
    with pytest.raises(UserError, match=r"\[192, 96\], the adapter's \[192, 192\]: another model"):
        export(run)


def test_fused_queries_are_grouped_by_key_value_head() -> None:
    import paddle

    config = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 1, "hidden_size": 3}
    rows = paddle.arange(8).reshape([8, 1])  # q q k v | q q k v
    parts = {name: part.flatten().tolist() for name, part in split_fused("qkv_proj", rows, config).items()}
    assert parts == {"q_proj": [0, 1, 4, 5], "k_proj": [2, 6], "v_proj": [3, 7]}
    halves = split_fused("up_gate_proj", rows, config)
    assert halves["gate_proj"].flatten().tolist() == [0, 1, 2, 3]
    assert list(split_fused("o_proj", rows, config)) == ["o_proj"]
