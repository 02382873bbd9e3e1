"""What is made of sampled answers, and what other tools read, knows no views: refused in one line."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import infer.mine.__main__ as mine
import infer.pairs.__main__ as pairs
import prepare.export.__main__ as export
from grounding.errors import run_command
from tests.infer.pairs.prepared_pictures import prepare_pictures

Main = Callable[[Sequence[str] | None], int]


@pytest.fixture
def with_views(tmp_path: Path) -> Path:
    return prepare_pictures(tmp_path, views="global+tiles")


@pytest.mark.parametrize(
    ("main", "keys", "says"),
    [
        (pairs.main, [], "name a data set that was prepared without views"),
        (pairs.main, ["keep=best"], "name a data set that was prepared without views"),
        (mine.main, [], "name a data set that was prepared without views"),
        (export.main, ["format=sharegpt"], "prepare it without views"),
        (export.main, ["format=ms_swift"], "prepare it without views"),
    ],
)
def test_a_data_set_with_views_is_refused_before_anything_is_written(
    main: Main,
    keys: list[str],
    says: str,
    with_views: Path,
    checkpoint: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "made"
    words = [str(with_views), *keys, f"output_dir={output}"]
    words = words if main is export.main else [str(checkpoint), *words]
    capsys.readouterr()
    assert run_command(lambda: main(words)) == 2
    printed = capsys.readouterr()
    [line] = [line for line in printed.err.splitlines() if line.startswith("error: ")]
    assert str(with_views) in line
    assert line.endswith(says)
    assert printed.out == ""
    assert not output.exists()


def test_the_objects_of_a_data_set_with_views_are_exported(with_views: Path, tmp_path: Path) -> None:
    output = tmp_path / "made"
    assert (
        run_command(lambda: export.main([str(with_views), "format=coco_json", f"output_dir={output}"])) == 0
    )
    assert not list(output.rglob("view_*"))
    assert len(list(output.rglob("*.png"))) == 12
