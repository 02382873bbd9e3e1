"""The whole step against a server: what is written, resumed, bounded, and taken by the steps behind it."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grounding.card import load_card
from grounding.errors import UserError
from grounding.files import read_jsonl
from grounding.record.contract import is_replay, read_contract
from infer.engines.protocol import Request
from prepare.check.dataset import check_dataset
from prepare.replay import replay_folder
from prepare.replay.replay_folder import ANSWERS_FILE
from prepare.replay.replay_settings import ReplaySettings
from prepare.replay.replaying import replay_prompts
from prepare.show.__main__ import show
from prepare.stats.__main__ import write_stats
from tests.infer.engines.openai.chat_server import ChatServer, Fault
from tests.prepare.replay.test_prompts_read import asked, write_rows

ROOT = Path(__file__).parents[3]
WAIT_SECONDS = 120

Make = Callable[..., ReplaySettings]


@pytest.fixture
def prompts(tmp_path: Path, pictures: list[str]) -> Path:
    """Words, pictures with several prompts each, a conversation, boxes, and what is dropped."""
    rows = [asked(f"number {number} is it") for number in range(6)]
    rows += [asked(f"<image>{word} {name}", images=[name]) for name in pictures for word in ("what", "box")]
    rows += [asked("one two", "three four"), asked("cut short"), asked("loop now"), asked("empty now")]
    return write_rows(tmp_path / "prompts.jsonl", *rows)


def rows_of(folder: str, split: str) -> list[dict[str, Any]]:
    return [row for _, row in read_jsonl(Path(folder) / f"{split}.jsonl")]


def contents(folder: str) -> dict[str, bytes]:
    """Return the files of the folder, without the log of answers."""
    paths = [path.relative_to(folder) for path in Path(folder).rglob("*") if path.is_file()]
    return {str(path): (folder / path).read_bytes() for path in paths if path.parts[0] != "replay"}


def logged(settings: ReplaySettings, kind: str) -> int:
    return sum(kind in row for _, row in read_jsonl(Path(settings.output_dir) / ANSWERS_FILE))


def test_the_folder_is_a_data_set_that_the_next_steps_take(
    server: ChatServer, settings: Make, prompts: Path
) -> None:
    made = settings(val_share=0.3)
    report = replay_prompts(None, prompts, made)
    train, val = rows_of(made.output_dir, "train"), rows_of(made.output_dir, "val")
    assert len(train) + len(val) == 13
    assert all(word in report for word in ("kept in train", "answer cut", "stopped: a loop", "empty answer"))
    marks = Counter(bool(row.get("replay")) for row in train + val)
    assert marks == Counter({True: 10, False: 3})  # the boxes of three pictures are none
    seen = [{name for row in part for name in row["images"]} for part in (train, val)]
    assert not seen[0] & seen[1]
    assert val
    (talk,) = [row for row in train + val if len(row["messages"]) == 4]
    assert [message["content"] for message in talk["messages"]] == [
        "one two",
        "two one",
        "three four",
        "four three",
    ]
    history = [body["messages"] for body in server.bodies if len(body["messages"]) == 3]
    assert [[turn["content"] for turn in turns] for turns in history] == [
        ["one two", "two one", "three four"]
    ]

    folder = Path(made.output_dir)
    card = load_card(folder)
    assert is_replay(card)
    assert card.counts["train"] == {"images": len(seen[0]), "records": len(train)}
    assert sum(card.dropped.values()) == 3
    assert read_contract(folder).is_verbatim
    found = check_dataset(folder)
    assert found.records == 13
    assert found.errors == 0
    assert "no picture" in show(folder, 20).read_text(encoding="utf-8")
    stats = json.loads(write_stats(folder).with_name("stats.json").read_text(encoding="utf-8"))
    assert stats["splits"]["train"]["replay"] == sum(bool(row.get("replay")) for row in train)


def test_what_was_answered_is_not_asked_again(server: ChatServer, settings: Make, prompts: Path) -> None:
    made = settings()
    replay_prompts(None, prompts, settings(limit=5))
    first = len(server.bodies)
    assert len(rows_of(made.output_dir, "train") + rows_of(made.output_dir, "val")) <= 5
    replay_prompts(None, prompts, made)
    assert len(server.bodies) == 17  # the conversation has two questions
    assert first < 17
    before = contents(made.output_dir)
    replay_prompts(None, prompts, made)
    assert len(server.bodies) == 17
    assert contents(made.output_dir) == before


def test_other_prompts_leave_no_images_of_earlier_ones(
    server: ChatServer, settings: Make, tmp_path: Path, pictures: list[str]
) -> None:
    path = tmp_path / "prompts.jsonl"
    write_rows(path, *(asked(f"<image>what {name}", images=[name]) for name in pictures))
    replay_prompts(None, path, settings())
    folder = Path(settings().output_dir)
    before = {file.name for file in (folder / "images").iterdir()}
    write_rows(path, asked(f"<image>what {pictures[0]}", images=[pictures[0]]), asked("one two"))
    replay_prompts(None, path, settings())
    (left,) = (folder / "images").iterdir()
    assert len(before) == len(pictures)
    assert left.name in before
    named = [
        name for split in ("train", "val") for row in rows_of(str(folder), split) for name in row["images"]
    ]
    assert named == [f"images/{left.name}"]


def test_a_folder_that_is_written_anew_has_no_card_until_it_is_whole(
    server: ChatServer, settings: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_rows(tmp_path / "prompts.jsonl", asked("one two"))
    replay_prompts(None, path, settings())
    card = Path(settings().output_dir) / "card.json"
    assert card.is_file()

    def fails(file: Path, rows: Any) -> None:
        raise UserError("the disk is full")

    with monkeypatch.context() as full:
        full.setattr(replay_folder, "write_jsonl", fails)
        with pytest.raises(UserError, match="the disk is full"):
            replay_prompts(None, path, settings())
    assert not card.exists()
    replay_prompts(None, path, settings())
    assert card.is_file()


def test_something_is_left_to_train_on_whatever_the_share(
    server: ChatServer, settings: Make, tmp_path: Path
) -> None:
    path = write_rows(tmp_path / "prompts.jsonl", asked("one two"), asked("three four"))
    for share, kept in ((0.99, (1, 1)), (0.01, (1, 1)), (0.0, (2, 0))):
        made = settings(val_share=share)
        replay_prompts(None, path, made)
        assert tuple(len(rows_of(made.output_dir, split)) for split in ("train", "val")) == kept
    write_rows(path, asked("one two"))
    replay_prompts(None, path, settings(val_share=0.99))
    assert len(rows_of(settings().output_dir, "train")) == 1


def test_the_seed_is_sent_where_tokens_are_sampled(
    server: ChatServer, settings: Make, tmp_path: Path
) -> None:
    path = write_rows(tmp_path / "prompts.jsonl", asked("one two"))
    replay_prompts(None, path, settings(seed=5))
    replay_prompts(None, path, settings(seed=5, temperature=0.5))
    assert [body.get("seed") for body in server.bodies] == [None, 5]


def test_the_budget_stops_and_the_next_start_goes_on(
    server: ChatServer, settings: Make, prompts: Path
) -> None:
    report = replay_prompts(None, prompts, settings(max_requests=8))
    assert "the budget is spent" in report
    assert len(server.bodies) == 8
    assert "the budget is spent" not in replay_prompts(None, prompts, settings(max_requests=17))
    assert len(server.bodies) == 17


def test_killed_and_resumed(server: ChatServer, settings: Make, prompts: Path, tmp_path: Path) -> None:
    whole = settings(output_dir=str(tmp_path / "whole"))
    replay_prompts(None, prompts, whole)
    server.bodies.clear()
    reached, killed = threading.Event(), threading.Event()

    def fault_of(request: Request) -> Fault | None:
        """Hold the tenth question and those behind it until the process is killed."""
        del request
        if len(server.bodies) < 10 or killed.is_set():
            return None
        reached.set()
        killed.wait(WAIT_SECONDS)
        return Fault(drops=True)

    server.fault_of = fault_of
    made = settings()
    words = [str(prompts), f"base_url={server.url}", "model=base", f"output_dir={made.output_dir}"]
    command = [sys.executable, "-m", "prepare.replay", *words, "concurrency=2", "retries=1"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    assert reached.wait(WAIT_SECONDS)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    killed.set()
    answered, sent = logged(made, "answer"), logged(made, "attempt")
    assert 0 < answered < 17
    replay_prompts(None, prompts, made)
    assert logged(made, "attempt") - sent == logged(made, "answer") - answered == 17 - answered
    names = ("train.jsonl", "val.jsonl")
    assert [contents(made.output_dir)[name] for name in names] == [
        contents(whole.output_dir)[name] for name in names
    ]


def test_a_key_is_in_no_message_and_no_file(
    server: ChatServer, settings: Make, prompts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-mine")
    server.key = "another"
    with pytest.raises(UserError, match="set the environment variable OPENAI_API_KEY") as refused:
        replay_prompts(None, prompts, settings())
    assert "sk-secret" not in str(refused.value)
    server.key = "sk-secret-of-mine"
    replay_prompts(None, prompts, settings())
    assert not [name for name, text in contents(settings().output_dir).items() if b"sk-secret" in text]


def test_other_data_sets_are_not_written_over(settings: Make, prompts: Path, tmp_path: Path) -> None:
    other = write_rows(tmp_path / "train.jsonl", asked("mine"))
    with pytest.raises(UserError, match=r"holds another train\.jsonl"):
        replay_prompts(None, prompts, settings(output_dir=str(tmp_path)))
    assert "mine" in other.read_text(encoding="utf-8")
    with pytest.raises(UserError, match="no answer can be used; answer cut"):
        replay_prompts(None, write_rows(tmp_path / "cut.jsonl", asked("cut")), settings())
    assert not (Path(settings().output_dir) / "train.jsonl").exists()
