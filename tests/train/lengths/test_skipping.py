"""A resumed run reads the batches that the interrupted one would have read next."""

from collections.abc import Callable
from pathlib import Path

from tests.train.conftest import ForkedWords
from tests.train.lengths.odd_records import damage_image, rows_of, write_records

READER = Path(__file__).with_name("skipped.py")


def test_the_batches_after_those_that_are_skipped_are_the_same(
    make_recipe: Callable[..., Path], forked_words: ForkedWords, tmp_path: Path
) -> None:
    data = write_records(tmp_path / "data", 40)
    damage_image(tmp_path / "data" / "images" / "11.png")
    recipe = make_recipe(train_dataset_path=str(data), max_seq_len=300)
    rows = rows_of(forked_words(), READER, recipe)
    assert len(rows) == 10
    for row in rows:
        assert row["ours"] == row["own"], row["way"]
        assert len(set(row["own"])) > 5, "the batches differ from one another"
