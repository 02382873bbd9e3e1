"""No request goes out that the budget has no room for, however many regions are asked about at a time."""

from collections.abc import Callable
from pathlib import Path

import pytest

from infer.engines.protocol import RawAnswer
from prepare.describe.describe_settings import DescribeSettings
from prepare.describe.described_regions import find_regions
from prepare.describe.describing import describe_dataset
from tests.infer.engines.openai.chat_server import Fault
from tests.prepare.describe.fake_teacher import ANSWER_TOKENS, QUESTION_TOKENS, FakeTeacher
from tests.prepare.describe.test_describing import facts_of, rows_of
from tests.prepare.describe.test_faults import CUT, quick

Make = Callable[..., DescribeSettings]


@pytest.mark.parametrize("most", [1, 7, 20])
def test_requests_are_sent_up_to_the_last_one(
    teacher: FakeTeacher, settings: Make, shapes: Path, most: int
) -> None:
    made = settings(concurrency=8, max_requests=most)
    report = describe_dataset(shapes, made)
    assert len(teacher.asked) == most
    assert facts_of(made)["spent"]["requests"] == most
    assert "the budget is spent" in report
    assert facts_of(made)["regions"]["not_asked_yet"] > 0


def test_a_spent_budget_writes_what_was_answered(teacher: FakeTeacher, settings: Make, shapes: Path) -> None:
    describe_dataset(shapes, settings(concurrency=1, max_requests=30))
    rows = rows_of(settings())
    assert rows
    described = Path(settings().output_dir)
    (described / "descriptions.jsonl").unlink()
    describe_dataset(shapes, settings(max_requests=1))
    assert rows_of(settings()) == rows
    assert len(teacher.asked) == 30


def test_retries_count_and_a_larger_budget_goes_on(
    teacher: FakeTeacher, settings: Make, shapes: Path
) -> None:
    regions = find_regions(shapes, settings()).count
    teacher.faults.extend([quick(500)] * 2 + [quick(429)] * 2)
    describe_dataset(shapes, settings(concurrency=3, max_requests=10, retries=5))
    assert len(teacher.asked) == 10
    describe_dataset(shapes, settings(concurrency=3, max_requests=11, retries=5))
    assert len(teacher.asked) == 11
    report = describe_dataset(shapes, settings(max_requests=regions * 4 + 4))
    assert len(teacher.asked) == regions * 4 + 4  # four of them were told to fail
    assert "the budget is spent" not in report
    assert max(teacher.questions.values()) == 1


def test_tokens_stay_within_the_budget(teacher: FakeTeacher, settings: Make, shapes: Path) -> None:
    each = QUESTION_TOKENS + ANSWER_TOKENS
    made = settings(concurrency=8, max_tokens=5_000)
    describe_dataset(shapes, made)
    spent = facts_of(made)["spent"]
    assert spent == {"requests": len(teacher.asked), "tokens": len(teacher.asked) * each}
    # A question is sent while its largest possible size has room: here about 1,100 tokens.
    assert 5_000 - 1_500 < spent["tokens"] <= 5_000


def test_what_a_server_does_not_count_counts_as_the_most(
    teacher: FakeTeacher, settings: Make, shapes: Path
) -> None:
    teacher.counts_tokens = False
    made = settings(concurrency=8, max_tokens=5_000)
    describe_dataset(shapes, made)
    spent = facts_of(made)["spent"]
    assert 0 < len(teacher.asked) < 15
    assert 2_500 < spent["tokens"] <= 5_000


def test_an_answer_that_was_cut_may_have_cost_tokens_and_an_error_has_not(
    teacher: FakeTeacher, settings: Make, shapes: Path
) -> None:
    made = settings(samples=1, limit=1, cycle_enabled=False)
    teacher.faults.extend([quick(500), CUT])
    describe_dataset(shapes, made)
    spent = facts_of(made)["spent"]
    assert spent["requests"] == 3
    most = spent["tokens"] - QUESTION_TOKENS - ANSWER_TOKENS
    assert 300 < most < 1_500
    teacher.faults.append(Fault())
    describe_dataset(shapes, made)  # all of it is in the log
    assert facts_of(made)["spent"] == spent


def test_a_server_that_counts_more_than_expected_is_believed(
    teacher: FakeTeacher, settings: Make, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.prepare.describe.fake_teacher.QUESTION_TOKENS", 9_000)
    describe_dataset(shapes, settings(concurrency=8, max_tokens=30_000))
    assert len(teacher.asked) == 3
    assert facts_of(settings())["spent"]["tokens"] == 3 * (9_000 + ANSWER_TOKENS)


def test_the_estimate_is_told_before_the_first_request(
    teacher: FakeTeacher, settings: Make, shapes: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []
    teacher.answer = lambda request: told.extend(caplog.messages) or RawAnswer("", False)  # type: ignore[func-returns-value]
    caplog.set_level("INFO")
    describe_dataset(shapes, settings(limit=3, max_requests=50, max_tokens=100_000))
    assert any("3 regions of 2 images, 2 descriptions each: at most 12 requests" in line for line in told)
    assert "budget: 50 requests (0 spent), 100,000 tokens (0 spent)" in told


def test_a_spent_budget_does_not_look_at_every_image(
    teacher: FakeTeacher, settings: Make, shapes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prepare.describe.asking_images.MOST_UNFINISHED", 2)
    looked_at: list[Path] = []

    def hash_file(path: Path) -> str:
        looked_at.append(path)
        return path.name

    monkeypatch.setattr("prepare.describe.asking_images.hash_file", hash_file)
    made = settings(concurrency=1, max_requests=1)
    regions = find_regions(shapes, made)
    describe_dataset(shapes, made)
    assert len(looked_at) < len(regions.images)
    assert facts_of(made)["regions"]["not_asked_yet"] == regions.count
