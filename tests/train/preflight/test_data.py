import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.card import CARD_FILE, Card, load_card, save_card
from grounding.categories import Category
from grounding.errors import UserError
from grounding.prompts import SYSTEM_PROMPT
from grounding.record import flaws
from train.preflight.all_checks import check_recipe


@pytest.fixture
def prepared(drawn_data: Path, tmp_path: Path) -> Path:
    """The drawn records as a prepared data set, with its card."""
    folder = tmp_path / "prepared"
    shutil.copytree(drawn_data, folder)
    count = len((folder / "train.jsonl").read_text().splitlines())
    card = Card(
        system_prompt=SYSTEM_PROMPT,
        prompts={"task.en1": "Task: Object Detection"},
        answer_format="objects",
        categories=(Category(1, "red square"),),
        source_fingerprint="0",
        recipe={},
        counts={"train": {"records": count}},
    )
    save_card(card, folder)
    return folder


def data_keys(folder: Path) -> dict[str, str]:
    return {f"{split}_dataset_path": str(folder / f"{file}.jsonl") for split, file in
            (("train", "train"), ("eval", "val"))}  # fmt: skip


def change_row(file: Path, number: int, change: Callable[[dict[str, Any]], Any]) -> None:
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    change(rows[number])
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "box too many": (
        lambda row: row["objects"]["bbox"].append([0, 0, 9, 9]),
        f"train.jsonl, line 3: {flaws.BOX_COUNT}: 1 placeholders, 2 in objects",
    ),
    "box missing": (
        lambda row: row["objects"].update(bbox=[]),
        f"line 3: {flaws.BOX_COUNT}: 1 placeholders, 0 in objects",
    ),
    "name missing": (
        lambda row: row["objects"].pop("ref"),
        f"line 3: {flaws.REF_COUNT}: 1 placeholders, 0 in objects",
    ),
    "image placeholder": (
        lambda row: row["messages"][1].update(content="Task: Object Detection"),
        f"line 3: {flaws.IMAGE_COUNT}: 0 placeholders, 1 images",
    ),
    "image file": (
        lambda row: row.update(images=["images/gone.png"]),
        "line 3: no such image: images/gone.png",
    ),
    "image outside": (
        lambda row: row.update(images=["../secret.png"]),
        "line 3: image lies outside the data set's folder: ../secret.png",
    ),
    "image of the machine": (
        lambda row: row.update(images=["/etc/hostname"]),
        "line 3: image lies outside the data set's folder: /etc/hostname",
    ),
    "no answer": (lambda row: row["messages"].pop(), f"line 3: {flaws.BAD_MESSAGES}: roles system, user"),
    "label is no text": (
        lambda row: row["objects"].update(ref=[7]),
        f"line 3: {flaws.BAD_LABEL}: 7",
    ),
    "box in pixels": (
        lambda row: row["objects"].update(bbox=[[1, 2, 3, 1200]]),
        f"line 3: {flaws.OUT_OF_GRID}: [1, 2, 3, 1200]",
    ),
    "objects are a list": (
        lambda row: row.update(objects=[1]),
        f"line 3: {flaws.BAD_OBJECTS}: [1]",
    ),
    "no messages": (lambda row: row.update(messages="hello"), f"line 3: {flaws.BAD_MESSAGES}: hello"),
    "other system prompt": (
        lambda row: row["messages"][0].update(content="Be brief."),
        f"line 3: {flaws.OTHER_SYSTEM}: 'Be brief.', and the card's is '{SYSTEM_PROMPT}'",
    ),
}


@pytest.mark.parametrize(("change", "message"), BROKEN.values(), ids=BROKEN)
def test_a_record_that_would_be_trained_wrongly_is_found(
    make_recipe: Callable[..., Path], prepared: Path, change: Callable[[dict[str, Any]], Any], message: str
) -> None:
    change_row(prepared / "train.jsonl", 2, change)
    with pytest.raises(UserError) as caught:
        check_recipe(make_recipe(**data_keys(prepared)))
    assert message in str(caught.value)


def test_a_prepared_data_set_passes(make_recipe: Callable[..., Path], prepared: Path) -> None:
    assert check_recipe(make_recipe(**data_keys(prepared)))


def test_equal_problems_are_counted(make_recipe: Callable[..., Path], prepared: Path) -> None:
    for number in (1, 4, 6):
        change_row(prepared / "val.jsonl", number, lambda row: row["objects"].update(bbox=[]))
    with pytest.raises(
        UserError, match=r"eval_dataset_path: .*val.jsonl, line 2: .* \(and 2 more lines like it\)"
    ):
        check_recipe(make_recipe(**data_keys(prepared)))


CARDS: dict[str, tuple[dict[str, Any], str]] = {
    "answers": ({"answer_format": "json"}, flaws.OTHER_FORMAT),
    "counts": ({"counts": {"train": {"records": 7}}}, "has 48 records and its card says 7"),
    "version": ({"version": 99}, "not what this version of the project reads"),
    "grid": ({"grid": 999}, "grid 999"),
    "not a card": ({"surprise": 1}, "not a data set card"),
}


