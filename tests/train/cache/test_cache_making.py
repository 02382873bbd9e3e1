"""Making a cache: what is interrupted resumes, what has changed is encoded again."""

import multiprocessing
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from grounding.errors import UserError
from train.cache import block_pool, cache_making, encoding_worker
from train.cache.cache_making import make_cache
from train.cache.encoding_worker import EncodingTask
from train.cached.section import CARD, read_section_card

SMALL_BLOCK = 8
"""Images of a block: the drawn data has 48."""

Make = Callable[..., str]


@pytest.fixture
def data(drawn_data: Path, tmp_path: Path) -> Path:
    """A copy of the drawn data that a test may change."""
    return Path(shutil.copytree(drawn_data, tmp_path / "data"))


@pytest.fixture
def make(
    make_recipe: Callable[..., Path], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Make:
    """Make a cache of the data's training records in a folder."""
    monkeypatch.setattr(cache_making, "IMAGES_IN_BLOCK", SMALL_BLOCK)
    recipe = make_recipe(train_dataset_path=str(data / "train.jsonl"))

    def run(name: str, *words: str) -> str:
        return make_cache(recipe, [f"grounding_cache={tmp_path / name}", "processes=1", *words])

    return run


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[EncodingTask]:
    """The blocks that were encoded in this process."""
    tasks: list[EncodingTask] = []
    encode = encoding_worker.encode_block

    def note(task: EncodingTask) -> int:
        tasks.append(task)
        return encode(task)

    monkeypatch.setattr(block_pool, "encode_block", note)
    return tasks


def content(folder: Path) -> dict[str, bytes]:
    """The files of the only section of a cache, without the times of its images."""
    [card] = folder.glob(f"*/{CARD}")
    return {
        str(file.relative_to(card.parent)): file.read_bytes()
        for file in sorted(card.parent.rglob("*"))
        if file.is_file()
    }


def section_of(cache: Path) -> Path:
    [folder] = [path for path in cache.iterdir() if path.is_dir()]
    return folder


@pytest.mark.parametrize("after", [0, 3, 6])
def test_an_interrupted_command_resumes(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    """After no block, in the middle of the images, and between images and records."""
    make("undisturbed")
    encode, calls = encoding_worker.encode_block, 0

    def stop(task: EncodingTask) -> int:
        nonlocal calls, after
        calls += 1
        if calls > after:
            raise KeyboardInterrupt
        return encode(task)

    with monkeypatch.context() as patch:
        patch.setattr(block_pool, "encode_block", stop)
        with pytest.raises(KeyboardInterrupt):
            make("stopped")
    assert read_section_card(section_of(tmp_path / "stopped")) is None
    done, calls, after = after, 0, 100
    monkeypatch.setattr(block_pool, "encode_block", stop)
    make("stopped")
    assert calls == 7 - done
    assert content(tmp_path / "stopped") == content(tmp_path / "undisturbed")


def test_a_finished_cache_is_left_alone(make: Make, tmp_path: Path, encoded: list[EncodingTask]) -> None:
    said = make("cache")
    assert "48 records; " in said
    before = content(tmp_path / "cache")
    assert len(encoded) == 7
    assert make("cache") == said
    assert len(encoded) == 7
    assert content(tmp_path / "cache") == before


def test_a_changed_image_is_encoded_again_with_its_block(
    make: Make, data: Path, tmp_path: Path, encoded: list[EncodingTask]
) -> None:
    make("cache")
    before = content(tmp_path / "cache")
    encoded.clear()
    os.utime(data / "images" / "train_1.png", (1, 1))  # copied, with the same content
    make("cache")
    assert encoded == []
    Image.new("RGB", (64, 64), "red").save(data / "images" / "train_20.png")
    make("cache")
    assert [task.number for task in encoded if task.names] == [20 // SMALL_BLOCK]
    after = content(tmp_path / "cache")
    changed = {name for name, found in after.items() if name.endswith(".bin") and before[name] != found}
    assert changed == {"images/00002.bin"}


def test_what_is_half_written_is_made_anew(make: Make, tmp_path: Path, encoded: list[EncodingTask]) -> None:
    make("cache")
    before = content(tmp_path / "cache")
    section = section_of(tmp_path / "cache")
    block = section / "images" / "00003.bin"
    block.write_bytes(block.read_bytes()[:-5])
    with pytest.raises(UserError, match=r"00003\.bin: is not complete"):
        read_section_card(section)
    encoded.clear()
    make("cache")
    assert [task.number for task in encoded if task.names] == [3]
    assert content(tmp_path / "cache") == before


def test_several_processes_write_the_same(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("one")
    monkeypatch.setattr(block_pool, "get_context", lambda method: multiprocessing.get_context("fork"))
    make("two", "processes=2")
    assert content(tmp_path / "two") == content(tmp_path / "one")

    def die(*arguments: Any) -> None:
        os._exit(9)

    monkeypatch.setattr(encoding_worker, "write_image_block", die)
    with pytest.raises(UserError, match="killed, as when memory is short"):
        make("three", "processes=2")


def test_two_commands_do_not_write_one_cache(make: Make, tmp_path: Path) -> None:
    from filelock import FileLock

    (tmp_path / "cache").mkdir()
    with FileLock(tmp_path / "cache" / ".lock"), pytest.raises(UserError, match="another command"):
        make("cache")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["stage=VL-DPO"], "holds no pairs"),
        (["train_dataset_type=erniekit"], "erniekit does not go with grounding_cache"),
        (["split_multi_turn=true"], "split_multi_turn"),
        (["processes=0"], "processes=0: write a number of at least 1"),
        (["processes=many"], "at least 1"),
        (["dataset=nowhere"], r"nowhere: has no train\.jsonl"),
        (["grounding_cache="], "name the folder of the cache"),
        (["train_dataset_path=nowhere.jsonl"], r"nowhere\.jsonl: no such file"),
        (["use_template=false"], "a template of Qwen3-VL"),
    ],
)
def test_what_cannot_be_cached_is_said_in_a_line(make: Make, words: list[str], problem: str) -> None:
    with pytest.raises(UserError, match=problem) as error:
        make("cache", *words)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ('{"videos": ["a.mp4"]}', r"line 2: has videos"),
        ('{"images": ["https://example.org/a.png"]}', r"line 2: image https://example\.org/a\.png is not on"),
        ("[1]", r"line 2: not a JSON object"),
        ("{", r"line 2: not JSON"),
        (
            '{"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "<bbox>"}]}',
            r"record 2: has more placeholders than objects",
        ),
    ],
)
def test_a_record_that_no_cache_holds_is_named(make: Make, data: Path, row: str, problem: str) -> None:
    records = data / "train.jsonl"
    first = records.read_text().splitlines()[0]
    records.write_text(f"{first}\n{row}\n")
    with pytest.raises(UserError, match=problem):
        make("cache")


def test_dropped_records_are_counted_by_their_reasons(make: Make, data: Path) -> None:
    (data / "images" / "train_3.png").unlink()
    (data / "images" / "train_5.png").write_bytes((data / "images" / "train_5.png").read_bytes()[:90])
    said = make("cache")
    assert "46 records, dropped: 1 OSError: an image that cannot be read; 1 a damaged image" in said


def test_the_cache_of_a_data_set_lies_in_it_if_no_recipe_says_where(
    make_recipe: Callable[..., Path], data: Path
) -> None:
    said = make_cache(make_recipe(), [f"dataset={data}", "processes=1"])
    assert f"train with grounding_cache={data / 'cache'}" in said
    assert "48 records" in said
    assert "8 records" in said
