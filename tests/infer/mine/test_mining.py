from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from infer.mine.mine_settings import MineSettings
from infer.mine.mining import mine
from infer.mine.worst_answers import read_worst_answers
from tests.infer.mine.stubborn_engine import StubbornEngine, mine_pairs, rows_of, write_mined_source

FILES = (
    "card.json",
    "graded.jsonl",
    "hard.jsonl",
    "hard.md",
    "samples.jsonl",
    "sampling.json",
    "train.jsonl",
)
SETTINGS = MineSettings(answers=2, batch_size=2)


def run(
    checkpoint: Path, source: Path, folder: Path, settings: MineSettings = SETTINGS, **options: Any
) -> tuple[StubbornEngine, str]:
    engine = StubbornEngine(**options)
    report = mine(str(checkpoint), source, replace(settings, output_dir=str(folder)), lambda _: engine)
    return engine, report


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_report_says_what_is_wrong(checkpoint: Path, source: Path, tmp_path: Path) -> None:
    _, report = run(checkpoint, source, tmp_path / "hard")
    table = {line.split("  ")[0]: line.split()[1:] for line in report.splitlines()}
    assert table["category"] == [
        "objects",
        "right",
        "IoU",
        "0.3",
        "to",
        "0.6",
        "wrong",
        "label",
        "missed",
        "unstable",
    ]
    assert table["dog"] == ["2", "0.0%", "0.0%", "50.0%", "50.0%", "0.0%"]
    assert table["cow"] == ["1", "0.0%", "100.0%", "0.0%", "0.0%", "0.0%"]
    assert table["cat"] == ["4", "100.0%", "0.0%", "0.0%", "0.0%", "0.0%"]
    assert table["all"] == ["7", "57.1%", "14.3%", "14.3%", "14.3%", "0.0%"]
    assert "12 answers to 6 questions: 1 boxes invented, 2 copied; mean reward" in report
    assert "confused: dog as cat 2" in report
    assert (tmp_path / "hard" / "hard.md").read_text() == f"{report}\n"


def test_the_same_command_ends_with_the_same_bytes(checkpoint: Path, source: Path, tmp_path: Path) -> None:
    run(checkpoint, source, tmp_path / "hard")
    before = contents(tmp_path / "hard")
    assert set(FILES) == {name for name in before if "/" not in name}
    engine, _ = run(checkpoint, source, tmp_path / "hard")
    assert engine.asked == []
    assert contents(tmp_path / "hard") == before


@pytest.mark.parametrize("dies_after", [0, 1, 3, 5])
def test_an_interrupted_run_resumes_with_the_same_bytes(
    checkpoint: Path, source: Path, tmp_path: Path, dies_after: int
) -> None:
    run(checkpoint, source, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint, source, tmp_path / "hard", dies_after=dies_after)
    assert not (tmp_path / "hard" / "card.json").exists()
    run(checkpoint, source, tmp_path / "hard")
    assert contents(tmp_path / "hard") == contents(tmp_path / "whole")


def test_what_counts_as_hard_can_change_without_asking_again(
    checkpoint: Path, source: Path, tmp_path: Path
) -> None:
    run(checkpoint, source, tmp_path / "hard")
    less = replace(SETTINGS, hard_from=1.0, most_repeats=5, most_rarity=1.0, negatives=0)
    engine, _ = run(checkpoint, source, tmp_path / "hard", less)
    assert engine.asked == []
    assert [row["weight"] for row in rows_of(tmp_path / "hard" / "hard.jsonl")] == [5, 5, 5]
    assert len(rows_of(tmp_path / "hard" / "train.jsonl")) == 15


def test_where_nothing_is_hard_one_line_says_so(checkpoint: Path, tmp_path: Path) -> None:
    source = write_mined_source(tmp_path / "data")
    kept = (source / "train.jsonl").read_text().splitlines(keepends=True)[:1]
    (source / "train.jsonl").write_text("".join(kept))
    with pytest.raises(
        UserError, match=r"no record is hard: the hardest has 0\.00, and hard_from is 0\.5: set"
    ):
        run(checkpoint, source, tmp_path / "hard")
    assert not (tmp_path / "hard" / "card.json").exists()
    assert not (tmp_path / "hard" / "train.jsonl").exists()
    assert len(rows_of(tmp_path / "hard" / "graded.jsonl")) == 1


def test_no_other_data_set_is_written_over(checkpoint: Path, source: Path, tmp_path: Path) -> None:
    before = contents(source)
    with pytest.raises(UserError, match="is the data set itself: choose another output_dir"):
        run(checkpoint, source, source)
    other = write_mined_source(tmp_path / "other")
    with pytest.raises(UserError, match=r"holds another card\.json: choose another output_dir"):
        run(checkpoint, source, other)
    assert contents(source) == before == contents(other)


def test_without_output_dir_it_lies_beside_the_checkpoint(checkpoint: Path, source: Path) -> None:
    mine(str(checkpoint), source, SETTINGS, lambda _: StubbornEngine())
    assert (checkpoint / "hard" / "card.json").is_file()
    engine = StubbornEngine()
    mine(str(checkpoint), source, SETTINGS, lambda _: engine)
    assert engine.asked == []  # what is written into its folder makes no other checkpoint of it
    with pytest.raises(UserError, match="somebody/model is no folder on this machine: set output_dir="):
        mine("somebody/model", source, SETTINGS, lambda _: StubbornEngine())


def test_questions_with_several_pictures_stay_whole(checkpoint: Path, tmp_path: Path) -> None:
    write_mined_source(tmp_path / "two" / "data")
    mined = mine_pairs(tmp_path / "two", checkpoint)
    graded = rows_of(mined / "graded.jsonl")
    assert [[picture["image"][-5] for picture in row["pictures"]] for row in graded] == [
        ["0", "1"], ["2", "3"], ["4", "5"],
    ]  # fmt: skip
    first = {(item["label"], item["picture"]): item["grades"] for item in graded[0]["objects"]}
    assert first == {("cat", 0): {"right": 2}, ("cat", 1): {"right": 2}, ("dog", 1): {"missed": 2}}
    assert graded[1]["invented"] == {"cat": 0.5}  # of the first picture, in the second
    hard = rows_of(mined / "hard.jsonl")
    records = [{key: value for key, value in row.items() if key != "weight"} for row in hard]
    asked = rows_of(tmp_path / "two" / "data" / "train.jsonl")
    assert asked[0] in records
    negatives = [row for row in records if "negative" in row]
    assert negatives
    for row in negatives:
        label = next(name for name in ("cat", "dog", "cow") if name in row["messages"][1]["content"])
        (there,) = [each["objects"]["ref"] for each in asked if each["images"] == row["images"]]
        assert len(row["images"]) == 2
        assert row["messages"][1]["content"].count("<image>") == 2
        assert label not in there
    shown = [row for row in records if "objects" in row and row not in asked]
    assert {place for row in shown for place in row["objects"]["image_id"]} == {0, 1}
    for row in shown:
        (there,) = [each["objects"] for each in asked if each["images"] == row["images"]]
        known = list(zip(*(there[key] for key in ("ref", "bbox", "image_id")), strict=True))
        named = zip(*(row["objects"][key] for key in ("ref", "bbox", "image_id")), strict=True)
        assert all(each in known for each in named)
    assert all((mined / name).is_file() for row in hard for name in row["images"])
    found = read_worst_answers(mined)
    assert [item.worst.image_id for item in found] == list(range(1, 7))
    assert [item.worst.place for item in found] == [0, 1] * 3
