"""Models by their names on a hub: folders win, caches last, and a stranger's adapter leads nowhere."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from grounding.errors import UserError
from infer.engines.checkpoint import find_checkpoint
from infer.engines.settings import EngineSettings
from infer.serve.serve_settings import ServeSettings
from models import hub_downloads
from models.hub_downloads import answers, named_folder
from tests.prepare.sources.shared.hub_server import Hub, serving
from visualize.app.page_settings import read_settings

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "config.json": b"{}",
    "model.safetensors": bytes(range(256)) * 64,
    "chat_template.jinja": b"{{ messages }}",
    "merges.txt": b"a b",
    "modeling_own.py": b"raise SystemExit",
    "pytorch_model.bin": b"pickled",
}
FETCH = """
import sys
from grounding.errors import run_command
from models.hub_downloads import named_folder

def show():
    folder = named_folder("me/tiny", *sys.argv[1:])
    print(*sorted(path.name for path in folder.iterdir()))

sys.exit(run_command(show))
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serving(Hub(FILES, kind="models")) as hub:
        yield hub


def fetch(address: str, cache: Path, source: str, *words: str) -> "subprocess.CompletedProcess[str]":
    variables = {
        "HF_ENDPOINT": address,
        "HF_HOME": str(cache),
        "HF_HUB_DISABLE_XET": "1",
        "MODELSCOPE_ENDPOINT": address,
        "MODELSCOPE_CACHE": str(cache),
        "no_proxy": "127.0.0.1",
        "NO_PROXY": "127.0.0.1",
        "DOWNLOAD_SOURCE": source,
    }
    command = [sys.executable, "-c", FETCH, *words]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("source", ["huggingface", "modelscope", "", "ModelScope"])
def test_weights_and_settings_come_from_the_hub_and_stay_in_the_cache(
    hub: Hub, tmp_path: Path, source: str
) -> None:
    done = fetch(hub.address, tmp_path, source)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["chat_template.jinja", "config.json", "merges.txt", "model.safetensors"]
    asked = len(hub.requests)
    again = fetch("http://127.0.0.1:9", tmp_path, source)  # nothing listens there
    assert (again.returncode, again.stdout) == (0, done.stdout), again.stderr
    assert len(hub.requests) == asked


@pytest.mark.parametrize("source", ["huggingface", "modelscope"])
def test_one_file_is_no_model(hub: Hub, tmp_path: Path, source: str) -> None:
    done = fetch(hub.address, tmp_path, source, "config.json")
    assert (done.returncode, done.stdout) == (0, "config.json\n"), done.stderr
    assert not hub.ranges("model.safetensors")
    offline = fetch("http://127.0.0.1:9", tmp_path, source)
    assert offline.returncode == 2
    [line] = offline.stderr.splitlines()
    assert line.startswith(f"error: me/tiny: no such folder, and it cannot be fetched from {source} (")


@pytest.mark.parametrize("source", ["huggingface", "modelscope"])
def test_a_hub_that_is_not_reached_is_one_line(tmp_path: Path, source: str) -> None:
    done = fetch("http://127.0.0.1:9", tmp_path, source)
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert "http://127.0.0.1:9 does not answer, and the cache has no copy" in line
    assert "me/tiny --local" in line


def test_another_hub_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOWNLOAD_SOURCE", "aistudio")
    with pytest.raises(UserError, match="DOWNLOAD_SOURCE=aistudio is none of huggingface, modelscope"):
        named_folder("me/tiny")


def test_a_folder_wins_and_no_hub_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[object] = []
    monkeypatch.setattr(hub_downloads, "fetch_repository", lambda *words: asked.append(words) or tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in (".", "/a/b", "me", "me/", "a/b/c", "checkpoints/../me"):
        assert named_folder(name) == Path(name)
    (tmp_path / "me").mkdir()
    for name in ("me/tiny", "me/tiny.v2"):  # a misspelt folder beside others is none of a hub's models
        assert named_folder(name) == Path(name)
    (tmp_path / "me" / "tiny").mkdir()
    assert named_folder("me/tiny") == Path("me/tiny")
    assert asked == []
    with pytest.raises(UserError, match=r"other/tiny: .*\(there is no \*\.safetensors in it\)"):
        named_folder("other/tiny")
    assert len(asked) == 1


def test_an_adapter_leads_to_published_models_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[str] = []

    def fetch(hub: str, kind: str, repo: str, patterns: object) -> Path:
        asked.append(repo)
        raise ConnectionError("no network")

    monkeypatch.setattr(hub_downloads, "fetch_repository", fetch)
    adapter = tmp_path / "lora"
    adapter.mkdir()
    (adapter / "peft_model-00001-of-00001.safetensors").write_bytes(b"adapter")
    index = {"weight_map": {"a": "peft_model-00001-of-00001.safetensors"}}
    (adapter / "peft_model.safetensors.index.json").write_text(json.dumps(index))

    def name_base(name: str) -> None:
        (adapter / "lora_config.json").write_text(json.dumps({"base_model_name_or_path": name}))

    name_base("stranger/model")
    with pytest.raises(UserError, match=r"no base model folder 'stranger/model': set base_checkpoint="):
        find_checkpoint(adapter)
    assert asked == []
    name_base("Qwen/Qwen3-VL-8B-Instruct")
    with pytest.raises(UserError, match="cannot be fetched from huggingface"):
        find_checkpoint(adapter)
    settings = EngineSettings(checkpoint=str(adapter), base_checkpoint="stranger/model")
    with pytest.raises(UserError, match="stranger/model: no such folder"):
        settings.resolve_checkpoint()
    assert asked == ["Qwen/Qwen3-VL-8B-Instruct", "stranger/model"]


def test_the_server_and_the_app_pass_the_name_on() -> None:
    server = ServeSettings().engine_settings(Path("me/tiny"))
    _, app = read_settings(Path("me/tiny"), [])
    assert server.checkpoint == app.checkpoint == "me/tiny"


def test_an_address_without_a_server_does_not_answer() -> None:
    assert not answers("http://127.0.0.1:9")
    assert not answers("no address")
