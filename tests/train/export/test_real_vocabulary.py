"""Qwen3's real tokenizer from the record to transformers: a tiny model with the vocabulary of Qwen3-VL."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.object_tokens import BOX, answer_text
from grounding.answers.reader import read_answer
from grounding.boxes import Box, Size, from_grid
from grounding.prompts import SYSTEM_PROMPT
from grounding.samples import Detection
from infer.asking.token_scores import token_scores
from infer.engines.opening import open_engine
from infer.engines.protocol import Token
from infer.engines.token_texts import end_within_characters, split_text
from infer.recipe import InferRecipe
from infer.runs.predict import predict
from models.processors import load_tokenizer
from tests.train.conftest import TINY_RECIPE, TrainHere
from tests.train.export.known_answer import OBJECTS, QUESTION, SIDE, words_to_learn, write_known_answer
from tests.train.export.real_tokenizer import IS_THERE, REAL_TOKENIZER, REASON
from tests.train.export.test_torch import TOLERANCE, of_paddle, of_torch
from train.export.folder_writer import export
from train.preflight.encode import encode_sample
from train.preflight.learned_text import unread_answers
from train.recipe import TrainRecipe, resolve_recipe
from train.tiny.config_files import TinySettings
from train.tiny.model import write_tiny_model

pytestmark = pytest.mark.skipif(not IS_THERE, reason=REASON)

VOCABULARY = 151_936
PATCHES_TO_A_TOKEN = 16


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return load_tokenizer(str(REAL_TOKENIZER))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vocabulary") / "base"
    write_tiny_model(folder, TinySettings(tokenizer=str(REAL_TOKENIZER), vocabulary=VOCABULARY))
    return folder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_known_answer(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def run(base: Path, dataset: Path, train_here: TrainHere, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a few steps, in which the model learns the answer."""
    folder = tmp_path_factory.mktemp("run") / "run"
    code, said = train_here([TINY_RECIPE], words_to_learn(base, dataset, folder))
    assert code == 0, said
    return folder


def test_the_model_has_the_vocabulary_of_qwen3_vl(base: Path) -> None:
    config = json.loads((base / "config.json").read_text())
    assert config["text_config"]["vocab_size"] == VOCABULARY
    assert config["image_token_id"] == 151_655
    assert config["text_config"]["eos_token_id"] == 151_645


def test_an_object_takes_the_tokens_that_the_guide_says(tokenizer: Any) -> None:
    def tokens(answer_format: str) -> list[str]:
        text = answer_text(answer_format, [Detection("motorcycle", BOX)])
        return list(tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"]))

    assert tokens("objects") == [
        *("<|object_ref_start|>", "motor", "cycle", "<|object_ref_end|>", "<|box_start|>"),
        *("(", "3", "3", "0", ",", "2", "2", "1", "),(", "6", "9", "4", ",", "9", "9", "7", ")"),
        "<|box_end|>",
    ]
    assert len(tokens("json")) == 35


LABELS = ("motorcycle", "红色的摩托车", "猫", "café", "vélo 🚲", "a", "traffic light", "文档 (1)")


@pytest.mark.parametrize("answer_format", ["objects", "json"])
@pytest.mark.parametrize("is_plain", [False, True])
def test_a_score_counts_the_tokens_of_its_label_and_box(
    tokenizer: Any, answer_format: str, is_plain: bool
) -> None:
    """The tokens are found once more by the tokenizer's own offsets."""
    boxes = [Box(10 + 100 * n, 5, 77 + 100 * n, 1000) for n in range(len(LABELS))]
    objects = [Detection(label, box) for label, box in zip(LABELS, boxes, strict=True)]
    text = answer_text(answer_format, objects)
    if is_plain:  # as decoded without special tokens
        text = text.replace("<|object_ref_start|>", "").replace("<|object_ref_end|>", "")
        text = text.replace("<|box_start|>", "").replace("<|box_end|>", "")
    encoded = tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)
    texts = split_text(tokenizer, encoded["input_ids"])
    assert "".join(texts) == text
    reading = read_answer(text, Size(1000, 1000))
    assert reading.problems == ()
    assert [found.label for found in reading.detections] == list(LABELS)
    within = end_within_characters(tokenizer, encoded["input_ids"])
    tokens = [
        Token(text, -0.001 * (1 + n), cut) for n, (text, cut) in enumerate(zip(texts, within, strict=True))
    ]
    expected = []
    for spans in reading.spans:
        assert len(spans) == 2
        chosen = [
            tokens[place].logprob
            for place, (start, end) in enumerate(encoded["offset_mapping"])
            if any(start < stop and end > first for first, stop in spans)
        ]
        assert len(chosen) > 10
        expected.append(round(float(np.exp(np.mean(chosen))), 4))
    assert token_scores(tokens, reading.spans, "mean_logprob") == expected


