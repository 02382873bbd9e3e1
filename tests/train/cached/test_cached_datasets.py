"""A run reads the same batches from a cache, bit by bit, and decodes no image."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from tests.train.conftest import ForkedWords
from tests.train.lengths.odd_records import damage_image, rows_of, write_records

READER = Path(__file__).with_name("cached_batches.py")


def test_batches_are_equal_with_and_without_a_cache(
    make_recipe: Callable[..., Path], forked_words: ForkedWords, tmp_path: Path
) -> None:
    files = [write_records(tmp_path / "many", 40), write_records(tmp_path / "few", 21)]
    damage_image(tmp_path / "many" / "images" / "11.png")
    for number in range(20, 30):
        Image.effect_noise((70 + number, 90), 80).convert("RGB").save(tmp_path / f"many/images/{number}.png")
    recipe = make_recipe(both=[str(file) for file in files], max_seq_len=300)
    rows = rows_of(forked_words(), READER, recipe, tmp_path / "cache")
    assert len(rows) == 19
    for row in rows:
        assert row["with"] == row["without"], row["way"]
        assert len(set(row["without"])) > 4, "the batches differ from one another"
