"""A checkpoint is asked through a server that lives no longer than the questions."""

import json
import re
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from grounding.errors import UserError
from grounding.files import read_jsonl
from models.folder_files import fingerprint_folder
from prepare.replay import answering_model, asking_prompts
from prepare.replay.answering_model import answering_models
from prepare.replay.own_server import served_checkpoint
from prepare.replay.replay_folder import ANSWERS_FILE, SERVER_LOG
from prepare.replay.replay_settings import ReplaySettings
from prepare.replay.replaying import replay_prompts
from tests.infer.conftest import write_model
from tests.infer.engines.openai.chat_server import ChatServer
from tests.prepare.replay.test_prompts_read import asked, write_rows


def test_a_checkpoint_answers_words_and_pictures(tmp_path: Path, pictures: list[str]) -> None:
    """The model is a random one: its answers do not end."""
    model = write_model(tmp_path / "tiny", "seed=1")
    path = write_rows(tmp_path / "prompts.jsonl", asked("Hi?"), asked("<image>What?", images=pictures[:1]))
    settings = ReplaySettings(output_dir=str(tmp_path / "out"), max_new_tokens=3, serve={"device": "cpu"})
    for _ in range(2):
        with pytest.raises(UserError, match=r"no answer can be used; answer cut at max_new_tokens \(2\)"):
            replay_prompts(str(model), path, settings)
    rows = [row for _, row in read_jsonl(tmp_path / "out" / ANSWERS_FILE)]
    assert [row["is_cut"] for row in rows if "answer" in row] == [True, True]
    assert sum("attempt" in row for row in rows) == 2  # the second start has asked nothing
    (port,) = set(re.findall(r"127\.0\.0\.1:(\d+)/v1", (tmp_path / "out" / SERVER_LOG).read_text("utf-8")))
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health")


def test_a_server_that_cannot_start_says_why(tmp_path: Path, checkpoint_without_weights: Path) -> None:
    with (
        pytest.raises(UserError, match=r"tiny: no model\*\.safetensors"),
        served_checkpoint(str(checkpoint_without_weights), ReplaySettings(), tmp_path / "server.log"),
    ):
        pytest.fail("it has started")


@pytest.fixture
def checkpoint_without_weights(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"):
        (folder / name).write_text("{}", encoding="utf-8")
    return folder


def test_another_model_in_the_same_folder_is_another_model_and_a_copy_is_the_same(
    checkpoint_without_weights: Path, tmp_path: Path
) -> None:
    folder, settings = checkpoint_without_weights, ReplaySettings()
    (before, *_) = answering_models(str(folder), settings)
    assert answering_models(str(folder), settings)[0] == before
    (folder / "model.safetensors").write_bytes(b"weights")
    (now, *_) = answering_models(str(folder), settings)
    assert now != before
    shutil.copytree(folder, tmp_path / "copy")
    assert answering_models(str(tmp_path / "copy"), settings)[0] == now
    assert answering_models(str(folder), replace(settings, serve={"device": "cpu"}))[0] != now
    assert len({answering_models(name, settings) for name in ("Qwen/one", "Qwen/other")}) == 2


def test_an_adapter_is_told_by_its_own_files_and_those_of_its_base(
    checkpoint_without_weights: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "lora_config.json").write_text(
        json.dumps({"base_model_name_or_path": str(checkpoint_without_weights)})
    )
    found = [fingerprint_folder(run)]
    for file in (run / "peft_model-1.safetensors", checkpoint_without_weights / "model.safetensors"):
        file.write_bytes(b"weights")
        found.append(fingerprint_folder(run))
    assert len(set(found)) == 3


def test_answers_in_logs_of_earlier_versions_are_not_asked_again(
    checkpoint_without_weights: Path,
    server: ChatServer,
    settings: Callable[..., ReplaySettings],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Their log tells a checkpoint by its place and the times of its files."""
    path = write_rows(tmp_path / "prompts.jsonl", asked("one two"), asked("three four", "five six"))
    own = settings(base_url=None, model=None)

    @contextmanager
    def served(*given: object) -> Iterator[tuple[str, str]]:
        yield server.url, "key"

    monkeypatch.setattr(asking_prompts, "served_checkpoint", served)
    with monkeypatch.context() as earlier:
        earlier.setattr(
            answering_model, "fingerprint_folder", lambda folder: answering_model._by_times(folder)
        )
        replay_prompts(str(checkpoint_without_weights), path, own)
    log = tmp_path / "replay" / ANSWERS_FILE
    before = log.read_bytes()
    assert before
    rows = (tmp_path / "replay" / "train.jsonl").read_bytes()
    replay_prompts(str(checkpoint_without_weights), path, own)
    assert log.read_bytes() == before
    assert (tmp_path / "replay" / "train.jsonl").read_bytes() == rows
    write_rows(tmp_path / "prompts.jsonl", asked("one two"), asked("three four", "five six"), asked("seven"))
    replay_prompts(str(checkpoint_without_weights), path, own)
    added = [json.loads(line) for line in log.read_bytes().removeprefix(before).splitlines()]
    assert [row["text"] for row in added if "answer" in row] == ["seven"]
