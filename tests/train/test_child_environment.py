"""Which variables a training process gets, and that no secret of the others stays in the run's folder."""

import json
import stat
from pathlib import Path

import pytest

from grounding.errors import UserError
from tests.attacks.planted import HUB, SECRETS, files_with_secrets
from train.child_environment import (
    MORE_VARIABLES,
    OWN_KEYS,
    blank_environment_dumps,
    is_secret,
    passed_variables,
    remove_environment_dumps,
)
from train.launch.run_folder import make_log_folder
from train.nodes import VARIABLES


def test_what_libraries_and_devices_read_is_passed_on() -> None:
    names = ("PATH", "HOME", "LC_ALL", "CUDA_VISIBLE_DEVICES", "NCCL_DEBUG", "FLAGS_x", "OMP_NUM_THREADS")
    names += ("HF_HOME", "HF_TOKEN_PATH", "https_proxy", "NO_PROXY", "PYTHONPATH", "LD_LIBRARY_PATH", "RANK")
    given = dict.fromkeys(names, "1")
    assert passed_variables({}, {**given, **SECRETS, "EDITOR": "vi"}) == given


@pytest.mark.parametrize(
    "name",
    ["HF_TOKEN", "WANDB_APIKEY", "SLURM_JWT", "PADDLE_SECRET_ID", "HF_TOKEN_OLD", "MODELSCOPE_API_TOKENS"],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret(name, "x")
    assert name not in passed_variables({}, {name: "x"})


@pytest.mark.parametrize(
    "name", ["HF_TOKEN_PATH", "NCCL_IB_PKEY", "TOKENIZERS_PARALLELISM", "FLAGS_apply_pass_x"]
)
def test_names_of_settings(name: str) -> None:
    assert passed_variables({}, {name: "x"}) == {name: "x"}


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
