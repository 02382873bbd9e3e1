"""A server that fails: what is asked again, dropped, or stops the run, and that the counts agree."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.errors import UserError
from infer.engines.protocol import Request
from prepare.describe.describe_settings import DescribeSettings
from prepare.describe.describing import describe_dataset
from tests.infer.engines.openai.chat_server import Fault
from tests.prepare.describe.fake_teacher import FakeTeacher
from tests.prepare.describe.test_describing import facts_of, rows_of

Make = Callable[..., DescribeSettings]

CUT = Fault(raw=(b'HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"choices": [{"message": {"con',))
CUT_CHUNKS = Fault(raw=(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"choices"',))
NO_JSON = Fault(raw=(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n<html>\n",))
HALF_JSON = Fault(raw=(b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"choices":',))


def quick(status: int, message: str = "told to fail") -> Fault:
    return Fault(status, {"Retry-After-Ms": "1"}, message)


@pytest.mark.parametrize(
    "fault",
    [
        Fault(429, {"Retry-After": "0.2"}),
        quick(500),
        quick(503),
        Fault(drops=True),
        CUT,
        CUT_CHUNKS,
        NO_JSON,
        HALF_JSON,
    ],
    ids=["429", "500", "503", "dropped", "cut", "cut chunks", "no JSON", "half a JSON"],
)
def test_temporary_failures_are_asked_again(
    teacher: FakeTeacher, settings: Make, shapes: Path, fault: Fault
) -> None:
    made = settings(samples=1, limit=3)
    teacher.faults.extend([fault, fault])
    describe_dataset(shapes, made)
    assert len(rows_of(made)) == 3
    assert len(teacher.asked) == 3 * 2 + 2
    assert facts_of(made)["spent"]["requests"] == len(teacher.asked)


def test_a_slow_answer_is_asked_for_again(teacher: FakeTeacher, settings: Make, shapes: Path) -> None:
    made = settings(samples=1, limit=2, timeout=2.0, cycle_enabled=False)
    teacher.faults.append(Fault(pause=3.5))
    describe_dataset(shapes, made)
    assert len(rows_of(made)) == 2
    assert facts_of(made)["spent"]["requests"] == len(teacher.asked) == 3


def failing(sample: int, fault: Fault) -> Callable[[FakeTeacher], None]:
    """Let every question for one of the samples fail, each time that it is asked."""

    def arrange(teacher: FakeTeacher) -> None:
        def fault_of(request: Request) -> Fault | None:
            body = teacher.bodies[-1] if teacher.bodies else {}
            del request
            return fault if body.get("seed") == sample else None

        original = teacher.request_in

        def request_in(body: dict[str, Any]) -> Request:
            teacher.bodies.append({"seed": body.get("seed")})
            return original(body)

        teacher.fault_of, teacher.request_in = fault_of, request_in  # type: ignore[method-assign]

    return arrange


def test_what_has_no_answer_is_counted_and_asked_again_by_the_next_start(
    teacher: FakeTeacher, settings: Make, shapes: Path
) -> None:
    made = settings(samples=2, limit=3, concurrency=1, retries=1)
    healthy, request_in = teacher.fault_of, teacher.request_in
    failing(1, quick(500))(teacher)
    report = describe_dataset(shapes, made)
    assert facts_of(made)["descriptions"] == {"kept": 3, "dropped": {"no answer after all retries": 3}}
    assert "3 descriptions wait for an answer: repeat the command to ask again" in report
    assert len(teacher.asked) == 3 * (1 + 2 + 1)
    teacher.fault_of, teacher.request_in = healthy, request_in  # type: ignore[method-assign]
    describe_dataset(shapes, made)
    assert len(teacher.asked) == 3 * (1 + 2 + 1) + 3 * 2  # the missing samples, and grounding them
    better = {"good, but the region has enough better ones": 3}
    assert facts_of(made)["descriptions"] == {"kept": 3, "dropped": better}
    assert facts_of(made)["spent"]["requests"] == len(teacher.asked)


def test_a_question_that_is_refused_is_dropped_and_not_asked_again(
    teacher: FakeTeacher, settings: Make, shapes: Path
) -> None:
    made = settings(samples=2, limit=3, concurrency=1)
    failing(1, Fault(400, message="content policy"))(teacher)
    describe_dataset(shapes, made)
    dropped = {"refused by the server": 3}
    assert facts_of(made)["descriptions"] == {"kept": 3, "dropped": dropped}
    asked = len(teacher.asked)
    describe_dataset(shapes, made)
    assert len(teacher.asked) == asked == 3 * 3


def test_a_first_question_that_is_refused_does_not_stop_the_run(
    teacher: FakeTeacher, settings: Make, shapes: Path
) -> None:
    teacher.faults.extend([Fault(400), Fault(422)])
    made = settings(samples=1, limit=4)
    describe_dataset(shapes, made)
    assert facts_of(made)["descriptions"] == {"kept": 2, "dropped": {"no answer after all retries": 2}}
    describe_dataset(shapes, made)
    assert facts_of(made)["descriptions"] == {"kept": 4, "dropped": {}}


def test_a_server_of_its_own_that_grounds_nothing_stops_the_run_after_one_question(
    teacher: FakeTeacher, settings: Make, shapes: Path, tmp_path: Path
) -> None:
    with FakeTeacher(tmp_path / "other", shapes) as checker:
        checker.fault_of = lambda request: Fault(401)
        made = settings(cycle_base_url=checker.url, cycle_model="checker", concurrency=8)
        with pytest.raises(UserError, match="set the environment variable CYCLE_API_KEY"):
            describe_dataset(shapes, made)
        assert len(checker.asked) == 1


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault(401, message="wrong key"), "HTTP 401, wrong key: set the environment variable OPENAI_API_KEY"),
        (Fault(404, message="no model"), "HTTP 404, no model: is model 'teacher' in the server's list"),
        (Fault(400, message="no images"), r"the server refuses the question .*HTTP 400, no images"),
        (quick(500), "HTTP 500, told to fail: failed 3 times"),
        (Fault(drops=True), "no connection"),
        (NO_JSON, "no chat completion, it is not JSON: '<html>'"),
        (Fault(raw=(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",)), "choices is not a list"),
    ],
    ids=["401", "404", "400", "500", "dropped", "no JSON", "another JSON"],
)
def test_a_server_that_never_answers_stops_the_run_after_one_question(
    teacher: FakeTeacher, settings: Make, shapes: Path, fault: Fault, message: str
) -> None:
    made = settings(concurrency=8)
    teacher.fault_of = lambda request: fault
    with pytest.raises(UserError, match=message):
        describe_dataset(shapes, made)
    # Three questions may be refused: the first may be about a picture that a policy does not allow.
    is_asked_again = fault.status in (0, 400, 500) and b"{}" not in b"".join(fault.raw)
    assert len(teacher.asked) == (3 if is_asked_again else 1)
    assert not (Path(made.output_dir) / "descriptions.jsonl").exists()


def test_too_many_failures_stop_the_run_and_keep_what_was_answered(
    teacher: FakeTeacher, settings: Make, shapes: Path
) -> None:
    made = settings(samples=1, retries=0, most_failures=4, cycle_enabled=False)
    left = iter(range(6))

    def fault_of(request: Request) -> Fault | None:
        return None if next(left, None) is not None else quick(500)

    teacher.fault_of = fault_of
    with pytest.raises(UserError, match=r"4 questions have no answer .*what was answered is kept"):
        describe_dataset(shapes, made)
    log = Path(made.output_dir) / "teacher" / "answers.jsonl"
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    answers = [row for row in rows if "answer" in row]
    assert len(answers) == 6
    assert sum(row.get("event") == "sent" for row in rows) == len(teacher.asked)
    asked = len(teacher.asked)
    teacher.fault_of = lambda request: None
    describe_dataset(shapes, made)
    regions = facts_of(made)["regions"]["described"]
    assert len(teacher.asked) - asked == regions - 6
    assert facts_of(made)["spent"]["requests"] == len(teacher.asked)
