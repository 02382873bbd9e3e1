"""The base's answers on the disk: read back as written, whole or not there."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grounding.errors import UserError
from train.keep.base_distributions import (
    Base,
    BaseAnswer,
    base_answers_folder,
    distributions_of,
    has_base,
    read_base,
    write_base,
)

ANSWERS = [BaseAnswer("old", "a1", (3, 1, 2)), BaseAnswer("old", "b2", (5,)), BaseAnswer("new", "a1", (7, 7))]
ASKED = [(one.set_name, one.prompt) for one in ANSWERS]


def rows() -> Iterator[Any]:
    chance = np.random.default_rng(1)
    for one in ANSWERS:
        yield chance.normal(size=(len(one.token_ids), 11)).astype(np.float16)


def test_they_come_back_as_they_were_written(tmp_path: Path) -> None:
    assert not has_base(tmp_path)
    write_base(tmp_path, ANSWERS, rows())
    assert has_base(tmp_path)
    base = read_base(tmp_path, ASKED)
    assert base == Base(tuple(ANSWERS), 11)
    found = list(distributions_of(tmp_path, base))
    for own, expected in zip(found, rows(), strict=True):
        np.testing.assert_array_equal(own, expected)
    assert isinstance(found[0], np.memmap)


def test_a_run_that_is_killed_while_it_writes_them_has_none(tmp_path: Path) -> None:
    """Neither at first, nor where an earlier start had written some."""

    def cut() -> Iterator[Any]:
        yield next(rows())
        raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            write_base(tmp_path, ANSWERS, cut())
        assert not has_base(tmp_path)
        with pytest.raises(UserError, match=r"no answers of the base there: .*overwrite_output_dir=true"):
            read_base(tmp_path, ASKED)
        write_base(tmp_path, ANSWERS, rows())


def test_those_to_other_prompts_are_refused(tmp_path: Path) -> None:
    write_base(tmp_path, ANSWERS, rows())
    for asked in (ASKED[:2], [*ASKED, ("new", "c3")], [ASKED[1], ASKED[0], ASKED[2]]):
        with pytest.raises(UserError, match="the base answered other prompts"):
            read_base(tmp_path, asked)


@pytest.mark.parametrize("left", [0, 7, 60, 70])
def test_a_file_that_does_not_fit_is_refused(tmp_path: Path, left: int) -> None:
    write_base(tmp_path, ANSWERS, rows())
    path = base_answers_folder(tmp_path) / "distributions.f16"
    path.write_bytes(path.read_bytes()[:left])
    with pytest.raises(UserError, match="not the distributions of 6 tokens"):
        list(distributions_of(tmp_path, read_base(tmp_path, ASKED)))


@pytest.mark.parametrize(
    "text", ["[]", '{"answers": [{"set_name": "old"}]}', "{", '{"answers": 3}', '{"answers": []}']
)
def test_another_file_in_the_place_of_answers_is_refused(tmp_path: Path, text: str) -> None:
    write_base(tmp_path, ANSWERS, rows())
    (base_answers_folder(tmp_path) / "base.json").write_text(text)
    with pytest.raises(UserError, match=r"base\.json"):
        read_base(tmp_path, ASKED)
