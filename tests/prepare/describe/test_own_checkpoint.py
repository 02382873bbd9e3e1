"""Descriptions are grounded again by a checkpoint of our own, through `python -m infer.serve`."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from infer.engines.protocol import RawAnswer, Request
from prepare.describe.describe_settings import DescribeSettings
from prepare.describe.described_regions import find_regions
from prepare.describe.describing import describe_dataset
from tests.infer.serve.running_server import running
from tests.prepare.describe.fake_teacher import FakeTeacher
from tests.prepare.describe.test_describing import facts_of, rows_of


class GroundingEngine:
    """Stands for the checkpoint: it answers in grounding tokens, as this project trains them."""

    def __init__(self, teacher: FakeTeacher) -> None:
        self.teacher, self.asked = teacher, list[Request]()

    def answer(self, requests: Sequence[Request]) -> list[RawAnswer]:
        self.asked += requests
        return [RawAnswer(self.find(request), is_cut=False) for request in requests]

    def find(self, request: Request) -> str:
        digest = hashlib.sha256(request.picture.read_bytes()).hexdigest()
        found = json.loads(self.teacher.find(digest, request.user))
        boxes = [tuple(item["bbox_2d"]) for item in found]
        return "".join(f"thing<|box_start|>({a},{b}),({c},{d})<|box_end|>" for a, b, c, d in boxes)


def test_the_server_of_this_project_takes_the_questions(
    teacher: FakeTeacher, settings: Callable[..., DescribeSettings], shapes: Path
) -> None:
    engine = GroundingEngine(teacher)
    with running(engine=engine) as server:
        made = settings(
            samples=1,
            cycle_base_url=f"http://127.0.0.1:{server.port}/v1",
            cycle_model="m",
            cycle_prompt="expression.en1",
        )
        regions = find_regions(shapes, made).count
        describe_dataset(shapes, made)
    assert len(engine.asked) == regions
    assert {request.system for request in engine.asked} == {"You are a helpful assistant."}
    assert all(request.user.startswith("<image>") for request in engine.asked)
    assert len(rows_of(made)) == regions
    assert facts_of(made)["cycle"]["model"] == "m"
