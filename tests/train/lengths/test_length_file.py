import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from grounding.errors import UserError
from train.lengths.length_file import MOST_SETTINGS, read_lengths, record_key, write_lengths

ROOT = Path(__file__).resolve().parents[3]
RECORD = {"messages": [{"role": "user", "content": "<image>red?"}], "objects": {"bbox": [[1, 2, 3, 4]]}}


def test_lengths_of_several_settings_are_kept_side_by_side(tmp_path: Path) -> None:
    file = tmp_path / "token_lengths.json"
    assert read_lengths(file, "a") == {}
    write_lengths(file, "a", {"one": 5})
    write_lengths(file, "b", {"one": 6, "two": 0})
    write_lengths(file, "a", {"two": 7})
    assert read_lengths(file, "a") == {"two": 7}
    assert read_lengths(file, "b") == {"one": 6, "two": 0}
    assert [path.name for path in tmp_path.iterdir()] == ["token_lengths.json"]


def test_the_oldest_settings_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "token_lengths.json"
    for number in range(MOST_SETTINGS + 2):
        write_lengths(file, str(number), {"one": number})
    assert [bool(read_lengths(file, str(number))) for number in range(MOST_SETTINGS + 2)] == [
        *[False] * 2,
        *[True] * MOST_SETTINGS,
    ]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no JSON",
        "[1]",
        '{"format": 1}',
        '{"format": 1, "lengths": [1]}',
        '{"format": 1, "lengths": {"a": 3}}',
        '{"format": 1, "lengths": {"a": {"one": -1}}}',
        '{"format": 1, "lengths": {"a": {"one": 1.5}}}',
        '{"format": 1, "lengths": {"a": {"one": true}}}',
        '{"format": 1, "lengths": {"a": {"one": 99999999999}}}',
        "[" * 100_000,
    ],
)
def test_a_file_that_is_not_ours_is_refused_and_replaced(tmp_path: Path, content: str) -> None:
    file = tmp_path / "token_lengths.json"
    file.write_text(content)
    with pytest.raises(UserError, match=r"token_lengths\.json"):
        read_lengths(file, "a")
    write_lengths(file, "a", {"one": 5})
    assert read_lengths(file, "a") == {"one": 5}


def test_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "token_lengths.json")
    with pytest.raises(UserError, match="not a regular file"):
        read_lengths(tmp_path / "token_lengths.json", "a")


def test_lengths_of_another_format_are_not_used(tmp_path: Path) -> None:
    file = tmp_path / "token_lengths.json"
    file.write_text(json.dumps({"format": 0, "lengths": {"a": {"one": 5}}}))
    assert read_lengths(file, "a") == {}


def test_a_record_is_found_again_until_it_or_its_image_changes(tmp_path: Path) -> None:
    image = tmp_path / "images" / "1.png"
    image.parent.mkdir()
    image.write_bytes(b"1")
    record = {**RECORD, "images": [str(image)]}
    key = record_key(record, tmp_path)
    assert key == record_key(dict(reversed(record.items())), tmp_path)
    assert key != record_key({**record, "objects": {"bbox": [[1, 2, 3, 5]]}}, tmp_path)
    assert key != record_key({**record, "images": [str(image)] * 2}, tmp_path)
    assert key != record_key(RECORD, tmp_path)
    status = image.stat()
    image.write_bytes(b"12")
    os.utime(image, ns=(status.st_atime_ns, status.st_mtime_ns))
    longer = record_key(record, tmp_path)
    image.write_bytes(b"3")
    os.utime(image, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert len({key, longer, record_key(record, tmp_path)}) == 3
    image.unlink()
    with pytest.raises(FileNotFoundError):
        record_key(record, tmp_path)


def test_a_data_set_can_be_moved(tmp_path: Path) -> None:
    (tmp_path / "before" / "images").mkdir(parents=True)
    (tmp_path / "before" / "images" / "1.png").write_bytes(b"1")
    key = record_key({"images": [str(tmp_path / "before/images/1.png")]}, tmp_path / "before")
    (tmp_path / "before").rename(tmp_path / "after")
    assert record_key({"images": [str(tmp_path / "after/images/1.png")]}, tmp_path / "after") == key


def test_images_elsewhere_are_never_found_again(tmp_path: Path) -> None:
    assert record_key({**RECORD, "images": ["https://example.org/1.png"]}, tmp_path) is None


WRITER = """import sys
from pathlib import Path
from train.lengths.length_file import write_lengths
for number in range(60):
    write_lengths(Path(sys.argv[1]), sys.argv[2], {str(key): number for key in range(3000)})
"""


def test_two_runs_at_once_never_leave_half_a_file(tmp_path: Path) -> None:
    file = tmp_path / "token_lengths.json"
    write_lengths(file, "a", {"one": 5})
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(file), settings], cwd=ROOT) for settings in "ab"
    ]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        seen.update(len(read_lengths(file, settings)) for settings in "ab")
    assert [writer.returncode for writer in writers] == [0, 0]
    assert seen <= {0, 1, 3000}
    assert {len(read_lengths(file, settings)) for settings in "ab"} <= {0, 3000}
    assert [path.name for path in tmp_path.iterdir()] == ["token_lengths.json"]