@pytest.mark.parametrize(("changes", "message"), CARDS.values(), ids=CARDS)
def test_a_card_at_odds_with_its_records_is_found(
    make_recipe: Callable[..., Path], prepared: Path, changes: dict[str, Any], message: str
) -> None:
    path = prepared / CARD_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(UserError) as caught:
        check_recipe(make_recipe(**data_keys(prepared)))
    assert message in str(caught.value)


def test_training_and_validation_need_the_same_contract(
    make_recipe: Callable[..., Path], prepared: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(prepared, other)
    card = json.loads((other / CARD_FILE).read_text())
    (other / CARD_FILE).write_text(json.dumps({**card, "system_prompt": "", "counts": {}}))
    keys = {**data_keys(prepared), "eval_dataset_path": str(other / "val.jsonl")}
    with pytest.raises(UserError, match=r"its system_prompt '' is not the 'You are a helpful assistant\.'"):
        check_recipe(make_recipe(**keys))


def test_kept_conversations_may_have_prompts_of_their_own(
    make_recipe: Callable[..., Path], prepared: Path
) -> None:
    card = load_card(prepared)
    card.recipe["source"] = {"kind": "records"}
    save_card(card, prepared)
    change_row(prepared / "train.jsonl", 2, lambda row: row["messages"][0].update(content="Be brief."))
    assert check_recipe(make_recipe(**data_keys(prepared)))


def test_broken_files_are_named(make_recipe: Callable[..., Path], prepared: Path) -> None:
    (prepared / "train.jsonl").write_text("")
    with pytest.raises(UserError, match=r"train.jsonl has no records"):
        check_recipe(make_recipe(**data_keys(prepared)))
    (prepared / "train.jsonl").write_text("{broken\n")
    with pytest.raises(UserError, match="not readable as JSON lines"):
        check_recipe(make_recipe(**data_keys(prepared)))


def test_a_record_of_text_alone_is_trained(make_recipe: Callable[..., Path], prepared: Path) -> None:
    def without_image(row: dict[str, Any]) -> None:
        row["messages"][1]["content"], row["messages"][2]["content"] = "Are you there?", "[]"
        del row["images"], row["objects"]

    change_row(prepared / "train.jsonl", 2, without_image)
    assert check_recipe(make_recipe(**data_keys(prepared)))


def test_replayed_answers_have_any_system_prompt_and_may_have_no_image(
    make_recipe: Callable[..., Path], prepared: Path, tmp_path: Path
) -> None:
    talk = [{"role": "user", "content": "How are you?"}, {"role": "assistant", "content": "Fine."}]
    row = {"messages": talk, "images": [], "replay": True}
    folder = tmp_path / "replay"
    folder.mkdir()
    (folder / "train.jsonl").write_text(json.dumps(row) + "\n")
    both = {
        **data_keys(prepared),
        "train_dataset_path": f"{prepared / 'train.jsonl'},{folder / 'train.jsonl'}",
        "train_dataset_type": "messages,messages",
        "train_dataset_prob": "0.9,0.1",
        "mix_strategy": "interleave_over",
    }
    counts = {"train": {"images": 0, "records": 1}}
    for kind in ("replay", "coco_json"):
        save_card(Card("", {}, "objects", (), "none", {"source": {"kind": kind}}, counts), folder)
        if kind == "replay":
            assert check_recipe(make_recipe(**both))
        else:
            with pytest.raises(UserError, match="its system_prompt"):
                check_recipe(make_recipe(**both))


def test_no_more_records_are_taken_than_a_file_has(make_recipe: Callable[..., Path], prepared: Path) -> None:
    count = len((prepared / "train.jsonl").read_text().splitlines())
    keys = data_keys(prepared)
    check_recipe(make_recipe(**keys | {"train_dataset_path": f"{prepared / 'train.jsonl'}#{count}"}))
    repeated = keys | {"train_dataset_path": f"{prepared / 'train.jsonl'}#{count + 1}"}
    with pytest.raises(UserError, match=rf"train\.jsonl#{count + 1} takes more records than the {count} of"):
        check_recipe(make_recipe(**repeated))


def test_nobody_trains_on_the_calibration_part(make_recipe: Callable[..., Path], prepared: Path) -> None:
    part = prepared / "calibration.jsonl"
    shutil.copyfile(prepared / "train.jsonl", part)
    (prepared / "annotations_calibration.json").write_text("{}")
    keys = data_keys(prepared)
    assert check_recipe(make_recipe(**keys))
    assert check_recipe(make_recipe(**{**keys, "eval_dataset_path": str(part)}))
    with pytest.raises(
        UserError, match=r"train_dataset_path: .*calibration\.jsonl is the data set's calibra"
    ):
        check_recipe(make_recipe(**{**keys, "train_dataset_path": str(part)}))


def test_the_card_counts_the_calibration_part(make_recipe: Callable[..., Path], prepared: Path) -> None:
    card = load_card(prepared)
    card.counts["calibration"] = {"records": 1}
    save_card(card, prepared)
    shutil.copyfile(prepared / "train.jsonl", prepared / "calibration.jsonl")
    keys = {**data_keys(prepared), "eval_dataset_path": str(prepared / "calibration.jsonl")}
    with pytest.raises(UserError, match=r"calibration\.jsonl has \d+ records and its card says 1"):
        check_recipe(make_recipe(**keys))
