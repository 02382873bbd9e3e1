"""Killed in the middle: the next start asks what has no answer yet, and nothing else."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from infer.engines.protocol import Request
from prepare.describe.describe_settings import DescribeSettings
from prepare.describe.described_regions import find_regions
from tests.infer.engines.openai.chat_server import Fault
from tests.prepare.describe.conftest import ROOT
from tests.prepare.describe.fake_teacher import FakeTeacher

CONCURRENCY = 3
WAIT_SECONDS = 120


def command(teacher: FakeTeacher, dataset: Path, output: Path) -> list[str]:
    keys = [f"base_url={teacher.url}", "model=teacher", f"output_dir={output}", "samples=2"]
    words = [str(dataset), *keys, f"concurrency={CONCURRENCY}", "max_requests=500"]
    return [sys.executable, "-m", "prepare.describe", *words]


def test_killed_and_resumed(teacher: FakeTeacher, shapes: Path, tmp_path: Path) -> None:
    output = tmp_path / "described"
    regions = find_regions(shapes, DescribeSettings(base_url=teacher.url, model="m", output_dir="o")).count
    reached, killed = threading.Event(), threading.Event()

    def fault_of(request: Request) -> Fault | None:
        """Hold the 20th question and those behind it until the process is killed."""
        del request
        if len(teacher.asked) < 20 or killed.is_set():
            return None
        reached.set()
        killed.wait(WAIT_SECONDS)
        return Fault(drops=True)

    # The lock is held while this decides, so that one question waits and the others queue behind it.
    teacher.fault_of = fault_of
    child = subprocess.Popen(command(teacher, shapes, output), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert reached.wait(WAIT_SECONDS)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    killed.set()
    log = output / "teacher" / "answers.jsonl"
    with log.open("ab") as file:
        file.write(b'{"answer": "cut in the mid')
    answered = {json.loads(line)["answer"] for line in log.read_text().splitlines()[:-1] if "answer" in line}
    assert 0 < len(answered) <= 20
    assert not (output / "descriptions.jsonl").exists()
    before = len(teacher.asked)
    shown = subprocess.run(
        command(teacher, shapes, output), cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert f"{regions} of {regions} regions are described" in shown.stdout
    facts = json.loads((output / "described.json").read_text())
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    sent = [row["attempt"] for row in rows if row.get("event") == "sent"]
    assert facts["spent"]["requests"] == len(sent)
    assert len(sent) - len(set(sent)) <= CONCURRENCY  # those that were in flight when it was killed
    assert not {row["answer"] for row in rows if "answer" in row} - set(sent)
    keys = [row["answer"] for row in rows if "answer" in row]
    assert len(keys) == len(set(keys)) == regions * 4
    assert len(teacher.asked) - before >= regions * 4 - len(answered)
