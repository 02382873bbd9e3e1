"""Which variables a training process gets, and that no secret of the others stays in the run's folder."""

import json
import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from grounding.errors import UserError
from tests.train.conftest import HANG_SECONDS
from train.child_environment import (
    MORE_VARIABLES,
    OWN_KEYS,
    blank_environment_dumps,
    passed_variables,
    remove_environment_dumps,
)
from train.launch.command import environment
from train.launch.run_folder import make_log_folder
from train.launch.start import train
from train.nodes import VARIABLES

PLANTED = "planted-7f3a"
SECRETS = {
    name: f"{PLANTED}-{name}"
    for name in (*OWN_KEYS, "HF_TOKEN", "MODELSCOPE_API_TOKEN", "WANDB_API_KEY", "DATABASE", "AWS_SECRET_KEY")
}
SECRETS |= {"HTTPS_PROXY": f"http://user:{PLANTED}@127.0.0.1:9", "HF_ENDPOINT": f"https://user:{PLANTED}@hub"}
WELL = "from pathlib import Path; Path(__file__).with_name('run').joinpath('m.safetensors').write_text('1')"
HUB = {"model_name_or_path": "Qwen/Qwen3-VL-8B-Instruct"}


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def files_with_secrets(folder: Path) -> list[str]:
    return [
        path.name
        for path in folder.rglob("*")
        if path.is_file() and PLANTED.encode() in path.read_bytes() and path.name != "recipe.yaml"
    ]


def test_what_libraries_and_devices_read_is_passed_on() -> None:
    names = ("PATH", "HOME", "LC_ALL", "CUDA_VISIBLE_DEVICES", "NCCL_DEBUG", "FLAGS_x", "OMP_NUM_THREADS")
    names += ("HF_HOME", "HF_TOKEN_PATH", "https_proxy", "NO_PROXY", "PYTHONPATH", "LD_LIBRARY_PATH", "RANK")
    given = dict.fromkeys(names, "1")
    assert passed_variables({}, {**given, **SECRETS, "EDITOR": "vi"}) == given


def test_secrets_are_passed_on_where_the_run_needs_them() -> None:
    def passed(recipe: dict[str, object], **more: str) -> set[str]:
        return set(passed_variables(recipe, {**SECRETS, **more}))

    hub = {"HF_TOKEN", "MODELSCOPE_API_TOKEN", "HTTPS_PROXY", "HF_ENDPOINT"}
    assert passed(HUB) == hub
    assert passed({"report_to": ["wandb"]}) == {"WANDB_API_KEY"}
    named = {MORE_VARIABLES: "DATABASE, AWS_*"}
    assert passed({}, **named) == {"DATABASE", "AWS_SECRET_KEY"}
    assert passed({}, **{MORE_VARIABLES: "*"}) == {*SECRETS, MORE_VARIABLES} - set(OWN_KEYS)
    with pytest.raises(UserError, match=f"{MORE_VARIABLES}: APP_PASSWORD is never passed on"):
        passed({}, **{MORE_VARIABLES: "APP_PASSWORD"})


def launcher(folder: Path, script: str) -> list[str]:
    """Return the command of Paddle's own launcher with a script in place of the trainer."""
    file = folder / "script.py"
    file.write_text(textwrap.dedent(script))
    words = ("-m", "paddle.distributed.launch", "--nproc_per_node", "1", "--log_dir")
    return [sys.executable, *words, str(folder / "run" / "logs"), str(file)]


@pytest.mark.parametrize(("script", "code"), [(WELL, 0), ("raise SystemExit(3)", 1)])
@pytest.mark.usefixtures("planted")
def test_no_secret_stays_after_a_start(
    make_recipe: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    code: int,
) -> None:
    monkeypatch.setattr("train.launch.start.command", lambda *_: launcher(tmp_path, script))
    assert train(make_recipe()) == code
    logs = tmp_path / "run" / "logs"
    assert (logs / "workerlog.0").is_file()
    assert files_with_secrets(tmp_path) == []
    assert not list(logs.glob("envlog.*")) + list(logs.glob("backup_env.*"))
    assert stat.S_IMODE(logs.stat().st_mode) == 0o700


@pytest.mark.usefixtures("planted")
def test_no_secret_stays_after_a_kill(tmp_path: Path) -> None:
    logs = make_log_folder(tmp_path / "run")
    words = launcher(tmp_path, "import os, time; print(os.getpid(), flush=True); time.sleep(600)")
    child = subprocess.Popen(words, env=environment({}, tmp_path / "run", has_gpu=False))
    worker = logs / "workerlog.0"
    deadline = time.monotonic() + HANG_SECONDS
    while not (worker.is_file() and worker.read_text().strip()) and time.monotonic() < deadline:
        assert child.poll() is None
        time.sleep(0.05)
    child.kill()
    child.wait()
    os.kill(int(worker.read_text().split()[-1]), signal.SIGKILL)
    assert list(logs.glob("backup_env.*"))  # the kill left them
    assert files_with_secrets(tmp_path) == []
    remove_environment_dumps(logs)  # as the next start does
    assert not list(logs.glob("backup_env.*"))


def write_dumps(logs: Path, variables: dict[str, str]) -> None:
    logs.mkdir()
    (logs / "envlog.0").write_text(str(variables))
    (logs / "backup_env.0.json").write_text(json.dumps(variables))
    (logs / "default.abc.log").write_text(f"environ({variables})\n[{{'rank': 0}}]\n")
    (logs / "workerlog.0").write_text("step 1")


def test_a_token_that_a_download_needs_is_taken_out_once_the_trainer_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = tmp_path / "logs"
    write_dumps(logs, {"PADDLE_TRAINER_ENDPOINTS": "127.0.0.1:1", **passed_variables(HUB, SECRETS)})
    assert len(files_with_secrets(tmp_path)) == 3
    monkeypatch.setenv("PADDLE_LOG_DIR", str(logs))
    monkeypatch.setenv("PADDLE_BACKUP_ENV_PATH", str(logs / "backup_env.0.json"))
    blank_environment_dumps()
    assert files_with_secrets(tmp_path) == []
    left = json.loads((logs / "backup_env.0.json").read_text())
    assert left == {"PADDLE_TRAINER_ENDPOINTS": "127.0.0.1:1"}
    assert (logs / "default.abc.log").read_text() == "environ: removed\n[{'rank': 0}]\n"


def test_the_launchers_files_go_and_the_logs_stay(tmp_path: Path) -> None:
    write_dumps(tmp_path / "logs", SECRETS)
    remove_environment_dumps(tmp_path / "logs")
    assert files_with_secrets(tmp_path) == []
    assert sorted(path.name for path in (tmp_path / "logs").iterdir()) == ["default.abc.log", "workerlog.0"]


def test_nobody_else_looks_into_the_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in zip(VARIABLES, ("2", "1", "127.0.0.1", "1"), strict=True):
        monkeypatch.setenv(name, value)
    (tmp_path / "logs").mkdir(mode=0o755)
    logs = make_log_folder(tmp_path)
    assert logs == tmp_path / "logs" / "node1"
    for folder in (logs, logs.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
