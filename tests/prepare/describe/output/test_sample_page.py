"""The page of samples: it opens from disk, loads nothing, and shows what a stranger wrote as text."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from prepare.describe.describe_settings import DescribeSettings
from prepare.describe.described_regions import find_regions
from prepare.describe.describing import describe_dataset
from tests.prepare.describe.fake_teacher import FakeTeacher, name_region

Make = Callable[..., DescribeSettings]


def page_of(made: DescribeSettings) -> str:
    return (Path(made.output_dir) / "samples.html").read_text(encoding="utf-8")


def test_every_description_is_shown_with_its_verdict(
    teacher: FakeTeacher, settings: Make, shapes: Path
) -> None:
    teacher.describe = lambda seen: name_region(seen) if seen.sample == 0 else "<script>alert(1)</script>"
    made = settings(limit=6)
    describe_dataset(shapes, made)
    page = page_of(made)
    assert "6 of 6 regions have a description" in page
    assert page.count("<article>") == 6
    assert page.count('<tr class="kept">') == 6
    assert page.count("markup or several lines") == 6 + 1  # each, and the count
    assert "<script>" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 6
    assert len(re.findall(r'src="data:image/jpeg;base64,', page)) == 6
    assert not re.search(r'(?:src|href)="(?!data:)', page)
    assert "default-src 'none'" in page


def test_a_large_run_shows_some_regions(
    teacher: FakeTeacher, settings: Make, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prepare.describe.output.described_tally.PAGE_REGIONS", 3)
    made = settings(samples=1)
    describe_dataset(shapes, made)
    page = page_of(made)
    regions = find_regions(shapes, made).count
    assert f"{regions} of {regions} regions have a description" in page
    assert page.count("<article>") == 3
    assert "3 regions, chosen by chance" in page
