"""The check of a recipe that trains on pairs: its data is read, encoded and judged as the run does."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from tests.train.pair_files import write_pairs
from tests.train.several_pictures import write_pairs_about_two
from train.preflight.all_checks import check_recipe
from train.preflight.pair_data.pair_encoding import encode_pairs
from train.recipe import TrainRecipe, resolve_recipe


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return write_pairs(tmp_path / "pairs", train=6, val=2)


@pytest.fixture
def pair_recipe(make_recipe: Callable[..., Path], pairs: Path) -> Callable[..., Path]:
    def make(**changes: Any) -> Path:
        paths = {f"{split}_dataset_path": str(pairs / f"{name}.jsonl") for split, name in FILES.items()}
        return make_recipe(**{"stage": "VL-DPO", **paths, **changes})

    return make


FILES = {"train": "train", "eval": "val"}


def rewrite(file: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(row) + "\n" for row in map(change, rows)))


def test_a_recipe_of_pairs_passes_and_its_lengths_are_those_of_both_answers(
    pair_recipe: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        check_recipe(pair_recipe(max_steps=-1))
    assert "records: 6; the first 6 in this seed's order encoded" in caplog.text
    assert "= 2 a device x 1 accumulated x 1 data parallel; 3 steps" in caplog.text
    encoding = encode_pairs(TrainRecipe(resolve_recipe(pair_recipe())), 6)
    assert encoding.kept == 6
    assert [len(pack[0]) + 1 for pack in encoding.packs] == list(encoding.lengths)
    assert 0 < encoding.learned < encoding.tokens


def test_pairs_of_conversations_about_two_pictures_pass(
    pair_recipe: Callable[..., Path], tmp_path: Path
) -> None:
    """The chosen answer is read about all pictures before it; earlier answers are not learned."""
    file = write_pairs_about_two(tmp_path / "two", 6) / "train.jsonl"
    recipe = pair_recipe(train_dataset_path=str(file))
    check_recipe(recipe)
    assert encode_pairs(TrainRecipe(resolve_recipe(recipe)), 6).kept == 6
    rewrite(file, lambda row: row | {"objects": row["objects"] | {"image_id": [0] * 4}})
    encoding = encode_pairs(TrainRecipe(resolve_recipe(recipe)), 6)
    assert len(encoding.unread) == 6
    assert "of image 1 is read as one of image 2" in encoding.unread[0]


def test_pairs_that_are_too_long_are_counted(
    pair_recipe: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    lengths = encode_pairs(TrainRecipe(resolve_recipe(pair_recipe())), 6).lengths
    limit = sorted(lengths)[3]
    with caplog.at_level(logging.INFO):
        check_recipe(pair_recipe(max_seq_len=limit))
    assert f"{sum(length > limit for length in lengths)} of 6 records are longer and dropped" in caplog.text
    with pytest.raises(UserError, match="max_seq_len: 40 is less than any of 6 records needs"):
        check_recipe(pair_recipe(max_seq_len=40))


def test_the_limit_is_paddleformers_own(pair_recipe: Callable[..., Path]) -> None:
    from train.preflight.run_data import training_dataset

    recipe = TrainRecipe(resolve_recipe(pair_recipe()))
    [longest] = {max(encode_pairs(recipe, 6).lengths)}
    dataset = training_dataset(recipe, 6)
    examples = [example for _, example in zip(range(6), dataset.mix_datasets, strict=False)]
    for limit, dropped in ((longest, 0), (longest - 1, 1)):
        dataset.max_seq_len = limit
        found = [dataset._postprocess_sequence(json.loads(json.dumps(example))) for example in examples]
        assert (found.count(None) > 0) == bool(dropped)


def test_records_are_no_pairs_and_pairs_are_no_records(pair_recipe: Callable[..., Path], pairs: Path) -> None:
    with pytest.raises(UserError, match=r"line 1: chosen_response and rejected_response are not one message"):
        check_recipe(pair_recipe(train_dataset_path=str(pairs / "train_chosen.jsonl")))
    with pytest.raises(UserError, match=r"train\.jsonl, line 1: .*roles system, user"):
        check_recipe(pair_recipe(stage="VL-SFT"))


def test_a_missing_image_is_named(pair_recipe: Callable[..., Path], pairs: Path) -> None:
    (pairs / "images" / "train_3.png").unlink()
    with pytest.raises(UserError, match=r"train\.jsonl, line 4: no such image: images/train_3\.png"):
        check_recipe(pair_recipe())


def test_a_damaged_image_is_named(pair_recipe: Callable[..., Path], pairs: Path) -> None:
    (pairs / "images" / "train_3.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"pair with image train_3\.png: "):
        check_recipe(pair_recipe())


def test_a_chosen_answer_that_does_not_read_back_is_named(
    pair_recipe: Callable[..., Path], pairs: Path
) -> None:
    def spoil(row: dict[str, Any]) -> dict[str, Any]:
        chosen = [{"role": "assistant", "content": "<ref-object> is at <bbox>; or (1,1),(9,9)"}]
        return row | {"chosen_response": chosen}

    rewrite(pairs / "train.jsonl", spoil)
    with pytest.raises(UserError, match="answer does not read back as the record's objects"):
        check_recipe(pair_recipe())


def test_a_stage_that_does_not_train_on_images_is_refused(pair_recipe: Callable[..., Path]) -> None:
    with pytest.raises(UserError, match="stage: 'DPO' does not train on images: write VL-SFT, or VL-DPO for"):
        check_recipe(pair_recipe(stage="DPO"))
