from pathlib import Path

import pytest

from prepare.sources.signs.sign import pattern_of


@pytest.mark.parametrize(
    ("names", "others", "pattern"),
    [
        (["a.json"], ["b.json"], "a.json"),
        (["x/a[1].json"], [], "x/a[[]1].json"),
        (["x/a.json", "y/a.json"], ["y/b.json"], "**/a.json"),
        (["x/a.json", "x/b.json"], ["y/b.json"], "x/*.json"),
        (["a.json", "b.json"], ["y/b.json"], "*.json"),
        (["x/a.json", "y/b.json"], [], "**/*.json"),
        (["x/a.json", "y/b.json"], ["c.json"], None),
        (["d/train-00000-of-00002.parquet"], ["d/val-00000-of-00001.parquet"], "**/train-*.parquet"),
    ],
)
def test_a_pattern_fits_the_files_and_no_others(
    names: list[str], others: list[str], pattern: str | None, tmp_path: Path
) -> None:
    assert pattern_of(names, others) == pattern
    for name in names + others:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    if pattern is not None:
        assert sorted(tmp_path.glob(pattern)) == sorted(tmp_path / name for name in names)
