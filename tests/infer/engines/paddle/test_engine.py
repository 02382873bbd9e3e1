"""The decoding loop against the framework's own generate, on a random tiny model."""

import json
import subprocess
import sys
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from grounding.errors import UserError
from infer.asking.dataset_questions import read_questions
from infer.engines.paddle.engine import PaddleEngine
from infer.engines.paddle.row_answer import written_text
from infer.engines.protocol import RawAnswer, Request
from infer.engines.settings import EngineSettings

ROOT = Path(__file__).parents[4]
NEW_TOKENS = 16


@pytest.fixture(scope="module")
def engine(any_checkpoint: Path) -> PaddleEngine:
    return PaddleEngine(  # of a random model, which loops
        EngineSettings(
            checkpoint=str(any_checkpoint), device="cpu", max_new_tokens=NEW_TOKENS, repeat_stop=False
        )
    )


@pytest.fixture
def requests(dataset: Any) -> list[Request]:
    """Seven images of mixed sizes, with and without system message, questions of growing length."""
    return [question.request for question in read_questions(dataset.path, "val")]


def new_tokens(engine: PaddleEngine, requests: list[Request]) -> list[tuple[list[int], bool]]:
    engine.forget()
    rows = engine.generate([engine.encode(request) for request in requests])
    return [(row.token_ids, row.has_ended) for row in rows]


