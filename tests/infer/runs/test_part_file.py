import os
import subprocess
import sys
from pathlib import Path

import pytest

from grounding.errors import UserError
from infer.runs.part_file import locked, open_part

ROOT = Path(__file__).parents[3]
HOLD = """
import sys, time
from pathlib import Path
from infer.runs.part_file import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(600)
"""


def test_the_lock_of_a_killed_process_ends_with_it(tmp_path: Path) -> None:
    part = tmp_path / "out" / "predictions.jsonl.part"
    command = [sys.executable, "-c", HOLD, str(part)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "locked\n"
            with pytest.raises(UserError, match=r"jsonl\.part: another process is writing it"), locked(part):
                pass
        finally:
            process.kill()
    with locked(part):
        pass
    assert list(part.parent.iterdir()) == []  # the lock leaves no file behind


def test_the_lock_ends_with_an_error_inside(tmp_path: Path) -> None:
    part = tmp_path / "part"
    with pytest.raises(ValueError, match="inside"), locked(part):
        raise ValueError("inside")
    with locked(part):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="part: cannot be written"), locked(tmp_path / "file" / "part"):
        pass
    with pytest.raises(UserError, match="cannot be written: Is a directory"), open_part(tmp_path):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_named() -> None:
    with (
        pytest.raises(UserError, match=f"/dev/full: cannot be written: {os.strerror(28)}"),
        open_part(Path("/dev/full")) as part,
    ):
        part.append({0: b"{}\n"})


def test_rows_come_back_and_a_torn_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "part"
    with open_part(path) as part:
        assert part.recover(3) == {}
        part.append({2: b"two\n", 0: b"zero\n"})
    path.write_bytes(path.read_bytes() + b"1\ton")
    with open_part(path) as part:
        assert part.recover(3) == {2: b"two\n", 0: b"zero\n"}
        part.append({1: b"one\n"})
    assert path.read_bytes() == b"2\ttwo\n0\tzero\n1\tone\n"
