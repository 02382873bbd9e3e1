from pathlib import Path

import pytest

from grounding.card import load_card
from grounding.record.checker import check_record
from grounding.record.contract import read_contract
from infer.mine.mine_settings import MineSettings
from infer.mine.mining import mine
from tests.infer.mine.stubborn_engine import StubbornEngine, rows_of


def test_the_card_fits_the_records(source: Path, mined: Path) -> None:
    card, rows = load_card(mined), rows_of(mined / "train.jsonl")
    assert card.counts == {"train": {"images": 5, "records": len(rows)}}
    assert len(rows) == sum(row["weight"] for row in rows_of(mined / "hard.jsonl")) == 20
    before = load_card(source)
    assert (card.system_prompt, card.categories) == (before.system_prompt, before.categories)
    assert card.source_fingerprint != before.source_fingerprint
    assert [flaw for row in rows for flaw in check_record(row, read_contract(mined))] == []


def test_images_are_links_and_those_of_no_record_are_left_out(source: Path, mined: Path) -> None:
    names = sorted(path.name for path in (mined / "images").iterdir())
    assert names == [f"{number:012}.png" for number in range(1, 6)]
    assert all((mined / "images" / name).samefile(source / "images" / name) for name in names)


def test_where_no_link_is_possible_images_are_copied(
    source: Path, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("another disk")

    monkeypatch.setattr("os.link", refuse)
    settings = MineSettings(answers=2, output_dir=str(tmp_path / "hard"))
    for _ in range(2):
        mine(str(checkpoint), source, settings, lambda _: StubbornEngine())
    copies = sorted((tmp_path / "hard" / "images").iterdir())
    assert [path.name for path in copies] == [f"{number:012}.png" for number in range(1, 6)]
    for path in copies:
        assert path.read_bytes() == (source / "images" / path.name).read_bytes()
        assert path.stat().st_nlink == 1