def set_decoding(engine: PaddleEngine, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    monkeypatch.setattr(engine, "decoding", replace(engine.decoding, **changes))


def test_answers_of_a_batch_equal_those_one_by_one(
    engine: PaddleEngine, requests: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_decoding(engine, monkeypatch, end_ids=frozenset())  # a random model may end at once
    batch = engine.answer(requests)
    assert batch == [engine.answer([request])[0] for request in requests]
    engine.forget()
    assert batch == [engine.answer([request])[0] for request in requests]
    # A random model soon repeats itself, but one that looks at its input does not always say the same.
    assert len({answer.text for answer in batch}) > len(requests) // 2
    assert all(answer.is_cut for answer in batch)


def test_each_request_has_its_own_number_of_alternatives(
    engine: PaddleEngine, requests: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_decoding(engine, monkeypatch, end_ids=frozenset(), with_logprobs=True, max_new_tokens=5)
    wanted = [0, 3, 1, 0, 2]
    plain = engine.answer(requests[:5])
    asked = [replace(each, alternatives=count) for each, count in zip(requests[:5], wanted, strict=True)]
    for answer, count, without in zip(engine.answer(asked), wanted, plain, strict=True):
        assert answer.text == without.text
        assert {len(token.alternatives) for token in answer.tokens} == {count}
        for token in answer.tokens if count else ():
            assert token.alternatives[0] == (token.text, pytest.approx(token.logprob, abs=1e-5))
            logprobs = [logprob for _, logprob in token.alternatives]
            assert logprobs == sorted(logprobs, reverse=True)


def test_each_request_has_its_own_limit(
    engine: PaddleEngine, requests: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_decoding(engine, monkeypatch, end_ids=frozenset(), with_logprobs=True, max_new_tokens=6, rows=2)
    limits = [None, 2, 6, 1, 100]
    whole = engine.answer(requests[:5])
    asked = [replace(each, max_tokens=limit) for each, limit in zip(requests[:5], limits, strict=True)]
    for answer, limit, uncut in zip(engine.answer(asked), limits, whole, strict=True):
        assert len(answer.tokens) == min(6, limit or 6)
        assert answer.is_cut
        assert uncut.text.startswith(answer.text)


def test_the_prompts_tokens_are_counted(engine: PaddleEngine, requests: list[Request]) -> None:
    counts = [answer.prompt_tokens for answer in engine.answer(requests)]
    assert counts == [len(engine.encode(request).token_ids) for request in requests]


@pytest.mark.filterwarnings("ignore")
def test_tokens_equal_those_of_the_frameworks_generate(engine: PaddleEngine, requests: list[Request]) -> None:
    import paddle

    ours = new_tokens(engine, requests)
    assert sum(len(ids) for ids, _ in ours) > 5 * len(requests)  # there is something to compare
    for request, (ids, _) in zip(requests, ours, strict=True):
        prompt = engine.encode(request)
        token_ids = paddle.to_tensor([prompt.token_ids])
        with paddle.no_grad():
            expected, _ = engine.model.generate(
                input_ids=token_ids,
                attention_mask=paddle.ones_like(token_ids),
                pixel_values=prompt.pixel_values,
                image_grid_thw=prompt.image_grid_thw,
                max_new_tokens=NEW_TOKENS,
                decode_strategy="greedy_search",
                eos_token_id=sorted(engine.decoding.end_ids),
                pad_token_id=engine.decoding.pad_id,
            )
        assert ids == list(
            takewhile(lambda token_id: token_id not in engine.decoding.end_ids, expected[0].tolist())
        )


def test_a_row_that_ends_leaves_the_others_as_they_are(
    engine: PaddleEngine, requests: list[Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_decoding(engine, monkeypatch, end_ids=frozenset())
    whole = [ids for ids, _ in new_tokens(engine, requests)]
    end = whole[0][5]  # make a token that the first answer contains the end of an answer
    set_decoding(engine, monkeypatch, end_ids=frozenset({end}))
    expected = [(ids[: ids.index(end)], True) if end in ids else (ids, False) for ids in whole]
    assert new_tokens(engine, requests) == expected
    answer = engine.answer(requests[:1])[0]
    assert not answer.is_cut
    assert engine.encoder.tokenizer.decode(expected[0][0]) == answer.text


def test_special_tokens_stay_in_the_text(engine: PaddleEngine) -> None:
    text = "<|object_ref_start|>red square<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|>"
    tokenizer = engine.encoder.tokenizer
    assert written_text(tokenizer, tokenizer(text)["input_ids"]) == text
    assert len(engine.decoding.end_ids) == len(engine.family.end_tokens)


def test_the_attention_that_gpus_use_gives_the_same_tokens(
    engine: PaddleEngine, requests: list[Request]
) -> None:
    config = engine.model.config
    parts = [config, config.text_config, config.vision_config]
    eager = new_tokens(engine, requests)
    assert {part._attn_implementation for part in parts} == {"eager"}
    try:
        for part in parts:
            part._attn_implementation = "sdpa"
        assert new_tokens(engine, requests) == eager
        assert new_tokens(engine, requests[:1]) == eager[:1]  # without padding there is no mask
    finally:
        for part in parts:
            part._attn_implementation = "eager"


@pytest.mark.filterwarnings("ignore")
def test_an_adapter_is_loaded_unmerged(
    engine: PaddleEngine, any_checkpoint: Path, requests: list[Request], tmp_path: Path
) -> None:
    import paddle
    from paddleformers.peft import LoRAConfig, LoRAModel

    plain = new_tokens(engine, requests)
    config = LoRAConfig(
        r=4,
        lora_alpha=8,
        target_modules=[".*qkv_proj.*", ".*o_proj.*", ".*down_proj.*", ".*mlp.experts"],
        base_model_name_or_path=str(any_checkpoint),
    )
    trained = PaddleEngine(
        EngineSettings(checkpoint=str(any_checkpoint), device="cpu", max_new_tokens=NEW_TOKENS)
    )
    paddle.seed(0)
    lora = LoRAModel(trained.model, config)
    for name, parameter in lora.named_parameters():
        if "lora_B" in name:
            parameter.set_value(paddle.randn(parameter.shape) * 0.3)
    lora.eval()
    lora.save_pretrained(str(tmp_path / "lora"))
    expected = new_tokens(trained, requests)
    loaded = PaddleEngine(
        EngineSettings(checkpoint=str(tmp_path / "lora"), device="cpu", max_new_tokens=NEW_TOKENS)
    )
    assert new_tokens(loaded, requests) == expected
    assert expected != plain

    # With a part that the plain model has no place for, the adapter would be another one.
    file = next((tmp_path / "lora").glob("peft_model*.safetensors"))
    strange = "model.language_model.layers.0.mlp.grouped_gemm_experts.weight1_lora_A"
    save_file({**load_file(file), strange: np.zeros((4, 8, 4), np.float32)}, file)
    with pytest.raises(
        UserError, match=rf"no place for a part of this adapter \(1 tensors, first '{strange}'\)"
    ):
        PaddleEngine(EngineSettings(checkpoint=str(tmp_path / "lora"), device="cpu"))


def test_loading_leaves_the_folder_as_it_was(engine: PaddleEngine, any_checkpoint: Path) -> None:
    assert not list(any_checkpoint.glob("*.metadata"))


def test_command_line(any_checkpoint: Path, dataset: Any, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    keys = {"checkpoint": any_checkpoint, "dataset": dataset.path, "output_dir": tmp_path / "out"}
    recipe.write_text("".join(f"{key}: {value}\n" for key, value in keys.items()), encoding="utf-8")
    command = [sys.executable, "-m", "infer", str(recipe), "batch_size=3", "max_new_tokens=4", "device=cpu"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "7 of 7 images scored" in done.stdout
    assert (tmp_path / "out" / "scores.json").is_file()
    assert "7/7" in done.stderr
    noise = [line for line in done.stderr.replace("\r", "\n").splitlines() if line and "image" not in line]
    assert noise == []  # a bar, and nothing else
    rows = (tmp_path / "out" / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(row)["image_id"] for row in rows] == dataset.image_ids
    assert RawAnswer(json.loads(rows[0])["raw"], is_cut=True).text


def test_a_gpu_that_is_not_there_is_an_error(tiny_checkpoint: Path, dataset: Any, tmp_path: Path) -> None:
    import paddle

    if paddle.device.is_compiled_with_cuda():
        pytest.skip("this Paddle is made for GPUs")
    command = [sys.executable, "-m", "infer", str(ROOT / "recipes/infer/demo.yaml"), "device=gpu"]
    keys = [f"checkpoint={tiny_checkpoint}", f"dataset={dataset.path}", f"output_dir={tmp_path / 'out'}"]
    done = subprocess.run([*command, *keys], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: device=gpu:")


def test_each_question_is_answered_at_its_own_temperature(tiny_checkpoint: Path, dataset: Any) -> None:
    """A batch with several temperatures gives the answers of batches with one."""
    engine = PaddleEngine(EngineSettings(checkpoint=str(tiny_checkpoint), device="cpu", max_new_tokens=8))
    asked = [question.request for question in read_questions(dataset.path, "val")][:3]
    warm = [replace(request, draw=1, temperature=1.0) for request in asked]
    greedy, sampled = engine.answer(asked), engine.answer(warm)
    assert greedy != sampled
    mixed = [request for pair in zip(asked, warm, strict=True) for request in pair]
    assert engine.answer(mixed) == [answer for pair in zip(greedy, sampled, strict=True) for answer in pair]
    engine.decoding = replace(engine.decoding, temperature=1.0)
    assert engine.answer([replace(request, temperature=0.0) for request in asked]) == greedy
    assert engine.answer([replace(request, draw=1) for request in asked]) == sampled