def test_the_check_counts_the_tokens_of_the_real_tokenizer(
    base: Path, dataset: Path, tokenizer: Any, tmp_path: Path
) -> None:
    recipe = TrainRecipe(resolve_recipe(TINY_RECIPE, words_to_learn(base, dataset, tmp_path / "run")))
    encoding = encode_sample(recipe, 6)
    answer = ", ".join(
        f"<|object_ref_start|>{label}<|object_ref_end|><|box_start|>({x1},{y1}),({x2},{y2})<|box_end|>"
        for label, (x1, y1, x2, y2) in OBJECTS.items()
    )
    image = "<|image_pad|>" * (SIDE * SIDE // PATCHES_TO_A_TOKEN**2)
    prompt = (
        f"<|im_start|>system\n{SYSTEM_PROMPT}<|im_end|>\n"
        f"<|im_start|>user\n<|vision_start|>{image}<|vision_end|>{QUESTION}<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    ids = tokenizer(f"{prompt}{answer}<|im_end|>\n", add_special_tokens=False)["input_ids"]
    assert encoding.lengths == (len(ids),) * 6
    assert [list(pack[0]) for pack in encoding.packs] == [ids] * 6
    assert encoding.learned == 6 * (len(ids) - len(tokenizer(prompt)["input_ids"]))
    assert encoding.unread == encoding.faults == ()


def test_a_label_that_the_tokenizer_changes_is_named(tokenizer: Any) -> None:
    label = "cafe\N{COMBINING ACUTE ACCENT}"
    objects = {"ref": [label], "bbox": [[1, 2, 3, 4]]}
    messages = [
        {"role": "user", "content": "<image>?"},
        {"role": "assistant", "content": "<ref-object><bbox>"},
    ]
    text = f"<|object_ref_start|>{label}<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|><|im_end|>\n"
    example = {"messages": messages, "objects": objects, "label": [1]}
    (problem,) = unread_answers(tokenizer, example, tokenizer(text)["input_ids"])
    assert problem.startswith(f"label '{label}' is read as 'café' in ")


@pytest.mark.slow
def test_answers_have_the_trained_boxes_and_scores_of_their_tokens(
    run: Path, dataset: Path, tmp_path: Path
) -> None:
    recipe = InferRecipe(
        checkpoint=str(run), dataset=str(dataset), output_dir=str(tmp_path / "eval"), device="cpu",
        batch_size=3, max_new_tokens=80, score="mean_logprob",
    )  # fmt: skip
    rows = [json.loads(line) for line in predict(recipe, open_engine).read_text("utf-8").splitlines()]
    assert len(rows) == 6
    wanted = [from_grid(*corners, Size(SIDE, SIDE)) for corners in OBJECTS.values()]
    for row in rows:
        assert row["problems"] == []
        assert [found["label"] for found in row["detections"]] == list(OBJECTS)
        for found, box in zip(row["detections"], wanted, strict=True):
            assert found["box"] == pytest.approx([box.x1, box.y1, box.x2, box.y2])
            assert 0.5 < found["score"] <= 1


@pytest.mark.slow
def test_transformers_says_the_same_with_the_real_vocabulary(
    run: Path, dataset: Path, torch_forks: Path, tmp_path: Path
) -> None:
    picture = dataset / "images" / "000001.png"
    folder = export(run)
    there = of_torch(torch_forks, folder, picture, tmp_path / "torch.npz")
    here = of_paddle(run, picture)
    assert there["input_ids"].tolist() == here["input_ids"].tolist()
    assert there["logits"].shape[-1] == VOCABULARY
    assert np.abs(there["logits"] - here["logits"]).max() <= TOLERANCE
    assert there["answer"].tolist() == here["answer"]
    assert load_tokenizer(str(folder)).decode(here["answer"]).startswith("<|object_ref_start|>motorcycle<|")
