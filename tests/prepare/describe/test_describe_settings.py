"""The settings: their recipe, and what they refuse."""

from typing import Any

import pytest

from grounding.errors import UserError
from grounding.recipe.arguments import read_overlay
from grounding.recipe.loading import load_settings
from prepare.describe.describe_settings import DescribeSettings
from tests.prepare.describe.conftest import ROOT

NEEDED = ["base_url=http://localhost:8000/v1", "model=m", "output_dir=out"]


def test_the_recipe_is_read() -> None:
    words = read_overlay(ROOT / "recipes/describe/teacher.yaml")
    made = load_settings(DescribeSettings, [*words, "limit=20", "text.longest=12"])
    assert (made.text.words, made.text.longest, made.cycle.iou) == ("coco", 12, 0.5)
    assert (made.guard, made.limit, made.lengths) == (["data/coco"], 20, (3, 12))


def test_lengths_follow_the_language() -> None:
    assert load_settings(DescribeSettings, NEEDED).lengths == (3, 30)
    assert load_settings(DescribeSettings, [*NEEDED, "language=zh"]).lengths == (4, 60)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "base_url, model, output_dir must be set"),
        ([*NEEDED, "split=test"], "split: no 'test'"),
        ([*NEEDED, "language=de"], "language: no 'de'"),
        ([*NEEDED, "show=outline"], "show: no 'outline'"),
        ([*NEEDED, "guarded=warn"], "guarded: no 'warn'"),
        ([*NEEDED, "cycle.units=relative"], r"cycle\.units: no 'relative'"),
        ([*NEEDED, "samples=0"], "samples: 0 is less than 1"),
        ([*NEEDED, "max_requests=0"], "max_requests: 0 is less than 1"),
        ([*NEEDED, "retries=-1"], "retries: -1 is less than 0"),
        ([*NEEDED, "temperature=0"], "temperature: 0 gives the same description each time"),
        ([*NEEDED, "cycle.iou=0"], r"cycle\.iou above 0"),
        ([*NEEDED, "base_url=localhost:8000"], "base_url: 'localhost:8000' is not like"),
        ([*NEEDED, "cycle.base_url=http://a/v1"], r"cycle\.model must be set"),
        ([*NEEDED, "model=' '"], "model: a name is needed"),
        ([*NEEDED, "text.shortest=9", "text.longest=3"], "text: shortest=9 and longest=3"),
        ([*NEEDED, "request.seed=3"], "request: 'seed' is set by this command: only null is allowed"),
        ([*NEEDED, "request.stream=null"], "request: 'stream' is set by this command: leave it out"),
        ([*NEEDED, "question=' '"], "question: a text is needed"),
        ([*NEEDED, "text.word=coco"], r"unknown key 'text\.word', did you mean"),
    ],
)
def test_what_makes_no_sense_is_refused(words: list[Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_settings(DescribeSettings, words)
