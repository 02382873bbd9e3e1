"""A checkpoint is asked through a server that lives no longer than the questions."""

import re
import urllib.request
from pathlib import Path

import pytest

from grounding.errors import UserError
from grounding.files import read_jsonl
from prepare.replay.own_server import fingerprint, served_checkpoint
from prepare.replay.replay_folder import ANSWERS_FILE, SERVER_LOG
from prepare.replay.replay_settings import ReplaySettings
from prepare.replay.replaying import replay_prompts
from tests.infer.conftest import write_model
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


def test_another_model_in_the_same_folder_is_another_model(checkpoint_without_weights: Path) -> None:
    before = fingerprint(str(checkpoint_without_weights))
    assert fingerprint(str(checkpoint_without_weights)) == before
    (checkpoint_without_weights / "model.safetensors").write_bytes(b"weights")
    assert fingerprint(str(checkpoint_without_weights)) != before
    assert fingerprint("Qwen/Qwen3-VL-8B-Instruct") != before
